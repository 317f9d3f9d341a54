"""`pumprig clock`: the rig's wall clock.

Owns: showing and setting it.
Rules: setting it is logged by the rig and asks; it never moves a delivery.
Units: microseconds UTC on the wire.
Leaves: what a moved clock means for a day program to the firmware.
"""

from __future__ import annotations

from typing import Any

import click

from pumprig.cli.settings import current, yes_option


@click.group(invoke_without_command=True)
@click.pass_context
def clock(ctx: click.Context) -> None:
    """The rig's clock against this computer's."""
    if ctx.invoked_subcommand is not None:
        return
    settings = current()
    with settings.rig() as rig:
        content = rig.status().document()["clock"]
    settings.document(content)
    if content["device"]:
        settings.show(str(content["device"]) + _against(content))
    else:
        settings.show("never set; `pumprig clock set` sets it")


def _against(content: dict[str, Any]) -> str:
    """How far the rig's clock is from this computer's, where the rig said so."""
    return "" if content["offset_s"] is None else f", {content['offset_s']:+z.3f} s against this computer"


@clock.command("set")
@yes_option
def set_(yes: bool) -> None:
    """Set the rig's clock to this computer's."""
    settings = current()
    settings.consent(yes)
    with settings.changing() as rig:
        settings.ask(yes, "Set the rig's clock to this computer's time?")
        moved_s = rig.set_clock()
        content = rig.status().document()["clock"]
    settings.show("set" + _against(content))
    settings.document({**content, "moved_s": moved_s})
