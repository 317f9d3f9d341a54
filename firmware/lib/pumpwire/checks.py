"""What the fields of a document must agree on with each other.

Owns: the checks of a whole program and of an angle map, and the rates that a program can ask for.
Rules: both ends run this very check; on the Pico this module is on loan (rig.lend).
Units: nL/day, nL; by the names' endings.
Leaves: each field by itself to fields.py.
"""

from pumpwire.fields import DocumentError
from pumpwire.shapes import MAX_RATE_NL_PER_DAY, MIN_RATE_NL_PER_DAY
from pumpwire.terms import ANGLE_CELLS, ANGLE_MEAN, WEEKDAYS, bolus_rate_nl_per_day


def check_angle(rows):
    """Refuse a map whose cells do not make up a turn. Raises DocumentError."""
    if len(rows) != ANGLE_CELLS or sum(row[0] for row in rows) != ANGLE_CELLS * ANGLE_MEAN:
        raise DocumentError(
            "angle_weights", "must be %d weights whose mean is %d" % (ANGLE_CELLS, ANGLE_MEAN)
        )


def _check_day(program, name):
    steps = program[name]
    if not steps:
        return
    if steps[0][0] != 0:
        raise DocumentError(name, "the first step must start at 0 s of the day")
    for i in range(1, len(steps)):
        if steps[i][0] <= steps[i - 1][0]:
            raise DocumentError(name, "steps must come in the order of their time")
    if not program["basal"]:
        raise DocumentError(name, "a weekday pattern needs a basal pattern beside it")


def check_program(program):
    """Refuse a program that contradicts itself or its limits. Raises DocumentError."""
    given = [name for name in ("basal", "ramp", "phases") if program[name]]
    if len(given) != 1:
        raise DocumentError("basal", "exactly one of basal, ramp, phases must be given")
    for name in ("basal",) + WEEKDAYS:
        _check_day(program, name)
    for row in program["ramp"]:
        if row[0] > row[3]:
            raise DocumentError("ramp", "starts above its ceiling")
    for volume_nl, rate in program["bridge"]:
        if (volume_nl == 0) != (rate == 0):
            raise DocumentError("bridge", "needs a volume and a rate, or 0:0 for none")
    if program["low_nl"] >= program["reservoir_nl"]:
        raise DocumentError("low_nl", "is not below reservoir_nl")
    soft = program["soft_nl_per_day"]
    if soft != MAX_RATE_NL_PER_DAY and soft > program["hard_nl_per_day"]:
        raise DocumentError("soft_nl_per_day", "is above hard_nl_per_day")
    _check_rates(program)


def _check_rates(program):
    for name, rate in lowest_rates(program):
        if 0 < rate < MIN_RATE_NL_PER_DAY:
            raise DocumentError(
                name, "%d nl/day is below the lowest rate %d nl/day" % (rate, MIN_RATE_NL_PER_DAY)
            )
    hard = program["hard_nl_per_day"]
    for name, rate in peak_rates(program):
        if rate > hard:
            raise DocumentError(name, "%d nl/day is above the hard limit %d nl/day" % (rate, hard))


def lowest_rates(program):
    """(field, nL/day) of every base rate that a program names."""
    rows = []
    for name in ("basal",) + WEEKDAYS + ("phases",):
        for row in program[name]:
            rows.append((name, row[1]))
    for row in program["ramp"]:
        rows.append(("ramp", row[0]))
    for row in program["bridge"]:
        rows.append(("bridge", row[1]))
    return rows


def peak_rates(program):
    """(field, highest nL/day that the field can ask for) of each source of a program."""
    rows = []
    for name in ("basal",) + WEEKDAYS + ("phases",):
        if program[name]:
            rows.append((name, max(row[1] for row in program[name])))
    for row in program["ramp"]:
        rows.append(("ramp", row[3]))
    for row in program["periodic"]:
        rows.append(("periodic", bolus_rate_nl_per_day(row[1], row[2])))
    for row in program["bridge"]:
        rows.append(("bridge", row[1]))
    for row in program["demand"]:
        rows.append(("demand", bolus_rate_nl_per_day(row[0], row[1])))
    return rows
