"""The program's own time: since its begin, less what a titration is behind; and the base rate that it asks for.

Owns: a program, when it began, by how much its ramp is held back.
Rules: the standard library only; nothing that keeps a flow from flowing is known here.
Units: nL/day, microseconds of the device's own clock.
Leaves: rates of a program to program.py, what flows to model.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from oracle.bolus import ZERO
from oracle.program import DAY_US, NEVER_US, S_US, Program


@dataclass
class OwnTime:
    """A program under way."""

    t_us: Fraction = ZERO
    utc_less_t_us: Fraction = ZERO
    program: Program | None = None
    origin_us: Fraction = ZERO  # where the program's elapsed time is zero
    behind_us: Fraction = ZERO  # a titration that was held, and is
    held_us: Fraction | None = None
    stood_us: Fraction | None = None  # where a titration stood that was held at a boot, and so without power

    @property
    def elapsed_us(self) -> Fraction:
        return self.t_us - self.origin_us

    def own_rate(self, t_us: Fraction) -> tuple[int, Fraction]:
        """(nL/day that the program asks for, microseconds that it holds), whatever keeps it from flowing."""
        if self.program is None:
            return 0, NEVER_US
        rate, holds_us = self.program.rate(self.ramp_us(t_us), t_us + self.utc_less_t_us)
        return rate, NEVER_US if self.held_us is not None else holds_us

    def ramp_us(self, t_us: Fraction) -> Fraction:
        """The program's own time, but for what a titration is behind."""
        held_us = t_us - self.held_us if self.held_us is not None else ZERO
        return max(ZERO, t_us - self.origin_us - self.behind_us - held_us)

    def ramp_turn(self) -> int:
        """On which step a titration is, from 0."""
        assert self.program is not None
        assert self.program.ramp is not None
        start, step, interval_s, ceiling = self.program.ramp
        turn = int(self.ramp_us(self.t_us) // (interval_s * S_US))
        return min(turn, -(-(ceiling - start) // step)) if step else turn

    def titrate(self, do: str) -> None:
        """Hold it, step it back and hold it there, or let it go on."""
        assert self.program is not None
        assert self.program.ramp is not None
        at_us = self.ramp_us(self.t_us)
        if do == "back":
            at_us = Fraction((self.ramp_turn() - 1) * self.program.ramp[2] * S_US)
        self.behind_us = self.elapsed_us - at_us
        self.held_us = None if do == "go" else self.t_us

    def outage_nl(self, outage_us: Fraction, from_us: Fraction = ZERO) -> Fraction:
        """What the base flow would have been in so long without power, up to now; from an instant of it on."""
        assert self.program is not None
        utc_us = self.t_us + self.utc_less_t_us - outage_us
        total_nl, done_us = ZERO, from_us
        while done_us < outage_us:
            own_us = self.ramp_us(self.t_us) + (ZERO if self.held_us is not None else done_us)
            own_us = own_us if self.stood_us is None else self.stood_us
            rate, holds_us = self.program.rate(own_us, utc_us + done_us)
            span_us = min(outage_us - done_us, holds_us)
            total_nl += rate * span_us / DAY_US
            done_us += span_us
        return total_nl
