"""Broker -> database: takes every site's records in, and answers with what the database holds.

Owns: the subscription, the order of taking in and acknowledging, what is told of a forgery.
Rules: the broker gets its acknowledgement after the database's transaction, and the gateway its own; while the
database is away nothing is acknowledged, so that everything comes again.
Units: none.
Leaves: checking and storing to database.py, the form of messages to wire.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from pumprig.errors import PumpError
from pumprig.lab import mqtt
from pumprig.lab.database import Lab
from pumprig.lab.wire import Ack, Batch, WireError, parts_of, topic

RETRY_S = 1.0
Say = Callable[[str], None]


class Ingester:
    """One ingester. Several of one database and broker would each do all of the work: run one."""

    def __init__(self, broker: str, database: str, say: Say, name: str = "pumprig-ingest") -> None:
        self._client, self._host, self._port = mqtt.client(broker, name, clean=True)
        self._lab = Lab(database)
        self._say = say
        self._ended = threading.Event()
        self._client.on_connect = self._connected
        self._client.on_message = self._message

    def run(self) -> None:
        """Until `end`. Raises PumpError where the broker or the database is not there at the start."""
        with self._lab.transaction():
            pass
        mqtt.connect(self._client, self._host, self._port, clean=True)
        self._client.loop_start()
        self._ended.wait()
        self._client.loop_stop()
        self._client.disconnect()
        self._lab.close()

    def end(self) -> None:
        """Let `run` return."""
        self._ended.set()

    def _connected(
        self, client: Any, _data: object, _flags: object, reason: Any, _properties: object
    ) -> None:
        if reason.is_failure:
            self._say(f"the broker refuses: {reason}")
            return
        client.subscribe(topic("+", "+", "records"), qos=1)
        self._say("connected to the broker")

    def _message(self, client: Any, _data: object, message: Any) -> None:
        try:
            site, device, _last = parts_of(message.topic)
        except WireError as error:
            self._say(str(error))
            client.ack(message.mid, message.qos)
            return
        answer = self._taken(site, device, bytes(message.payload))
        if answer is not None:
            client.publish(topic(site, device, "ack"), answer.encode(), qos=1)
        client.ack(message.mid, message.qos)

    def _taken(self, site: str, device: str, payload: bytes) -> Ack | None:
        """The answer, once the database has it."""
        while not self._ended.is_set():
            try:
                try:
                    ack = self._lab.take(site, device, Batch.decode(payload))
                except WireError as error:
                    ack = Ack(self._lab.watermark(site, device), str(error))
            except PumpError as error:
                self._say(str(error))
                self._ended.wait(RETRY_S)
                continue
            if ack.refused:
                self._say(f"{site}/{device}: refused: {ack.refused}")
            return ack
        return None
