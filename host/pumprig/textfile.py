"""The text of a file, whatever editor wrote it.

Owns: how bytes become text: UTF-8, with a byte order mark or without, and UTF-16 of either order.
Rules: a mark is no part of the text; a file that is none of these raises UnicodeDecodeError, and is never read in part.
Units: none.
Leaves: what the text means to its reader.
"""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path


def read(path: Path) -> str:
    """The text of a file. Raises OSError, UnicodeDecodeError."""
    return decoded(path.read_bytes())


class NoText(UnicodeDecodeError):
    """Bytes that are no text in UTF-8 or UTF-16; says in which line, and what to do."""

    def __str__(self) -> str:
        line = self.object[: self.start].count(b"\n") + 1
        byte = f"0x{self.object[self.start]:02x}"
        return f"line {line} is no text in UTF-8 (byte {byte}); save the file as UTF-8 in its editor"


def decoded(data: bytes) -> str:
    """The text of a file's bytes, marks at its head left away. Raises UnicodeDecodeError that says which line."""
    try:
        return _decoded(data).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise NoText(error.encoding, error.object, error.start, error.end, error.reason) from None


def _decoded(data: bytes) -> str:
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16")
    # UTF-16 without a mark: every second byte of our words is 0
    if len(data) > 3 and not data[0] and data[1]:
        return data.decode("utf-16-be")
    if len(data) > 3 and not data[1] and data[0]:
        return data.decode("utf-16-le")
    return data.decode("utf-8")
