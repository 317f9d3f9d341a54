"""The base rate of a program at an instant, and until when it holds.

Owns: day patterns, weekdays, zones, titration ramps and phases, as pure functions of a program and a time.
Rules: no state; the rate depends on the instant alone, so a clock set forward or back can neither skip nor
repeat anything but time.
Callers: therapy.py.
Units: nL/day; microseconds; local seconds of the day; elapsed_us counts from the program's start.
Leaves: boluses, limits and state to therapy.py; the meaning of fields to pumpwire.documents.
"""

from pumpwire.terms import DAY_S, WEEKDAYS, day_nl

NEVER_US = 1 << 62
SECOND_US = 1_000_000
DAY_US = DAY_S * SECOND_US


def zone_offset(zone, utc_us):
    """(offset_us, utc_us of the next transition) of a list of (from_utc_s, offset_s + one day)."""
    offset_us = 0
    for from_utc_s, offset_s in zone:
        if from_utc_s * SECOND_US > utc_us:
            return offset_us, from_utc_s * SECOND_US
        offset_us = (offset_s - DAY_S) * SECOND_US
    return offset_us, NEVER_US


def _day_rate(program, local_us):
    """(rate, us until it may change) from the steps of the day at local time since 1970-01-01."""
    day, in_day_us = divmod(local_us, DAY_US)
    steps = program[WEEKDAYS[(day + 3) % 7]] or program["basal"]  # 1970-01-01 was a Thursday
    rate = 0
    until_us = DAY_US
    for from_s, step_rate in steps:
        if from_s * SECOND_US > in_day_us:
            until_us = from_s * SECOND_US
            break
        rate = step_rate
    return rate, until_us - in_day_us


def _is_constant(program):
    return len(program["basal"]) == 1 and is_daily(program)


def is_daily(program):
    """Whether every day of the program is like the other."""
    if not program["basal"]:
        return False
    for name in WEEKDAYS:
        if program[name]:
            return False
    return True


def needs_clock(program):
    """Whether the program's rate depends on the time of the day."""
    return bool(program["basal"]) and not _is_constant(program)


def base_rate(program, elapsed_us, utc_us):
    """(nL/day, us for which it holds at least). utc_us 0: not known, the day then begins at the program's start."""
    if program["ramp"]:
        start, step, interval_s, ceiling = program["ramp"][0]
        interval_us = interval_s * SECOND_US
        turn, into_us = divmod(elapsed_us, interval_us)
        rate = start + turn * step
        if rate >= ceiling or not step:
            return min(rate, ceiling), NEVER_US
        return rate, interval_us - into_us
    if program["phases"]:
        end_us = 0
        for for_s, rate in program["phases"]:
            end_us += for_s * SECOND_US
            if elapsed_us < end_us:
                return rate, end_us - elapsed_us
        return program["phases"][-1][1], NEVER_US
    if _is_constant(program):
        return program["basal"][0][1], NEVER_US
    if not utc_us:
        return _day_rate(program, elapsed_us)
    offset_us, change_us = zone_offset(program["zone"], utc_us)
    rate, holds_us = _day_rate(program, utc_us + offset_us)
    return rate, min(holds_us, change_us - utc_us)


def max_base_rate(program):
    """The highest nL/day the base flow ever asks for."""
    if program["ramp"]:
        return program["ramp"][0][3]
    rows = list(program["phases"])
    for name in ("basal",) + WEEKDAYS:
        rows.extend(program[name])
    return max(row[1] for row in rows)


def max_day_nl(program):
    """The most that the base flow delivers in any 24 h, nL: exact for a constant rate, else an upper bound."""
    if program["basal"]:
        most = 0
        for name in ("basal",) + WEEKDAYS:
            most = max(most, day_nl(program[name]))
        return most
    return max_base_rate(program)
