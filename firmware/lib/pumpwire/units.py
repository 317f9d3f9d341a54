"""Quantities as text with units, in exact integers.

Owns: parsing `20 ul/h` and printing it back; what the ending of a field's name says of its value.
Rules: no float; a number without a unit is refused; the canonical unit of each kind is a whole number.
Units: rate nL/day, volume nL, time ms, length um, lineic nL/cm, concentration ng/mL, mass ng.
Leaves: limits to spec.py and program.py.

A rate is kept in nL/day because every unit in use (mL/day, uL/h, uL/min, mL/h) is a whole number of them;
nL/h is not.
"""

from pumpwire.codec import is_digits


class UnitError(ValueError):
    """The text is not a quantity of the kind asked for; the message says why and lists the units."""


# kind -> ((unit, canonical units in one of it, divisor), ...); the first row is the one printed
UNITS = {
    "rate": (
        ("ul/h", 24_000, 1),
        ("nl/h", 24, 1),
        ("ml/h", 24_000_000, 1),
        ("nl/min", 1_440, 1),
        ("ul/min", 1_440_000, 1),
        ("ml/min", 1_440_000_000, 1),
        ("nl/day", 1, 1),
        ("ul/day", 1_000, 1),
        ("ml/day", 1_000_000, 1),
        ("ml/d", 1_000_000, 1),
        ("ul/d", 1_000, 1),
    ),
    "volume": (("ul", 1_000, 1), ("nl", 1, 1), ("ml", 1_000_000, 1), ("l", 1_000_000_000, 1)),
    "time": (
        ("s", 1_000, 1),
        ("ms", 1, 1),
        ("min", 60_000, 1),
        ("h", 3_600_000, 1),
        ("d", 86_400_000, 1),
        ("day", 86_400_000, 1),
        ("days", 86_400_000, 1),
        ("w", 604_800_000, 1),
    ),
    "length": (("mm", 1_000, 1), ("cm", 10_000, 1), ("m", 1_000_000, 1)),
    "lineic": (("ul/cm", 1_000, 1), ("nl/cm", 1, 1), ("ml/m", 10_000, 1), ("ul/mm", 10_000, 1)),
    "concentration": (
        ("mg/ml", 1_000_000, 1),
        ("ug/ml", 1_000, 1),
        ("ng/ml", 1, 1),
        ("ug/ul", 1_000_000, 1),
        ("g/l", 1_000_000, 1),
    ),
    "mass": (("ug", 1_000, 1), ("mg", 1_000_000, 1), ("ng", 1, 1), ("g", 1_000_000_000, 1)),
    "mass_rate": (("ug/day", 1_000, 1), ("mg/day", 1_000_000, 1), ("ng/day", 1, 1), ("ug/h", 24_000, 1)),
}

# how a field's name ends -> (kind of its value, or the unit itself, how many of the kind's smallest it is)
ENDINGS = (
    ("_nl_per_day", "rate", 1),
    ("_nl", "volume", 1),
    ("_ms", "time", 1),
    ("utc_us", "instant", 1),
    ("utc_s", "instant", 1_000_000),
    ("_us", "us", 1),
    ("_s", "time", 1_000),
    ("_steps", "steps", 1),
    ("_hz", "Hz", 1),
    ("_mv", "mV", 1),
    ("_pa", "Pa", 1),
    ("_ppm", "ppm", 1),
)

_TIMES = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))


def units_of(kind):
    """The accepted units of a kind, as text for an error message."""
    return ", ".join(row[0] for row in UNITS[kind])


def _normal(unit):
    return unit.replace("µ", "u").replace("μ", "u").lower()


def _decimal(text):
    """`12.50` -> (1250, 100); raises UnitError for anything that is not a plain decimal number."""
    whole, dot, part = text.partition(".")
    digits = whole + part
    if (dot and not part) or not is_digits(digits):
        raise UnitError("'%s' is not a plain decimal number" % text[:24])
    if len(digits) > 18:
        raise UnitError("'%s...' has more digits than any quantity here needs" % text[:24])
    return int(digits), 10 ** len(part)


