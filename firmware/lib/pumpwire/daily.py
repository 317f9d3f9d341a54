"""The most that a program delivers in any 24 h, and the constant program.

Owns: the widest day of a base flow, of periodic boluses and of a bridge; what `rate` makes of the active program.
Rules: the cap is judged by this on the rig and on the host; a window slides over everything a program can bring:
weekdays, phases, the repeated hour, boluses that begin and end inside of it; a generator, so that the Pico can
spread it over ticks; on the Pico this module is on loan (rig.lend).
Units: nL, nL/day, microseconds.
Leaves: the rate at an instant to program.py, what flowed already to rig.flow.day_cap.
"""

from pumpwire.program import (
    DAY_US,
    SECOND_US,
    base_rate,
    bridge_of,
    day_rate,
    due_us,
    is_constant,
    is_daily,
    max_base_rate,
    turns_before,
)
from pumpwire.terms import DAY_S, day_nl

KEPT = (
    "drug",
    "concentration",
    "periodic",
    "demand",
    "reservoir_nl",
    "low_nl",
    "soft_nl_per_day",
    "hard_nl_per_day",
    "cap_nl",
    "catheter_nl",
    "zone",
    "on_return",
    "on_stall",
)


def constant(active, rate_nl_per_day):
    """The document of a constant base flow; all else of the active program (None: there is none) stays."""
    program = {"kind": "program", "name": "constant", "basal": ((0, rate_nl_per_day),)}
    if active is not None:
        for name in KEPT:
            program[name] = active[name]
    return program


def is_base_alone(program, active):
    """Whether a program is what `rate` makes of the active one (None: there is none): its grid and boluses go on."""
    if active is None or program["name"] != "constant" or program["bridge"] or not is_constant(program):
        return False
    return not [name for name in KEPT if program[name] != active[name]]


