"""Documents: what is staged, reviewed and committed, as one line of text.

Owns: the fields of a therapy program and of a calibration, their limits, their canonical text.
Rules: one document has exactly one canonical text; its hash (terms.py) is over that text; both ends run this
very check; on the Pico this module is on loan (rig.lend).
Callers: rig.session at stage and commit, rig.therapy and rig.dosing for the values; the host to build and to
show.
Units: by the names' endings; a day's seconds count from local midnight.
Leaves: what a value makes the pump do to rig.therapy; TOML to the host.

    kind=program name=night%20step basal=0:200000,28800:300000 reservoir_nl=18000000 ...

A field that has its default is left out. Lists: `,` between items, `:` inside one.
"""

from pumpwire.codec import WireError, escape, is_digits, unescape
from pumpwire.terms import ANGLE_CELLS, ANGLE_MEAN, DAY_S, WEEKDAYS, bolus_rate_nl_per_day, code_of, digest

__all__ = ("bolus_rate_nl_per_day", "canonical", "code_of", "digest", "parse")

MAX_TEXT = 1200  # characters of a document; staged in parts that fit a line
MIN_RATE_NL_PER_DAY = 1_000  # below it a rate is no rate but 0: half a nL/day of rounding stays below 0.05 %
MAX_RATE_NL_PER_DAY = 14_400_000_000  # 10 mL/min: beyond any head; the motor's own limit is rig.config's


class DocumentError(ValueError):
    """A document that cannot be accepted: args[0] the field, args[1] why."""


