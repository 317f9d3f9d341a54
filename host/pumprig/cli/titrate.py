"""`titrate`: a titration ramp is held, stepped back, let go on.

Owns: this command.
Rules: a change is asked or takes --yes, is logged by the rig, and shows what the rig answered.
Units: rates shown with units.
Leaves: the ramp to the firmware.
"""

from __future__ import annotations

import click

from pumprig import quantities
from pumprig.cli.settings import current, yes_option


@click.group()
def titrate() -> None:
    """A titration ramp under way: hold it, step it back, let it go on."""


@titrate.command()
@yes_option
def hold(yes: bool) -> None:
    """Hold the ramp at its present step."""
    _ramp("hold", "Hold the ramp at its present step?", yes)


@titrate.command()
@yes_option
def back(yes: bool) -> None:
    """Go back to the step before, and hold there."""
    _ramp("back", "Go back to the step before, and hold there?", yes)


@titrate.command()
@yes_option
def go(yes: bool) -> None:
    """Let a held ramp go on from where it was."""
    _ramp("go", "Let the ramp go on?", yes)


def _ramp(do: str, question: str, yes: bool) -> None:
    settings = current()
    settings.consent(yes)
    with settings.changing() as rig:
        settings.ask(yes, question)
        after = rig.titrate(do).document()
    ramp: dict[str, object] = after["therapy"]["ramp"]
    held = "held" if ramp["held"] else "rising"
    rate = quantities.rate_text(after["rate_nl_per_h"])
    settings.show(f"{after['state']}: {rate}, step {ramp['step']}, {held}")
    settings.document(after)