def split(text):
    """`20ul/h` or `20 ul/h` -> (`20`, `ul/h`); the unit is empty where there is none."""
    text = text.strip()
    for i in range(len(text)):
        if text[i] not in "+-.0123456789":
            return text[:i].strip(), text[i:].strip()
    return text, ""


def parse(text, kind):
    """`20 ul/h`, "rate" -> 480000. Several parts add up for a time: `1 d 2 h`.

    Rounds to the nearest canonical unit; a quantity that is not zero but would round to zero is refused.
    Raises UnitError.
    """
    if kind == "time":
        parts = _time_parts(text)
        if len(parts) > 1:
            return sum(parse(part, "time") for part in parts)
    number, unit = split(text)
    if not number:
        raise UnitError("'%s' has no number" % text[:24])
    if number[0] in "+-":
        raise UnitError("'%s': a %s carries no sign" % (text[:24], kind))
    value, scale = _decimal(number)
    if not unit:
        raise UnitError("'%s' has no unit; units of a %s: %s" % (text[:24], kind, units_of(kind)))
    name = _normal(unit)
    for row in UNITS[kind]:
        if row[0] == name:
            exact = value * row[1]
            result = (2 * exact + scale) // (2 * scale)
            if exact and not result:
                raise UnitError("'%s' is below the smallest step of a %s" % (text[:24], kind))
            return result
    raise UnitError("'%s' is not a unit of a %s; units: %s" % (unit[:16], kind, units_of(kind)))


def _time_parts(text):
    parts = []
    start = 0
    text = text.strip()
    for i in range(1, len(text)):
        if text[i] in "0123456789" and text[i - 1] not in "+-.0123456789":
            parts.append(text[start:i].strip())
            start = i
    parts.append(text[start:])
    return parts


def _trim(value, scale):
    """value/scale as decimal text without trailing zeros; scale is a power of ten."""
    whole, rest = divmod(value, scale)
    if not rest:
        return str(whole)
    digits = str(scale + rest)[1:]
    while digits[-1] == "0":
        digits = digits[:-1]
    return "%d.%s" % (whole, digits)


def show(value, kind):
    """The canonical text of a value that `parse` takes back unchanged.

    show(480000, "rate") == "20 ul/h"; a rate that is no short number of uL/h is shown a day.
    """
    if kind == "rate":
        if value % 24 == 0:
            return _trim(value // 24, 1_000) + " ul/h"
        return show(value, "volume") + "/day" if value >= 1_000 else "%d nl/day" % value
    if kind == "volume":
        return _trim(value, 1_000_000) + " ml" if value >= 1_000_000 else _trim(value, 1_000) + " ul"
    if kind == "time":
        for unit, size in _TIMES:
            if value and value % size == 0:
                return "%d %s" % (value // size, unit)
        return "%d ms" % value
    unit, size, _ = UNITS[kind][0]
    return _trim(value, size) + " " + unit


def said(name, value):
    """A field as a person says it: ("wait_s", 7265) -> ("wait", "2 h 1 min 5 s")."""
    for ending, kind, scale in ENDINGS:
        if name.endswith(ending):
            if kind == "instant":
                break
            sign = "-" if value < 0 else ""
            return _words(name[: -len(ending)]), sign + _shown(abs(value) * scale, kind)
    return _words(name), str(value)


def _words(name):
    return name.replace("_", " ").strip()


def _shown(value, kind):
    if kind == "us":
        value, kind = value // 1_000, "time"
    if kind != "time":
        return show(value, kind) if kind in UNITS else "%d %s" % (value, kind)
    parts = []
    for unit, size in _TIMES:
        count, value = divmod(value, size)
        if count:
            parts.append("%d %s" % (count, unit))
    if value or not parts:
        parts.append("%d ms" % value if value else "0 s")
    return " ".join(parts)
