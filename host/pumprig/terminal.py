"""What is written to the terminal: lines, texts, documents, questions, tables.

Owns: every byte that goes to stdout and stderr, and the styles in it.
Rules: nothing is interpreted: a message is one line, and what hides in it is shown (shown.py); a style comes from here
alone, never from within a text; colour only on a terminal and never with NO_COLOR.
Units: none.
Leaves: what a character looks like to shown.py, broken streams to streams.py, whether something is printed at all to
its callers.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pumprig import streams
from pumprig.shown import json_text, shown, shown_lines

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Painted:
    """Text of our own in a style for a terminal; plain where NO_COLOR is set."""

    text: str
    style: dict[str, Any]

    def __str__(self) -> str:
        told = shown(self.text)
        return told if os.environ.get("NO_COLOR") else click.style(told, **self.style)


class Signal(Painted):
    """A control character of our own."""

    def __str__(self) -> str:
        return self.text


BELL = Signal("\a", {})  # rings before what follows
RETURN = Signal("\r", {})  # what follows stands over the line
ANEW = Signal("\r\x1b[K", {})  # what follows stands in the place of the line


def painted(text: str, **style: Any) -> Painted:
    """Text in a style, as a part of what is put."""
    return Painted(text, style)


def put(*parts: str | Painted, err: bool = False, end: str = "\n") -> None:
    """Write one line made of parts."""
    line = "".join(str(part) if isinstance(part, Painted) else shown(part) for part in parts)
    streams.write(line + end, err)


def put_text(text: str, err: bool = False) -> None:
    """Write a text of several lines whose line ends are our own."""
    streams.write(shown_lines(text) + "\n", err)


def put_document(content: Any) -> None:
    """Write one JSON document, as one line."""
    streams.write((json_text(content) if streams.encodes_all() else json.dumps(content)) + "\n")


def confirm(question: str) -> bool:
    """Ask for yes or no."""
    with streams.SIGN.away():
        return click.confirm(shown(question), err=True)


def asked_secret(question: str) -> str:
    """Ask on the terminal for what is not shown while it is typed, twice."""
    with streams.SIGN.away():
        return str(click.prompt(shown(question), hide_input=True, confirmation_prompt=True, err=True))


def asked_number(question: str) -> float:
    """Ask for a number."""
    with streams.SIGN.away():
        return float(click.prompt(shown(question), type=float, err=True))


def asked_word(question: str, words: list[str]) -> str:
    """Ask for one of several words."""
    with streams.SIGN.away():
        return str(click.prompt(shown(question), type=click.Choice(words), show_choices=True, err=True))


def asked_line(question: str) -> None:
    """Say something, and wait for Enter."""
    with streams.SIGN.away():
        click.prompt(shown(question), default="", show_default=False, prompt_suffix=": ", err=True)


def console(stderr: bool = False) -> Console:
    """A console of rich for tables and bars, which takes no text for markup."""
    from pumprig.plainconsole import PlainConsole

    return PlainConsole(stderr)
