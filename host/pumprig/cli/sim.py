"""`pumprig sim`: a simulated rig as a serial port.

Owns: the command's options and the private rig's end.
Rules: the simulator is a separate program; in the foreground it prints one line `ready PORT` and ends with Ctrl-C; a
scenario's faults are told before anything starts.
Callers: the command table.
Units: speed as a factor of real time.
Leaves: the simulated world to rigsim, the private rig's life to simulator.py.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import click

from pumprig import paths, simulator
from pumprig.cli.settings import current
from pumprig.errors import UsageError


@click.command()
@click.option("--link", metavar="PATH", help="A symbolic link to make to the pseudo-terminal.")
@click.option("--tcp", metavar="PORT", type=click.IntRange(0, 65535), help="A TCP port; 0 takes a free one.")
@click.option("--speed", type=click.FloatRange(0, 1e6, min_open=True), help="Virtual seconds in a second.")
@click.option("--seed", type=click.IntRange(0), help="Which rig: its identity and its physics.")
@click.option("--scenario", type=click.Path(dir_okay=False, path_type=Path), help="Events as TOML.")
@click.option(
    "--background", is_flag=True, help="The private rig that `-p sim` talks to, with these options."
)
@click.option("--stop", "end", is_flag=True, help="End the private rig, as a power loss would.")
def sim(
    link: str | None,
    tcp: int | None,
    speed: float | None,
    seed: int | None,
    scenario: Path | None,
    background: bool,
    end: bool,
) -> int:
    """A simulated rig as a serial port, running the real firmware; prints one line `ready PORT`."""
    settings = current()
    private = simulator.PrivateRig(paths.simulator_folder(settings.state))
    if end:
        lived = private.stop()
        settings.show("ended" if lived else "there was none")
        settings.document({"ended": lived, "state": str(private.folder)})
        return 0
    if link and tcp is not None:
        raise UsageError("--link and --tcp exclude each other.", "Nothing was started.")
    given = (("--link", link), ("--tcp", tcp), ("--speed", speed), ("--seed", seed))
    options = [word for name, value in given if value is not None for word in (name, str(value))]
    with tempfile.TemporaryDirectory(prefix="pumprig-") as folder:
        if scenario is not None:
            options += ["--scenario", str(_scenario(scenario, Path(folder)))]
        if background:
            port = private.ensure(options)
            settings.show(f"ready {port}")
            settings.document({"port": port, "state": str(private.folder)})
            return 0
        state = ["--state", settings.state] if settings.state else []
        return _foreground(simulator.command(["serve", *options, *state]))


def _scenario(path: Path, folder: Path) -> Path:
    from pumprig.therapy.events import load

    target = folder / "scenario.json"
    target.write_text(json.dumps(load(path, None)))
    return target


def _foreground(command: list[str]) -> int:
    child = subprocess.Popen(command, env=simulator.environment())
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise
