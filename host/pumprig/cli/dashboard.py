"""`pumprig dashboard`: the live web page, served to this computer alone.

Owns: the command.
Rules: says where the page is before the browser is sent there; ends with Ctrl-C, and no pump stops by that.
Units: none.
Leaves: the page to pumprig.dashboard.
"""

from __future__ import annotations

from typing import Any

import click

from pumprig.cli.settings import current
from pumprig.errors import PumpError
from pumprig.extras import to_install


def server() -> Any:
    """The page's server, where its packages are installed. Raises PumpError."""
    try:
        from pumprig.dashboard import serve
    except ImportError as error:
        raise PumpError(
            f"The page needs the package {error.name}, which is not installed.",
            "Nothing was begun.",
            to_install("dashboard"),
        ) from None
    return serve


@click.command()
@click.option("--page", metavar="HOST:PORT", help="Where it listens; this computer's own addresses only.")
@click.option("--no-browser", is_flag=True, help="Only say where the page is.")
def dashboard(page: str | None, no_browser: bool) -> None:
    """The live page: every rig of the hub, with Stop, doses, programs and curves, in the browser.

    A hub is begun where none runs, so that other programs use the rigs at the same time.
    """
    settings = current()
    serve = server()
    from pumprig.rig.discovery import named

    chosen = named(settings.port)

    def ready(address: str) -> None:
        settings.show(f"ready {address}")
        settings.document({"ready": address})
        if not no_browser and not serve.open_browser(address):
            settings.say("no browser was found here; open the address above in one")
        settings.say("Ctrl-C ends the page; the pumps go on as programmed")

    serve.serve([chosen] if chosen else [], settings.state, page, settings.say, ready)
    settings.say("the page has ended; the pumps go on as programmed")
