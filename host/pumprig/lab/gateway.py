"""Store and live readings -> broker, for the rigs of this computer.

Owns: birth and will, the status at 1 Hz, alarms, records until the database has them, the command `stop`.
Rules: the store is the record of truth: what is not acknowledged by the database is sent again, whatever the broker
confirmed; a will of an older session never stands over a newer birth; of a command topic `stop` alone is taken, never a
retained one; a rig that cannot be reached is told as such and stops nothing else.
Units: seconds of a steady clock; sessions in ms UTC.
Leaves: when what is sent again to outbox.py, the rig to the public interface, messages to wire.py.
"""

from __future__ import annotations

import json
import queue
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pumprig
from pumprig.errors import PumpError
from pumprig.lab import mqtt
from pumprig.lab.outbox import Outbox
from pumprig.lab.wire import Ack, Place, WireError, birth, session_of, topic
from pumprig.store import Store

STATUS_S = 1.0
EXPIRY_S = 10
LOOK_S = 0.1
Say = Callable[[str], None]


def reader_of(store: Store, device: str) -> Callable[[Place | None, int], list[tuple[Place, bytes]]]:
    """The store's records of a device in the order in which they came into it."""

    def read(after: Place | None, most: int) -> list[tuple[Place, bytes]]:
        with store.guard():
            from_row = 0
            if after is not None:
                found = store.db.execute(
                    "SELECT rowid FROM records WHERE device_id = ? AND boot = ? AND number = ?",
                    (device, *after),
                ).fetchone()
                if found is None:
                    raise PumpError(
                        f"The database holds record {after[1]} of boot {after[0]} of {device}, this store does not.",
                        "Nothing more is sent of this rig.",
                        "Was the store replaced? Restore it, or give this gateway another --site.",
                    )
                from_row = int(found[0])
            rows = store.db.execute(
                "SELECT boot, number, raw FROM records WHERE device_id = ? AND rowid > ? ORDER BY rowid LIMIT ?",
                (device, from_row, most),
            ).fetchall()
        return [((int(boot), int(number)), bytes(raw)) for boot, number, raw in rows]

    return read


