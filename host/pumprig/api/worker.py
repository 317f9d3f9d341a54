"""One rig, one thread: whatever any thread asks of the rig is done there, in turn.

Owns: the thread, the jobs that wait for it, and the stop that overtakes them.
Rules: a stop's line is written by the calling thread at once, past whatever is under way; a reading gives way to it and
is done again; a change is never broken off half way by a stop; a caller that is interrupted gives its job up, and what
it had sent is settled at the next connect.
Units: seconds.
Leaves: link, client and store to held.py, what to ask to rig.py.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from pumprig.api.holding import Ended, GaveWay, Holding
from pumprig.errors import PumpError
from pumprig.rig.answers import Answer
from pumprig.rig.link import LinkBroken
from pumprig.rig.understood import Fields

T = TypeVar("T")
CLOSE_S = 5.0


class Job:
    """What one caller wants, and where it waits for the outcome."""

    def __init__(self, work: Callable[[Holding], Any], gives_way: bool, stops: bool = False) -> None:
        self.work = work
        self.gives_way = gives_way
        self.stops = stops
        self.outcome: Future[Any] = Future()


class Worker:
    """The thread of one rig."""

    def __init__(self, held: Holding) -> None:
        self._held = held
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="pumprig", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Holding], T], reads: bool = True, stops: bool = False) -> Future[T]:
        """Put a job on the list; `reads`: it may be begun anew after a stop. Raises PumpError when closed."""
        job = Job(work, reads and not stops, stops)
        with self._changed:
            if self._closed:
                raise PumpError("This rig is closed.", "Nothing was sent.", "Connect again.")
            if stops:
                self._jobs.appendleft(job)
            else:
                self._jobs.append(job)
            self._changed.notify()
        return job.outcome

    def call(self, work: Callable[[Holding], T], reads: bool = True) -> T:
        """Do it in the thread, and wait. An interrupt of the caller gives the job up."""
        if threading.current_thread() is self._thread:
            return work(self._held)
        outcome = self.submit(work, reads)
        try:
            return outcome.result()
        except BaseException:
            if not outcome.done() and not outcome.cancel():
                self._held.link.give_up()
                with contextlib.suppress(BaseException):
                    outcome.result(CLOSE_S)
            raise

    def stop(self) -> Answer:
        """Stop the pump: the line leaves now; then its confirmation is waited for. Raises LinkError."""
        return self.begin_stop().result()

    def begin_stop(self) -> Future[Answer]:
        """Write the stop now; -> the confirmation to come."""
        link = self._held.link
        with link.stops:
            link.stopping.set()
            with contextlib.suppress(LinkBroken):
                link.shout_stop()

        def confirm(held: Holding) -> Answer:
            fields = link.hear_stop()
            link.stopping.clear()
            return Answer([Fields(fields, "done")], "done") if fields is not None else held.client.stop()

        return self.submit(confirm, stops=True)

    def close(self) -> None:
        """End what is under way, and give the port back."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._held.link.ending.set()
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            if job.outcome.set_running_or_notify_cancel():
                self._do(job)
        with self._changed:
            left = list(self._jobs)
            self._jobs.clear()
        for job in left:
            if job.outcome.set_running_or_notify_cancel():
                job.outcome.set_exception(PumpError("This rig is closed.", "Nothing was sent."))
        self._held.close()

    def _next(self) -> Job | None:
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            return None if self._closed else self._jobs.popleft()

    def _do(self, job: Job) -> None:
        link = self._held.link
        link.begin(job.gives_way)
        try:
            while True:
                try:
                    job.outcome.set_result(job.work(self._held))
                    return
                except GaveWay:
                    self._stop_first()
                    link.begin(job.gives_way)
        except Ended:
            job.outcome.set_exception(
                PumpError("This rig was closed meanwhile.", "The outcome is not known.")
            )
        except BaseException as error:
            job.outcome.set_exception(error)

    def _stop_first(self) -> None:
        """The stops that wait, before a reading is done again."""
        with self._changed:
            while not self._closed and not (self._jobs and self._jobs[0].stops):
                self._changed.wait()
            stop = None if self._closed else self._jobs.popleft()
        if stop is None:
            raise Ended
        if stop.outcome.set_running_or_notify_cancel():
            self._do(stop)
