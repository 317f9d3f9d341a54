"""What was not given, by the spans of a log and by reason.

Owns: the sums, and how those of a span are rounded.
Rules: each amount is booked at one record, however the log is cut, so that spans that tile a log add up to the whole;
what is told of a span is the rounded sum up to its end less the rounded sum up to its beginning, for the same reason.
Units: nL, seconds.
Leaves: what is booked where to asked.py.
"""

from __future__ import annotations

import copy
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pumprig.store.not_given import NotGiven, Reason
from pumprig.store.record import Record

Place = tuple[int, int]  # (number, boot)
# at (us UTC), kind, reason, nl, for_s, times
Book = Callable[[int | None, str, Reason, float, float, int], None]
Ask = Callable[[int, int], float]  # the base flow between two instants of a span


def place_of(record: Record) -> Place:
    """Where a record stands in its log."""
    return record.number, record.boot


@dataclass(frozen=True)
class Cut:
    """A loss of power: what is told of it later belongs here."""

    place: Place  # of the first record after it
    at_us: int | None  # UTC
    why: Reason  # the base flow did not flow in it
    half: int  # of the program in force
    stood_us: int | None = None  # where a titration stood that was held then
    # The last one of the base flow that asked then, where a rate has changed it since
    base: Record | None = None
    rate_us: int = 0  # when that rate came, on the rig's clock
    bridged_us: int = 0  # and for how long a bridge was asked for still

    def with_a_rate(self, half: int, last: Record, rate_us: int, bridged_us: int) -> Cut:
        """Another base flow alone has come since; of several the first one counts."""
        if self.base is not None:
            return replace(self, half=half)
        return replace(self, half=half, base=last, rate_us=rate_us, bridged_us=bridged_us)


def parts_without_power(
    cut: Cut | None, from_us: int, outage_us: int
) -> tuple[tuple[int, int, Cut | None], ...]:
    """(since when, how long, the loss of power) of what was asked for in it, once it is known how long it was.

    While a bridge is asked for no base flow is. The bridge's own end then comes as much earlier by the rig's clock as
    the power was away, and what is asked for in its place is the base flow of then, not the one before the loss.
    """
    if cut is None or cut.base is None or not cut.bridged_us:
        return ((from_us, outage_us, cut),)
    bridged_us = min(cut.bridged_us, outage_us)
    at_us = None if cut.at_us is None else cut.at_us + bridged_us
    rest = replace(cut, at_us=at_us, rate_us=cut.rate_us + bridged_us)
    return (from_us, bridged_us, replace(cut, base=None)), (
        from_us + bridged_us,
        outage_us - bridged_us,
        rest,
    )


@dataclass
class Sums:
    """Of one span."""

    reasons: dict[Reason, NotGiven] = field(default_factory=dict[Reason, NotGiven])
    unknown_s: dict[int, float] = field(default_factory=dict[int, float])  # programs that the store lacks
    unknown_requests: int = 0  # refused, and their volume is told nowhere


