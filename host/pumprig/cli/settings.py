"""What the global options say, and the small things that every command needs of them.

Owns: the settings of one command line, asking for consent, printing.
Rules: JSON alone on stdout, everything else on stderr when --json is given; a changing command asks on a terminal,
takes --yes, and without either refuses before anything is sent; colour only on a terminal and never with NO_COLOR.
Callers: the commands of this folder.
Units: none.
Leaves: exit codes to cli/__init__.py.
"""

from __future__ import annotations

import json as json_module
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pumprig import paths
from pumprig.errors import PumpError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from pumprig.console.hold import Held


@dataclass
class Settings:
    """The global options of one command line."""

    port: str | None = None
    state: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    held: Held | None = None  # the rig that the console holds open

    def say(self, text: str) -> None:
        """A message for a person: on stderr, nothing with --quiet."""
        if not self.quiet:
            click.echo(text, err=True)

    def show(self, text: str) -> None:
        """The answer for a person: on stdout, nothing with --json."""
        if not self.json:
            click.echo(text)

    def document(self, content: Any) -> None:
        """The answer as one JSON document or line: on stdout, only with --json."""
        if self.json:
            click.echo(json_module.dumps(content, ensure_ascii=False))

    def console(self, stderr: bool = False) -> Console:
        """A console of rich, which honours NO_COLOR and the terminal's width."""
        from rich.console import Console

        return Console(stderr=stderr, no_color="NO_COLOR" in os.environ or None, highlight=False)

    def consent(self, yes: bool) -> None:
        """Refuse, before anything is sent, what can be neither asked nor was agreed to. Raises UsageError."""
        if not yes and not sys.stdin.isatty():
            raise UsageError(
                "This changes the rig, and there is no terminal to ask on.", "Nothing was sent.", "Add --yes."
            )

    def ask(self, yes: bool, question: str) -> None:
        """Ask on the terminal unless agreed. Raises PumpError for a no."""
        if not yes and not click.confirm(question, err=True):
            raise PumpError("Not confirmed.", "Nothing was changed.")

    def database(self) -> Path:
        """The database file: PUMPRIG_DB, the configuration, else the platform's data folder."""
        configured = None if os.environ.get("PUMPRIG_DB") else paths.configuration().get("database")
        return Path(configured).expanduser() if configured else paths.database_file()


def current() -> Settings:
    """The settings of the command that is running."""
    return click.get_current_context().ensure_object(Settings)


def painted(text: str, **style: Any) -> str:
    """Text in a style for a terminal; plain where NO_COLOR is set."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


yes_option = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
