"""`pumprig console`: the interactive programming session.

Owns: the command, its options and what is open during it.
Rules: without a terminal there is no session, only --play; a script's faults are told before anything is sent; Ctrl-C
and leaving never stop the pump.
Units: none.
Leaves: the session to pumprig.console.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from pumprig import cli, paths
from pumprig.cli.options import NewFile
from pumprig.cli.settings import Settings, current
from pumprig.console.hold import Held
from pumprig.errors import PumpError, UsageError
from pumprig.terminal import put


@dataclass
class ConsoleSettings(Settings):
    """The options of one line: consent is asked for in the console's own way."""

    answer: Callable[[str], str] | None = None

    def consent(self, yes: bool) -> None:
        """A session can always be asked."""

    def ask(self, yes: bool, question: str) -> None:
        """Ask unless agreed. Raises PumpError for a no; `stop` in place of an answer stops the pump."""
        if yes or self.answer is None:
            return
        said = self.answer(question)
        if said == "stop" and self.held is not None:
            put(self.held.stop().told("`resume`"))
            raise PumpError("Stopped instead.", "What was asked for was not done.")
        if said != "yes":
            raise PumpError("Not confirmed.", "Nothing was changed.")


@dataclass
class _CommandLine:
    """The commands of this folder, for the lines of a console."""

    held: Held
    options: Settings

    def run(self, words: list[str], answer: Callable[[str], str] | None) -> int:
        """One command on the held rig; returns its exit code."""
        options = self.options
        settings = ConsoleSettings(
            quiet=options.quiet, verbose=options.verbose, held=self.held.rig, answer=answer
        )
        return cli.run(words, settings)

    def show(self, error: PumpError) -> None:
        """Tell a failure."""
        cli.show(error)


@click.command()
@click.option(
    "--record",
    type=NewFile(),
    help="A new file for the session as a script.",
)
@click.option("--play", type=click.Path(dir_okay=False, path_type=Path), help="Run a recorded session.")
@click.option("-y", "--yes", is_flag=True, help="With --play: agree to every question.")
def console(record: Path | None, play: Path | None, yes: bool) -> int:
    """An interactive session: live status, completion, history, review before each commit.

    Ctrl-C never stops the pump; `stop` or Ctrl-X always does.
    """
    from pumprig.console import script
    from pumprig.console.session import Console, Runner
    from pumprig.console.session import play as run_script

    settings = current()
    if yes and play is None:
        raise UsageError("--yes belongs to --play.", "Nothing was begun.")
    steps = script.load(play) if play is not None else None
    if steps is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "A session needs a terminal.", "Nothing was begun.", "Run a script with --play FILE."
        )
    with settings.changing() as rig:
        recorder = script.Recorder(record, rig.address) if record is not None else None
        held = Held(rig)
        try:
            held.begin()
            runner = Runner(held, _CommandLine(held, settings), recorder)
            if steps is not None:
                return run_script(runner, steps, yes)
            settings.say(f"{rig.device_id} on {rig.address}, firmware {rig.firmware}")
            settings.say("A test instrument, never a medical device. `stop` or ^X stops the pump.")
            return Console(held, runner, _history()).run()
        finally:
            held.close()


def _history() -> str | None:
    """The file of earlier lines; None where it cannot be kept."""
    path = paths.simulator_folder(None).parent / "console-history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8"):
            os.chmod(path, 0o600)
    except OSError:
        return None
    return str(path)
