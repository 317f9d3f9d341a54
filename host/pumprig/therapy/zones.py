"""Time zones as the rig takes them: the offset that holds now and the coming transitions.

Owns: from a zone's name to the document's list, and back to a name that gives the same list.
Rules: the rig knows no zone names; it gets transitions for YEARS ahead, and the host sends more at the next load.
Callers: program.py, save.py.
Units: seconds since 1970 UTC; offsets in seconds, one day added so that they carry no sign.
Leaves: the database of zones to the system (or the package tzdata).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

DAY_S = 86_400
YEARS = 5
STEP_S = 7 * DAY_S
Transitions = tuple[tuple[int, int], ...]


def transitions(name: str, now_s: int) -> Transitions:
    """((from_utc_s, offset_s + one day), ...): first the offset that holds at now_s, then YEARS of changes.

    UTC is the empty list. Raises KeyError for an unknown zone.
    """
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise KeyError(name) from None
    found = [(_last_change(zone, now_s), _offset(zone, now_s) + DAY_S)]
    at_s, end_s = now_s, now_s + YEARS * 366 * DAY_S
    while at_s < end_s:
        if _offset(zone, at_s) != _offset(zone, at_s + STEP_S):
            change_s = _change(zone, at_s, at_s + STEP_S)
            found.append((change_s, _offset(zone, change_s) + DAY_S))
        at_s += STEP_S
    return () if found == [(0, DAY_S)] else tuple(found)


def _offset(zone: ZoneInfo, at_s: int) -> int:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at_s)
    offset = moment.astimezone(zone).utcoffset()
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


def _last_change(zone: ZoneInfo, now_s: int) -> int:
    """When the offset that holds at now_s began; 0 where it is older than two years."""
    at_s = now_s
    while at_s > now_s - 2 * 366 * DAY_S:
        if _offset(zone, at_s - STEP_S) != _offset(zone, now_s):
            return _change(zone, at_s - STEP_S, at_s)
        at_s -= STEP_S
    return 0


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
        _offset(zone, from_s) + DAY_S == offset and _offset(zone, from_s - 1) + DAY_S != offset
        for from_s, offset in wanted[1:]
    )


def _own_name() -> str | None:
    import os

    target = os.environ.get("TZ") or os.path.realpath("/etc/localtime")
    return target.split("zoneinfo/")[-1].lstrip(":") if target else None
