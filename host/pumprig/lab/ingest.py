"""Broker -> database: takes every site's records in, and answers with what the database holds.

Owns: the subscription, the order of taking in and acknowledging, what is told of a forgery.
Rules: the broker gets its acknowledgement after the database's transaction, and the gateway its own; while the
database is away nothing is acknowledged, so that everything comes again; messages of one source that wait are stored
in one transaction.
Units: none.
Leaves: checking and storing to database.py, the books to books.py, the form of messages to wire.py.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pumprig.errors import PumpError
from pumprig.lab.books import Keeper
from pumprig.lab.database import Lab
from pumprig.lab.mqtt import Link, Say
from pumprig.lab.wire import INGESTER, Ack, Batch, Place, WireError, parts_of, topic
from pumprig.store.record import place_of

RETRY_S = 1.0
LOOK_S = 0.5
TOGETHER = 10  # messages in a transaction, at the most
Told = Callable[[str, str, list[bytes], Ack], None]  # site, device, the records of a message, the answer


@dataclass
class Came:
    """A message of one source, or several that continue one another; `why`: it is none of records."""

    site: str
    device: str
    batch: Batch
    messages: list[tuple[int, Any]]  # the connection that each came by
    why: str = ""

    def take(self, other: Came) -> bool:
        """Whether the other one continues this one, and is part of it now."""
        if (self.site, self.device) != (other.site, other.device) or self.why or other.why:
            return False
        if len(self.messages) + len(other.messages) > TOGETHER or not self.batch.raws or not other.batch.raws:
            return False
        if other.batch.after != last_of(self.batch):
            return False
        documents = other.batch.documents or self.batch.documents
        self.batch = Batch(self.batch.after, self.batch.raws + other.batch.raws, documents)
        self.messages += other.messages
        return True


class Ingester:
    """One ingester. Several of one database and broker would each do all of the work: run one."""

    def __init__(
        self,
        broker: str,
        database: str,
        say: Say,
        authority: str | None = None,
        told: Told | None = None,
        name: str = "pumprig-ingest",
    ) -> None:
        self._link = Link(broker, name, authority, say)
        self._lab = Lab(database)
        self._keeper = Keeper(database, say)
        self._say, self._told = say, told
        self._trouble = ""
        self._ended = threading.Event()
        self._came: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._waiting: deque[Came] = deque()
        self._connection = 0  # counts them
        self._link.when_connected(self._connected)
        self._link.client.on_message = self._message

    def run(self) -> None:
        """Until `end`. Raises what a message has caused."""
        self._keeper.start()
        self._link.start()
        try:
            while not self._ended.is_set():
                self._link.check()
                self._gather(0.0 if self._waiting else LOOK_S)
                if self._waiting:
                    self._answer(self._waiting.popleft())
        finally:
            self._ended.set()
            self._link.end()
            self._keeper.end()
            self._lab.close()

    def end(self) -> None:
        """Let `run` return."""
        self._ended.set()

    def _connected(self, client: Any) -> None:
        self._connection += 1
        client.subscribe(topic("+", "+", "records"), qos=1)
        client.publish(INGESTER, b"here", qos=1)
        self._say("connected to the broker")

    def _message(self, _client: Any, _data: object, message: Any) -> None:
        self._came.put((self._connection, message))

    def _gather(self, within_s: float) -> None:
        """What has come until now; the first is waited for."""
        ends_s = time.monotonic() + within_s
        while len(self._waiting) < 2 * TOGETHER:
            try:
                connection, message = self._came.get(timeout=max(0.0, ends_s - time.monotonic()))
            except queue.Empty:
                return
            ends_s = 0.0
            self._sort_in(connection, message)

    def _sort_in(self, connection: int, message: Any) -> None:
        try:
            site, device, _last = parts_of(message.topic)
        except WireError as error:
            self._say(str(error))
            self._acknowledge(connection, message)
            return
        came = Came(site, device, Batch(None, []), [(connection, message)])
        try:
            came.batch = Batch.decode(bytes(message.payload))
        except WireError as error:
            came.why = str(error)
        of_it = [other for other in self._waiting if (other.site, other.device) == (site, device)]
        if not (of_it and of_it[-1].take(came)):
            self._waiting.append(came)

    def _acknowledge(self, connection: int, message: Any) -> None:
        """To the broker; a number of a former connection may be another message's by now."""
        if connection == self._connection:
            self._link.client.ack(message.mid, message.qos)

    def _answer(self, came: Came) -> None:
        answer = self._taken(came)
        if answer is not None:
            self._link.client.publish(topic(came.site, came.device, "ack"), answer.encode(), qos=1)
        for connection, message in came.messages:
            self._acknowledge(connection, message)

    def _taken(self, came: Came) -> Ack | None:
        """The answer, once the database has it."""
        site, device = came.site, came.device
        while not self._ended.is_set():
            try:
                if came.why:
                    ack = replace(self._lab.watermark(site, device), refused=came.why)
                else:
                    ack = self._lab.take(site, device, came.batch)
            except PumpError as error:
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    self._say(self._trouble)
                self._ended.wait(RETRY_S)
                continue
            self._trouble = ""
            if ack.refused:
                self._say(f"{site}/{device}: refused: {ack.refused}")
            if self._told is not None:
                self._told(site, device, came.batch.raws, ack)
            return ack
        return None


def last_of(batch: Batch) -> Place | None:
    """The place of its last record as the header says it; the seal is the database's to check."""
    return place_of(batch.raws[-1]) if batch.raws else batch.after
