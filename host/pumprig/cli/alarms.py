"""`pumprig alarms`: the active alarms; acknowledge, silence.

Owns: the three commands.
Rules: listing reads only; acknowledging changes the rig and asks; silence lasts 2 min and needs no session.
Units: times ISO 8601 UTC.
Leaves: what an alarm does to the firmware; its text to the shared table.
"""

from __future__ import annotations

import click
from pumpwire import texts

from pumprig import quantities
from pumprig.cli.settings import current, yes_option
from pumprig.rig.status import documents_of

TEXTS = texts.ALARMS
STYLES = {"high": "bold red", "medium": "yellow"}


@click.group(invoke_without_command=True)
@click.pass_context
def alarms(ctx: click.Context) -> None:
    """The active alarms."""
    if ctx.invoked_subcommand is not None:
        return
    settings = current()
    with settings.rig() as rig:
        rows = documents_of(rig.alarms())
    settings.document([{**row, "text": TEXTS.get(row["name"], "")} for row in rows])
    if settings.json:
        return
    if not rows:
        settings.show("no alarm")
        return
    from rich.table import Table

    from pumprig.plainconsole import styled

    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("alarm", "priority", "since", "acknowledged", "meaning"):
        table.add_column(heading)
    for row in rows:
        style = STYLES.get(str(row["priority"]), "")
        since = quantities.utc_of(row["since"])
        seen = "yes" if row["acknowledged"] else "no"
        table.add_row(styled(row["name"], style), row["priority"], since, seen, TEXTS.get(row["name"], ""))
    settings.print(table)


@alarms.command()
@yes_option
def ack(yes: bool) -> None:
    """Acknowledge the active alarms."""
    settings = current()
    settings.consent(yes)
    with settings.changing() as rig:
        rows = documents_of(rig.alarms())
        if rows:
            settings.ask(yes, "Acknowledge " + ", ".join(str(row["name"]) for row in rows) + "?")
            rig.acknowledge()
        left = documents_of(rig.alarms())
    settings.show(
        "acknowledged: " + ", ".join(str(row["name"]) for row in rows) if rows else "no alarm to acknowledge"
    )
    for row in left:
        settings.show(f"still active: {row['name']} ({TEXTS.get(row['name'], '')})")
    settings.document({"acknowledged": [row["name"] for row in rows], "active": left})


@alarms.command()
def silence() -> None:
    """Silence the tone for 2 min. New alarms sound all the same."""
    settings = current()
    with settings.changing() as rig:
        rig.silence()
    settings.show("silent for 2 min")
    settings.document({"silent_s": 120})
