"""The host killed with SIGKILL while it pulls and programs: no record lost or doubled, no database damaged.

Owns: the victim process, the n-th store or link operation at which it dies, and what must be true afterwards.
Rules: the victim is the real client and store in a process of its own with a real rig in it; it is killed by the
kernel, so that nothing is closed or flushed; the rig's flash is kept in a file and outlives it.
Units: operations, seconds.
Leaves: the store to pumprig.store, the rig to rigsim.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostline import Line
from pumprig.rig.client import Client
from pumprig.rig.pull import pull
from pumprig.store import Store, ledger
from pumprig.store.intents import StoredIntents
from pumprig.store.verify import verify
from pumpwire import records
from rigsim.chip import on
from rigsim.commission import commission
from rigsim.driver import SimRig
from rigsim.flash import NorFlash
from rigsim.wire import Wire

from bench import program

RECORDS = 60
FRESH_EVERY = 40
TEXT = program(basal=480_000)


class DyingLine(Line):
    """A line on which the process dies at the n-th operation, `before` or after it was carried out."""

    die_at = 0
    done = 0

    def _count(self) -> None:
        type(self).done += 1
        if type(self).done == type(self).die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def send(self, line: str) -> None:
        self._count()
        super().send(line)
        self._count()

    def receive(self, timeout_s: float) -> str | None:
        got = super().receive(timeout_s)
        self._count()
        return got


class DyingConnection(sqlite3.Connection):
    """SQLite whose process dies at the n-th statement."""

    die_at = 0
    done = 0

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        cls = DyingConnection
        cls.done += 1
        if cls.done == cls.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*arguments)


def make_flash(folder: Path) -> Path:
    """The memory of a commissioned rig with a short log, in a file."""
    path = folder / "flash.bin"
    flash = NorFlash(str(path), seed=4)
    rig = SimRig(4, flash)
    rig.power_on()
    commission(Wire(rig))
    with on(rig.chip):
        for _ in range(RECORDS):
            rig.rig.log.record("checkpoint", ())
    flash.close()
    return path


def boot(path: Path) -> tuple[SimRig, NorFlash]:
    """The rig of a flash file."""
    flash = NorFlash(str(path), seed=4)
    rig = SimRig(4, flash)
    rig.power_on()
    rig.port.listen(True)
    return rig, flash


def work(path: Path, database: Path) -> None:
    """What the victim does: pull, program, pull."""
    rig, _flash = boot(path)
    store = Store(database)
    client = Client(DyingLine(rig), StoredIntents(store))
    greeting = client.greet()
    StoredIntents(store).settle_by_number(greeting.device_id, greeting.last_seq)
    pull(client, store)
    with client.session():
        client.commit(client.stage(TEXT).hash, True)
        client.change("stop")
    pull(client, store)
    store.close()


def victim(path: Path, database: Path, arm: Callable[[], None]) -> int:
    """Run the work in a child; returns the signal that ended it, 0 if none."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            arm()
            work(path, database)
            code = 0
        finally:
            os._exit(code)
    _pid, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("the victim failed by itself")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def at_link(n: int) -> Callable[[], None]:
    """Die at the n-th operation of the link."""

    def arm() -> None:
        DyingLine.die_at, DyingLine.done = n, 0

    return arm


def at_store(n: int) -> Callable[[], None]:
    """Die at the n-th statement of the store."""

    def arm() -> None:
        DyingConnection.die_at, DyingConnection.done = n, 0
        connect = sqlite3.connect
        sqlite3.connect = lambda *a, **k: connect(*a, factory=DyingConnection, **k)  # type: ignore[assignment]

    return arm


def at_random(seed: int, longest_s: float) -> Callable[[], None]:
    """Die after a random time of the processor: a busy machine kills no later in the work than an idle one."""
    wait_s = random.Random(seed).uniform(0.001, longest_s)

    def arm() -> None:
        signal.signal(signal.SIGPROF, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        signal.setitimer(signal.ITIMER_PROF, wait_s)

    return arm


def work_s(path: Path, database: Path) -> float:
    """Processor time that the work takes when nobody kills it."""
    before = os.times()
    victim(path, database, lambda: None)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def faults_after(path: Path, database: Path) -> list[str]:
    """Go on as a next run of the tool would; what is then wrong."""
    found: list[str] = []
    rig, flash = boot(path)
    store = Store(database)
    try:
        check = store.db.execute("PRAGMA integrity_check").fetchone()[0]
        if check != "ok":
            found.append(f"database: {check}")
        client = Client(Line(rig), StoredIntents(store))
        device = client.greet().device_id
        StoredIntents(store).settle_by_number(device, client.greet().last_seq)
        pull(client, store)
        journal = rig.rig.journal
        want = journal.next_number - 1
        if ledger.last_number(store, device) != want or verify(store, device).count != want:
            found.append(
                f"{verify(store, device).count} records up to {ledger.last_number(store, device)}, not {want}"
            )
        unknown = StoredIntents(store).unknown(device)
        if unknown:
            found.append(f"intents without an outcome after a pull: {unknown}")
        numbers = [
            text.split("seq=")[1].split()[0]
            for number in range(journal.oldest(), want + 1)
            for header, _state, text in [records.unpack(journal.read(number))]
            if records.EVENTS[header["event"]] == "command" and "seq=" in text
        ]
        if len(numbers) != len(set(numbers)):
            found.append("a number acted twice")
    finally:
        store.close()
        flash.close()
    return found


KINDS = {"link operation": at_link, "statement": at_store}


class Kills:
    """Kills one after the other, on one rig and one database, as a clumsy user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tried = self.killed = 0
        self.failures: list[str] = []
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Another rig and another database: a log of thousands of records would only make each kill slow."""
        place = self.folder / f"from {self.tried}"
        place.mkdir()
        self.path = make_flash(place)
        self.database = place / "log.db"

    def kill(self, name: str, arm: Callable[[], None]) -> bool:
        """One kill and the run after it; returns whether the victim died before its end."""
        if self.tried and self.tried % FRESH_EVERY == 0:
            self._begin_anew()
        self.tried += 1
        ended = victim(self.path, self.database, arm)
        self.killed += ended == signal.SIGKILL
        self.failures += [f"{name}: {fault}" for fault in faults_after(self.path, self.database)]
        return ended == signal.SIGKILL

    def sweep(self, first: int, stride: int, kinds: str = "link operation,statement") -> None:
        """At the n-th link operation, at the n-th statement, until the work ends before it."""
        for what in kinds.split(","):
            arm = KINDS[what]
            n = first
            while self.kill(f"{what} {n}", arm(n)):
                n += stride
                if n > 5_000:
                    self.failures.append(f"the work never ends before {what} {n}")
                    break
