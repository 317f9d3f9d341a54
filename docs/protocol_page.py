"""docs/protocol.md, made from the wire's tables.

Owns: the page's layout.
Rules: every limit, unit, error and alarm is read from pumpwire; a typed example is a line that the table accepts.
Units: as the tables name them.
Leaves: the meaning of each row to the tables themselves.
"""

from __future__ import annotations

import textwrap
from typing import Any

from pumpwire import answers, codec, documents, records, spec, texts, units, words

# who: (head of the column, in words)
WHO = {
    "none": ("no session", "a host without a session"),
    "open": ("open", "a host in a session, on a rig without a key"),
    "keyed": ("keyed", "a host in a session, the key's mark on its line"),
    "typed": ("typed", "a person after `terminal`, on a rig with neither key nor PIN"),
    "pin": ("typed with PIN", "a person after `terminal PIN`"),
    "off": (
        "typing forbidden",
        "a person where it is switched off (`--no-typed`), or a key is set and no PIN",
    ),
}


def _table(head: str, rows: list[tuple[object, ...]]) -> list[str]:
    columns = head.split(" | ")
    lines = [f"| {head} |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [*lines, ""]


def _argument(verb: str, row: spec.Argument) -> str:
    name, kind, low, high, word, default = row
    limits = f"{low} to {high} {texts.UNITS[kind]}".rstrip()
    optional = name in spec.OPTIONAL or default is not None
    typed = f", typed after `{word}`" if word else ""
    return (
        f"`{name}` ({kind}, {limits}{', optional' if optional else ''}{typed}): {texts.ARGUMENTS[verb, name]}"
    )


def _meaning(verb: str, field: str) -> str:
    return words.FIELDS.get((verb, field)) or words.FIELDS[field]


def _answer(verb: str) -> list[str]:
    """The fields of a verb's answer, row by row."""
    rows: list[tuple[object, ...]] = []
    for number, (_name, times, fields) in enumerate(answers.rows_of(verb), 1):
        for name, kind in fields:
            bare = kind.rstrip("?")
            unit = bare if bare in ("text", "base64") else texts.UNITS[bare] or "number"
            absent = "may be absent" if kind.endswith("?") else ""
            rows.append((number, times, f"`{name}`", unit, absent, _meaning(verb, name)))
    if not rows:
        return ["The answer is `ok`, without fields."]
    return _table("row of the answer | comes | field | unit |  | meaning", rows)[:-1]


def _commands() -> list[str]:
    lines = ["## Commands", ""]
    for row in spec.commands():
        verb, arguments, who, changes = row
        meaning = texts.COMMANDS[verb]
        how = {
            "anyone": "open to anyone",
            "host": "for a host program",
            "person": "for a person at a plain terminal",
            "program": "needs a session",
            "own": "needs a session; a person with a PIN may not",
        }[who]
        if not changes:
            how += "; reads only"
        elif verb in spec.AT_ONCE:
            how += "; acts at once, as often as it comes, with number 0 or in a session with the next one; logged"
        else:
            how += "; changes something: numbered, acts exactly once, logged"
        lines += [f"### {verb}", "", f"{meaning[0].upper()}{meaning[1:]}. *{how}.*", ""]
        lines += [f"- {_argument(verb, argument)}" for argument in arguments]
        lines += [*([""] if arguments else []), *_answer(verb), ""]
    return lines


def _capabilities() -> list[str]:
    rows: list[tuple[object, ...]] = []
    for row in spec.commands():
        rows.append((f"`{row[0]}`", *("yes" if spec.may(row, who) else "no" for who in spec.WHO)))
    return [
        "## Who may do what",
        "",
        "Anybody reads and stops. On a rig with a key and without a PIN nothing that is typed programs, keys or",
        "resets it. While a host's session is open, a person may only read and stop, whatever the table says; a",
        "person's change acts after `commit CODE`, and the code is a random one, so that it has to be read.",
        "",
        *[f"- *{head}*: {text}" for head, text in WHO.values()],
        "",
        *_table("verb | " + " | ".join(WHO[who][0] for who in spec.WHO), rows),
    ]


def _shape(shape: Any) -> str:
    """The limits of a document's field: a choice of words, a list's items, or a number's range."""
    if shape == "text":
        return "text"
    if isinstance(shape[0], tuple):
        return "list of " + ":".join(f"{name} ({low} to {high})" for name, low, high in shape)
    if isinstance(shape[0], str):
        return " or ".join(shape)
    return f"{shape[0]} to {shape[1]}"


NOTES = {
    "program": "A `first_s` of 0 is none: the first turn is then due after `every_s`. "
    "A `bridge` of 0:0 says that none is wanted."
}


def _documents() -> list[str]:
    lines = [
        "## Documents",
        "",
        f"At most {documents.MAX_TEXT} characters, staged in parts, committed by their hash.",
        "",
    ]
    for kind, fields in documents.FIELDS.items():
        rows: list[tuple[object, ...]] = []
        for name, shape, default in fields:
            without = "required" if default is None else f"`{default}`" if default not in ((), "") else "none"
            rows.append((f"`{name}`", _shape(shape), without))
        lines += [f"### kind={kind}", "", *_table("field | values | without it", rows)]
        lines += [NOTES[kind], ""] if kind in NOTES else []
    return lines


def _lines_section() -> list[str]:
    example = codec.request(7, "bolus", (("volume_nl", 50_000), ("over_ms", 600_000)))
    reply = codec.answer(7, "ok", (("requested_steps", 14_984),))
    return [
        "## Lines",
        "",
        f"ASCII lines of at most {codec.MAX_LINE} characters, ended by a line feed, on USB serial. A",
        "machine's request and a row",
        "of its answer carry a number and a CRC-32 (zlib's) over everything before ` *`:",
        "",
        "```text",
        example,
        reply,
        "```",
        "",
        "Rows of an answer end in `ok` or `err`; rows before it say `more`. In a value a byte that is no",
        "plain letter, digit or",
        "one of `-_.,:;/+()!?@~` is written `%XX`. A line with a number but without a right CRC is",
        "refused and does nothing. A",
        "changing request that is repeated under its number gets the first answer and does not act again. Which",
        "command a number was used up by says `last_crc`, in the greeting and in the state of every record: the",
        "last 16 bits of its line's CRC-32.",
        "",
        "A person types the same verbs without number and CRC, quantities with units: `bolus 50 ul over",
        "10 min`. Such lines may read",
        "and stop; after `terminal` (and the PIN, if one is set) they may stage, and acting needs",
        "`commit CODE` with the code",
        "that was read back. During a host's session they may only read and stop. Ctrl-C, Ctrl-U and Esc drop what",
        "was typed so far, no control key enters a line, and a typed line that ends in `stop` is a stop (but for",
        "`help stop`).",
        "",
    ]


def _records() -> list[str]:
    header: list[tuple[object, ...]] = [
        (f"`{name}`", f"`{code}`", words.HEADER[name]) for name, code in records.HEADER
    ]
    state: list[tuple[object, ...]] = [
        (f"`{name}`", size, words.STATE.get(name) or words.FIELDS[name]) for name, size in records.STATE
    ]
    events: list[tuple[object, ...]] = []
    for number, name in enumerate(records.EVENTS):
        if name:
            meaning, given = words.EVENTS[name]
            told = "; ".join(
                f"`{word}`{' (if any)' if kind.endswith('?') else ''}: {text}" for word, kind, text in given
            )
            events.append((number, f"`{name}`", meaning, told))
    return [
        "## Log records",
        "",
        f"A flash page of {records.PAGE} bytes each: header, state, words of the event, CRC-32; little-endian.",
        "The words are `name=value`, escaped like the fields of a line; the last ones are left out where the page is",
        "full.",
        "",
        *_table("header | struct code | meaning", header),
        *_table("state | bytes, unsigned | meaning", state),
        *_table("event | name | meaning | words", events),
    ]


def _filled(lines: list[str]) -> list[str]:
    """The lines with each paragraph of prose filled to one width; code, tables, headings and items stay."""
    out: list[str] = []
    prose: list[str] = []
    fenced = False
    for line in [*lines, ""]:
        fenced ^= line.startswith("```")
        if line and not fenced and not line.startswith(("```", "|", "#", "-")):
            prose.append(line)
            continue
        if prose:
            out += textwrap.fill(" ".join(prose), 118, break_long_words=False, break_on_hyphens=False).split(
                "\n"
            )
            prose = []
        out.append(line)
    return out


def page() -> str:
    """The whole page."""
    alarms: list[tuple[object, ...]] = [
        (f"`{name}`", bit, priority, action, tone, repeat, ends, "yes" if runs else "no", texts.ALARMS[name])
        for bit, name, priority, action, tone, repeat, ends, runs in spec.alarms()
    ]
    accepted: list[tuple[object, ...]] = [
        (kind, ", ".join(f"`{row[0]}`" for row in rows)) for kind, rows in units.UNITS.items()
    ]
    lines = [
        f"# The wire protocol, version {spec.PROTOCOL}",
        "",
        "Generated from `firmware/lib/pumpwire` by `make docs`; do not edit. Both ends run these tables:",
        "the digest of them,",
        f"`{spec.digest()}`, is exchanged in the greeting, and a rig with another one is refused.",
        "",
        *_lines_section(),
        *_commands(),
        *_capabilities(),
        "## Units of typed lines and files",
        "",
        *_table("kind | units", accepted),
        "## Errors",
        "",
        *_table(
            "code | name | uses up a number | meaning",
            [
                (code, f"`{name}`", "no" if name in spec.NUMBER_FREE else "yes", texts.ERRORS[name])
                for name, code in spec.ERRORS.items()
            ],
        ),
        "An error says besides its code and name:",
        "",
        *_table(
            "field | unit | meaning",
            [(f"`{name}`", texts.UNITS[kind], text) for name, kind, text in words.REFUSALS],
        ),
        "## Alarms",
        "",
        "`action` is what the pump does by itself; an unanswered alarm sounds again after `repeat` seconds.",
        "",
        "`ends with` its cause (acknowledged meanwhile, it is only silent) or the acknowledgement; `runs again` says",
        "whether the pump may run once it is acknowledged.",
        "",
        *_table("name | bit | priority | action | tone | repeat | ends with | runs again | text", alarms),
        "## States and kinds of delivery",
        "",
        "States: " + ", ".join(f"`{name}`" for name in spec.STATES) + ".",
        "Modes: " + ", ".join(f"`{name}`" for name in spec.MODES) + ".",
        "Each counted step belongs to one kind: "
        + ", ".join(f"`{name}`" for name in spec.KINDS)
        + " (relief counts negative).",
        "",
        *_documents(),
        *_records(),
    ]
    return "\n".join(_filled(lines)).rstrip() + "\n"
