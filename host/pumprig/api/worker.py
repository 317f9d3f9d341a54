"""One rig, one thread: whatever any thread asks of the rig is done there, in turn.

Owns: the thread, the jobs that wait for it, and the stop that overtakes them.
Rules: a stop's line is written by the calling thread at once, past whatever is under way; a reading gives way to it and
is done again; a change is never broken off half way by a stop; a caller that is interrupted gives its job up, and what
it had sent is settled at the next connect; a stop is seen to, whoever still waits for it; a process that was forked has
no such thread: it is told so, and its stop goes by the way of any other program.
Units: seconds.
Leaves: link, client and store to held.py, what to ask to rig.py.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from pumprig.api.holding import Ended, GaveWay, Holding
from pumprig.api.job import ClosedError, GivenUpError, Job, calls_here
from pumprig.errors import PumpError
from pumprig.rig.answers import Answer
from pumprig.rig.link import LinkBroken
from pumprig.rig.understood import Fields

T = TypeVar("T")
CLOSE_S = 5.0


class Worker:
    """The thread of one rig."""

    def __init__(self, held: Holding) -> None:
        self._held = held
        self._process = os.getpid()
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="pumprig", daemon=True)
        self._thread.start()

    def _put(self, job: Job) -> None:
        """Put a job on the list. Raises PumpError."""
        if os.getpid() != self._process:
            raise PumpError(
                "This rig was opened in another process.",
                "Nothing was sent.",
                "Connect in this process, too; `pumprig hub` lets several use one rig.",
            )
        with self._changed:
            if self._closed:
                raise ClosedError(next_step="Connect again.")
            if job.stops:
                self._jobs.appendleft(job)
            else:
                self._jobs.append(job)
            self._changed.notify()

    def call(self, work: Callable[[Holding], T], reads: bool = True) -> T:
        """Do it in the thread, and wait. `reads`: it may be begun anew after a stop. An interrupt of the caller gives
        the job up.
        """
        if threading.current_thread() is self._thread:
            return work(self._held)
        job, calls = Job(work, reads), calls_here()
        if calls is not None:
            calls.take(job)
        self._put(job)
        try:
            done: T = job.outcome.result()
        except BaseException:
            if job.give_up():
                with contextlib.suppress(BaseException):
                    job.outcome.result(CLOSE_S)
            raise
        return done

    def stop(self) -> Answer:
        """Stop the pump: the line leaves now; then its confirmation is waited for. Raises LinkError."""
        return self.begin_stop().result()

    def begin_stop(self) -> Future[Answer]:
        """Write the stop now; -> the confirmation to come."""
        if os.getpid() != self._process:
            return self._stop_from_elsewhere()
        link = self._held.link
        link.begin_stop()
        try:
            with contextlib.suppress(LinkBroken):
                link.shout_stop()
            job = Job(self._confirm, False, stops=True)
            self._put(job)
            return job.outcome
        except BaseException:
            link.end_stop()
            with self._changed:
                self._changed.notify()
            raise

    def _confirm(self, held: Holding) -> Answer:
        try:
            fields = held.link.hear_stop()
        finally:
            held.link.end_stop()
        return Answer([Fields(fields, "done")], "done") if fields is not None else held.client.stop()

    def _stop_from_elsewhere(self) -> Future[Answer]:
        """In a forked process: through the hub, or through the process that holds the port."""
        from pumprig.hub import stop

        done: Future[Answer] = Future()
        try:
            done.set_result(Answer([Fields(stop.stop(self._held.link.address, None), "done")], "done"))
        except PumpError as error:
            done.set_exception(error)
        return done

    def close(self) -> None:
        """End what is under way, and give the port back."""
        if os.getpid() != self._process:
            return  # it is the other process's
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
            if job.begin():
                self._do(job)
        with self._changed:
            left = list(self._jobs)
            self._jobs.clear()
        for job in left:
            if job.begin():
                unknown = "Its confirmation was not heard." if job.stops else "Nothing was sent."
                job.outcome.set_exception(ClosedError(unknown))
        self._held.close()

    def _next(self) -> Job | None:
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            return None if self._closed else self._jobs.popleft()

    def _do(self, job: Job) -> None:
        link = self._held.link
        link.begin(job.gives_way, job.given_up)
        try:
            while True:
                try:
                    job.outcome.set_result(job.work(self._held))
                    return
                except GaveWay:
                    self._stop_first()
                    link.begin(job.gives_way, job.given_up)
        except Ended:
            if not job.gives_way:
                self._held.break_off()
            unknown = "" if job.gives_way else "The outcome of what was under way is not known."
            ended = GivenUpError(unknown) if job.given_up.is_set() else ClosedError(unknown)
            job.outcome.set_exception(ended)
        except BaseException as error:
            job.outcome.set_exception(error)

    def _stop_first(self) -> None:
        """The stops that wait, before a reading is done again."""
        with self._changed:
            while self._held.link.stopping.is_set() and not self._closed:
                if self._jobs and self._jobs[0].stops:
                    stop = self._jobs.popleft()
                    break
                self._changed.wait()
            else:
                if self._closed:
                    raise Ended
                return  # it could not be asked for
        self._do(stop)
