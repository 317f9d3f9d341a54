"""Therapy, dosing, cap and delivery on a software stepper, without a rig: what is queued, booked and told.

Owns: class Fed, and a stepper that takes a few steps at a time, spends time on them and ramps down, as the Pico's does.
Rules: the very firmware; time is virtual and moves only where a test says so.
Units: steps of 3 nL, microseconds, cycles of 8 ns.
Leaves: what ought to happen to tests/unit/flow/test_delivery*.py.
"""

from __future__ import annotations

from typing import Any

from parts import PRIME, SINGLE, bolus, program, therapy_of
from pumpwire.spec import KINDS
from rig.clock import Clock
from rig.flow.day_cap import DayCap
from rig.flow.delivery import Delivery
from upy.device.softboard import Time
from upy.device.softstepper import Pump, SoftStepper

NL_A_SECOND = 86_400  # in nL/day
CALIBRATION = KINDS.index("calibration")


class PacedStepper(SoftStepper):
    """Takes at most `most_steps` at a time, each time for `spends_us`; stands after `ramp_ticks` of a ramp down."""

    most_steps = 10**9
    spends_us = 0
    ramp_ticks = 0
    cut_us = 0  # how long a cut takes to act, while steps leave
    late_us = 0  # by how much the stream's cycle 0 comes after `open`

    def append(
        self, acc: int, inc: int, quantum: int, cycles: int, leave_inc: int | None = None
    ) -> tuple[int, int, int]:
        """As the stepper's."""
        self._time.us += self.spends_us
        if inc:
            cycles = min(cycles, max(1, -((acc - self.most_steps * quantum) // inc)))
        taken: tuple[int, int, int] = super().append(acc, inc, quantum, cycles, leave_inc)
        return taken

    def cut(self) -> int:
        """As the stepper's."""
        self._time.us += self.cut_us
        counted: int = super().cut()
        return counted

    def age_us(self) -> int:
        """Since cycle 0."""
        age: int = super().age_us()
        return age - self.late_us

    def ramp_down(self) -> bool:
        """True once it stands."""
        self.ramp_ticks -= 1
        return bool(super().ramp_down()) if self.ramp_ticks < 0 else False


class Fed:
    """A delivery that runs a program from 0 on."""

    def __init__(self, weights: tuple[int, ...] = (), **fields: Any) -> None:
        self.time = Time()
        self.pump = Pump()
        self.stepper: Any = PacedStepper(self.time, self.pump)
        self.clock = Clock(self.time.ticks_us, Time.ticks_diff)
        self.therapy = therapy_of(**(fields or {"basal": ((0, 10 * NL_A_SECOND),)}))
        self.dosing = self.therapy._dosing
        if weights:
            self.dosing.calibrate(1, 3200 * 3, 1, 10_000, weights)
        self.cap: Any = DayCap(self.dosing)
        self.rows: list[tuple[str, dict[str, Any], int]] = []
        self.known = 0
        parts = self.clock, self.stepper, self.dosing, self.therapy, self.cap
        self.delivery: Any = Delivery(parts, self._log, self.pump.angle, self._known)

    def _log(self, event: str, fields: Any, at_us: int = 0) -> None:
        self.rows.append((event, dict(fields), at_us))

    def _known(self) -> None:
        self.known += 1

    def load(self, **fields: Any) -> None:
        """Another program."""
        self.therapy.load(program(**fields), "", "", self.time.us)

    def run(self, after_us: int = 0) -> int:
        """One call, so much later; how long until it wants the next."""
        self.time.us += after_us
        now_us = self.clock.now_us()
        due: int = self.delivery.run(now_us)
        return due - now_us

    def pass_us(self, us: int) -> None:
        """Let time pass, called when it wants to be."""
        end_us = self.time.us + us
        while True:
            due_us = self.time.us + max(20_000, self.run())  # a call a tick
            if due_us > end_us:
                self.time.us = end_us
                self.run()
                return
            self.time.us = due_us

    @property
    def ahead_us(self) -> int:
        """How long the queue lasts."""
        ahead: int = self.delivery.ahead_us(self.clock.now_us())
        return ahead


def at(nl_a_second: float) -> dict[str, Any]:
    """A constant program."""
    return {"basal": ((0, int(nl_a_second * NL_A_SECOND)),)}


def granted(fed: Fed, steps: int, nl_a_second: float, kind: int = SINGLE) -> Any:
    """A bolus from now on; a priming or a calibration from a standing pump."""
    overlay = bolus(kind, fed.clock.now_us(), steps)
    overlay.rate_nl_per_day = int(nl_a_second * NL_A_SECOND)
    if kind in (PRIME, CALIBRATION):
        fed.therapy.halt()
        fed.therapy.add_apart(overlay, "priming")
    else:
        fed.therapy.add(overlay)
    return overlay


def events(fed: Fed) -> list[str]:
    """What was told, in order."""
    return [row[0] for row in fed.rows]
