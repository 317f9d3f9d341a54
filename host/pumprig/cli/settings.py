"""What the global options say, and the small things that every command needs of them.

Owns: the settings of one command line, asking for consent, printing.
Rules: JSON alone on stdout, everything else on stderr when --json is given; a changing command asks on a terminal,
takes --yes, and without either refuses before anything is sent; colour only on a terminal and never with NO_COLOR;
nothing that is printed is interpreted: a message is one line, and what hides in it is shown (shown.py).
Units: none.
Leaves: exit codes to cli/__init__.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pumprig import paths, streams, terminal
from pumprig.errors import Interrupted, PumpError, UsageError
from pumprig.quantities import local_text
from pumprig.terminal import Painted, confirm, put, put_document, put_text

if TYPE_CHECKING:
    from rich.console import Console

    from pumprig.api.rig import Rig
    from pumprig.store import Store
    from pumprig.store.intents import Settled


GOES_ON = "The pump goes on as programmed."
STAGING = ("stage", "rate", "discard", "clock")  # they change nothing of what the pump does


@dataclass
class Settings:
    """The global options of one command line."""

    port: str | None = None
    state: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    held: Rig | None = None  # the rig that the console holds open
    met: bool = False  # a rig was talked to
    finding: int = 0  # the exit code of what a reading command found, where nobody reads it, too
    loaded: Callable[[], None] | None = None  # called when the command is loaded and is about to begin

    def acts(self) -> None:
        """From here on the command has an effect: whether its text can be printed decides nothing any more."""
        streams.acts()

    def say(self, *parts: str | Painted) -> None:
        """A message for a person: one line on stderr, nothing with --quiet."""
        if not self.quiet:
            put(*parts, err=True)

    def show(self, *parts: str | Painted) -> None:
        """The answer for a person: one line on stdout, nothing with --json."""
        if not self.json:
            put(*parts)

    def show_text(self, text: str) -> None:
        """An answer of several lines, whose line ends are our own."""
        if not self.json:
            put_text(text)

    def document(self, content: Any) -> None:
        """The answer as one JSON document or line: on stdout, only with --json."""
        if self.json:
            put_document(content)

    def console(self, stderr: bool = False) -> Console:
        """A console of rich, which honours NO_COLOR and the terminal's width, and interprets nothing."""
        return terminal.console(stderr)

    def consent(self, yes: bool) -> None:
        """Refuse, before anything is sent, what can be neither asked nor was agreed to. Raises UsageError."""
        if not yes and not sys.stdin.isatty():
            raise UsageError(
                "This changes the rig, and there is no terminal to ask on.", "Nothing was sent.", "Add --yes."
            )

    def ask(self, yes: bool, question: str) -> None:
        """Ask on the terminal unless agreed. Raises PumpError for a no."""
        if not yes and not confirm(question):
            raise PumpError("Not confirmed.", "Nothing was changed.")

    def print(self, what: Any, err: bool = False) -> None:
        """A table or the like for a person, on stdout, or beside it."""
        (streams.draw_aside if err else streams.draw)(lambda: self.console(err).print(what))

    @contextmanager
    def rig(self) -> Generator[Rig]:
        """The rig that is meant, open: the console's, or one of this command's own. Raises UsageError, LinkError."""
        self.met = True
        if self.held is not None:
            yield self.held
            return
        from pumprig.api.rig import connect

        with connect(self.port, state=self.state, database=self.database()) as rig:
            yield rig

    @contextmanager
    def changing(self) -> Generator[Rig]:
        """The rig, once it is told what became of commands of earlier runs; from here on the command acts."""
        self.acts()
        with self.rig() as rig:
            self.tell(rig.settle())
            for verb in rig.unsettled():
                self.say(f"note: an earlier `{verb}` has no known outcome; `pumprig log pull` settles it")
            before = max((turn for turn, _verb, _outcome in rig.sent()), default=0)
            try:
                yield rig
            except KeyboardInterrupt:
                raise interrupted(
                    [(verb, outcome) for turn, verb, outcome in rig.sent() if turn > before]
                ) from None

    def tell(self, settled: Sequence[Settled]) -> None:
        """Say what became of earlier commands."""
        for row in settled:
            begun = local_text(row.begun_utc_us)
            self.say(f"note: the `{row.verb}` of {begun} is now settled: {row.outcome}")

    @contextmanager
    def store(self, archive: bool = False) -> Generator[Store]:
        """The delivery log's database; an archive: also one that may only be read."""
        from pumprig.store import Store

        store = Store(self.database(), archive=archive)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def store_read(self) -> Generator[Store]:
        """The delivery log's database, which has to be there. Raises PumpError."""
        path = self.database()
        if not path.exists():
            raise PumpError(
                f"There is no database {path}.",
                "Nothing was read.",
                "`pumprig log pull` makes it; PUMPRIG_DB names another.",
            )
        with self.store(archive=True) as store:
            yield store

    def database(self) -> Path:
        """The database file: PUMPRIG_DB, the configuration, else the platform's data folder."""
        return paths.chosen_database()


def interrupted(sent: Sequence[tuple[str, str]]) -> Interrupted:
    """What a Ctrl-C says in the middle of a change; sent: its commands and what is known of each."""
    effects = [(verb, outcome) for verb, outcome in sent if verb not in STAGING]
    if [verb for verb, outcome in effects if outcome == "unknown"]:
        return Interrupted(
            f"Interrupted. `{effects[-1][0]}` was sent; whether it was done is not known.",
            "",
            "`pumprig status` shows what holds now, and `pumprig log pull` settles it.",
        )
    done = [f"`{verb}`" for verb, outcome in effects if outcome == "done"]
    if done:
        return Interrupted(f"Interrupted when {', '.join(done)} was done.", GOES_ON)
    return Interrupted("Interrupted.", "Nothing was changed.", GOES_ON)


def current() -> Settings:
    """The settings of the command that is running."""
    return click.get_current_context().ensure_object(Settings)


yes_option = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
