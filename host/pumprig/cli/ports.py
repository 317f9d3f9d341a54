"""`pumprig ports`: serial ports, which are rigs, their ids.

Owns: the command.
Rules: only Picos and the private simulated rig are asked who they are; other ports may belong to anything and are
listed.
Units: none.
Leaves: finding and asking to hub/ports.py.
"""

from __future__ import annotations

from dataclasses import asdict

import click

from pumprig.cli.settings import current
from pumprig.hub.ports import probe, survey
from pumprig.rig.discovery import SIM


@click.command()
def ports() -> None:
    """Serial ports, which are rigs, their ids. With -p PORT that port is asked, too."""
    settings = current()
    rows = survey(settings.state)
    if settings.port and settings.port != SIM and settings.port not in [row.device for row in rows]:
        rows.insert(0, probe(settings.port, "named with -p"))
    settings.document([asdict(row) for row in rows])
    if settings.json:
        return
    if not rows:
        settings.show("no serial port; `pumprig -p sim status` starts a simulated rig")
        return
    from rich.table import Table

    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("port", "what", "device id", "firmware", "description"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            row.device, row.kind, row.device_id or "", row.firmware or "", row.note or row.description
        )
    settings.print(table)
