"""`pumprig console`: the interactive programming session.

Owns: the command, its options and what is open during it.
Rules: without a terminal there is no session, only --play; a script's faults are told before anything is sent; Ctrl-C
and leaving never stop the pump.
Callers: the command table.
Units: none.
Leaves: the session to pumprig.console.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from pumprig import paths
from pumprig.cli.connect import store_open, tell
from pumprig.cli.settings import current
from pumprig.errors import UsageError
from pumprig.rig import discovery
from pumprig.rig.link import SerialLink


@click.command()
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file for the session as a script.",
)
@click.option("--play", type=click.Path(dir_okay=False, path_type=Path), help="Run a recorded session.")
@click.option("-y", "--yes", is_flag=True, help="With --play: agree to every question.")
def console(record: Path | None, play: Path | None, yes: bool) -> int:
    """An interactive session: live status, completion, history, review before each commit.

    Ctrl-C never stops the pump; `stop` or Ctrl-X always does.
    """
    from pumprig.console import script
    from pumprig.console.hold import Held
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
    port = discovery.resolve(settings.port, settings.state)
    recorder = script.Recorder(record, port) if record is not None else None
    with store_open(settings) as store:
        held = Held(SerialLink(port), store)
        try:
            tell(settings, held.begin())
            runner = Runner(held, settings, recorder)
            if steps is not None:
                return run_script(runner, steps, yes)
            greeting = held.client.greet()
            settings.say(f"{greeting.device_id} on {port}, firmware {greeting.firmware}")
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
