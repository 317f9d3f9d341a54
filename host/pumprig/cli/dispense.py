"""`dispense`: one dose from a standing pump, which then stands again.

Owns: the command, and waiting for the dose's end.
Rules: it asks or takes --yes; a dose that ends short of what was asked for is a failure and says by how much; a Ctrl-C
while it waits ends the waiting, never the dose.
Units: nL, nL/day, ms on the wire; with units on the command line.
Leaves: whether the dose may be given to the rig.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from pumprig import quantities
from pumprig.api.dose import Dose, Progress
from pumprig.cli.delivery import quantity
from pumprig.cli.settings import Settings, current, yes_option
from pumprig.errors import PumpError, UsageError
from pumprig.rig.requests import fields_of
from pumprig.terminal import ANEW, put


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
    wanted, text = _asked(volume, over, rate)
    settings.consent(yes)
    with settings.changing() as rig:
        settings.ask(yes, f"Dispense {text}?")
        dose = rig.dispense(**wanted)
        settings.show(f"dose begun: {text} ({dose.requested_steps or '?'} steps)")
        ended = _waited(settings, dose) if wait else {}
    settings.document({"begun": "dose", **dose.answer, **ended})
    if ended and ended["outcome"] != "complete":
        given = quantities.volume_text(ended["counted_nl"] or 0)
        raise PumpError(
            f"The dose ended short: {given} of {quantities.volume_text(dose.requested_nl)}, {ended['why']}.",
            "What was left of it is not given.",
            "See `pumprig status` and `pumprig alarms`.",
        )


def _asked(volume: tuple[str, ...], over: str | None, rate: str | None) -> tuple[dict[str, Any], str]:
    """The arguments of Rig.dispense, and how they are told. Raises UsageError."""
    if over is not None and rate is not None:
        raise UsageError("Name --over or --rate, not both.", "Nothing was sent.")
    volume_nl = quantity(volume, "volume", "the volume")
    text = quantities.volume_text(volume_nl)
    if rate is not None:
        per_day = quantities.parse(rate, "rate", "--rate")
        if not per_day:
            raise UsageError("A dose at no rate would never end.", "Nothing was sent.")
        fields_of("dispense", {"volume_nl": volume_nl, "rate_nl_per_day": per_day})
        return {"volume_nl": volume_nl, "rate": rate}, f"{text} at {quantities.rate_text(per_day / 24)}"
    over_ms = quantities.parse(over or "1 min", "time", "--over")
    if not over_ms:
        raise UsageError("A dose over no time.", "Nothing was sent.", "The shortest takes 1 s.")
    fields_of("dispense", {"volume_nl": volume_nl, "over_ms": over_ms})
    return {
        "volume_nl": volume_nl,
        "over_s": over_ms / 1000,
    }, f"{text} over {quantities.duration_text(over_ms)}"


def _tell(settings: Settings, text: str) -> None:
    """How far the dose is, in a line of a terminal that is written over."""
    if sys.stderr.isatty() and not settings.quiet:
        put(ANEW, text, err=True, end="")


def _waited(settings: Settings, dose: Dose) -> dict[str, Any]:
    """Wait for the dose's end; what became of it."""

    def progress(now: Progress) -> None:
        if dose.outcome is None:
            _tell(settings, f"{100 * (now.delivered_nl or 0) // max(1, now.requested_nl):3d} % given")

    dose.wait(progress)
    _tell(settings, "")
    complete = dose.outcome == "given"
    if complete and dose.counted_nl is not None:
        volume = quantities.volume_with_u(dose.counted_nl, dose.u_nl or 0)
        settings.show(f"dose given: {volume} (k = 2), {dose.counted_steps} steps counted")
    return {
        "outcome": "complete" if complete else "short",
        "counted_steps": dose.counted_steps,
        "counted_nl": dose.counted_nl,
        "u_nl": dose.u_nl,
        "why": "" if complete else _why(dose.outcome or ""),
    }


def _why(outcome: str) -> str:
    if outcome.startswith("alarm"):
        return f"stopped by the {outcome}"
    return "it was stopped" if outcome == "stopped" else f"it ended by: {outcome}"
