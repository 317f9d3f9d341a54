"""`pumprig sim`: a simulated rig as a serial port.

Owns: the command's options and the private rig's end.
Rules: the simulator is a separate program; in the foreground it prints one line `ready PORT` and ends with Ctrl-C; a
scenario's faults are told before anything starts.
Units: speed as a factor of real time.
Leaves: the simulated world to rigsim, the private rig's life to simulator.py.
"""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import click

from pumprig import paths
from pumprig.cli.options import NumberRange
from pumprig.cli.settings import current
from pumprig.errors import PumpError, UsageError
from pumprig.rig import simulator


@click.command()
@click.option("--link", metavar="PATH", help="A symbolic link to make to the pseudo-terminal.")
@click.option("--tcp", metavar="PORT", type=click.IntRange(0, 65535), help="A TCP port; 0 takes a free one.")
@click.option("--speed", type=NumberRange(0, 1e6, min_open=True), help="Virtual seconds in a second.")
@click.option("--seed", type=click.IntRange(0), help="Which rig: its identity and its physics.")
@click.option("--scenario", type=click.Path(dir_okay=False, path_type=Path), help="Events as TOML.")
@click.option(
    "--balance",
    metavar="[LINK]",
    is_flag=False,
    flag_value="",
    help="A balance under the catheter's tip, on a second port: a link to make, or a TCP port's number.",
)
@click.option(
    "--balance-set",
    metavar="NAME=NUMBER",
    multiple=True,
    help="A property of the balance, for example evaporation_g_per_h=0.001; a wrong one lists them.",
)
@click.option(
    "--background", is_flag=True, help="The private rig that `-p sim` talks to, with these options."
)
@click.option("--new", "fresh", is_flag=True, help="A new rig: the one that was there is thrown away.")
@click.option("--stop", "end", is_flag=True, help="End the private rig, as a power loss would.")
def sim(
    link: str | None,
    tcp: int | None,
    speed: float | None,
    seed: int | None,
    scenario: Path | None,
    balance: str | None,
    balance_set: tuple[str, ...],
    background: bool,
    fresh: bool,
    end: bool,
) -> int:
    """A simulated rig as a serial port, running the real firmware; prints one line `ready PORT`.

    With --balance a second line `balance PORT` follows: a balance (MT-SICS) that weighs what arrives.
    """
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
    options += _balance(balance, balance_set)
    with tempfile.TemporaryDirectory(prefix="pumprig-") as folder:
        if scenario is not None:
            options += ["--scenario", str(_scenario(scenario, Path(folder)))]
        if fresh:
            private.stop()
            private.throw_away()
        if background:
            running = private.facts()
            if running is not None and options:
                raise PumpError(
                    f"The private rig already runs: {_told(running)}.",
                    "It was left as it is; its options hold from its start.",
                    "`pumprig sim --stop`, then the same command, goes on with that rig; --new begins a new one.",
                )
            port = private.ensure(options)
            running = private.facts() or {}
            settings.show(f"ready {port}")
            if running.get("balance"):
                settings.show(f"balance {running['balance']}")
            settings.document({"port": port, "state": str(private.folder), "balance": running.get("balance")})
            return 0
        state = ["--state", settings.state] if settings.state else []
        return _foreground(simulator.command(["serve", *options, *state]))


def _told(running: dict[str, Any]) -> str:
    """What runs, in words."""
    told = f"port {running['port']}, speed {running.get('speed', 1):g}, seed {running.get('seed', 0)}"
    return told + (f", balance {running['balance']}" if running.get("balance") else ", no balance")


def _balance(where: str | None, properties: tuple[str, ...]) -> list[str]:
    if where is None:
        if properties:
            raise UsageError("--balance-set needs --balance.", "Nothing was started.")
        return []
    if find_spec("numpy") is None:  # told here, not by the program in the background
        raise ModuleNotFoundError("the simulated balance computes with numpy", name="numpy")
    return [f"--balance={where}", *(f"--balance-set={word}" for word in properties)]


def _scenario(path: Path, folder: Path) -> Path:
    from pumprig.therapy.events import load

    target = folder / "scenario.json"
    target.write_text(json.dumps(load(path, None)))
    return target


def _foreground(command: list[str]) -> int:
    child = subprocess.Popen(command, env=simulator.environment())

    def end(_signal: int, _frame: FrameType | None) -> None:
        child.terminate()

    signal.signal(signal.SIGTERM, end)  # the rig ends with this program, its state kept
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        click.echo("The simulated rig has ended.", err=True)
        return 130