def finish(steps):
    """Run a generator of this module to its end in one go; returns its value."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def most_own_nl(program):
    """The most that base flow, periodic boluses and bridge deliver in any 24 h, nL, rounded up. A generator."""
    base_nl = yield from most_base_nl(program)
    volume_nl, rate = bridge_of(program)
    if volume_nl:
        rest_us = max(0, DAY_US - volume_nl * DAY_US // rate)
        base_nl = max(base_nl, min(rate, volume_nl + -(-base_nl * rest_us // DAY_US)))
    return base_nl + most_periodic_nl(program)


def most_own_bound_nl(program):
    """No less than most_own_nl, at once."""
    return max(max_base_rate(program), bridge_of(program)[1]) + most_periodic_nl(program)


def most_periodic_nl(program):
    """The most of the periodic boluses in any 24 h, each row at its fullest, rounded up.

    A turn may have waited at one end of the 24 h and not at the other: for two of each other row's at the most.
    """
    total_nl = 0
    waits_ms = 2 * sum([row[2] for row in program["periodic"]])
    for every_s, volume_nl, over_ms, _first in program["periodic"]:
        late_ms = min(waits_ms - 2 * over_ms, every_s * 1000)
        whole, rest_ms = divmod(DAY_S * 1000 + late_ms, every_s * 1000)
        total_nl += whole * volume_nl + -(-volume_nl * min(over_ms, rest_ms) // over_ms)
    return total_nl


def most_base_nl(program):
    """The most of the base flow in any 24 h, rounded up. A generator."""
    if program["ramp"]:
        start, step, _interval, ceiling = program["ramp"][0]
        return ceiling if step else start
    if program["phases"]:
        return (yield from _widest(_phases(program)))
    if is_constant(program):
        return program["basal"][0][1]
    if is_daily(program):
        most_nl = day_nl(program["basal"])
    else:
        most_nl = yield from _widest(_days(program, 0, 0, 9 * DAY_US, 0))
    seen = []
    for i in range(1, len(program["zone"])):
        before_us = (program["zone"][i - 1][1] - DAY_S) * SECOND_US
        after_us = (program["zone"][i][1] - DAY_S) * SECOND_US
        local_us = program["zone"][i][0] * SECOND_US + before_us
        case = (local_us % (DAY_US if is_daily(program) else 7 * DAY_US), after_us - before_us)
        if before_us != after_us and case not in seen:
            seen.append(case)
            pieces = _days(program, local_us - DAY_US, local_us, local_us + DAY_US, after_us - before_us)
            most_nl = max(most_nl, (yield from _widest(pieces)))
        yield
    return most_nl


def _days(program, from_us, change_us, to_us, shift_us):
    """[(us, rate), ..., (to_us, 0)] of the day patterns; at change_us the wall clock moves by shift_us."""
    pieces = []
    at_us = from_us
    while at_us < to_us:
        rate, holds_us = day_rate(program, at_us if at_us < change_us else at_us + shift_us)
        pieces.append((at_us, rate))
        at_us = min(at_us + holds_us, change_us if at_us < change_us else to_us, to_us)
    pieces.append((to_us, 0))
    return pieces


def _phases(program):
    """The same of the phases; the last one stays."""
    pieces = []
    at_us = 0
    for for_s, rate in program["phases"]:
        pieces.append((at_us, rate))
        at_us += for_s * SECOND_US
    pieces.append((at_us + DAY_US, 0))
    return pieces


def _widest(pieces):
    """The most of 24 h anywhere in the pieces: a window's volume is extreme where one of its ends is at a change."""
    last_us = pieces[-1][0] - DAY_US
    starts = [at_us for at_us, _rate in pieces] + [at_us - DAY_US for at_us, _rate in pieces]
    starts = sorted(set([at_us for at_us in starts if pieces[0][0] <= at_us <= last_us]))
    most = 0
    for at_us in starts:
        units = 0
        for i in range(len(pieces) - 1):
            overlap_us = min(pieces[i + 1][0], at_us + DAY_US) - max(pieces[i][0], at_us)
            if overlap_us > 0:
                units += pieces[i][1] * overlap_us
        most = max(most, units)
        yield
    return -(-most // DAY_US)


def slots_nl(program, elapsed_us, utc_us, bridge, first_us, slot_us, count, behind_us=0, is_begun=True):
    """What base flow, bridge and periodic boluses have brought by the end of each of the coming slots. A generator.

    behind_us: of a titration, which goes on from there; is_begun: turns that fell due before give what is left of them.
    bridge: (nL left of it, nL/day); its time belongs to it alone. The first slot ends after first_us. nL, rounded down.
    """
    left = bridge[0] * DAY_US
    rows = program["periodic"]
    before_nl = [
        _periodic_nl(row, elapsed_us) if is_begun else turns_before(row, elapsed_us + 1) * row[1]
        for row in rows
    ]
    brought = []
    at_us = units = 0
    for slot in range(count):
        end_us = first_us + slot * slot_us
        while at_us < end_us:
            span_us = end_us - at_us
            if left > 0:
                span_us = min(span_us, -(-left // bridge[1]))
                units += min(left, bridge[1] * span_us)
                left -= bridge[1] * span_us
            else:
                own_us = elapsed_us - behind_us + at_us
                rate, holds_us = base_rate(program, own_us, utc_us + at_us if utc_us else 0)
                span_us = min(span_us, holds_us)
                units += rate * span_us
            at_us += span_us
        volume_nl = units // DAY_US
        for i in range(len(rows)):
            volume_nl += max(0, _periodic_nl(rows[i], elapsed_us + end_us) - before_nl[i])
        brought.append(volume_nl)
        yield
    return brought


def _periodic_nl(row, elapsed_us):
    """What a periodic bolus has brought until elapsed_us, each turn evenly over its time."""
    turns = turns_before(row, elapsed_us)
    if not turns:
        return 0
    into_us = elapsed_us - due_us(row, turns - 1)
    return (turns - 1) * row[1] + row[1] * min(into_us, row[2] * 1000) // (row[2] * 1000)
