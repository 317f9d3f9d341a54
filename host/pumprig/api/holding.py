"""What the rig's thread works with: the shared link, the client, and the store once it is needed.

Owns: these three, and breaking off what listens when a stop or an end comes.
Rules: link, client and store are used in the rig's thread only, but for the stop's own line; the store is opened by the
first job that changes or pulls something, so that reading leaves nothing on the disk.
Units: seconds.
Leaves: the order of jobs to worker.py, the protocol to rig/client.py.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pumprig.errors import StoreError
from pumprig.rig import stopping
from pumprig.rig.answers import Greeting, NoAnswer
from pumprig.rig.client import Client
from pumprig.rig.link import LinkBroken, Transport
from pumprig.rig.requests import line_of
from pumprig.store import Store
from pumprig.store.intents import Settled, StoredIntents
from pumprig.store.sofar import Live

CONFIRM_S = 0.3  # that a shouted stop's answer may take before the stop is said again
SLICE_S = 0.05  # how long a job listens before it looks whether it has to give way


class GaveWay(Exception):
    """A reading made room for a stop: it is to be done again."""


class Ended(Exception):
    """The job is of no use any more: its caller was interrupted, or the rig is being closed."""


class SharedLink:
    """A Transport that one thread uses, and past which any thread may write a stop."""

    def __init__(self, link: Transport) -> None:
        self._link = link
        self._writing = threading.Lock()
        self._gives_way = True  # the job under way only reads
        self._given_up = threading.Event()
        self.stopping = threading.Event()
        self._stops = threading.Lock()
        self._stops_open = 0  # written, and not confirmed yet
        self.ending = threading.Event()
        self._confirmation: dict[str, str] | None = None

    @property
    def address(self) -> str:
        return self._link.address

    @property
    def shared(self) -> bool:
        """Whether others may change the rig between two requests."""
        return bool(getattr(self._link, "shared", False))

    def begin(self, gives_way: bool, given_up: threading.Event) -> None:
        """The next job, whether it may be broken off for a stop, and when nobody waits for it any more."""
        self._gives_way, self._given_up = gives_way, given_up

    def let_go(self) -> None:
        """What was asked for and still waits on the way to the port is not to be written any more."""
        let_go = getattr(self._link, "let_go", None)
        if let_go is not None:
            let_go()

    def _look(self) -> None:
        if self.ending.is_set() or self._given_up.is_set():
            raise Ended
        if self._gives_way and self.stopping.is_set():
            raise GaveWay

    def send(self, line: str) -> None:
        self._look()
        with self._writing:
            self._link.send(line)

    def begin_stop(self) -> None:
        """A stop is wanted: what only reads gives way to it."""
        with self._stops:
            self._stops_open += 1
            self.stopping.set()

    def end_stop(self) -> None:
        """It was confirmed, or given up; the last one lets readings go on."""
        with self._stops:
            self._stops_open -= 1
            if not self._stops_open:
                self.stopping.clear()

    def shout_stop(self) -> None:
        """The stop's line, at once and past everything. Raises LinkBroken."""
        with self._writing:
            self._confirmation = None
            self._link.send("")
            self._link.send(line_of(0, "stop", {}))

    def hear_stop(self) -> dict[str, str] | None:
        """The confirmation of a stop that was shouted; None where it had no room beside another answer."""
        until_s = time.monotonic() + CONFIRM_S
        with contextlib.suppress(LinkBroken, NoAnswer):
            while self._confirmation is None and (left_s := until_s - time.monotonic()) > 0:
                line = self._link.receive(min(SLICE_S, left_s))
                if line is not None:
                    self._is_confirmation(line)
        return self._confirmation

    def _is_confirmation(self, line: str) -> bool:
        fields = stopping.confirmed(line)
        if fields is not None:
            self._confirmation = fields
        return fields is not None

    def receive(self, timeout_s: float) -> str | None:
        until_s = time.monotonic() + timeout_s
        while True:
            self._look()
            left_s = until_s - time.monotonic()
            line = self._link.receive(max(0.0, min(SLICE_S, left_s)))
            if line is not None and self.stopping.is_set() and self._is_confirmation(line):
                continue
            if line is not None:
                return line
            until_s = max(until_s, getattr(self._link, "waited_s", 0.0) + timeout_s)
            if until_s <= time.monotonic():
                return None

    def reopen(self) -> None:
        self._look()
        self._link.reopen()

    def pause(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self._look()
            self.ending.wait(min(SLICE_S, left_s))

    def close(self) -> None:
        self._link.close()


class Holding:
    """What a job finds."""

    def __init__(self, link: Transport, database: Path) -> None:
        self.link = SharedLink(link)
        self.client = Client(self.link, Written(self))
        self.settled: list[Settled] = []  # what became of commands of earlier runs
        self._database = database
        self._store: Store | None = None
        self._intents: StoredIntents | None = None
        self._is_settled = self._broken_off = False
        self._live: Live | None = None

    def live(self, device_id: str) -> Live:
        """The account of a live reading, kept from one to the next. Raises StoreError."""
        if self._live is None:
            self._live = Live(self.store, device_id)
        return self._live

    @property
    def store(self) -> Store:
        """The delivery log's database. Raises StoreError."""
        if self._store is None:
            self._store = Store(self._database)
        return self._store

    @property
    def intents(self) -> StoredIntents:
        """What was written down before it was sent."""
        if self._intents is None:
            self._intents = StoredIntents(self.store)
        return self._intents

    @property
    def has_store(self) -> bool:
        """Whether something was changed or pulled."""
        return self._store is not None

    def settle(self) -> None:
        """Once: what became of commands of earlier runs, as far as the rig's number tells. Raises LinkError,
        StoreError.
        """
        if self._is_settled:
            return
        greeting = self.client.greet_again() if self._broken_off else self.client.greet()
        with unsent("Nothing was sent to the rig."):
            self.settled += self.intents.settle_by_number(greeting.device_id, greeting.last_seq)
        self._is_settled, self._broken_off = True, False

    def break_off(self) -> None:
        """A change was given up half way: what became of it is asked before the next one."""
        self.link.let_go()
        self._is_settled, self._broken_off = False, True

    def close(self) -> None:
        """Give the port and the database back."""
        self.client.close()
        if self._store is not None:
            self._store.close()


@contextmanager
def unsent(said: str) -> Generator[None]:
    """What a store that fails before a command left says of the command, too."""
    try:
        yield
    except StoreError as error:
        error.not_done = f"{said} {error.not_done}".strip()
        raise


class Written:
    """The client's intents: on the disk, in a store that is opened for the first of them."""

    def __init__(self, held: Holding) -> None:
        self._held = held

    def begin(self, device_id: str, boot: int, seq: int, verb: str, line: str) -> int:
        """Keep an intent, durably; returns its id. Raises StoreError: then it must not be sent."""
        with unsent(f"`{verb}` was not sent to the rig."):
            return self._held.intents.begin(device_id, boot, seq, verb, line)

    def settle(self, intent: int, outcome: str, code: int) -> None:
        """Its outcome. One that cannot be kept is no failure of what was done: the rig's log settles it later."""
        with suppress(StoreError):
            self._held.intents.settle(intent, outcome, code)

    def learn(self, greeting: Greeting, verb: str, rows: Sequence[Mapping[str, str]]) -> None:
        """What the rig said of its calibration and its programs; a reader's store is not opened for it. Never
        raises.
        """
        if self._held.has_store:
            self._held.intents.learn(greeting, verb, rows)
