"""The same interface for asyncio: `async with pumprig.aio.connect("sim") as rig`.

Owns: an AsyncRig with the names of Rig.
Rules: nothing blocks the event loop; what runs is the very Rig, in its own thread; a stop overtakes everything here,
too; a task that is cancelled while it waits leaves the rig as it is: what was sent is done, what was not is not.
Units: as api/rig.py.
Leaves: every verb's meaning to api/rig.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from pumprig.api.deliveries import stopped_of
from pumprig.api.dose import LOOK_S, Dose, Progress
from pumprig.api.plan import Plan
from pumprig.api.programs import Constant, constant, read_program
from pumprig.api.reading import Event, Reading
from pumprig.api.rig import Rig
from pumprig.api.rig import connect as connect_now
from pumprig.api.upkeep import Calibration, Refilled
from pumprig.rig.pull import Pulled
from pumprig.rig.status import Alarm, Status
from pumprig.rig.stopped import Stopped
from pumprig.therapy.program import Program
from pumprig.therapy.review import Difference

__all__ = ["AsyncDose", "AsyncPlan", "AsyncRig", "connect", "constant", "read_program"]

T = TypeVar("T")
P = ParamSpec("P")


class AsyncPlan:
    """A Plan whose commit is awaited."""

    def __init__(self, plan: Plan, rig: AsyncRig) -> None:
        self._rig = rig
        self.plan = plan

    @property
    def program(self) -> Program:
        """What would be committed."""
        return self.plan.program

    @property
    def differences(self) -> list[Difference]:
        """Settings and figures that change."""
        return self.plan.differences

    @property
    def forecast(self) -> dict[str, Any]:
        """What follows from it."""
        return self.plan.forecast

    @property
    def warnings(self) -> list[str]:
        """What speaks against it."""
        return self.plan.warnings

    async def commit(self, override: bool = False) -> Status:
        """As Plan.commit."""
        return await self._rig.run(self.plan.commit, override)

    async def discard(self) -> None:
        """As Plan.discard."""
        await self._rig.run(self.plan.discard)


class AsyncDose:
    """A Dose whose end is awaited."""

    def __init__(self, dose: Dose, rig: AsyncRig) -> None:
        self._rig = rig
        self.dose = dose

    @property
    def outcome(self) -> str | None:
        """As Dose.outcome."""
        return self.dose.outcome

    @property
    def requested_nl(self) -> int:
        """As Dose.requested_nl."""
        return self.dose.requested_nl

    @property
    def counted_nl(self) -> int | None:
        """As Dose.counted_nl."""
        return self.dose.counted_nl

    @property
    def counted_steps(self) -> int | None:
        """As Dose.counted_steps."""
        return self.dose.counted_steps

    @property
    def u_nl(self) -> int | None:
        """As Dose.u_nl."""
        return self.dose.u_nl

    async def look(self) -> Progress:
        """As Dose.look."""
        return await self._rig.run(self.dose.look)

    async def wait(self, progress: Callable[[Progress], object] | None = None) -> AsyncDose:
        """As Dose.wait; asyncio.timeout limits it."""
        shown: Progress | None = None
        while True:
            now = await self.look()
            if progress is not None and now != shown:
                progress(now)
            shown = now
            if self.outcome is not None:
                return self
            await asyncio.sleep(LOOK_S)


class AsyncRig:
    """A Rig whose verbs are awaited."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._threads = ThreadPoolExecutor(8, "pumprig-aio")

    async def run(self, verb: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Do something of the Rig without blocking the loop."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: verb(*arguments, **named)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the port back. The pump goes on as programmed."""
        await asyncio.to_thread(self.rig.close)
        self._threads.shutdown(wait=False)

    @property
    def device_id(self) -> str:
        """Which rig it is."""
        return self.rig.device_id

    async def status(self) -> Status:
        """As Rig.status."""
        return await self.run(self.rig.status)

    async def reading(self) -> Reading:
        """As Rig.reading."""
        return await self.run(self.rig.reading)

    async def alarms(self) -> list[Alarm]:
        """As Rig.alarms."""
        return await self.run(self.rig.alarms)

    async def program(self) -> Program | None:
        """As Rig.program."""
        return await self.run(self.rig.program)

    async def pull(self) -> Pulled:
        """As Rig.pull."""
        return await self.run(self.rig.pull)

    async def events(
        self, since: int | None = None, follow: bool = True, interval_s: float = 1.0
    ) -> AsyncGenerator[Event]:
        """As Rig.events."""
        known = since if since is not None else (await self.pull()).log_next - 1
        while True:
            for event in await self.run(self._known_events, known):
                known = event.number
                yield event
            if not follow:
                return
            await asyncio.sleep(interval_s)

    def _known_events(self, since: int) -> list[Event]:
        return list(self.rig.events(since, follow=False))

    async def propose(
        self,
        program: Program | Constant | str | Path,
        *,
        at: datetime | None = None,
        bridge: str | None = None,
    ) -> AsyncPlan:
        """As Rig.propose."""
        return AsyncPlan(await self.run(self.rig.propose, program, at=at, bridge=bridge), self)

    async def resume(self) -> Status:
        """As Rig.resume."""
        return await self.run(self.rig.resume)

    async def bolus(
        self,
        volume: str | None = None,
        *,
        over: str | None = None,
        spread: bool = False,
        volume_nl: int | None = None,
        over_s: float | None = None,
    ) -> AsyncDose:
        """As Rig.bolus."""
        dose = await self.run(
            self.rig.bolus, volume, over=over, spread=spread, volume_nl=volume_nl, over_s=over_s
        )
        return AsyncDose(dose, self)

    async def demand(self) -> AsyncDose:
        """As Rig.demand."""
        return AsyncDose(await self.run(self.rig.demand), self)

    async def dispense(
        self,
        volume: str | None = None,
        *,
        over: str | None = None,
        rate: str | None = None,
        volume_nl: int | None = None,
        over_s: float | None = None,
        rate_nl_per_h: float | None = None,
    ) -> AsyncDose:
        """As Rig.dispense."""
        dose = await self.run(
            self.rig.dispense,
            volume,
            over=over,
            rate=rate,
            volume_nl=volume_nl,
            over_s=over_s,
            rate_nl_per_h=rate_nl_per_h,
        )
        return AsyncDose(dose, self)

    async def prime(self, volume: str | None = None, *, volume_nl: int | None = None) -> AsyncDose:
        """As Rig.prime."""
        return AsyncDose(await self.run(self.rig.prime, volume, volume_nl=volume_nl), self)

    async def stop(self) -> Stopped:
        """As Rig.stop: the line leaves before anything is awaited."""
        confirmed = self.rig.begin_stop()
        return stopped_of(await asyncio.wrap_future(confirmed))

    async def refill(
        self,
        volume: str | None = None,
        *,
        removed: str | None = None,
        volume_nl: int | None = None,
        removed_nl: int | None = None,
    ) -> Refilled:
        """As Rig.refill."""
        return await self.run(
            self.rig.refill, volume, removed=removed, volume_nl=volume_nl, removed_nl=removed_nl
        )

    async def acknowledge(self) -> None:
        """As Rig.acknowledge."""
        await self.run(self.rig.acknowledge)

    async def withdraw(self) -> None:
        """As Rig.withdraw."""
        await self.run(self.rig.withdraw)

    async def silence(self) -> None:
        """As Rig.silence."""
        await self.run(self.rig.silence)

    async def calibrations(self) -> list[Calibration]:
        """As Rig.calibrations."""
        return await self.run(self.rig.calibrations)


class _Opening:
    """What `connect` gives: to be awaited, or entered with `async with`."""

    def __init__(self, port: str | None, state: str | Path | None, database: str | Path | None) -> None:
        self._arguments = (port, state, database)
        self._open: AsyncRig | None = None

    async def _opened(self) -> AsyncRig:
        port, state, database = self._arguments
        rig = await asyncio.to_thread(connect_now, port, state=state, database=database)
        return AsyncRig(rig)

    def __await__(self) -> Generator[Any, None, AsyncRig]:
        return self._opened().__await__()

    async def __aenter__(self) -> AsyncRig:
        self._open = await self._opened()
        return self._open

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            await self._open.close()


def connect(
    port: str | None = None, *, state: str | Path | None = None, database: str | Path | None = None
) -> _Opening:
    """As pumprig.connect, to be awaited or entered with `async with`. Raises PumpError there."""
    return _Opening(port, state, database)
