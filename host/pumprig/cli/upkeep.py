"""`tube`, `battery`, `titrate`: what a person does to the rig now and then.

Owns: these commands.
Rules: each asks or takes --yes, is logged by the rig, and shows what the rig answered.
Units: revolutions; percent; rates shown with units.
Leaves: what is counted to the firmware.
"""

from __future__ import annotations

import click

from pumprig import quantities
from pumprig.cli.settings import current, yes_option


@click.group(invoke_without_command=True)
@click.pass_context
def tube(ctx: click.Context) -> None:
    """The tube in the pump: its wear."""
    if ctx.invoked_subcommand is not None:
        return
    settings = current()
    with settings.rig() as rig:
        worn = rig.status().document()["tube"]
    since = f" since {worn['since'][:10]}" if worn["since"] else ""
    settings.show(f"{worn['revolutions']} revolutions{since}; its life is {worn['life_revolutions']}")
    settings.document(worn)


@tube.command("new")
@yes_option
def tube_new(yes: bool) -> None:
    """Tell the rig that a new tube is in. Calibrate then: each tube delivers its own volume."""
    settings = current()
    settings.consent(yes)
    with settings.changing() as rig:
        settings.ask(yes, "A new tube is in?")
        worn = rig.new_tube()
        after = rig.status().document()
    settings.show(f"new tube; the one before had turned {'?' if worn is None else worn} times")
    settings.say("its volume a revolution is its own: run it in, then `pumprig calibrate run`")
    settings.document(after)


@click.group(invoke_without_command=True)
@click.pass_context
def battery(ctx: click.Context) -> None:
    """The battery of the modelled implant."""
    if ctx.invoked_subcommand is not None:
        return
    settings = current()
    with settings.rig() as rig:
        left = rig.status().document()["battery"]
    due = left["eri_at"][:10] if left["eri_at"] else "not known"
    settings.show(f"{left['percent']} %, {left['age_h']} h old; replacement is due {due} (a model)")
    settings.document(left)


@battery.command("new")
@yes_option
def battery_new(yes: bool) -> None:
    """Begin a new implant: its battery is full, its alarms end."""
    settings = current()
    settings.consent(yes)
    with settings.changing() as rig:
        settings.ask(yes, "A new implant, with a full battery?")
        before = rig.new_battery()
        after = rig.status().document()
    settings.show(f"new battery; the one before had {'?' if before is None else before} %")
    settings.document(after)


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
