"""Time zones as the rig takes them: the offset that holds now and the coming transitions.

Owns: from a zone's name to the document's list, and back to a name that gives the same list.
Rules: the rig knows no zone names; it gets the transitions of YEARS both ways, in whole calendar years, so that a
program has one hash through a year, and more at the next load.
Units: seconds since 1970 UTC; offsets in seconds, one day added so that they carry no sign.
Leaves: the database of zones to the system (or the package tzdata).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

DAY_S = 86_400
YEARS = 10  # both ways: a clock may be set back
STEP_S = 7 * DAY_S
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Transitions = tuple[tuple[int, int], ...]


def transitions(name: str, now_s: int) -> Transitions:
    """((from_utc_s, offset_s + one day), ...): the offset YEARS ago, every change since and to come, and the end.

    The list begins with the calendar year (UTC) that was YEARS ago, and ends YEARS after the present one. Its end is a
    row that repeats the offset before it. A zone that never changes meanwhile is one row from 0 on; UTC is the empty
    list. Raises KeyError for an unknown zone.
    """
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise KeyError(name) from None
    return _around(zone, (EPOCH + timedelta(seconds=now_s)).year)


@cache
def _around(zone: ZoneInfo, year: int) -> Transitions:
    """Of the calendar years about this one."""
    at_s, end_s = max(0, _new_year_s(year - YEARS)), _new_year_s(year + YEARS + 1)
    offset = _offset(zone, at_s)
    found = [(at_s, offset + DAY_S)]
    while at_s < end_s:
        next_s = min(at_s + STEP_S, end_s)
        after = _offset(zone, next_s)
        if after != offset:
            found.append((_change(zone, at_s, next_s), after + DAY_S))
        at_s, offset = next_s, after
    if len(found) > 1:
        return (*found, (end_s, found[-1][1]))
    return () if found[0][1] == DAY_S else ((0, found[0][1]),)


def _new_year_s(year: int) -> int:
    return round((datetime(year, 1, 1, tzinfo=UTC) - EPOCH).total_seconds())


def _offset(zone: ZoneInfo, at_s: int) -> int:
    offset = (EPOCH + timedelta(seconds=at_s)).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _change(zone: ZoneInfo, low_s: int, high_s: int) -> int:
    """The first second with the offset of high_s, where low_s has another."""
    after = _offset(zone, high_s)
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        if _offset(zone, middle_s) == after:
            high_s = middle_s
        else:
            low_s = middle_s
    return high_s


def name_of(wanted: Transitions) -> str | None:
    """A zone that has these transitions: the computer's own if it fits, else the first by name."""
    if not wanted:
        return "UTC"
    at_s = wanted[0][0] + 1 if wanted[0][0] else (wanted[1][0] - 1 if len(wanted) > 1 else 1)
    names = sorted(available_timezones(), key=lambda name: (not name.startswith("Europe/"), name))
    for name in [_own_name(), *names]:
        if name and _fits(name, wanted, at_s):
            return name
    return None


def _fits(name: str, wanted: Transitions, at_s: int) -> bool:
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    if _offset(zone, at_s) + DAY_S != wanted[0][1]:
        return False
    return all(
        _offset(zone, from_s) + DAY_S == offset
        and (offset == before or _offset(zone, from_s - 1) + DAY_S != offset)  # equal: the end of the list
        for (_from_s, before), (from_s, offset) in pairwise(wanted)
    )


def _own_name() -> str | None:
    import os

    target = os.environ.get("TZ") or os.path.realpath("/etc/localtime")
    return target.split("zoneinfo/")[-1].lstrip(":") if target else None
