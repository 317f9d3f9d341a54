"""Text from elsewhere becomes text to show: the one place where it does.

Owns: what a character of a device, a file, a name or an argument looks like on a terminal, in a document, in a
spreadsheet's cell, in a picture; the form of a device's id.
Rules: foreign text is never interpreted: no escape sequence, markup, formula or direction of writing in it works; what
is shown tells every hidden character (`^[` for ESC, `<U+202E>` for others); one text is one line; plain text, whatever
its language, stays as it is.
Units: none.
Leaves: markup of pages to jinja2's own escaping, SQL to parameters, the wire's escaping to pumpwire.codec.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pumprig.errors import PumpError

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of a formula
DEVICE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,39}")


def _is_open(character: str) -> bool:
    """Whether a character is seen as itself: it prints, or it is one of the blanks that separate words."""
    return character.isprintable() or character in "\u00a0\u2009\u202f\u3000"


def _told(character: str) -> str:
    code = ord(character)
    if code < 32 or code == 127:
        return "^" + chr(code ^ 64)
    return f"<U+{code:04X}>"


def shown(text: object) -> str:
    """Any text as one line in which nothing is hidden and nothing works."""
    line = str(text)
    if line.isprintable():
        return line
    return "".join(character if _is_open(character) else _told(character) for character in line)


def shown_lines(text: str) -> str:
    """A text of our own that has several lines: the line ends stay."""
    return "\n".join(shown(line) for line in text.split("\n"))


def json_text(content: Any, indent: int | None = None) -> str:
    """A JSON document in which hidden characters stand as \\uXXXX: the same content, and harmless on a terminal."""
    text = json.dumps(content, ensure_ascii=False, indent=indent)
    return "\n".join(_json_line(line) for line in text.split("\n"))


def _json_line(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c if _is_open(c) else json.dumps(c)[1:-1] for c in line)


def cell(value: Any) -> Any:
    """A value for CSV: a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if not isinstance(value, str):
        return value
    line = shown(value)
    return "'" + line if line.lstrip(" ").startswith(FORMULA) else line


def label(text: str) -> str:
    """A text in a picture: matplotlib takes `$` for the beginning of a formula."""
    return shown(text).replace("$", r"\$")


def file_name(device_id: str) -> str:
    """A device's id as the name of a file: letters, digits, - and _ only. Raises PumpError."""
    if not DEVICE_ID.fullmatch(device_id):
        raise PumpError(
            f"'{shown(device_id)[:60]}' is no id of a rig: ids are letters, digits, - and _, 40 at most.",
            "No file was read or written.",
            "`pumprig doctor` shows what answers at the port.",
        )
    return device_id
