"""docs/protocol.md, made from the wire's tables.

Owns: the page's layout.
Rules: every limit, unit, error and alarm is read from pumpwire; a typed example is a line that the table accepts.
Callers: docs/generate.py.
Units: as the tables name them.
Leaves: the meaning of each row to the tables themselves.
"""

from __future__ import annotations

import textwrap
from typing import Any

from pumpwire import codec, documents, records, spec, texts, units

KIND_UNITS = {
    "rate": "nL/day",
    "volume": "nL",
    "time": "ms",
    "int": "",
    "text": "characters",
    "hex": "hex digits",
}


def _table(head: str, rows: list[tuple[object, ...]]) -> list[str]:
    columns = head.split(" | ")
    lines = [f"| {head} |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [*lines, ""]


def _argument(verb: str, row: spec.Argument) -> str:
    name, kind, low, high, word, default = row
    limits = f"{low} to {high} {KIND_UNITS[kind]}".rstrip()
    optional = name in spec.OPTIONAL or default is not None
    typed = f", typed after `{word}`" if word else ""
    return (
        f"`{name}` ({kind}, {limits}{', optional' if optional else ''}{typed}): {texts.ARGUMENTS[verb, name]}"
    )


def _commands() -> list[str]:
    lines = ["## Commands", ""]
    for verb, arguments, access, changes in spec.COMMANDS:
        meaning, answer = texts.COMMANDS[verb]
        how = "open to anyone" if access == "open" else "needs a session"
        how += "; changes something: numbered, acts exactly once, logged" if changes else "; reads only"
        lines += [f"### {verb}", "", f"{meaning[0].upper()}{meaning[1:]}. *{how}.*", ""]
        lines += [f"- {_argument(verb, argument)}" for argument in arguments]
        lines += [f"- answer: {answer}"] if answer else ["- answer: `ok`"]
        lines.append("")
    return lines


def _shape(shape: Any) -> str:
    """The limits of a document's field: a choice of words, a list's items, or a number's range."""
    if shape == "text":
        return "text"
    if isinstance(shape[0], tuple):
        return "list of " + ":".join(f"{name} ({low} to {high})" for name, low, high in shape)
    if isinstance(shape[0], str):
        return " or ".join(shape)
    return f"{shape[0]} to {shape[1]}"


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
        "changing request that is repeated under its number gets the first answer and does not act again.",
        "",
        "A person types the same verbs without number and CRC, quantities with units: `bolus 50 ul over",
        "10 min`. Such lines may read",
        "and stop; after `terminal` (and the PIN, if one is set) they may stage, and acting needs",
        "`commit CODE` with the code",
        "that was read back. During a host's session they may only read and stop.",
        "",
    ]


def _records() -> list[str]:
    header: list[tuple[object, ...]] = [(name, f"`{code}`") for name, code in records.HEADER]
    state: list[tuple[object, ...]] = [(name, size) for name, size in records.STATE]
    return [
        "## Log records",
        "",
        f"A flash page of {records.PAGE} bytes each: header, state, event text, CRC-32; little-endian.",
        "`chain` is the start of the",
        "SHA-256 over the record before. Events: " + ", ".join(f"`{name}`" for name in records.EVENTS) + ".",
        "",
        *_table("header | struct code", header),
        *_table("state | bytes, unsigned", state),
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
        (f"`{name}`", priority, action, tone, repeat, texts.ALARMS[name])
        for _, name, priority, action, tone, repeat in spec.ALARMS
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
        "## Units of typed lines and files",
        "",
        *_table("kind | units", accepted),
        "## Errors",
        "",
        *_table(
            "code | name | meaning", [(code, name, texts.ERRORS[name]) for name, code in spec.ERRORS.items()]
        ),
        "## Alarms",
        "",
        "`action` is what the pump does by itself; an unanswered alarm sounds again after `repeat` seconds.",
        "",
        *_table("name | priority | action | tone | repeat | text", alarms),
        "## States and kinds of delivery",
        "",
        "States: " + ", ".join(f"`{name}`" for name in spec.STATES) + ".",
        "Each counted step belongs to one kind: "
        + ", ".join(f"`{name}`" for name in spec.KINDS)
        + " (relief counts negative).",
        "",
        *_documents(),
        *_records(),
    ]
    return "\n".join(_filled(lines)).rstrip() + "\n"