class Sender:
    """One device's topics. `rig`: the live rig, None where only its stored records are sent."""

    def __init__(self, broker: str, site: str, device: str, store: Store, rig: Any, say: Say) -> None:
        self.site, self.device, self._rig, self._say = site, device, rig, say
        self.session = time.time_ns() // 1_000_000
        self.outbox = Outbox(reader_of(store, device), random.Random(f"{device} {self.session}"))
        self._client, self._host, self._port = mqtt.client(broker, f"pumprig-{site}-{device}", clean=True)
        self._heard: queue.SimpleQueue[Ack] = queue.SimpleQueue()
        self._client.will_set(self._topic("birth"), birth(self.session, False), qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._message
        self._linked = threading.Event()
        self._alarms: object = None
        self._status_at_s = 0.0
        self._stuck = ""

    def _topic(self, name: str) -> str:
        return topic(self.site, self.device, name)

    def start(self) -> None:
        """Connect. Raises PumpError."""
        mqtt.connect(self._client, self._host, self._port, clean=True)
        self._client.loop_start()

    def close(self) -> None:
        """Say that this was no accident, and end."""
        told = self._client.publish(self._topic("birth"), birth(self.session, False), qos=1, retain=True)
        with suppress(RuntimeError, ValueError):  # no link: then the last will says it
            told.wait_for_publish(2)
        self._client.disconnect()
        self._client.loop_stop()

    # --- from the broker, in its own thread

    def _connected(
        self, client: Any, _data: object, _flags: object, reason: Any, _properties: object
    ) -> None:
        if reason.is_failure:
            self._say(f"the broker refuses {self.device}: {reason}")
            return
        for name in ("ack", "command", "birth"):
            client.subscribe(self._topic(name), qos=1)
        self._born()
        self._linked.set()

    def _born(self) -> None:
        facts = {"version": pumprig.__version__, "commands": ["stop"] if self._rig is not None else []}
        self._client.publish(self._topic("birth"), birth(self.session, True, **facts), qos=1, retain=True)

    def _disconnected(self, *_what: object) -> None:
        self._linked.clear()
        self.outbox.lost()

    def _message(self, client: Any, _data: object, message: Any) -> None:
        name = message.topic.rsplit("/", 1)[1]
        if name == "ack":
            try:
                self._heard.put(Ack.decode(bytes(message.payload)))
            except WireError as error:
                self._say(f"{self.device}: {error}")
        elif name == "command" and not message.retain:
            threading.Thread(target=self._command, args=(message,), daemon=True).start()
        elif name == "birth":
            told = bytes(message.payload)
            if session_of(told) < self.session or (
                session_of(told) == self.session and b'"online": false' in told
            ):
                self._born()  # a late will stands over this birth
        client.ack(message.mid, message.qos)

    def _command(self, message: Any) -> None:
        """`stop`, and nothing else; answered with what was counted."""
        if bytes(message.payload).strip() != b"stop" or self._rig is None:
            answer: dict[str, Any] = {
                "done": False,
                "why": "this topic takes `stop` alone, for a rig that is connected",
            }
        else:
            try:
                stopped = self._rig.stop()
                answer = {"done": True, "delivered_steps": stopped.delivered_steps}
            except PumpError as error:
                answer = {"done": False, "why": str(error)}
        properties = getattr(message, "properties", None)
        where = getattr(properties, "ResponseTopic", None) or self._topic("command") + "/answer"
        self._client.publish(where, json.dumps(answer), qos=1)

    # --- from here

    def turn(self, now_s: float) -> bool:
        """Send what is due; whether there was anything."""
        while not self._heard.empty():
            ack = self._heard.get()
            if ack.refused:
                self._say(f"{self.device}: the database refuses: {ack.refused}")
            self.outbox.heard(ack, now_s)
        if not self._linked.is_set():
            return False
        if self._rig is not None and now_s - self._status_at_s >= STATUS_S:
            self._status_at_s = now_s
            self._live()
        try:
            batch = self.outbox.next(now_s)
        except PumpError as error:
            if str(error) != self._stuck:
                self._stuck = str(error)
                self._say(self._stuck)
            return False
        if batch is None:
            return False
        self._client.publish(self._topic("records"), batch.encode(), qos=1)
        return True

    def _live(self) -> None:
        """One reading, retained for a while; new alarms at once; new records into the store."""
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        expiring = Properties(PacketTypes.PUBLISH)
        expiring.MessageExpiryInterval = EXPIRY_S
        try:
            status = self._rig.status().document()
            self._rig.pull()
        except PumpError as error:
            told = json.dumps({"reachable": False, "why": error.happened})
            self._client.publish(self._topic("status"), told, qos=0, retain=True, properties=expiring)
            return
        text = json.dumps({"reachable": True, **status})
        self._client.publish(self._topic("status"), text, qos=0, retain=True, properties=expiring)
        if status["alarms"] != self._alarms:
            self._alarms = status["alarms"]
            self._client.publish(self._topic("alarm"), json.dumps(self._alarms), qos=1, retain=True)


class Gateway:
    """All senders of this computer, in one loop."""

    def __init__(self, broker: str, site: str, database: Path, ports: list[str], say: Say) -> None:
        self.store = Store(database)
        self._rigs = [pumprig.connect(port, database=database) for port in ports]
        live = {str(rig.status().device_id): rig for rig in self._rigs}
        devices = sorted({*self.store.devices(), *live})
        self.senders = [Sender(broker, site, name, self.store, live.get(name), say) for name in devices]
        self._ended = threading.Event()

    def run(self) -> None:
        """Until `end`. Raises PumpError where the broker is not there at the start."""
        try:
            for sender in self.senders:
                sender.start()
            while not self._ended.is_set():
                busy = [sender for sender in self.senders if sender.turn(time.monotonic())]
                if not busy:
                    self._ended.wait(LOOK_S)
        finally:
            for sender in self.senders:
                sender.close()
            for rig in self._rigs:
                rig.close()
            self.store.close()

    def end(self) -> None:
        """Let `run` return."""
        self._ended.set()
