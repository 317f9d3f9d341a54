"""The rig's verbs, awaited.

Owns: AsyncRig, and its `connect`.
Rules: the same names and arguments as Rig has; a stop's line leaves before anything is awaited, and overtakes
everything; once it has left, a stop is seen to though its task is cancelled.
Units: as api/rig.py.
Leaves: every verb's meaning to api/, threads and cancelling to base.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from pumprig.aio.base import AsyncReadings, opened
from pumprig.aio.waited import AsyncDose, AsyncPlan, AsyncStagedDocument
from pumprig.api.deliveries import stopped_of
from pumprig.api.programs import Constant
from pumprig.api.upkeep import Calibration, Refilled
from pumprig.rig.answers import Answer
from pumprig.rig.status import Status
from pumprig.rig.stopped import Stopped
from pumprig.therapy.program import Program


class AsyncRig(AsyncReadings):
    """A Rig whose verbs are awaited. Of a call whose task is cancelled nothing is sent any more."""

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

    async def titrate(self, do: str) -> Status:
        """As Rig.titrate."""
        return await self.run(self.rig.titrate, do)

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

    async def deliver_for_calibration(self, *, rate_nl_per_h: float, volume_nl: int) -> dict[str, int]:
        """As Rig.deliver_for_calibration."""
        return await self.run(
            self.rig.deliver_for_calibration, rate_nl_per_h=rate_nl_per_h, volume_nl=volume_nl
        )

    async def stop(self) -> Stopped:
        """As Rig.stop: the line leaves before anything is awaited."""
        return stopped_of(await self.begin_stop())

    def begin_stop(self) -> asyncio.Future[Answer]:
        """As Rig.begin_stop; the confirmation can be awaited."""
        return asyncio.wrap_future(self.rig.begin_stop())

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

    async def set_clock(self) -> float | None:
        """As Rig.set_clock."""
        return await self.run(self.rig.set_clock)

    async def new_tube(self) -> int | None:
        """As Rig.new_tube."""
        return await self.run(self.rig.new_tube)

    async def new_battery(self) -> int | None:
        """As Rig.new_battery."""
        return await self.run(self.rig.new_battery)

    async def unlock(self) -> None:
        """As Rig.unlock."""
        await self.run(self.rig.unlock)

    async def lock(self) -> None:
        """As Rig.lock."""
        await self.run(self.rig.lock)

    async def asks_for_key(self) -> bool:
        """As Rig.asks_for_key."""
        return await self.run(self.rig.asks_for_key)

    async def begin_maintenance(self) -> None:
        """As Rig.begin_maintenance."""
        await self.run(self.rig.begin_maintenance)

    async def holds_key(self) -> bool:
        """As Rig.holds_key."""
        return await self.run(self.rig.holds_key)

    async def new_key(self) -> None:
        """As Rig.new_key."""
        await self.run(self.rig.new_key)

    async def remove_key(self) -> None:
        """As Rig.remove_key."""
        await self.run(self.rig.remove_key)

    async def set_typing(self, *, pin: str | None = None, allowed: bool | None = None) -> None:
        """As Rig.set_typing."""
        await self.run(self.rig.set_typing, pin=pin, allowed=allowed)

    async def stage_document(self, text: str) -> AsyncStagedDocument:
        """As Rig.stage_document."""
        return AsyncStagedDocument(await self.run(self.rig.stage_document, text), self)

    async def calibrations(self) -> list[Calibration]:
        """As Rig.calibrations."""
        return await self.run(self.rig.calibrations)


class Opening:
    """What `connect` gives: to be awaited, or entered with `async with`."""

    def __init__(self, port: str | None, state: str | Path | None, database: str | Path | None) -> None:
        self._arguments = (port, state, database)
        self._open: AsyncRig | None = None

    async def _opened(self) -> AsyncRig:
        return AsyncRig(await opened(*self._arguments))

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
) -> Opening:
    """As pumprig.connect, to be awaited or entered with `async with`. Raises PumpError there."""
    return Opening(port, state, database)