# shape of a list's items: (name, lowest, highest) each
STEP = (("from_s", 0, DAY_S - 1), ("rate_nl_per_day", 0, MAX_RATE_NL_PER_DAY))
PERIODIC = (
    ("every_s", 60, 31 * DAY_S),
    ("volume_nl", 1, 20_000_000),
    ("over_ms", 1_000, DAY_S * 1000),
    ("first_s", 0, 31 * DAY_S),
)
DEMAND = (
    ("volume_nl", 1, 20_000_000),
    ("over_ms", 1_000, DAY_S * 1000),
    ("lockout_s", 0, 7 * DAY_S),
    ("max_per_24h", 0, 1000),
)
RAMP = (
    ("start_nl_per_day", 0, MAX_RATE_NL_PER_DAY),
    ("step_nl_per_day", 0, MAX_RATE_NL_PER_DAY),
    ("interval_s", 60, 31 * DAY_S),
    ("ceiling_nl_per_day", 1, MAX_RATE_NL_PER_DAY),
)
ZONE = (("from_utc_s", 0, 1 << 33), ("offset_s", 0, 2 * DAY_S))  # offset + one day, so that it has no sign
BRIDGE = (("volume_nl", 0, 20_000_000), ("rate_nl_per_day", 0, MAX_RATE_NL_PER_DAY))  # 0:0 is "no bridge"
ANGLE = (("weight", ANGLE_MEAN // 4, 4 * ANGLE_MEAN),)  # at most four times as fast
PHASE = (("for_s", 60, 366 * DAY_S), ("rate_nl_per_day", 0, MAX_RATE_NL_PER_DAY))

# field, type ("text", a tuple of choices, an item shape, or (lowest, highest)), default (None: must be given)
FIELDS = {
    "program": (
        ("name", "text", None),
        ("drug", "text", ""),
        ("concentration", "text", ""),
        ("basal", STEP, ()),
        ("mon", STEP, ()),
        ("tue", STEP, ()),
        ("wed", STEP, ()),
        ("thu", STEP, ()),
        ("fri", STEP, ()),
        ("sat", STEP, ()),
        ("sun", STEP, ()),
        ("ramp", RAMP, ()),
        ("phases", PHASE, ()),
        ("periodic", PERIODIC, ()),
        ("demand", DEMAND, ()),
        ("reservoir_nl", (100_000, 100_000_000), 20_000_000),
        ("low_nl", (0, 100_000_000), 2_000_000),
        ("soft_nl_per_day", (1, MAX_RATE_NL_PER_DAY), MAX_RATE_NL_PER_DAY),
        ("hard_nl_per_day", (1, MAX_RATE_NL_PER_DAY), MAX_RATE_NL_PER_DAY),
        ("cap_nl", (1, MAX_RATE_NL_PER_DAY), MAX_RATE_NL_PER_DAY),
        ("catheter_nl", (0, 10_000_000), 0),
        ("zone", ZONE, ()),
        ("bridge", BRIDGE, ()),
        ("on_return", ("resume", "stop"), "resume"),
        ("on_stall", ("stop", "retry"), "stop"),
    ),
    "access": (
        ("key", "text", ""),
        ("pin_hash", "text", ""),
        ("plain", (0, 1), 1),
        ("seq", (0, 0xFFFFFFFF), 0),  # of the command that set it
    ),
    "calibration": (
        ("id", (1, 0xFFFFFFFF), None),
        ("nl_num", (1, 1 << 60), None),  # volume of one revolution in nL = nl_num / nl_den
        ("nl_den", (1, 1 << 40), None),
        ("u_ppm", (0, 1_000_000), None),  # expanded relative uncertainty, k = 2
        ("at_utc_s", (0, 1 << 40), 0),
        ("tube", "text", ""),
        ("by", "text", ""),
        ("angle_weights", ANGLE, ()),  # 96 cells of a turn, from encoder angle 0 on
    ),
}
SINGLE = ("ramp", "demand", "bridge")  # lists of at most one item


def _integer(field, text, low, high):
    if len(text) > 20 or not is_digits(text):
        raise DocumentError(field, "'%s' is not a whole number" % text[:24])
    value = int(text)
    if not low <= value <= high:
        raise DocumentError(field, "%d is outside %d to %d" % (value, low, high))
    return value


def _items(field, shape, text):
    rows = []
    for item in text.split(","):
        parts = item.split(":")
        if len(parts) != len(shape):
            raise DocumentError(field, "an item has %d parts, not %d" % (len(parts), len(shape)))
        rows.append(tuple(_integer(field, parts[i], shape[i][1], shape[i][2]) for i in range(len(shape))))
    return tuple(rows)


def _value(field, kind, text):
    if kind == "text":
        if len(text) > 64:
            raise DocumentError(field, "is longer than 64 characters")
        return text
    if isinstance(kind[0], str):
        if text not in kind:
            raise DocumentError(field, "'%s' is none of %s" % (text[:16], ", ".join(kind)))
        return text
    if isinstance(kind[0], tuple):
        rows = _items(field, kind, text) if text else ()
        if field in SINGLE and len(rows) > 1:
            raise DocumentError(field, "has more than one item")
        return rows
    return _integer(field, text, kind[0], kind[1])


def _text(value):
    if isinstance(value, tuple):
        return ",".join(":".join(str(part) for part in row) for row in value)
    return str(value)


def parse(text):
    """The text of a document -> {field: value}, every field of its kind present. Raises DocumentError."""
    if len(text) > MAX_TEXT:
        raise DocumentError("document", "is longer than %d characters" % MAX_TEXT)
    given = {}
    for word in text.split(" "):
        name, equals, value = word.partition("=")
        if not name or not equals or name in given:
            raise DocumentError(name[:16] or "document", "is not name=value, or stands twice")
        try:
            given[name] = unescape(value)
        except WireError:
            raise DocumentError(name[:16], "has a bad %XX")
    kind = given.pop("kind", "")
    if kind not in FIELDS:
        raise DocumentError("kind", "'%s' is none of %s" % (kind[:16], ", ".join(sorted(FIELDS))))
    out = {"kind": kind}
    for field, shape, default in FIELDS[kind]:
        if field in given:
            out[field] = _value(field, shape, given.pop(field))
        elif default is None:
            raise DocumentError(field, "is missing")
        else:
            out[field] = default
    if given:
        raise DocumentError(sorted(given)[0][:16], "is not a field of a " + kind)
    if kind == "program":
        _check_program(out)
    if out.get("angle_weights"):
        _check_angle(out["angle_weights"])
    return out


def canonical(document):
    """{field: value} -> its one canonical text."""
    words = ["kind=" + document["kind"]]
    for field, _shape, default in FIELDS[document["kind"]]:
        value = document.get(field, default)
        if value != default:
            words.append("%s=%s" % (field, escape(_text(value))))
    return " ".join(words)


def _check_angle(rows):
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


def _check_program(program):
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
