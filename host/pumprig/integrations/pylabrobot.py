"""The rig as a pump of PyLabRobot: a device by itself, and a backend and front end for its 0.2.

Owns: what PyLabRobot's verbs mean on a rig.
Rules: a volume that was asked for is waited for and counted by the rig, never slept for on the host; what ends short
raises; `stop`, which closes a device there, halts what this device began and leaves a programmed therapy alone.
Units: volumes µL, speeds revolutions a minute of the pump's rotor, rates µL/h.
Leaves: the rig to pumprig.aio.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pumprig import aio
from pumprig.api.programs import constant
from pumprig.api.rig import Rig
from pumprig.errors import LinkError, PumpError

NL_PER_UL = 1000
MIN_PER_H = 60
STEPS_PER_REVOLUTION = 3200  # 200 full steps in sixteenths

if TYPE_CHECKING:

    class PumpBackend:
        """PyLabRobot's own base class, of which only the name is needed here."""

    class Pump:
        """PyLabRobot's front end."""

        def __init__(self, backend: PumpBackend, calibration: object = None) -> None: ...
else:
    try:
        from pylabrobot.pumps.backend import PumpBackend
        from pylabrobot.pumps.pump import Pump
    except ImportError:  # the device below needs neither
        PumpBackend = Pump = object


class EndedShort(PumpError):
    """A dose that was asked for was not given whole."""


class PumpRigDevice:
    """A plain asynchronous device: setup, use, stop."""

    def __init__(self, port: str | None = None, *, steps_per_revolution: int = STEPS_PER_REVOLUTION) -> None:
        """port: as pumprig.connect takes it. steps_per_revolution: of the rotor, as the motor and its driver make
        it.
        """
        self.port = port
        self.steps_per_revolution = steps_per_revolution
        self._rig: aio.AsyncRig | None = None
        self._runs = False

    @property
    def rig(self) -> aio.AsyncRig:
        """The rig behind it, with all of its verbs. Raises PumpError before `setup`."""
        if self._rig is None:
            raise PumpError("The pump is not set up.", "Nothing was sent.", "await setup() first.")
        return self._rig

    async def setup(self) -> None:
        """Connect."""
        if self._rig is None:
            self._rig = await aio.connect(self.port)

    async def stop(self) -> None:
        """Halt what was begun here, and close the connection."""
        if self._rig is None:
            return
        rig, self._rig = self._rig, None
        try:
            if self._runs:
                await rig.stop()
        finally:
            self._runs = False
            await rig.close()

    async def nl_per_revolution(self) -> float:
        """Volume of one turn of the rotor, by the calibration in force."""
        return await self.rig.run(nl_per_revolution, self.rig.rig, self.steps_per_revolution)

    async def run_revolutions(self, num_revolutions: float, speed: float = 1.0) -> int:
        """Turn so often at `speed` turns a minute, and wait for it; -> the steps that were counted."""
        per_turn = await self.nl_per_revolution()
        return await self._dispense(num_revolutions * per_turn, speed * per_turn * MIN_PER_H)

    async def run_continuously(self, speed: float) -> None:
        """Turn at `speed` turns a minute until `halt`; 0 halts."""
        if not speed:
            await self.halt()
            return
        per_turn = await self.nl_per_revolution()
        plan = await self.rig.propose(aio.constant(rate_nl_per_h=round(speed * per_turn * MIN_PER_H)))
        with self._begun():
            await plan.commit()

    async def halt(self) -> None:
        """Stop the pump now."""
        await self.rig.stop()
        self._runs = False

    async def pump_volume(self, speed: float, volume: float) -> int:
        """Deliver `volume` µL at `speed` turns a minute, and wait until it is counted; -> the counted steps.

        Raises EndedShort where it was stopped, RefusedError where the rig may not give it.
        """
        return await self._dispense(volume * NL_PER_UL, speed * await self.nl_per_revolution() * MIN_PER_H)

    async def _dispense(self, volume_nl: float, rate_nl_per_h: float) -> int:
        with self._begun():
            dose = await self.rig.dispense(volume_nl=round(volume_nl), rate_nl_per_h=round(rate_nl_per_h))
        await dose.wait()
        self._runs = False
        if dose.outcome != "given":
            raise EndedShort(
                f"The dose ended short: {dose.counted_nl} of {dose.requested_nl} nL, {dose.outcome}.",
                "What was left of it is not given.",
            )
        return dose.counted_steps or 0

    @contextmanager
    def _begun(self) -> Generator[None]:
        """What is sent in the block was begun here, also where it was cancelled or its answer was lost; not where the
        rig has refused it, or nothing was sent.
        """
        before, self._runs = self._runs, True
        try:
            yield
        except PumpError as error:
            if not isinstance(error, LinkError) or error.outcome == "not done":
                self._runs = before
            raise

    def serialize(self) -> dict[str, Any]:
        """What makes the same device again."""
        return {
            "type": type(self).__name__,
            "port": self.port,
            "steps_per_revolution": self.steps_per_revolution,
        }


