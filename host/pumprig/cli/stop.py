"""`pumprig stop`: the fastest command there is.

Owns: the command.
Rules: one line to the rig, no greeting, no session, no question; a database that cannot be used never delays it; a
port that another pumprig holds is no obstacle.
Callers: the command table.
Units: steps.
Leaves: the wire to client.py; the log record to the rig.
"""

from __future__ import annotations

import time
from contextlib import closing

import click

from pumprig.cli.settings import current
from pumprig.errors import LinkError
from pumprig.rig import discovery, portshare
from pumprig.rig.client import Client
from pumprig.rig.link import SerialLink

AGAIN_S = 0.05
TRIES_S = 1.0  # a program that has just opened the port opens its desk a moment later
BUTTON = "Press the stop button on the rig."


@click.command()
def stop() -> None:
    """Stop the pump now. Needs no session and asks nothing; the program stays loaded.

    Where another pumprig holds the port, that one passes the stop on, past whatever it is doing.
    """
    settings = current()
    settings.met = True
    settings.acts()
    address = discovery.resolve(settings.port, settings.state)
    try:
        steps = _stop(address).get("delivered_steps")
    except LinkError as error:
        raise LinkError(
            error.happened, error.outcome, f"{BUTTON} {error.next_step.replace(BUTTON, '')}".strip()
        ) from error
    settings.show(f"stopped; {steps} steps counted so far. `pumprig resume` runs the program again.")
    settings.document({"stopped": True, "delivered_steps": int(steps) if steps else None})


def _stop(address: str) -> dict[str, str]:
    """Through whoever holds the port, else over the port itself. Raises LinkError."""
    until_s = time.monotonic() + TRIES_S
    while True:
        answer = portshare.ask(address, "stop")
        if answer is not None and "error" not in answer:
            return answer
        try:
            with closing(Client(SerialLink(address))) as client:
                return client.stop().fields
        except LinkError as error:
            if "in use" not in error.happened or time.monotonic() > until_s:
                raise
            time.sleep(AGAIN_S)
