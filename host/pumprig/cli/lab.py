"""`pumprig gateway` and `pumprig ingest`: a lab of rigs over an MQTT broker into one database.

Owns: both commands and their options.
Rules: each runs until Ctrl-C or a signal; a missing package is named with the command that brings it.
Units: none.
Leaves: everything else to pumprig.lab.
"""

from __future__ import annotations

import importlib.util
import signal
from typing import Any

import click

from pumprig import extras
from pumprig.cli.settings import current
from pumprig.errors import UsageError

BROKER = "mqtt://127.0.0.1:1883"


def _needs(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise UsageError(
                f"The package {package} is not installed.", "Nothing was sent.", extras.to_install("lab")
            )


def _until_signal(running: Any) -> None:
    def end(_number: int, _frame: object) -> None:
        running.end()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    running.run()


@click.command()
@click.argument("ports", nargs=-1, metavar="[PORT]...")
@click.option(
    "--broker", default=BROKER, show_default=True, help="mqtt://[USER:PASSWORD@]HOST[:PORT], or mqtts://."
)
@click.option("--site", required=True, help="This bench's name among the topics.")
def gateway(ports: tuple[str, ...], broker: str, site: str) -> None:
    """Send this computer's store, and the live readings of the rigs at PORT, to an MQTT broker.

    Without PORT the stored records alone are sent. A record is sent again until the database has it.
    """
    _needs("paho")
    from pumprig.lab.gateway import Gateway
    from pumprig.lab.wire import WireError, topic

    settings = current()
    try:
        topic(site, "x", "birth")
    except WireError as error:
        raise UsageError(f"--site: {error}.", "Nothing was sent.") from None
    named = [*ports, *([settings.port] if settings.port else [])]
    running = Gateway(broker, site, settings.database(), named, settings.say)
    settings.say(f"{len(running.senders)} rigs to {broker} as {site}")
    _until_signal(running)


@click.command()
@click.option(
    "--broker", default=BROKER, show_default=True, help="mqtt://[USER:PASSWORD@]HOST[:PORT], or mqtts://."
)
@click.option(
    "--database", required=True, metavar="ADDRESS", help="postgresql://USER@HOST/NAME, 15 or newer."
)
def ingest(broker: str, database: str) -> None:
    """Take the records of every site from the broker into PostgreSQL, each checked again."""
    _needs("paho", "psycopg")
    from pumprig.lab.ingest import Ingester

    _until_signal(Ingester(broker, database, current().say))
