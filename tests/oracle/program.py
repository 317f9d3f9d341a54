"""A therapy program in the words of its TOML section, and the rate of its base flow at an instant.

Owns: what a program says, as text for the host and as numbers for the model; day patterns, zones, ramps, phases.
Rules: written from the contract's rules alone; the standard library only, nothing of firmware/ or host/.
Units: nL, whole nL/day, s, microseconds; `elapsed_us` since the program's start, `utc_us` since 1970.
Leaves: boluses and interruptions to model.py, 24-hour sums to day.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

S_US = 1_000_000
DAY_S = 86_400
DAY_US = DAY_S * S_US
NEVER_US = Fraction(1 << 80)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Steps = tuple[tuple[int, int], ...]  # (from_s of the local day, nL/day)


@dataclass(frozen=True)
class Periodic:
    """`[[periodic_bolus]]`; first_s None: the first one is due after `every`."""

    every_s: int
    volume_nl: int
    over_ms: int
    first_s: int | None = None

    @property
    def first_us(self) -> int:
        return (self.every_s if self.first_s is None else self.first_s) * S_US


@dataclass(frozen=True)
class Demand:
    """`[demand_bolus]`."""

    volume_nl: int
    over_ms: int
    lockout_s: int
    most: int


@dataclass(frozen=True)
class Program:
    """A program; exactly one of `days` (key "" is `steps`), `ramp` and `phases` is given."""

    name: str
    days: dict[str, Steps] = field(default_factory=dict[str, Steps])
    ramp: tuple[int, int, int, int] | None = None  # start, step nL/day, interval_s, ceiling nL/day
    phases: tuple[tuple[int, int], ...] = ()  # for_s, nL/day
    periodic: tuple[Periodic, ...] = ()
    demand: Demand | None = None
    drug: str = ""
    concentration: str = ""
    bridge: tuple[int, int] | None = None  # volume, nL/day; (0, 0): none is wanted
    reservoir_nl: int = 20_000_000
    low_nl: int = 2_000_000
    catheter_nl: int = 0
    soft_nl_per_day: int | None = None
    hard_nl_per_day: int | None = None
    cap_nl: int | None = None
    zone: str = "UTC"
    on_return: str = "resume"

    def rate(self, elapsed_us: Fraction, utc_us: Fraction) -> tuple[int, Fraction]:
        """(nL/day of the base flow, microseconds for which it holds at least)."""
        if self.ramp:
            start, step, interval_s, ceiling = self.ramp
            turn = elapsed_us // (interval_s * S_US)
            rate = start + int(turn) * step
            if rate >= ceiling or not step:
                return min(rate, ceiling), NEVER_US
            return rate, (turn + 1) * interval_s * S_US - elapsed_us
        if self.phases:
            end_us = 0
            for for_s, rate in self.phases:
                end_us += for_s * S_US
                if elapsed_us < end_us:
                    return rate, end_us - elapsed_us
            return self.phases[-1][1], NEVER_US
        if self.is_constant:
            return self.days[""][0][1], NEVER_US
        return self._day_rate(utc_us)

    @property
    def is_constant(self) -> bool:
        """One rate, day and night."""
        return list(self.days) == [""] and len(self.days[""]) == 1

    def _day_rate(self, utc_us: Fraction) -> tuple[int, Fraction]:
        offset_s, change_s = zone_at(self.zone, int(utc_us // S_US))
        local_us = utc_us + offset_s * S_US
        day, in_day_us = divmod(local_us, DAY_US)
        steps = self.pattern((int(day) + 3) % 7)  # 1970-01-01 was a Thursday
        rate, until_us = 0, Fraction(DAY_US)
        for from_s, step_rate in steps:
            if from_s * S_US > in_day_us:
                until_us = Fraction(from_s * S_US)
                break
            rate = step_rate
        return rate, min(until_us - in_day_us, change_s * S_US - utc_us)

    def pattern(self, weekday: int) -> Steps:
        """The steps of a day, Monday is 0."""
        return self.days.get(WEEKDAYS[weekday], self.days.get("", ()))

    def highest_rate(self) -> int:
        """The most that the base flow ever asks for, nL/day."""
        if self.ramp:
            return self.ramp[3]
        if self.phases:
            return max(rate for _for_s, rate in self.phases)
        return max(rate for steps in self.days.values() for _from_s, rate in steps)

    def toml(self) -> str:
        """The file that a user would write."""
        lines = [f'name = "{self.name}"']
        if self.drug:
            lines += ["[drug]", f'name = "{self.drug}"', f'concentration = "{self.concentration}"']
        lines += ["[reservoir]", f'volume = "{self.reservoir_nl} nl"', f'low_alert = "{self.low_nl} nl"']
        if self.catheter_nl:
            lines += ["[catheter]", f'volume = "{self.catheter_nl} nl"']
        limits = (
            ("soft_max_rate", self.soft_nl_per_day, "nl/day"),
            ("hard_max_rate", self.hard_nl_per_day, "nl/day"),
            ("max_per_24h", self.cap_nl, "nl"),
        )
        lines += ["[limits]"]
        lines += [f'{key} = "{value} {unit}"' for key, value, unit in limits if value is not None]
        lines += ["[basal]", *self._base_lines()]
        for row in self.periodic:
            lines += ["[[periodic_bolus]]", f'every = "{row.every_s} s"', f'volume = "{row.volume_nl} nl"']
            lines += [f'over = "{row.over_ms} ms"']
            lines += [f'first = "{row.first_s} s"'] if row.first_s is not None else []
        if self.demand:
            one = self.demand
            lines += ["[demand_bolus]", f'volume = "{one.volume_nl} nl"', f'over = "{one.over_ms} ms"']
            lines += [f'lockout = "{one.lockout_s} s"', f"max_per_24h = {one.most}"]
        lines += ["[time]", f'zone = "{self.zone}"', "[power]", f'on_return = "{self.on_return}"']
        if self.bridge is not None:
            volume_nl, rate = self.bridge
            lines += ["[bridge]"]
            lines += [f'volume = "{volume_nl} nl"', f'rate = "{rate} nl/day"'] if rate else ["none = true"]
        return "\n".join(lines) + "\n"

    def _base_lines(self) -> list[str]:
        if self.ramp:
            start, step, interval_s, ceiling = self.ramp
            rates = f'start = "{start} nl/day", step = "{step} nl/day", ceiling = "{ceiling} nl/day"'
            return [f'ramp = {{{rates}, interval = "{interval_s} s"}}']
        if self.phases:
            rows = [f'{{for = "{for_s} s", rate = "{rate} nl/day"}}' for for_s, rate in self.phases]
            return [f"phases = [{', '.join(rows)}]"]
        if self.is_constant:
            return [f'rate = "{self.days[""][0][1]} nl/day"']
        lines = []
        for day, steps in self.days.items():
            rows = [f'{{from = "{clock(from_s)}", rate = "{rate} nl/day"}}' for from_s, rate in steps]
            lines.append(f"{day or 'steps'} = [{', '.join(rows)}]")
        return lines


def clock(second: int) -> str:
    """08:30 of a second of the day; only whole minutes can be written."""
    return f"{second // 3600:02}:{second % 3600 // 60:02}"


def offset_s(zone: str, utc_s: int) -> int:
    """Local time less UTC at an instant."""
    offset = (EPOCH + timedelta(seconds=utc_s)).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def zone_at(zone: str, utc_s: int) -> tuple[int, int]:
    """(offset_s, utc_s at which it may change next: a transition, or the end of the two days looked at)."""
    return _span(zone, utc_s // DAY_S, offset_s(zone, utc_s), utc_s)


def _span(zone: str, day: int, now_s: int, utc_s: int) -> tuple[int, int]:
    for at_s, before_s, _after_s in _changes(zone, day):
        if at_s > utc_s and before_s == now_s:
            return now_s, at_s
    return now_s, (day + 2) * DAY_S


@lru_cache(maxsize=4096)
def _changes(zone: str, day: int) -> tuple[tuple[int, int, int], ...]:
    """(utc_s, offset before, offset after) of every transition within two days from a UTC day on."""
    found = []
    for hour in range(day * 24, day * 24 + 48):
        low, high = hour * 3600, (hour + 1) * 3600
        before, after = offset_s(zone, low), offset_s(zone, high)
        if before == after:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if offset_s(zone, middle) == after else (middle, high)
        found.append((high, before, after))
    return tuple(found)
