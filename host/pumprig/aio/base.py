"""One rig in an event loop: its threads, its end, its readings.

Owns: how a call leaves the loop and comes back, and what becomes of it where its task is cancelled.
Rules: nothing blocks the event loop; what runs is the very Rig, in its own thread; of a task that is cancelled nothing
is sent any more: what was sent before is done, what was not is not; a rig that comes after its `connect` was cancelled
is closed at once.
Units: as api/rig.py.
Leaves: readings to api/reading.py, breaking off to api/job.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from pumprig.api.job import Calls, ClosedError
from pumprig.api.reading import Event, Probe, Reading
from pumprig.api.rig import Rig
from pumprig.api.rig import connect as connect_now
from pumprig.rig.answers import Greeting
from pumprig.rig.pull import Pulled
from pumprig.rig.status import Alarm, Status
from pumprig.store.intents import Settled
from pumprig.therapy.program import Program

T = TypeVar("T")
P = ParamSpec("P")


class AsyncReadings:
    """What can be read of a rig."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._threads = ThreadPoolExecutor(8, "pumprig-aio")

    async def run(self, verb: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Do something of the Rig without blocking the loop."""
        calls = Calls()
        try:
            return await asyncio.wrap_future(
                self._threads.submit(lambda: calls.run(verb, *arguments, **named))
            )
        except asyncio.CancelledError:
            calls.give_up()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the port back. The pump goes on as programmed."""
        await asyncio.to_thread(self.rig.close)

    @property
    def device_id(self) -> str:
        """Which rig it is."""
        return self.rig.device_id

    @property
    def firmware(self) -> str:
        """As Rig.firmware."""
        return self.rig.firmware

    @property
    def address(self) -> str:
        """As Rig.address."""
        return self.rig.address

    @property
    def is_shared(self) -> bool:
        """As Rig.is_shared."""
        return self.rig.is_shared

    @property
    def database(self) -> Path:
        """As Rig.database."""
        return self.rig.database

    async def greeting(self) -> Greeting:
        """As Rig.greeting."""
        return self.rig.greeting()

    async def settle(self) -> list[Settled]:
        """As Rig.settle."""
        return await self.run(self.rig.settle)

    async def unsettled(self) -> list[str]:
        """As Rig.unsettled."""
        return await self.run(self.rig.unsettled)

    async def sent(self) -> list[tuple[int, str, str]]:
        """As Rig.sent."""
        return self.rig.sent()

    async def status(self) -> Status:
        """As Rig.status."""
        return await self.run(self.rig.status)

    async def status_fields(self) -> dict[str, str]:
        """As Rig.status_fields."""
        return await self.run(self.rig.status_fields)

    async def reading(self, within_s: float = 0.5) -> Reading:
        """As Rig.reading."""
        return await self.run(self.rig.reading, within_s)

    async def probe(self) -> Probe:
        """As Rig.probe."""
        return await self.run(self.rig.probe)

    async def driven_steps(self) -> int:
        """As Rig.driven_steps."""
        return await self.run(self.rig.driven_steps)

    async def alarms(self) -> list[Alarm]:
        """As Rig.alarms."""
        return await self.run(self.rig.alarms)

    async def program(self) -> Program | None:
        """As Rig.program."""
        return await self.run(self.rig.program)

    async def waiting_program(self) -> Program | None:
        """As Rig.waiting_program."""
        return await self.run(self.rig.waiting_program)

    async def pull(self, progress: Callable[[int, int], None] | None = None) -> Pulled:
        """As Rig.pull; progress is called in the event loop."""
        loop = asyncio.get_running_loop()

        def told(done: int, of: int) -> None:
            if progress is not None:
                loop.call_soon_threadsafe(progress, done, of)

        return await self.run(self.rig.pull, told)

    async def events(
        self, since: int | None = None, follow: bool = True, interval_s: float = 1.0
    ) -> AsyncGenerator[Event]:
        """As Rig.events."""
        known = since if since is not None else (await self.pull()).log_next - 1
        while True:
            try:
                found = await self.run(self.rig._after, known)  # pyright: ignore[reportPrivateUsage]
            except ClosedError:
                return
            for event in found:
                known = event.number
                yield event
            if not follow:
                return
            await asyncio.sleep(interval_s)


def close_late(opening: Future[Rig]) -> None:
    """A rig that nobody waits for any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def opened(port: str | None, state: str | Path | None, database: str | Path | None) -> Rig:
    """A rig, opened in a thread. Raises PumpError."""
    threads = ThreadPoolExecutor(1, "pumprig-open")
    opening = threads.submit(connect_now, port, state=state, database=database)
    threads.shutdown(wait=False)
    try:
        return await asyncio.wrap_future(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(close_late)
        raise
