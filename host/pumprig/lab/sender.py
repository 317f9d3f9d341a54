"""One device's topics: birth and will, records until the database has them, the command `stop`.

Owns: a connection to the broker of its own, because a last will belongs to one.
Rules: the store is the record of truth: what is not acknowledged by the database is sent again, whatever the broker
confirmed; a will of an older session never stands over a newer birth; of a command topic `stop` alone is taken, never a
retained one.
Units: seconds of a steady clock; sessions in ms UTC.
Leaves: when what is sent again to outbox.py, live readings to gateway.py, messages to wire.py.
"""

from __future__ import annotations

import json
import queue
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pumprig
from pumprig.errors import PumpError
from pumprig.lab.mqtt import Link, Say
from pumprig.lab.outbox import Outbox
from pumprig.lab.wire import (
    BATCH,
    INGESTER,
    ROOT,
    Ack,
    Batch,
    Documents,
    Place,
    WireError,
    birth,
    session_of,
    topic,
)
from pumprig.store import Store
from pumprig.store.dates import host_ties

EXPIRY_S = 10
STOPS = 8  # commands that may be under way at once
MOST_TOPIC = 200
RECORD_BYTES = 350  # of a page, in base64 with quotes and comma
OVERHEAD_BYTES = 600  # of a message of records: its topic, the place that it follows
KNOWN_S = 2.0  # how often it is looked whether the store knows more than the database


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
            rows = store.db.execute(  # the plus keeps SQLite from sorting all that the device has, at each message
                "SELECT boot, number, raw FROM records WHERE +device_id = ? AND rowid > ? ORDER BY rowid LIMIT ?",
                (device, from_row, most),
            ).fetchall()
        return [((int(boot), int(number)), bytes(raw)) for boot, number, raw in rows]

    return read


def documents_of(store: Store, device: str) -> Documents:
    """What the store knows of a device beside its records, in one order."""
    with store.guard():
        ties = sorted(host_ties(store.db, device).items())
    figures = sorted((number, *of) for number, of in store.calibrations(device).items())
    return Documents(sorted(store.programs(device).values()), figures, ties)


