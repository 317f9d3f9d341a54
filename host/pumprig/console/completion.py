"""Tab completion: commands, their words, units, files of programs.

Owns: what may stand at the cursor.
Rules: follows the grammar alone; units are those of the argument's kind, the usual one first; never talks to the rig.
Units: none.
Leaves: the table of commands to grammar.py, the table of units to pumpwire.units.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pumpwire import units

from pumprig.console.grammar import COMMANDS, QUANTITIES, Command

FILES = ("check", "load", "save", "plot")
SIGNS = "+-.0123456789"


def completed(before: str) -> tuple[str, list[str]]:
    """What Tab makes of the text before the cursor, and the words to choose from where there are several."""
    found = candidates(before)
    word = before.split(" ")[-1]
    if len(found) == 1:
        return before[: len(before) - len(word)] + found[0] + ("" if found[0].endswith("/") else " "), []
    common = shared(found)
    return before[: len(before) - len(word)] + common if len(common) > len(word) else before, found


def shared(texts: list[str]) -> str:
    """The longest beginning that all texts have."""
    if not texts:
        return ""
    low, high = min(texts), max(texts)
    return low[: next((i for i, c in enumerate(low) if high[i : i + 1] != c), len(low))]


def candidates(before: str) -> list[str]:
    """Every word that may stand where `before` ends, in the order in which to show them."""
    *words, word = before.lstrip().split(" ")
    words = [each for each in words if each]
    if not words:
        return [name for name in COMMANDS if name.startswith(word.lower())]
    command = COMMANDS.get(words[0].lower())
    if command is None:
        return []
    if command.name == "help":
        return [name for name in COMMANDS if name.startswith(word.lower())] if len(words) == 1 else []
    if command.follow and len(words) == 1:
        return [text for text in command.follow if text.startswith(word.lower())]
    if command.name == "program" and len(words) == 2 and words[1] in FILES:
        return list(_files(word))
    if command.name == "wait":
        return _units("time", words[-1], word)
    return _arguments(command, words, word)


def _arguments(command: Command, words: list[str], word: str) -> list[str]:
    """Units after a number, else the words of the arguments that are not there yet."""
    kind = ""
    positional = [a for a in command.arguments if not a.word and a.kind in QUANTITIES]
    named = {a.word: a for a in command.arguments if a.word}
    if positional:
        kind = positional[0].kind
    for each in words[1:]:
        if each in named:
            kind = named[each].kind
    if kind in QUANTITIES:
        found = _units(kind, words[-1], word)
        if found or (word and word[0] in SIGNS):
            return found
    complete = len(words) > 1 and words[-1] not in named and words[-1][-1:] not in SIGNS
    if positional and not positional[0].optional and not complete:
        return []
    return [text for text in named if text.startswith(word.lower()) and text not in words]


def _units(kind: str, last: str, word: str) -> list[str]:
    """`20 u` and `20u` -> the units that fit."""
    number = word.rstrip("abcdefghijklmnopqrstuvwxyzµABCDEFGHIJKLMNOPQRSTUVWXYZ/")
    if word and number and all(c in SIGNS for c in number):
        rest = word[len(number) :].lower().replace("µ", "u")
        return [number + row[0] for row in units.UNITS[kind] if rest and row[0].startswith(rest)]
    if last and all(c in SIGNS for c in last):
        return [row[0] for row in units.UNITS[kind] if row[0].startswith(word.lower().replace("µ", "u"))]
    return []


def _files(word: str) -> Iterator[str]:
    """Folders and TOML files that the word may go on to."""
    base = Path(word).expanduser() if word.endswith("/") else Path(word).expanduser().parent
    stem = "" if word.endswith("/") else Path(word).name
    try:
        entries = sorted(base.iterdir())
    except OSError:
        return
    shown = word[: len(word) - len(stem)] if stem else word
    for entry in entries:
        if entry.name.startswith(stem) and not entry.name.startswith("."):
            if entry.is_dir():
                yield f"{shown}{entry.name}/"
            elif entry.suffix == ".toml":
                yield f"{shown}{entry.name}"
