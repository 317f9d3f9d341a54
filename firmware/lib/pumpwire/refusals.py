"""What a refusal says besides its code and name: each field, its kind and its meaning.

Owns: the fields of an error's answer.
Rules: every field of a refusal stands here; no behaviour depends on them: the Pico never loads this module.
Units: by the kind, as texts.UNITS says.
Leaves: errors and their codes to spec.py, everything else that is said to words.py.
"""

REFUSALS = (
    ("why", "text", "the reason, in words"),
    ("last_seq", "int", "the last number that was used up"),
    ("verb", "text", "the verb that is unknown"),
    ("argument", "text", "the argument that is meant"),
    ("low", "int", "its lowest value"),
    ("high", "int", "its highest value"),
    ("repeated", "flag", "the number was accepted before the last start"),
    ("wait_s", "s", "when it would be allowed; a program: if the pump stands until then"),
    ("rate_nl_per_day", "rate", "the rate that was asked for, base flow included"),
    ("limit_nl_per_day", "rate", "the limit of it"),
    ("daily_nl", "volume", "the most that the program delivers by itself in 24 h"),
    ("held_nl", "volume", "what has flowed in the last 24 h"),
    ("cap_nl", "volume", "the cap over 24 h"),
    ("short_nl", "volume", "by how much the cap would be exceeded"),
    ("max_per_24h", "int", "demand boluses allowed in 24 h"),
    ("asked_nl", "volume", "the volume that was asked for"),
    ("left_nl", "volume", "what the reservoir holds besides what is promised"),
    ("was", "text", "the drug, or its concentration, of the active program"),
    ("new", "text", "of the staged one"),
    ("alarm", "text", "the alarm to be acknowledged"),
    ("staged_hash", "hex", "of what is staged"),
    ("field", "text", "the field of the document"),
)

FIGURES = {row[0] for row in REFUSALS if row[1] not in ("text", "hex")}


def figures_of(fields):
    """{name: text} of an error, by kind: numbers become whole numbers, texts stay; without code and name."""
    found = {}
    for name, text in fields.items():
        if name not in ("code", "name"):
            is_number = name in FIGURES and text.lstrip("-").isdigit()
            found[name] = int(text) if is_number else text
    return found
