"""One rig held open for a whole session: shared by the commands and the live reading, and stopped past both.

Owns: the lock on the conversation, the thread that reads the status, the stop.
Rules: a stop leaves at once, before anything is waited for, and whatever reads gives way to it; it is then confirmed;
the reading thread never changes anything and never touches the store; without a link the last reading is shown as old.
Callers: session.py; cli/connect.py for the commands that run in a session.
Units: seconds.
Leaves: the protocol to client.py, what the line shows to statusline.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

from pumprig.errors import PumpError
from pumprig.rig.answers import Answer
from pumprig.rig.client import Client
from pumprig.rig.link import LinkBroken, Transport, Urgent
from pumprig.rig.requests import line_of
from pumprig.rig.status import read_status
from pumprig.store import Store
from pumprig.store.intents import Settled, StoredIntents

PERIOD_S = 1.0
SLICE_S = 0.05


class SharedLink:
    """A Transport whose background user gives way as soon as a stop is wanted."""

    def __init__(self, link: Transport) -> None:
        self.address = link.address
        self._link = link
        self._owner = threading.get_ident()
        self.urgent = threading.Event()

    def _give_way(self) -> None:
        if self.urgent.is_set() and threading.get_ident() != self._owner:
            raise LinkBroken("a stop goes first")

    def send(self, line: str) -> None:
        self._give_way()
        self._link.send(line)

    def overtake(self, line: str, is_answer: Callable[[str], bool]) -> str:
        """A line of another program, past everything. Raises LinkBroken."""
        if not isinstance(self._link, Urgent):
            raise LinkBroken("this link takes no line past another")
        return self._link.overtake(line, is_answer)

    def shout_stop(self) -> None:
        """The stop's line, past everything. Raises LinkBroken."""
        self._link.send("")
        self._link.send(line_of(0, "stop", {}))

    def receive(self, timeout_s: float) -> str | None:
        until_s = time.monotonic() + timeout_s
        while True:
            self._give_way()
            left_s = until_s - time.monotonic()
            line = self._link.receive(max(0.0, min(SLICE_S, left_s)))
            if line is not None or left_s <= SLICE_S:
                return line

    def reopen(self) -> None:
        self._give_way()
        self._link.reopen()

    def pause(self, seconds: float) -> None:
        if threading.get_ident() == self._owner:
            self._link.pause(seconds)
        else:
            self.urgent.wait(seconds)

    def close(self) -> None:
        self._link.close()


class Held:
    """A rig and the store, open until `close`. Made in the thread that runs the commands."""

    def __init__(self, link: Transport, store: Store) -> None:
        self.link = SharedLink(link)
        self.store = store
        self.intents = StoredIntents(store)
        self.client = Client(self.link, self.intents)
        self.lock = threading.RLock()
        self.content: dict[str, Any] | None = None
        self.read_s = 0.0  # when it was read, by the monotonic clock
        self.trouble = ""
        self.on_alarm: Callable[[list[dict[str, Any]]], None] | None = None
        self._known: set[str] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read_on, name="status", daemon=True)

    def begin(self) -> list[Settled]:
        """Greet, settle what earlier runs left, read once, and begin the live reading. Raises LinkError."""
        self.client.greet()
        settled = self.settle()
        self.refresh()
        self._thread.start()
        return settled

    def close(self) -> None:
        """End the live reading and give the port back."""
        self._ending.set()
        self.link.urgent.set()
        if self._thread.is_alive():
            self._thread.join(5)
        self.client.close()

    def settle(self) -> list[Settled]:
        """What became of commands whose outcome was not known."""
        greeting = self.client.greet()
        last_seq = int(self.client.read("status").fields.get("last_seq", greeting.last_seq))
        return self.intents.settle_by_number(greeting.device_id, last_seq)

    @contextmanager
    def exclusive(self) -> Generator[Client]:
        """The conversation, for one command."""
        with self.lock:
            yield self.client

    def refresh(self) -> None:
        """Read the status now. Raises PumpError."""
        with self.lock:
            self.content = read_status(self.client)
            self.read_s = time.monotonic()
            self.trouble = ""
        self._tell_alarms(self.content["alarms"])

    def stop(self) -> Answer:
        """Stop the pump: the line leaves at once; then its confirmation is waited for. Raises LinkError."""
        self.link.urgent.set()
        with suppress(LinkBroken):
            self.link.shout_stop()
        with self.lock:
            self.link.urgent.clear()
            return self.client.stop()

    def _tell_alarms(self, alarms: list[dict[str, Any]]) -> None:
        names = {str(row["name"]) for row in alarms}
        new = [row for row in alarms if row["name"] not in self._known]
        self._known = names
        if new and self.on_alarm is not None:
            self.on_alarm(new)

    def _read_on(self) -> None:
        while not self._ending.wait(PERIOD_S):
            if not self.lock.acquire(blocking=False):
                continue  # a command is under way
            try:
                self.refresh()
            except PumpError as error:
                self.trouble = error.happened
            finally:
                self.lock.release()
