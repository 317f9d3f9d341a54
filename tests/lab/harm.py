"""What happens to a lab from outside: a cable that is cut, and somebody who alters records on the way."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from typing import Any

from lab.records import resealed
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from pumprig.lab.wire import Batch
from pumpwire import records


class Cable:
    """A TCP port before another one; `cut` breaks every connection and takes none until `mend`."""

    def __init__(self, to: int) -> None:
        self._to, self.whole = to, True
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self.whole = False
        with self._lock:
            for end in self._ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.whole = True

    def _accept(self) -> None:
        while True:
            near, _where = self._listener.accept()
            try:
                far = socket.create_connection(("127.0.0.1", self._to), timeout=5) if self.whole else None
            except OSError:
                far = None
            if far is None:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._ends |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65_536):
                other.sendall(data)
        except OSError:
            pass
        with self._lock:
            for end in {one, other} & self._ends:
                self._ends.discard(end)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Forger:
    """Listens to records, and sends some of them again, altered."""

    def __init__(self, port: int, seed: int) -> None:
        self._source, self.sent = random.Random(seed), 0
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="forger")
        self._client.on_connect = lambda client, *_what: client.subscribe("pumprig/+/+/records", qos=1)
        self._client.on_message = self._message
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def end(self) -> None:
        self._client.loop_stop()

    def _message(self, client: Any, _data: object, message: Any) -> None:
        batch = Batch.decode(bytes(message.payload))
        if not batch.raws or self._source.random() > 0.05:
            return
        at = self._source.randrange(len(batch.raws))
        raw = batch.raws[at]
        altered = bytearray(raw)
        altered[self._source.randrange(len(raw))] ^= 1 << self._source.randrange(8)
        raws = [*batch.raws]
        forged = [bytes(altered)]
        with suppress(records.RecordError):  # it hears its own forgeries, too
            forged.append(resealed(raw, raw))
        raws[at] = self._source.choice(forged)
        self.sent += 1
        client.publish(message.topic, Batch(batch.after, raws).encode(), qos=1)
