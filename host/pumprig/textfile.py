"""The text of a file, whatever editor wrote it.

Owns: how bytes become text: UTF-8, with a byte order mark or without, and UTF-16 of either order.
Rules: a mark is no part of the text; a file that is none of these raises UnicodeDecodeError, and is never read in part.
Units: none.
Leaves: what the text means to its reader.
"""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path


def read(path: Path) -> str:
    """The text of a file. Raises OSError, UnicodeDecodeError."""
    return decoded(path.read_bytes())


def decoded(data: bytes) -> str:
    """The text of a file's bytes. Raises UnicodeDecodeError."""
    if data.startswith(BOM_UTF8):
        return data[len(BOM_UTF8) :].decode("utf-8")
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16")
    if (
        len(data) > 3 and not data[0] and data[1]
    ):  # UTF-16 without a mark: every second byte of our words is 0
        return data.decode("utf-16-be")
    if len(data) > 3 and not data[1] and data[0]:
        return data.decode("utf-16-le")
    return data.decode("utf-8")
