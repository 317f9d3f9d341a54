"""What one caller wants of a rig, and how it is given up.

Owns: a job and its outcome; the calls that a waiting task has made, and giving them up with it.
Rules: a job that was given up before its turn is never begun; one that is under way sends nothing more; a stop is never
given up: its line has left.
Units: none.
Leaves: the order of jobs to worker.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

from pumprig.api.holding import Holding
from pumprig.errors import PumpError

T = TypeVar("T")
P = ParamSpec("P")


class ClosedError(PumpError):
    """The rig was closed."""

    def __init__(self, not_done: str = "Nothing was sent.", next_step: str = "") -> None:
        super().__init__("This rig is closed.", not_done, next_step)


class GivenUpError(PumpError):
    """Nobody waits for it any more."""

    def __init__(self, not_done: str = "Nothing was sent.") -> None:
        super().__init__("It was given up.", not_done)


class Job:
    """What one caller wants, and where it waits for the outcome."""

    def __init__(self, work: Callable[[Holding], Any], gives_way: bool, stops: bool = False) -> None:
        self.work = work
        self.gives_way = gives_way
        self.stops = stops
        self.given_up = threading.Event()
        self.outcome: Future[Any] = Future()
        if stops:
            self.outcome.set_running_or_notify_cancel()

    def begin(self) -> bool:
        """Whether it is still wanted; from here on it can only be given up."""
        return self.stops or self.outcome.set_running_or_notify_cancel()

    def give_up(self) -> bool:
        """Nobody waits any more; whether it is under way, and has to be broken off."""
        if self.outcome.done() or self.outcome.cancel() or self.stops:
            return False
        self.given_up.set()
        return True


class Calls:
    """What a task has asked for in another thread, one call after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._given_up = False

    def run(self, verb: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Do something of a rig in this thread, as a part of these calls."""
        _here.calls = self
        try:
            return verb(*arguments, **named)
        finally:
            _here.calls = None

    def take(self, job: Job) -> None:
        """The next call. Raises GivenUpError."""
        with self._lock:
            self._job = job
            if self._given_up:
                raise GivenUpError

    def give_up(self) -> None:
        """The task was cancelled: what was not sent is not sent any more."""
        with self._lock:
            self._given_up = True
            if self._job is not None:
                self._job.give_up()


_here = threading.local()


def calls_here() -> Calls | None:
    """Those that this thread works for."""
    found: Calls | None = getattr(_here, "calls", None)
    return found
