"""The arithmetic of a therapy program: what flows when, by the program alone.

Owns: the base rate over time (day patterns, weekdays, zones, titration ramps, phases), a program's mode, its highest
rates, when its periodic boluses fall due, how many demand boluses a day can have.
Rules: pure functions of a program and an instant, so that the rig, the host's check, its forecast and its picture
cannot disagree; no state; a clock set forward or back can neither skip nor repeat anything but time.
Units: nL/day; microseconds; seconds of the local day; elapsed_us counts from the program's start.
Leaves: the most in any 24 h and the constant program to daily.py, the meaning and limits of fields to documents.py.
"""

from pumpwire.terms import DAY_S, WEEKDAYS, bolus_rate_nl_per_day, day_nl

NEVER_US = 1 << 62
SECOND_US = 1_000_000
DAY_US = DAY_S * SECOND_US


# --- the base flow


def zone_offset(zone, utc_us):
    """(offset_us, utc_us of the next transition) of a list of (from_utc_s, offset_s + one day).

    Before the first row its offset is taken: the nearest that is known.
    """
    offset_us = (zone[0][1] - DAY_S) * SECOND_US if zone else 0
    for from_utc_s, offset_s in zone:
        if from_utc_s * SECOND_US > utc_us:
            return offset_us, from_utc_s * SECOND_US
        offset_us = (offset_s - DAY_S) * SECOND_US
    return offset_us, NEVER_US


def knows_zone(zone, utc_us):
    """Whether the list says what holds at utc_us. A last row that repeats the offset before it ends the list."""
    if not zone:
        return True
    if zone[0][0] * SECOND_US > utc_us:
        return False
    return len(zone) < 2 or zone[-1][1] != zone[-2][1] or utc_us < zone[-1][0] * SECOND_US


def day_rate(program, local_us):
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


def is_daily(program):
    """Whether every day of the program is like the other."""
    if not program["basal"]:
        return False
    for name in WEEKDAYS:
        if program[name]:
            return False
    return True


def is_constant(program):
    """Whether the base flow never changes."""
    return len(program["basal"]) == 1 and is_daily(program)


def needs_clock(program):
    """Whether the program's rate depends on the time of the day."""
    return bool(program["basal"]) and not is_constant(program)


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
    if is_constant(program):
        return program["basal"][0][1], NEVER_US
    if not utc_us:
        return day_rate(program, elapsed_us)
    offset_us, change_us = zone_offset(program["zone"], utc_us)
    rate, holds_us = day_rate(program, utc_us + offset_us)
    return rate, min(holds_us, change_us - utc_us)


def max_base_rate(program):
    """The highest nL/day that the base flow ever asks for, its bridge apart."""
    if program["ramp"]:
        return program["ramp"][0][3]
    rows = list(program["phases"])
    for name in ("basal",) + WEEKDAYS:
        rows.extend(program[name])
    return max(row[1] for row in rows)


def max_day_nl(program):
    """The most of the base flow on a plain day, nL: exact where days are alike; daily.py has the most of any 24 h."""
    if program["basal"]:
        return max([day_nl(program[name]) for name in ("basal",) + WEEKDAYS])
    return max_base_rate(program)


def bridge_of(program):
    """(nL, nL/day) of the bridge, (0, 0) without one."""
    return program["bridge"][0] if program["bridge"] else (0, 0)


def peak_rate(program):
    """The highest nL/day of all flows together: one bolus at a time on the base flow, or the bridge alone."""
    bolus = 0
    for _every, volume_nl, over_ms, _first in program["periodic"]:
        bolus = max(bolus, bolus_rate_nl_per_day(volume_nl, over_ms))
    for volume_nl, over_ms, _lockout, _count in program["demand"]:
        bolus = max(bolus, bolus_rate_nl_per_day(volume_nl, over_ms))
    return max(max_base_rate(program) + bolus, bridge_of(program)[1])


def mode_of(program, minimum_nl_per_day):
    """ramp, phases, flex, minimum or constant."""
    if program["ramp"]:
        return "ramp"
    if program["phases"]:
        return "phases"
    if needs_clock(program) or program["periodic"]:
        return "flex"
    return "minimum" if program["basal"][0][1] == minimum_nl_per_day else "constant"


# --- boluses


def due_us(row, turn):
    """When a periodic bolus's turn (0 is the first) falls due, microseconds from the program's start."""
    return ((row[3] or row[0]) + turn * row[0]) * SECOND_US


def turns_before(row, elapsed_us):
    """How many turns of a periodic bolus fall due before elapsed_us."""
    first_us = (row[3] or row[0]) * SECOND_US
    return max(0, -((first_us - elapsed_us) // (row[0] * SECOND_US)))


def demands_a_day(program):
    """The most demand boluses in 24 h: the count allowed, and what the lockout leaves room for."""
    if not program["demand"]:
        return 0
    _volume, _over, lockout_s, most = program["demand"][0]
    return min(most, -(-DAY_S // lockout_s)) if lockout_s else most


def demand_a_day_nl(program):
    """Volume of these."""
    return demands_a_day(program) * program["demand"][0][0] if program["demand"] else 0


def periodic_a_day_nl(program):
    """Mean volume of the periodic boluses in a day, rounded up."""
    return sum(-(-row[1] * DAY_S // row[0]) for row in program["periodic"])
