"""A bolus under way, and what the log has to say of it.

Owns: the two shapes that model and judge pass on.
Rules: the standard library only.
Units: nL as Fraction, nL/day, microseconds of the device's own clock.
Leaves: when one begins and ends to model.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from oracle.program import DAY_US

KINDS = ("basal", "periodic", "demand", "single", "spread", "bridge", "prime", "relief", "calibration")
APART = ("prime", "calibration")
ASKED = ("demand", "single", "spread")
ZERO = Fraction(0)


@dataclass
class Bolus:
    """A whole number of steps at a rate, on top of the base flow; a bridge in its place."""

    kind: str
    steps: int
    nl: Fraction
    rate: int
    row: int = 0
    given_nl: Fraction = ZERO
    end_us: Fraction | None = None
    from_us: Fraction = ZERO

    @property
    def key(self) -> tuple[str, int, Fraction]:
        """Which one it is, however often the model is copied."""
        return self.kind, self.row, self.from_us

    @property
    def left_nl(self) -> Fraction:
        return self.nl - self.given_nl

    def left_us(self) -> Fraction:
        return self.left_nl * DAY_US / self.rate


@dataclass
class Claim:
    """Something that the log has to say: `what` at `at_us`."""

    what: str  # bolus_start, bolus_end, missed, refused
    at_us: Fraction
    kind: str
    steps: int = 0
    done_nl: Fraction = ZERO
    why: str = ""
    rate: int = 0
    times: int = 1


PeekEdge = Callable[[int, int], str]
PeekEnd = Callable[[Bolus, Fraction, Fraction], Fraction | None]
