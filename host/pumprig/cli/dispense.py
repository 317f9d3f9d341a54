"""`dispense`: one dose from a standing pump, which then stands again.

Owns: the command, and waiting for the dose's end.
Rules: it asks or takes --yes; a dose that ends short of what was asked for is a failure and says by how much; a Ctrl-C
while it waits ends the waiting, never the dose.
Callers: the command table.
Units: nL, nL/day, ms on the wire; with units on the command line.
Leaves: whether the dose may be given to the rig.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from pumprig import quantities
from pumprig.cli.connect import changing
from pumprig.cli.delivery import quantity
from pumprig.cli.settings import Settings, current, yes_option
from pumprig.errors import PumpError, UsageError
from pumprig.rig.client import Client
from pumprig.rig.requests import Value, fields_of
from pumprig.rig.status import read_alarms
from pumprig.terminal import ANEW, put

LOOK_S = 0.5


@click.command()
@click.argument("volume", nargs=-1, required=True)
@click.option("--over", help="Its duration; without it, and without --rate, 1 min.")
@click.option("--rate", help="Its rate, instead of a duration.")
@click.option("--wait", is_flag=True, help="Come back when the dose has ended; exit 1 where it ended short.")
@yes_option
def dispense(volume: tuple[str, ...], over: str | None, rate: str | None, wait: bool, yes: bool) -> None:
    """Deliver one dose of VOLUME, for example `50 ul`, from a standing pump; then it stands again.

    The limits, the 24 h cap and the reservoir hold as for a bolus. A loaded program stays loaded and stopped.
    """
    settings = current()
    values, text = _asked(volume, over, rate)
    settings.consent(yes)
    with changing(settings) as client:
        settings.ask(yes, f"Dispense {text}?")
        before = client.read("status").fields
        answer = client.change("dispense", values).fields
        told: dict[str, Any] = {
            "begun": "dose",
            **{name: int(word) for name, word in answer.items() if word.isdigit()},
        }
        settings.show(f"dose begun: {text} ({told.get('requested_steps', '?')} steps)")
        ended = _waited(settings, client, before, told) if wait else {}
    settings.document({**told, **ended})
    if ended and ended["outcome"] != "complete":
        given = quantities.volume_text(ended["counted_nl"])
        raise PumpError(
            f"The dose ended short: {given} of {quantities.volume_text(told.get('requested_nl', 0))}, {ended['why']}.",
            "What was left of it is not given.",
            "See `pumprig status` and `pumprig alarms`.",
        )


def _asked(volume: tuple[str, ...], over: str | None, rate: str | None) -> tuple[dict[str, Value], str]:
    """The arguments of the command, and how it is told. Raises UsageError."""
    if over is not None and rate is not None:
        raise UsageError("Name --over or --rate, not both.", "Nothing was sent.")
    volume_nl = quantity(volume, "volume", "the volume")
    values: dict[str, Value] = {"volume_nl": volume_nl}
    text = quantities.volume_text(volume_nl)
    if rate is not None:
        values["rate_nl_per_day"] = quantities.parse(rate, "rate", "--rate")
        if not values["rate_nl_per_day"]:
            raise UsageError("A dose at no rate would never end.", "Nothing was sent.")
        text += f" at {quantities.rate_text(int(values['rate_nl_per_day']) / 24)}"
    else:
        values["over_ms"] = quantities.parse(over or "1 min", "time", "--over")
        if not values["over_ms"]:
            raise UsageError("A dose over no time.", "Nothing was sent.", "The shortest takes 1 s.")
        text += f" over {quantities.duration_text(int(values['over_ms']))}"
    fields_of("dispense", values)
    return values, text


def _tell(settings: Settings, text: str) -> None:
    """How far the dose is, in a line of a terminal that is written over."""
    if sys.stderr.isatty() and not settings.quiet:
        put(ANEW, text, err=True, end="")


def _waited(
    settings: Settings, client: Client, before: dict[str, str], told: dict[str, Any]
) -> dict[str, Any]:
    """Wait for the dose's end; what became of it."""
    asked_steps = int(told.get("requested_steps", 0))
    fields = client.read("status").fields
    while fields["mode"] == "dispensing":
        _tell(settings, f"{100 * int(fields.get('bolus_done_steps', 0)) // max(1, asked_steps):3d} % given")
        time.sleep(LOOK_S)
        fields = client.read("status").fields
    _tell(settings, "")
    counted_steps = int(fields["single_steps"]) - int(before["single_steps"])
    counted_nl = counted_steps * int(fields["step_nl_num"]) // int(fields["step_nl_den"])
    complete = counted_steps >= asked_steps
    alarms = ", ".join(str(row["name"]) for row in read_alarms(client) if row["priority"] == "high")
    why = "" if complete else f"stopped by the alarm {alarms}" if alarms else "it was stopped"
    if complete:
        settings.show(f"dose given: {quantities.volume_text(counted_nl)} ({counted_steps} steps)")
    return {
        "outcome": "complete" if complete else "short",
        "counted_steps": counted_steps,
        "counted_nl": counted_nl,
        "u_nl": round(counted_nl * int(fields["u_ppm"]) / 1e6),
        "why": why,
    }
