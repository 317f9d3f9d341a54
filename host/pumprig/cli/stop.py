"""`pumprig stop`: the fastest command there is.

Owns: the command.
Rules: one line to the rig, no greeting, no session, no question; a database that cannot be used never delays it.
Callers: the command table.
Units: steps.
Leaves: the wire to client.py; the log record to the rig.
"""

from __future__ import annotations

from contextlib import closing

import click

from pumprig.cli.settings import current
from pumprig.errors import LinkError
from pumprig.rig import discovery
from pumprig.rig.client import Client
from pumprig.rig.link import SerialLink


@click.command()
def stop() -> None:
    """Stop the pump now. Needs no session and asks nothing; the program stays loaded."""
    settings = current()
    try:
        with closing(Client(SerialLink(discovery.resolve(settings.port, settings.state)))) as client:
            steps = client.stop().fields.get("delivered_steps")
    except LinkError as error:
        raise LinkError(
            error.happened, error.outcome, f"Press the stop button on the rig. {error.next_step}"
        ) from error
    settings.show(f"stopped; {steps} steps counted so far. `pumprig resume` runs the program again.")
    settings.document({"stopped": True, "delivered_steps": int(steps) if steps else None})
