"""Small plans of rig.flow.dosing, made by hand: a step is 1 nL, and a stepper takes everything at once.

Owns: a ledger of so many steps a turn, a stretch of it, a stepper without ramps.
Rules: the very firmware; rates are in steps a second.
Units: nL, steps, seconds, cycles of 8 ns.
Leaves: what is planned and counted to tests/unit/flow/test_dosing_*.py.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from pumpwire.spec import KINDS
from rig.flow.dosing import BASAL, Dosing

DAY_S = 86_400
SECOND = 125_000_000
SINGLE, SPREAD = KINDS.index("single"), KINDS.index("spread")


def flowing(acc: int, inc: int, quantum: int, cycles: int, _leave_inc: int) -> tuple[int, int, int]:
    """A stepper that takes everything and has no ramps; steps below 0 are none."""
    steps = max(0, (acc + inc * cycles) // quantum) if inc else 0
    return cycles, steps, acc + inc * cycles - steps * quantum


def made(weights: tuple[int, ...] = (), turn: int = 1_000) -> Any:
    dosing: Any = Dosing(turn, 1)
    dosing.calibrate(1, turn, 1, 20_000, weights)
    return dosing


def plan(dosing: Any, seconds: Fraction | float, rate: float = 1, overlay: Any = None) -> Fraction:
    """Plan so long a stretch at so many steps a second; the seconds taken."""
    cycles = int(Fraction(seconds) * SECOND)
    return Fraction(dosing.plan(flowing, BASAL, int(rate * DAY_S), overlay, cycles), SECOND)
