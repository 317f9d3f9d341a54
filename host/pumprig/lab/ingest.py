"""Broker -> database: takes every site's records in, and answers with what the database holds.

Owns: the subscription, the order of taking in and acknowledging, what is told of a forgery.
Rules: the broker gets its acknowledgement after the database's transaction, and the gateway its own; while the
database is away nothing is acknowledged, so that everything comes again.
Units: none.
Leaves: checking and storing to database.py, the books to books.py, the form of messages to wire.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pumprig.errors import PumpError
from pumprig.lab.books import Keeper
from pumprig.lab.database import Lab
from pumprig.lab.mqtt import Link, Say
from pumprig.lab.wire import INGESTER, Ack, Batch, WireError, parts_of, topic

RETRY_S = 1.0
LOOK_S = 0.5
Told = Callable[[str, str, list[bytes], Ack], None]  # site, device, the records of a message, the answer


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
        self._link.when_connected(self._connected)
        self._link.client.on_message = self._message

    def run(self) -> None:
        """Until `end`. Raises what a message has caused."""
        self._keeper.start()
        self._link.start()
        try:
            while not self._ended.wait(LOOK_S):
                self._link.check()
        finally:
            self._ended.set()
            self._link.end()
            self._keeper.end()
            self._lab.close()

    def end(self) -> None:
        """Let `run` return."""
        self._ended.set()

    def _connected(self, client: Any) -> None:
        client.subscribe(topic("+", "+", "records"), qos=1)
        client.publish(INGESTER, b"here", qos=1)
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
            raws: list[bytes] = []
            try:
                try:
                    batch = Batch.decode(payload)
                    raws = batch.raws
                    ack = self._lab.take(site, device, batch)
                except WireError as error:
                    ack = replace(self._lab.watermark(site, device), refused=str(error))
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
                self._told(site, device, raws, ack)
            return ack
        return None
