"""A plan, a dose and a document whose ends are awaited.

Owns: AsyncPlan, AsyncDose, AsyncStagedDocument.
Rules: the same names and arguments as the plain ones.
Units: as the names say.
Leaves: what they mean to api/plan.py, api/dose.py, api/upkeep.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from pumprig.aio.base import AsyncReadings
from pumprig.api.dose import LOOK_S, Dose, Progress, not_ended
from pumprig.api.plan import Plan
from pumprig.api.upkeep import StagedDocument
from pumprig.rig.status import Status
from pumprig.therapy.program import Program
from pumprig.therapy.review import Difference


class AsyncPlan:
    """A Plan whose commit is awaited."""

    def __init__(self, plan: Plan, rig: AsyncReadings) -> None:
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

    @property
    def hash(self) -> str:
        """As Plan.hash."""
        return self.plan.hash

    @property
    def active(self) -> Program | None:
        """As Plan.active."""
        return self.plan.active

    @property
    def active_forecast(self) -> dict[str, Any] | None:
        """As Plan.active_forecast."""
        return self.plan.active_forecast

    @property
    def status(self) -> Status:
        """As Plan.status."""
        return self.plan.status

    @property
    def made_utc_us(self) -> int:
        """As Plan.made_utc_us."""
        return self.plan.made_utc_us

    @property
    def at_utc_s(self) -> int:
        """As Plan.at_utc_s."""
        return self.plan.at_utc_s

    def is_of(self, device_id: str) -> bool:
        """As Plan.is_of."""
        return self.plan.is_of(device_id)

    async def commit(self, override: bool = False) -> Status:
        """As Plan.commit."""
        return await self._rig.run(self.plan.commit, override)

    async def discard(self) -> None:
        """As Plan.discard."""
        await self._rig.run(self.plan.discard)


class AsyncDose:
    """A Dose whose end is awaited."""

    def __init__(self, dose: Dose, rig: AsyncReadings) -> None:
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

    @property
    def kind(self) -> str:
        """As Dose.kind."""
        return self.dose.kind

    @property
    def answer(self) -> dict[str, int]:
        """As Dose.answer."""
        return self.dose.answer

    @property
    def requested_steps(self) -> int:
        """As Dose.requested_steps."""
        return self.dose.requested_steps

    @property
    def record(self) -> int | None:
        """As Dose.record."""
        return self.dose.record

    async def look(self) -> Progress:
        """As Dose.look."""
        return await self._rig.run(self.dose.look)

    async def wait(
        self, progress: Callable[[Progress], object] | None = None, timeout_s: float | None = None
    ) -> AsyncDose:
        """As Dose.wait. Where its task is cancelled, the dose goes on."""
        begun_s = time.monotonic()
        shown: Progress | None = None
        while True:
            now = await self.look()
            if progress is not None and now != shown:
                progress(now)
            shown = now
            if self.outcome is not None:
                return self
            if timeout_s is not None and time.monotonic() - begun_s > timeout_s:
                raise not_ended(self.kind, timeout_s)
            await asyncio.sleep(LOOK_S)


class AsyncStagedDocument:
    """A StagedDocument whose commit is awaited."""

    def __init__(self, document: StagedDocument, rig: AsyncReadings) -> None:
        self._rig = rig
        self.document = document

    @property
    def hash(self) -> str:
        """As StagedDocument.hash."""
        return self.document.hash

    async def discard(self) -> None:
        """As StagedDocument.discard."""
        await self._rig.run(self.document.discard)

    async def commit(self, while_stopped: bool = False) -> Status:
        """As StagedDocument.commit."""
        return await self._rig.run(self.document.commit, while_stopped)
