"""What a person types, and what a person reads.

Owns: typed arguments with units, and text lines from fields.
Rules: a quantity without a unit is refused; the words between arguments are those of the table.
Units: as in pumpwire.spec and pumpwire.units.
Leaves: who may type what to session.py.
"""

from pumpwire import spec, units
from pumpwire.codec import is_digits
from pumpwire.spec import OPTIONAL

from rig import lend
from rig.refused import Refused

QUANTITIES = ("rate", "volume", "time")


def arguments(row, words):
    """`["50", "ul", "over", "10", "min"]` -> {name: value} by the table's row. Raises Refused."""
    args = {}
    words = list(words)
    for name, kind, low, high, word, default in row[1]:
        here = bool(words) and (not word or words[0].lower() == word)
        if here and word:
            words.pop(0)
        if not here or not words:
            if here and word and kind == "int":
                args[name] = 1  # a bare flag
                continue
            if default is None and name not in OPTIONAL:
                raise Refused("argument", (("argument", name), ("why", "missing; type help " + row[0])))
            args[name] = default
            continue
        args[name] = _value(name, kind, low, high, words)
    if words:
        raise Refused(
            "argument", (("argument", words[0][:20]), ("why", "not expected here; type help " + row[0]))
        )
    return args


def _value(name, kind, low, high, words):
    if kind in QUANTITIES:
        text = words.pop(0)
        if words and not units.split(text)[1]:
            text += " " + words.pop(0)
        try:
            value = units.parse(text, kind)
        except units.UnitError as error:
            raise Refused("argument", (("argument", name), ("why", str(error))))
    elif kind == "int":
        text = words.pop(0)
        if len(text) > 12 or not is_digits(text):
            raise Refused("argument", (("argument", name), ("why", "not a whole number")))
        value = int(text)
    else:
        text = words.pop(0)
        if not low <= len(text) <= high:
            raise Refused("argument", (("argument", name), ("why", "%d to %d characters" % (low, high))))
        return text
    if not low <= value <= high:
        raise Refused(
            "argument", (("argument", name), ("why", "%s to %s" % (shown(low, kind), shown(high, kind))))
        )
    return value


def shown(value, kind):
    return units.show(value, kind) if kind in QUANTITIES else str(value)


def show(row, args):
    """Arguments as they would be typed."""
    words = []
    for name, kind, _low, _high, word, default in row[1]:
        value = args[name]
        if value is None or value == default:
            continue
        if word:
            words.append(word)
        words.append(shown(value, kind))
    return " ".join(words)


def read(readings, verb, args, now_us):
    """What a person reads of a reading command: text lines."""
    told = readings.read(verb, args, now_us)
    if verb == "status":
        return lend.get("rig.line.glance").lines(told)
    return ([_alarm(fields, now_us) for fields in told] if verb == "alarms" else rows(told)) or ["none"]


def _alarm(fields, now_us):
    """A row of `alarms` -> `stall: high, for 3 min 5 s`."""
    told = {_text(name): value for name, value in fields}
    line = "%s: %s, for %s" % (told["name"], told["priority"], _for(now_us - told["since_us"]))
    return line + ", acknowledged" if told["acked"] else line


def _for(us):
    return units.said("_s", us // 1_000_000)[1]


def rows(rows_of_fields):
    """Rows of (name, value) -> text lines; what is not known or empty is left out."""
    lines = []
    for fields in rows_of_fields:
        for name, value in fields:
            if value is not None and value != "":
                lines.append("%s: %s" % _said(_text(name), value))
    return lines


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def refusal(refused):
    """A Refused -> one line that says what and why."""
    why = []
    for name, value in refused.args[1]:
        name, value = _text(name), _text(value)
        if name == "argument":
            why.append(_plain(value))
        elif name == "why":
            why.append(_reworded(value))
        else:
            why.append("%s %s" % _said(name, int(value) if is_digits(str(value)) else value))
    return "refused (%s)%s; nothing was changed" % (refused.args[0], ": " + ", ".join(why) if why else "")


def _reworded(text):
    """A reason of a document, which loads no units: `6000000 nl/day` -> `250 ul/h`."""
    words = text.split(" ")
    for i in range(1, len(words)):
        if words[i] == "nl/day" and is_digits(words[i - 1]):
            words[i - 1 : i + 1] = units.show(int(words[i - 1]), "rate").split(" ")
    return " ".join(words)


def _said(name, value):
    """A field as a person says it: wait_s, 7200 -> (`wait`, `2 h`)."""
    return units.said(name, value) if isinstance(value, int) else (_plain(name), _text(value))


def _plain(name):
    """A field's name without its unit: volume_nl -> `volume`."""
    return units.said(name, 0)[0]


def help_rows(verb):
    """Rows of help: every command, or one with its arguments. Raises Refused."""
    texts = lend.get("pumpwire.texts")
    row = spec.command(verb)
    if verb and row is None:
        raise Refused("argument", (("argument", "verb"), ("why", "no such command")))
    if row is None:
        return [(("help", "%s - %s" % (row[0], texts.COMMANDS[row[0]])),) for row in spec.commands()]
    rows_of_fields = [(("help", "%s - %s" % (row[0], texts.COMMANDS[row[0]])),)]
    for name, kind, low, high, word, default in row[1]:
        bounds = "" if kind == "text" else ", %s to %s" % (shown(low, kind), shown(high, kind))
        usual = "" if default is None else ", default %s" % shown(default, kind)
        meaning = texts.ARGUMENTS[row[0], name]
        placed = kind.upper() if kind in QUANTITIES else _plain(name)
        typed = word if word == placed else (word + " " + placed).strip()
        rows_of_fields.append((("argument", "%s (%s%s%s)" % (typed, meaning, bounds, usual)),))
    return rows_of_fields
