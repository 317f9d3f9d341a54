"""`tube`: how far the tube in the pump is worn, and that a new one is in.

Owns: this command.
Rules: a change is asked or takes --yes, is logged by the rig, and shows what the rig answered.
Units: revolutions.
Leaves: the count to the firmware.
"""

from __future__ import annotations

import click

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