class Booked:
    """Sums between marks: span k ends with the k-th of them, the last span with the log."""

    def __init__(self, marks: Sequence[Record] = ()) -> None:
        self._marks = list(marks)
        self._places = [place_of(mark) for mark in marks]
        self._sums = [Sums() for _each in range(len(marks) + 1)]

    def copy(self) -> Booked:
        """The same, to be added to."""
        return copy.deepcopy(self)

    def between(self, after: Record, before: Place) -> Sequence[Record]:
        """The marks between two records, neither among them."""
        if not self._places or self._places[-1] <= (after.number, after.boot):
            return ()
        first = bisect_left(self._places, (after.number, after.boot + 1))
        return self._marks[first : bisect_left(self._places, before)]

    def parts(
        self, record: Record, from_us: int, span_us: int, here: Place, cut: Cut | None, every_us: int
    ) -> Iterator[tuple[int, int, Place, int | None]]:
        """(begin, end, where it is booked, UTC) of the parts of a span, since its start: cut at marks and, with
        every_us, at each whole one of these.
        """
        utc_us = None if record.at_utc_us is None else record.at_utc_us + from_us - record.mono_us
        ends = [(span_us, here if cut is None else cut.place)]
        if cut is None:
            marks = self.between(record, here)
            ends[:0] = [(min(max(0, mark.mono_us - from_us), span_us), place_of(mark)) for mark in marks]
        elif cut.at_us is not None:
            utc_us = cut.at_us
        begin_us = 0
        for until_us, place in ends:
            while begin_us < until_us:
                end_us = until_us
                if every_us and utc_us is not None:
                    end_us = min(until_us, begin_us + every_us - (utc_us + begin_us) % every_us)
                yield begin_us, end_us, place, None if utc_us is None else utc_us + begin_us
                begin_us = end_us

    def add(self, place: Place, reason: Reason, nl: float, for_s: float, times: int) -> None:
        """One amount."""
        row = self._at(place).reasons.setdefault(reason, NotGiven(*reason))
        row.nl += nl
        row.for_s += for_s
        row.times += times

    def unknown(self, place: Place, half: int, for_s: float) -> None:
        """A program ran that the store lacks."""
        sums = self._at(place)
        sums.unknown_s[half] = sums.unknown_s.get(half, 0.0) + for_s

    def unknown_request(self, place: Place) -> None:
        """A request was refused whose volume is told nowhere."""
        self._at(place).unknown_requests += 1

    def _at(self, place: Place) -> Sums:
        return self._sums[bisect_left(self._places, place)] if self._places else self._sums[0]

    # --- what a span tells

    def is_unknown(self) -> bool:
        """Whether anywhere a program ran that the store lacks."""
        return any(sums.unknown_s for sums in self._sums)

    def rows(self, span: int = 0) -> list[dict[str, Any]]:
        """The reasons of a span as JSON, the largest first. One that kept no volume in the whole log is not told."""
        reasons = dict.fromkeys(reason for sums in self._sums for reason in sums.reasons)
        told = [
            self._until(reason, span).less(self._until(reason, span - 1))
            for reason in reasons
            if self._until(reason, len(self._sums) - 1).nl
        ]
        told = [row for row in told if row.nl or row.for_s or row.times]
        return [row.document() for row in sorted(told, key=lambda row: -row.nl)]

    def _until(self, reason: Reason, span: int) -> NotGiven:
        """Up to the end of a span, rounded."""
        whole = NotGiven(*reason)
        for sums in self._sums[: span + 1]:
            row = sums.reasons.get(reason, whole)
            if row is not whole:
                whole.nl, whole.for_s = whole.nl + row.nl, whole.for_s + row.for_s
                whole.times += row.times
        whole.nl, whole.for_s = round(round(whole.nl, 3)), round(round(whole.for_s, 4), 1)
        return whole

    def unknown_s(self, span: int = 0) -> dict[int, float]:
        """Programs that the store lacks, by half hash, and how long they ran."""
        return self._sums[span].unknown_s

    def unknown_requests(self, span: int = 0) -> int:
        """Refused requests whose volume is told nowhere."""
        return self._sums[span].unknown_requests


class Rising:
    """A figure along a log, and where what is left of it at the end came to be: each rise that lasted."""

    def __init__(self) -> None:
        self.steps: list[tuple[Place, int]] = []
        self.last = 0

    def see(self, place: Place, value: int) -> None:
        """The figure at the next record; below 0 is 0."""
        self.last = max(0, value)
        while self.steps and self.steps[-1][1] > self.last:
            self.steps.pop()
        if self.last > (self.steps[-1][1] if self.steps else 0):
            self.steps.append((place, self.last))

    def copy(self) -> Rising:
        """The same, to be gone on with."""
        other = Rising()
        other.steps, other.last = list(self.steps), self.last
        return other

    def rises(self) -> Iterator[tuple[Place, int]]:
        """(where, by how much); the sum is the figure at the end."""
        before = 0
        for place, value in self.steps:
            yield place, value - before
            before = value
