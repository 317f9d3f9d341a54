"""Sums over 24 hours: what has flowed, and the most that a program can ask for.

Owns: the record of past flow in exact fractions, and the bounds between which a cap's answer may lie.
Rules: written from the contract's rule on the cap; the standard library only.
Units: nL, nL/day, microseconds.
Leaves: what is done about a cap to model.py.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from fractions import Fraction
from math import ceil

from oracle.program import DAY_US, NEVER_US, S_US, Periodic, Program

KEPT_US = DAY_US + 3_600 * S_US
GRAIN_US = 600 * S_US  # the device may count a stretch of so long in full until all of it is a day old


class Past:
    """What flowed in the last 25 hours, and some before.

    Stretches of (from_us, until_us, nL, nL beyond the base flow, nL requested). Beside each stand the sums of nL and of
    nL beyond the base flow up to its end, from the first stretch there was.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[Fraction, ...]] = []
        self._assumed: deque[tuple[Fraction, Fraction]] = deque()  # (at_us, nL) of power cuts

    def copy(self) -> Past:
        other = Past()
        other._rows = self._rows.copy()
        other._assumed = self._assumed.copy()
        return other

    def shift(self, by_us: Fraction) -> None:
        """The clock that counts is another one: add to every instant."""
        self._rows = [(a + by_us, b + by_us, *nl) for a, b, *nl in self._rows]
        self._assumed = deque((at + by_us, nl) for at, nl in self._assumed)

    def add(
        self,
        from_us: Fraction,
        until_us: Fraction,
        nl: Fraction,
        extra_nl: Fraction = Fraction(0),
        asked_nl: Fraction = Fraction(0),
    ) -> None:
        """A stretch of constant flow, later than all before."""
        if nl:
            sum_nl, sum_extra_nl = self._rows[-1][5:] if self._rows else (0, 0)
            sums = sum_nl + nl, sum_extra_nl + extra_nl
            self._rows.append((from_us, until_us, nl, extra_nl, asked_nl, *sums))
            if self._rows[0][1] < until_us - 2 * KEPT_US:
                del self._rows[: self._first_after(until_us - KEPT_US)]

    def assume(self, at_us: Fraction, nl: Fraction) -> None:
        """So much may have flowed before a power cut, unrecorded: in time that is no time to the rig."""
        self._assumed.append((at_us, nl))

    def perhaps_since(self, from_us: Fraction) -> tuple[Fraction, Fraction]:
        """As `since`, with what may have flowed."""
        total, extra = self.since(from_us)
        return total + sum((nl for at, nl in self._assumed if at > from_us), Fraction(0)), extra

    def since(self, from_us: Fraction) -> tuple[Fraction, Fraction]:
        """(nL, nL beyond the base flow) since an instant."""
        k = self._first_after(from_us)
        if k == len(self._rows):
            return Fraction(0), Fraction(0)
        a, b, nl, extra_nl, _asked_nl, sum_nl, sum_extra_nl = self._rows[k]
        share = 1 if a >= from_us else (b - from_us) / (b - a)
        total = self._rows[-1][5] - sum_nl + nl * share
        return total, self._rows[-1][6] - sum_extra_nl + extra_nl * share

    def _first_after(self, at_us: Fraction) -> int:
        """The first stretch that ends after an instant."""
        return bisect_right(self._rows, at_us, key=lambda row: row[1])

    def asked_since(self, from_us: Fraction) -> Fraction:
        """nL of requests since an instant, stretches that began before it left out."""
        total = Fraction(0)
        for a, _b, _nl, _extra_nl, asked_nl, *_sums in reversed(self._rows):
            if a < from_us:
                break
            total += asked_nl
        return total


def turns_between(due_us: Fraction, every_us: int, from_us: Fraction, until_us: Fraction) -> int:
    """How many turns, of which the next is due at due_us, fall due after from_us and until until_us."""
    return max(0, (until_us - due_us) // every_us + 1) - max(0, (from_us - due_us) // every_us + 1)


def most_base_nl(program: Program) -> Fraction:
    """The most base flow in any 24 h, hours of a clock change apart."""
    if program.ramp:
        _start, step, _interval, ceiling = program.ramp
        return Fraction(ceiling if step else program.ramp[0])
    if program.is_constant:
        return Fraction(program.days[""][0][1])
    rows: list[tuple[int, int, int]] = []  # from_s, until_s, nL/day
    if program.phases:
        at_s = 0
        for for_s, rate in program.phases:
            rows.append((at_s, at_s + for_s, rate))
            at_s += for_s
        rows.append((at_s, at_s + 2 * DAY_US // S_US, program.phases[-1][1]))
    else:
        for day in range(9):
            steps = program.pattern(day % 7)
            for k, (from_s, rate) in enumerate(steps):
                until_s = steps[k + 1][0] if k + 1 < len(steps) else 86_400
                rows.append((day * 86_400 + from_s, day * 86_400 + until_s, rate))
    starts = {a for a, _b, _rate in rows} | {b - 86_400 for _a, b, _rate in rows}
    most = Fraction(0)
    for start in starts:
        total = sum(max(0, min(b, start + 86_400) - max(a, start)) * rate for a, b, rate in rows)
        most = max(most, Fraction(total, 86_400))
    return most


def most_periodic_nl(row: Periodic) -> Fraction:
    """The most that one row asks for in any 24 h."""
    turns, rest_s = divmod(86_400, row.every_s)
    return row.volume_nl * (turns + min(Fraction(1), Fraction(rest_s * 1000, row.over_ms)))


def most_late_nl(program: Program) -> Fraction:
    """The most of the rows in any 24 h, if each turn may be late by two of each other row's, or until its own next."""
    total = Fraction(0)
    for row in program.periodic:
        others_ms = 2 * sum(other.over_ms for other in program.periodic if other is not row)
        span_ms = DAY_US // 1000 + min(others_ms, row.every_s * 1000)
        turns, rest_ms = divmod(span_ms, row.every_s * 1000)
        total += ceil(row.volume_nl * (turns + min(Fraction(1), Fraction(rest_ms, row.over_ms))))
    return total


def surely_nl(program: Program) -> Fraction:
    """What some 24 h of the program reach without doubt."""
    if sum(Fraction(row.over_ms, row.every_s * 1000) for row in program.periodic) > Fraction(1, 2):
        return most_base_nl(program)  # boluses may have to wait, and be missed
    always = sum(row.volume_nl * (86_400 // row.every_s) for row in program.periodic)
    if program.is_constant and len(program.periodic) == 1:
        return most_base_nl(program) + most_periodic_nl(program.periodic[0])
    return most_base_nl(program) + always


def never_above_nl(program: Program) -> Fraction:
    """What no 24 h of the program exceed: repeated hours and every coincidence included; each part in whole nL."""
    most = ceil(most_base_nl(program)) + most_late_nl(program)
    if program.zone != "UTC" and not program.is_constant and program.days:
        most += Fraction(program.highest_rate(), 24)
    return most + (program.bridge[0] if program.bridge else 0)


def coming_base_nl(program: Program, elapsed_us: Fraction, utc_us: Fraction, span_us: Fraction) -> Fraction:
    """The base flow of the coming time, if nothing interferes."""
    total, done_us = Fraction(0), Fraction(0)
    while done_us < span_us:
        rate, holds_us = program.rate(elapsed_us + done_us, utc_us + done_us)
        part_us = min(span_us - done_us, holds_us if holds_us < NEVER_US else span_us)
        total += rate * part_us / DAY_US
        done_us += part_us
    return total
