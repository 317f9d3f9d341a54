"""What a bridge asks for that was kept from flowing: its own flow, and later the base flow in whose place it flows.

Owns: for how long a bridge stood before it would have ended, and why; the volume that goes back from bridge to base
flow while it is made up for.
Rules: as if nothing had interfered, a bridge ends when its volume has left at its rate; from then on the base flow is
asked for. Standing before that instant keeps the bridge's own flow; for as long the bridge flows beyond it, in the
place of the base flow. What stood first is made up for first. What a loss of power takes for given lets the bridge end
before that instant: until then its flow is asked for still, and the base flow, which is given, is not.
Units: microseconds, nL, nL/day.
Leaves: the base flow to due.py, the account to asked.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pumpwire.program import DAY_US

from pumprig.store.not_given import Reason
from pumprig.store.record import Record
from pumprig.store.under_way import bridge_of


@dataclass
class Displaced:
    """Of the bridge under way, or the last one: how long it stood, by reason, less what has been made up for."""

    rate: int = 0
    left_us: int | None = None  # until its own end, below 0 since then; None: not known yet
    assumed_us: int = 0  # by which what is taken for given lets it end earlier
    is_over: bool = False  # so it has ended, before its own end
    owed: tuple[tuple[Reason, int], ...] = ()

    def ahead_us(self, record: Record, step_nl: float, span_us: int) -> int:
        """How much of the next span, which begins in a record's state, comes before the bridge's own end; 0: none is
        under way. Call it once for each span: records have whole steps, which only time knows exactly.
        """
        steps, rate = bridge_of(record)
        if steps and rate and (self.left_us is None or self.is_over):
            self.left_us, self.assumed_us, self.is_over = round(steps * step_nl * DAY_US / rate), 0, False
        if self.left_us is None or not ((steps and rate) or self.is_over):
            return 0
        self.rate = rate or self.rate
        ahead_us = min(span_us, max(0, self.left_us))
        self.left_us -= span_us
        return ahead_us

    def asked_us(self) -> int:
        """For how long it is asked for still."""
        return max(0, self.left_us or 0)

    def assume(self, kind: str, nl: float) -> float:
        """So much is taken for given at a loss of power: what of it is missing now. Of a bridge it is at its end."""
        if kind != "bridge":
            return nl
        self.assumed_us += round(nl * DAY_US / self.rate) if self.rate else 0
        return 0.0

    def nl(self, span_us: int) -> float:
        """What the bridge gives in this time."""
        return self.rate * span_us / DAY_US

    def stood(self, reason: Reason, span_us: int) -> None:
        """Nothing flowed for so long before the bridge's own end."""
        self.owed = (*self.owed, (reason, span_us))

    def made_up(self, span_us: int) -> Iterator[tuple[Reason, int]]:
        """The bridge flows for so long in the place of the base flow: (why, how long) of what is made up for."""
        while span_us > 0 and self.owed:
            (reason, owed_us), *rest = self.owed
            part_us = min(owed_us, span_us)
            left = ((reason, owed_us - part_us),) if part_us < owed_us else ()
            self.owed = (*left, *rest)
            span_us -= part_us
            yield reason, part_us

    def owed_nl(self) -> float:
        """What the bridge would have given in the time that is not made up for."""
        return self.nl(sum(us for _reason, us in self.owed))

    def assumed_nl(self) -> float:
        """What is taken for given."""
        return self.nl(self.assumed_us)

    def end(self, rest_nl: float) -> Iterator[tuple[Reason, float]]:
        """The bridge has ended with this rest: (why, nL) that was never kept from it, the last one first."""
        over_nl = self.owed_nl() - rest_nl - self.assumed_nl()
        for reason, owed_us in reversed(self.owed):
            part_nl = min(over_nl, self.nl(owed_us))
            if part_nl > 0:
                yield reason, part_nl
                over_nl -= part_nl
        self.is_over = self.assumed_us > 0 >= rest_nl
        self.owed, self.left_us = (), self.left_us if self.is_over else None

    def displace(self) -> float:
        """A new program has a bridge of its own, or wants none: what is still asked of one that ended early, nL."""
        left_us = max(0, self.left_us or 0) if self.is_over else 0
        if self.is_over:
            self.left_us, self.is_over = None, False
        return self.nl(left_us)
