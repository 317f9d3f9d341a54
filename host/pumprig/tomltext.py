"""TOML, read in one place, whatever stands in it.

Owns: what a text that cannot be read as TOML is called.
Rules: any text ends in a document or in TOMLDecodeError, a deeply nested one too.
Units: none.
Leaves: the format to tomllib, what a document means to its reader.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

DEEPEST = 50  # tables and lists in each other; what a program needs is four
_WORD = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
# a key of so many words; tomllib's time for one grows with the square of their number
_LONG_KEY = re.compile(rf"(?:^|[{{,\[])[ \t]*{_WORD}(?:[ \t]*\.[ \t]*{_WORD}){{{DEEPEST}}}", re.MULTILINE)


def parsed(text: str) -> dict[str, Any]:
    """The document of a text. Raises tomllib.TOMLDecodeError."""
    if _LONG_KEY.search(text):
        raise tomllib.TOMLDecodeError("it is nested too deeply")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("it is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise tomllib.TOMLDecodeError(str(error)) from None
    level: list[Any] = [content]
    for _depth in range(DEEPEST):
        level = [each for item in level for each in _inside(item)]
        if not level:
            return content
    raise tomllib.TOMLDecodeError("it is nested too deeply")


def _inside(item: dict[str, Any] | list[Any]) -> list[Any]:
    """The tables and lists that stand in one."""
    return [
        each for each in (item if isinstance(item, list) else item.values()) if isinstance(each, dict | list)
    ]