class Sender:
    """One device's topics; `rig` is the live rig while there is one."""

    def __init__(
        self,
        broker: str,
        site: str,
        device: str,
        store: Store,
        say: Say,
        authority: str | None = None,
        batch: int = BATCH,
    ) -> None:
        self.site, self.device, self._say = site, device, say
        self.rig: Any = None
        self.session = time.time_ns() // 1_000_000
        self.outbox = Outbox(reader_of(store, device), random.Random(f"{device} {self.session}"), batch)
        self._batch = batch
        self._documents: Callable[[], Documents] = lambda: documents_of(store, device)
        self._known: Documents | None = None
        self._known_at_s = 0.0
        self._known_bytes, self._digest, self._is_new = 0, "", False
        self._held = ""  # which documents the database has
        self._link = Link(broker, f"pumprig-{site}-{device}", authority, say)
        self._client = self._link.client
        self._heard: queue.SimpleQueue[Ack] = queue.SimpleQueue()
        self._client.will_set(self._topic("birth"), birth(self.session, False), qos=1, retain=True)
        self._link.when_connected(self._connected, self.device)
        self._link.when_lost(self._disconnected)
        self._client.on_message = self._message
        self._linked = threading.Event()
        self._lost = threading.Event()
        self._over = threading.Event()
        self._called = threading.Event()
        self._told: dict[str, str] = {}
        self._stops = threading.BoundedSemaphore(STOPS)
        self.sent_records = 0

    def _topic(self, name: str) -> str:
        return topic(self.site, self.device, name)

    def start(self) -> None:
        """Connect, now or later."""
        self._link.start()

    def close(self) -> None:
        """Say that this was no accident, and end."""
        self._over.set()  # hearing its own farewell it must not say that it is here
        told = self._client.publish(self._topic("birth"), birth(self.session, False), qos=1, retain=True)
        with suppress(RuntimeError, ValueError):  # no link: then the last will says it
            told.wait_for_publish(2)
        self._link.end()

    def attach(self, rig: Any) -> None:
        """The rig is here, or, with None, it is not."""
        self.rig = rig
        if self._linked.is_set():
            self._born()

    # --- from the broker, in its own thread

    def _connected(self, client: Any) -> None:
        for name in ("ack", "command", "birth"):
            client.subscribe(self._topic(name), qos=1)
        client.subscribe(INGESTER, qos=1)
        self._linked.set()  # first: a rig that comes just now is in this birth, or in one of its own
        self._born()

    def _born(self) -> None:
        if self._over.is_set():
            return
        facts = {"version": pumprig.__version__, "commands": ["stop"] if self.rig is not None else []}
        self._client.publish(self._topic("birth"), birth(self.session, True, **facts), qos=1, retain=True)

    def _disconnected(self) -> None:
        self._linked.clear()
        self._lost.set()

    def _message(self, client: Any, _data: object, message: Any) -> None:
        name = message.topic.rsplit("/", 1)[1]
        if message.topic == INGESTER:
            self._called.set()
        elif name == "ack":
            try:
                self._heard.put(Ack.decode(bytes(message.payload)))
            except WireError as error:
                self._say(f"{self.device}: {error}")
        elif name == "command" and not message.retain:
            self._command(message)
        elif name == "birth":
            self._heard_birth(bytes(message.payload))
        client.ack(message.mid, message.qos)

    def _heard_birth(self, told: bytes) -> None:
        session = session_of(told)
        if session > self.session:  # of a gateway whose clock was ahead: nobody would believe this one
            self.session = session + 1
            self._client.will_set(self._topic("birth"), birth(self.session, False), qos=1, retain=True)
            self._link.again()
        elif session < self.session or b'"online": false' in told:
            self._born()  # a late will stands over this birth

    def _command(self, message: Any) -> None:
        """`stop`, and nothing else; answered with what was counted."""
        where, rig = self._where(message), self.rig
        if bytes(message.payload).strip() != b"stop" or rig is None:
            self._answer(where, done=False, why="this topic takes `stop` alone, for a rig that is connected")
        elif not self._stops.acquire(blocking=False):
            self._answer(where, done=False, why=f"{STOPS} such commands are under way")
        else:
            threading.Thread(target=self._stop, args=(rig, where), daemon=True).start()

    def _stop(self, rig: Any, where: str) -> None:
        try:
            stopped = rig.stop()
            self._answer(where, done=True, delivered_steps=stopped.delivered_steps)
        except PumpError as error:
            self._answer(where, done=False, why=str(error))
        finally:
            self._stops.release()

    def _where(self, message: Any) -> str:
        """The response topic, if it is one, and not one on which this gateway says other things."""
        asked = getattr(getattr(message, "properties", None), "ResponseTopic", None) or ""
        own = self._topic("command") + "/answer"
        if (
            not asked
            or asked.startswith(("$", f"{ROOT}/"))
            or set(asked) & set("+#\0")
            or len(asked) > MOST_TOPIC
        ):
            return own
        return str(asked)

    def _answer(self, where: str, **facts: Any) -> None:
        self._client.publish(where, json.dumps(facts), qos=1)

    # --- from here

    def turn(self, now_s: float) -> bool:
        """Send what is due; whether there was anything. Raises what a message has caused."""
        self._link.check()
        if self._lost.is_set():
            self._lost.clear()
            self.outbox.lost()
        if self._called.is_set():
            self._called.clear()
            self.outbox.wake(now_s)
        while not self._heard.empty():
            ack = self._heard.get()
            if ack.refused:
                self._say(f"{self.device}: the database refuses: {ack.refused}")
            self._held = ack.documents
            self.outbox.heard(ack, now_s)
        if not self._linked.is_set():
            return False
        try:
            batch = self._next(now_s)
        except PumpError as error:
            self._tell_once("store", str(error))
            return False
        if batch is None:
            return False
        self.sent_records += len(batch.raws)
        message = batch.encode()
        self._link.largest_bytes = max(self._link.largest_bytes, len(message))
        self._client.publish(self._topic("records"), message, qos=1)
        return True

    def _tell_once(self, about: str, text: str) -> None:
        if text != self._told.get(about):
            self._told[about] = text
            self._say(text)

    def _next(self, now_s: float) -> Batch | None:
        """The next message, as large as the broker takes; with what the store knows beside its records, until the
        database has it.
        """
        self._look(now_s)
        most = self._link.most_bytes - OVERHEAD_BYTES
        wanted = None if self._digest == self._held else self._known
        if wanted is not None and self._known_bytes > most:
            self._tell_once(
                "programs",
                f"{self.device}: the store knows more programs than a message may have; none is sent.",
            )
            wanted = None
        beside = (most - self._known_bytes) // RECORD_BYTES if wanted is not None else 0
        self.outbox.batch = max(1, min(self._batch, beside or most // RECORD_BYTES))
        batch = self.outbox.next(now_s)
        if wanted is None:
            return batch
        if batch is None:
            return Batch(self.outbox.acked, [], wanted) if self.outbox.quiet and self._is_new else None
        return replace(batch, documents=wanted) if beside or not batch.raws else batch

    def _look(self, now_s: float) -> None:
        """What the store knows beside its records, every now and then."""
        self._is_new = False
        if now_s - self._known_at_s >= KNOWN_S:
            self._known_at_s, self._known = now_s, self._documents()
            self._digest, self._known_bytes = self._known.digest, len(Batch(None, [], self._known).encode())
            self._is_new = True

    def show(self, status: dict[str, Any]) -> None:
        """A live reading, retained for a while."""
        if not self._linked.is_set():
            return
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        expiring = Properties(PacketTypes.PUBLISH)
        expiring.MessageExpiryInterval = EXPIRY_S
        self._client.publish(
            self._topic("status"), json.dumps(status), qos=0, retain=True, properties=expiring
        )

    def alarm(self, alarms: object) -> None:
        """The active alarms, where they have changed."""
        self._client.publish(self._topic("alarm"), json.dumps(alarms), qos=1, retain=True)
