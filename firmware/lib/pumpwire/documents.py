"""Documents: what is staged, reviewed and committed, as one line of text.

Owns: reading a document's text, and its one canonical text.
Rules: one document has exactly one canonical text; its hash (terms.py) is over that text; both ends run this
very check; on the Pico this module is on loan (rig.lend).
Units: by the names' endings; a day's seconds count from local midnight.
Leaves: the fields to fields.py, what they must agree on to checks.py, what a value makes the pump do to
rig.therapy, TOML to the host.

    kind=program name=night%20step basal=0:200000,28800:300000 reservoir_nl=18000000 ...

A field that has its default is left out. Lists: `,` between items, `:` inside one.
"""

from pumpwire.checks import check_angle, check_program, lowest_rates, peak_rates
from pumpwire.codec import WireError, escape, is_digits, unescape
from pumpwire.fields import FIELDS, MAX_TEXT, SINGLE, DocumentError
from pumpwire.shapes import MAX_RATE_NL_PER_DAY, MIN_RATE_NL_PER_DAY, STEP
from pumpwire.terms import DAY_S, WEEKDAYS, bolus_rate_nl_per_day, code_of, digest

__all__ = (
    "DAY_S",
    "FIELDS",
    "MAX_RATE_NL_PER_DAY",
    "MAX_TEXT",
    "MIN_RATE_NL_PER_DAY",
    "SINGLE",
    "STEP",
    "WEEKDAYS",
    "DocumentError",
    "bolus_rate_nl_per_day",
    "canonical",
    "code_of",
    "digest",
    "lowest_rates",
    "parse",
    "peak_rates",
)
ROWS = 4  # of a list, put into text at a time


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
        for character in text:
            code = ord(character)
            mark = (
                0x2010 <= code < 0x2028 or 0x2030 <= code < 0x205F
            )  # dashes, quotes: no spaces, nothing invisible
            if not 31 < code < 127 and (code < 160 or (0x2000 <= code < 0x2070 and not mark)):
                raise DocumentError(field, "holds a control character")
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


def _parts(value):
    """A value's text, some rows at a time."""
    if not isinstance(value, tuple):
        yield str(value)
        return
    for first in range(0, len(value), ROWS):
        text = ",".join([":".join([str(part) for part in row]) for row in value[first : first + ROWS]])
        yield "," + text if first else text


def parse(text):
    """The text of a document -> {field: value}, every field of its kind present. Raises DocumentError."""
    for document in parsed(text):
        pass
    return document


def parsed(text):
    """The same in pieces that each fit a tick: None between them, the document at last. Raises DocumentError."""
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
    yield None
    kind = given.pop("kind", "")
    if kind not in FIELDS:
        raise DocumentError("kind", "'%s' is none of %s" % (kind[:16], ", ".join(sorted(FIELDS))))
    out = {"kind": kind}
    for field, shape, default in FIELDS[kind]:
        if field in given:
            out[field] = _value(field, shape, given.pop(field))
            yield None
        elif default is None:
            raise DocumentError(field, "is missing")
        else:
            out[field] = default
    if given:
        raise DocumentError(sorted(given)[0][:16], "is not a field of a " + kind)
    if kind == "program":
        check_program(out)
    if out.get("angle_weights"):
        check_angle(out["angle_weights"])
    yield out


def canonical(document):
    """{field: value} -> its one canonical text."""
    for text in written(document):
        pass
    return text


def written(document):
    """The same in pieces that each fit a tick: None between them, the text at last."""
    words = ["kind=" + document["kind"]]
    for field, _shape, default in FIELDS[document["kind"]]:
        value = document.get(field, default)
        if value != default:
            word = field + "="
            for part in _parts(value):
                word += escape(part)
                yield None
            words.append(word)
    yield " ".join(words)
