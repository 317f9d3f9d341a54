"""`battery`: the modelled implant's battery.

Owns: this command.
Rules: a change is asked or takes --yes, is logged by the rig, and shows what the rig answered.
Units: percent, hours.
Leaves: the model to the firmware.
"""

from __future__ import annotations

import click

from pumprig.cli.settings import current, yes_option


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
