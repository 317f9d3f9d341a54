"""`pumprig clock`: the rig's wall clock.

Owns: showing and setting it.
Rules: setting it is logged by the rig and asks; it never moves a delivery.
Callers: the command table.
Units: microseconds UTC on the wire.
Leaves: what a moved clock means for a day program to the firmware.
"""

from __future__ import annotations

import click

from pumprig.cli.connect import pulling, reading
from pumprig.cli.settings import current, yes_option
from pumprig.quantities import now_utc_us
from pumprig.rig.status import read_status


@click.group(invoke_without_command=True)
@click.pass_context
def clock(ctx: click.Context) -> None:
    """The rig's clock against this computer's."""
    if ctx.invoked_subcommand is not None:
        return
    settings = current()
    with reading(settings) as client:
        content = read_status(client)["clock"]
    settings.document(content)
    if content["device"]:
        settings.show(f"{content['device']}, {content['offset_s']:+.3f} s against this computer")
    else:
        settings.show("never set; `pumprig clock set` sets it")


@clock.command("set")
@yes_option
def set_(yes: bool) -> None:
    """Set the rig's clock to this computer's."""
    settings = current()
    settings.consent(yes)
    with pulling(settings) as (client, _store), client.session():
        settings.ask(yes, "Set the rig's clock to this computer's time?")
        moved = client.change("clock", {"utc_us": now_utc_us()}).fields.get("moved_us", "")
        content = read_status(client)["clock"]
    settings.show(f"set; {content['offset_s']:+.3f} s against this computer")
    settings.document({**content, "moved_s": int(moved) / 1e6 if moved.lstrip("-").isdigit() else None})
