"""`pumprig stop`: the fastest command there is.

Owns: the command.
Rules: one line to the rig, no greeting, no session, no question; a database that cannot be used never delays it; a
port that another pumprig holds is no obstacle.
Units: steps, nL.
Leaves: the way to hub/stop.py, the words to rig/stopped.py; the log record to the rig.
"""

from __future__ import annotations

import click

from pumprig.cli.settings import current
from pumprig.errors import Interrupted, LinkError, UsageError
from pumprig.hub.stop import stop as stop_rig
from pumprig.rig.stopped import Stopped

BUTTON = "Press the stop button on the rig."


@click.command()
@click.option("--of", "owner", metavar="USER", help="A rig of another user's hub, who lets others stop it.")
def stop(owner: str | None) -> None:
    """Stop the pump now. Needs no session and asks nothing; the program stays loaded.

    Where another pumprig holds the port, that one passes the stop on, past whatever it is doing.
    """
    settings = current()
    settings.met = True
    settings.acts()
    try:
        if owner is None:
            stopped = Stopped.of(stop_rig(settings.port, settings.state))
        else:
            from pumprig.hub import outsiders

            stopped = Stopped.of(outsiders.stop(owner, settings.port))
    except KeyboardInterrupt:
        raise Interrupted(
            "Interrupted.",
            "Whether the stop has reached the rig is not known.",
            f"{BUTTON} `pumprig status` shows whether it stands.",
        ) from None
    except LinkError as error:
        raise LinkError(
            error.happened, error.outcome, f"{BUTTON} {error.next_step.replace(BUTTON, '')}".strip()
        ) from error
    except UsageError as error:
        raise UsageError(error.happened, error.not_done, f"{BUTTON} {error.next_step}") from error
    settings.show(stopped.told())
    settings.document(stopped.document())