class PumpRigBackend(PumpBackend):
    """A backend for PyLabRobot 0.2's `Pump`. Its verbs are synchronous there: they begin, and do not wait.

    Use PumpRigFrontend in place of `Pump` for a `pump_volume` that waits for what the rig counts.
    """

    def __init__(self, port: str | None = None, *, steps_per_revolution: int = STEPS_PER_REVOLUTION) -> None:
        super().__init__()
        self.port = port
        self.steps_per_revolution = steps_per_revolution
        self._rig: Rig | None = None

    @property
    def rig(self) -> Rig:
        """The rig behind it. Raises PumpError before `setup`."""
        if self._rig is None:
            raise PumpError("The pump is not set up.", "Nothing was sent.", "await setup() first.")
        return self._rig

    async def setup(self) -> None:
        """Connect."""
        if self._rig is None:
            self._rig = (await aio.connect(self.port)).rig

    async def stop(self) -> None:
        """Close the connection. The pump goes on as programmed: `halt` stops it."""
        rig, self._rig = self._rig, None
        if rig is not None:
            rig.close()

    def run_revolutions(self, num_revolutions: float) -> None:
        """Begin to turn so often, at one turn a minute."""
        per_turn = nl_per_revolution(self.rig, self.steps_per_revolution)
        self.rig.dispense(
            volume_nl=round(num_revolutions * per_turn), rate_nl_per_h=round(per_turn * MIN_PER_H)
        )

    def run_continuously(self, speed: float) -> None:
        """Turn at `speed` turns a minute; 0 halts."""
        if not speed:
            self.halt()
            return
        rate = round(speed * nl_per_revolution(self.rig, self.steps_per_revolution) * MIN_PER_H)
        self.rig.propose(constant(rate_nl_per_h=rate)).commit()

    def halt(self) -> None:
        """Stop the pump now."""
        self.rig.stop()

    def serialize(self) -> dict[str, Any]:
        """What makes the same backend again."""
        return {
            "type": type(self).__name__,
            "port": self.port,
            "steps_per_revolution": self.steps_per_revolution,
        }


class PumpRigFrontend(Pump):
    """PyLabRobot 0.2's `Pump`, whose `pump_volume` waits for the counted dose. It needs no calibration of its own."""

    def __init__(self, backend: PumpRigBackend) -> None:
        super().__init__(backend=backend)
        self._pump_rig = backend

    async def pump_volume(self, speed: float, volume: float) -> None:
        """Deliver `volume` µL at `speed` turns a minute, and wait until the rig has counted it. Raises EndedShort."""
        device = PumpRigDevice(steps_per_revolution=self._pump_rig.steps_per_revolution)
        device._rig = aio.AsyncRig(self._pump_rig.rig)  # pyright: ignore[reportPrivateUsage]
        await device.pump_volume(speed, volume)


def nl_per_revolution(rig: Rig, steps_per_revolution: int) -> float:
    """Volume of one turn of the rotor, by the calibration in force. Raises PumpError where there is none."""
    fields = rig.status_fields()
    try:
        return int(fields["step_nl_num"]) / int(fields["step_nl_den"]) * steps_per_revolution
    except (KeyError, ZeroDivisionError):
        raise PumpError(
            "The rig is not calibrated: nothing says what one turn delivers.", "Nothing was sent."
        ) from None
