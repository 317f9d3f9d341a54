"""rig.flow.dosing: two flows share the steps, and each has what it asked for, however they follow each other.

Owns: the bound of docs/explanation/dosing.md: a bolus has its steps at most one before its flow has asked for them and
less than two after; the base flow less than two before and less than one after.
Rules: drawn mixes on a stepper without ramps; what was asked for is rate times time, in exact fractions.
Units: cycles, steps.
Leaves: single spans to test_dosing_exact.py, cuts to test_dosing_cuts.py.
"""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import pytest
from pumpwire.spec import KINDS
from rig.flow.dosing import BASAL, Dosing
from rig.flow.overlay import Overlay
from rig.step.motion import steps_within

SINGLE, SPREAD = KINDS.index("single"), KINDS.index("spread")
SECOND = 125_000_000


class Mixes:
    """A dosing, a spread bolus and other boluses that suspend it, on a base flow that changes."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(f"mixes {seed}")
        self.dosing: Any = Dosing(3_200, 1)
        self.dosing.calibrate(1, 10_000, 1, 0)
        self.asked: dict[Any, int] = {BASAL: 0}
        self.off: dict[str, list[Fraction]] = {"bolus": [], "base": []}

    def append(self, acc: int, inc: int, quantum: int, cycles: int, _leave_inc: int) -> tuple[int, int, int]:
        steps = steps_within(acc, inc, quantum, cycles)
        return cycles, steps, acc + inc * cycles - steps * quantum

    def flow(self, base_rate: int, overlay: Any, seconds: int) -> None:
        """So long, or until the bolus has its steps."""
        dosing, left = self.dosing, seconds * SECOND
        while left > 0 and (overlay is None or overlay.planned_steps < overlay.steps):
            wanted = min(left, self.draw.randrange(1, 110) * SECOND)
            taken = dosing.plan(self.append, BASAL, base_rate, overlay, wanted)
            left -= taken
            self.asked[BASAL] += taken * base_rate * dosing.volume_den
            if overlay is not None:
                asked = self.asked.get(overlay, 0) + taken * overlay.rate_nl_per_day * dosing.volume_den
                self.asked[overlay] = asked
                if dosing.base_acc + overlay.acc < dosing.quantum:  # else a step is due just now
                    self.off["bolus"].append(overlay.planned_steps - Fraction(asked, dosing.quantum))
            base_steps = sum(span.steps - span.share(span.steps) for span in dosing.spans)
            if dosing.base_acc < dosing.quantum:
                self.off["base"].append(base_steps - Fraction(self.asked[BASAL], dosing.quantum))

    def run(self) -> None:
        draw = self.draw
        base_rate = draw.choice([0, draw.randrange(1_000, 500_000)])
        spread = Overlay(SPREAD, 10**9, draw.randrange(1_000, 400_000))
        for _ in range(draw.randrange(2, 14)):
            what = draw.choice(["spread", "bolus", "none", "rate"])
            if what == "rate":
                base_rate = draw.choice([0, draw.randrange(1_000, 500_000)])
                continue
            single = Overlay(SINGLE, draw.randrange(1, 40), draw.randrange(10_000, 3_000_000))
            self.flow(
                base_rate, {"spread": spread, "bolus": single, "none": None}[what], draw.randrange(1, 600)
            )


@pytest.mark.parametrize("seed", range(0, 1_000, 4))
def test_each_flow_has_its_steps_at_about_the_time_that_it_asks_for_them(seed: int) -> None:
    mixes = Mixes(seed)
    mixes.run()
    assert all(-2 < off <= 1 for off in mixes.off["bolus"])
    assert all(-1 < off < 2 for off in mixes.off["base"])
