"""`pumprig gateway`, `ingest` and `alerts`: a lab of rigs over an MQTT broker into one database, alarms to people.

Owns: the commands and their options.
Rules: each runs until Ctrl-C or a signal; a missing package is named with the command that brings it.
Units: none.
Leaves: everything else to pumprig.lab.
"""

from __future__ import annotations

import importlib.util
import signal
from pathlib import Path
from typing import Any

import click

from pumprig import extras, paths
from pumprig.cli.settings import current
from pumprig.errors import UsageError
from pumprig.lab.wire import BATCH, WireError, topic

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


def check_site(site: str) -> None:
    """Raises UsageError."""
    try:
        topic(site, "x", "birth")
    except WireError as error:
        raise UsageError(f"--site: {error}.", "Nothing was sent.") from None


broker_option = click.option(
    "--broker",
    default=BROKER,
    show_default=True,
    envvar="PUMPRIG_BROKER",
    help="mqtt://[USER:PASSWORD@]HOST[:PORT], or mqtts://; or PUMPRIG_BROKER, which no list of processes shows.",
)
authority_option = click.option(
    "--ca", metavar="FILE", help="With mqtts://: the certificates to trust, instead of the system's."
)

page_option = click.option("--page", metavar="HOST:PORT", help="Serve Prometheus metrics there, at /metrics.")


@click.command()
@click.argument("ports", nargs=-1, metavar="[PORT]...")
@broker_option
@authority_option
@click.option("--site", required=True, help="This bench's name among the topics.")
@click.option(
    "--batch",
    type=click.IntRange(1, BATCH),
    default=BATCH,
    show_default=True,
    help="Records in a message, at the most.",
)
def gateway(ports: tuple[str, ...], broker: str, ca: str | None, site: str, batch: int) -> None:
    """Send this computer's store, and the live readings of the rigs at PORT, to an MQTT broker.

    Without PORT the stored records alone are sent. A record is sent again until the database has it.
    """
    _needs("paho")
    from pumprig.lab.gateway import Gateway

    settings = current()
    check_site(site)
    named = [*ports, *([settings.port] if settings.port else [])]
    running = Gateway(broker, site, settings.database(), named, settings.say, ca, batch)
    stored = len(running.senders)
    settings.say(
        f"as {site}: {len(named)} port{'' if len(named) == 1 else 's'},"
        f" and the records of {stored} rig{'' if stored == 1 else 's'}"
    )
    _until_signal(running)


@click.command()
@broker_option
@authority_option
@click.option(
    "--database",
    required=True,
    metavar="ADDRESS",
    envvar="PUMPRIG_LAB_DB",
    help="postgresql://USER@HOST/NAME, 15 or newer; or PUMPRIG_LAB_DB.",
)
@page_option
def ingest(broker: str, ca: str | None, database: str, page: str | None) -> None:
    """Take the records of every site from the broker into PostgreSQL, each checked again."""
    _needs("paho", "psycopg", "prometheus_client")
    from prometheus_client import CollectorRegistry

    from pumprig.lab.ingest import Ingester
    from pumprig.lab.metrics import Intake
    from pumprig.lab.page import Page

    settings, registry = current(), CollectorRegistry()
    running = Ingester(broker, database, settings.say, ca, Intake(registry).take)
    if page:
        settings.say(f"metrics at {Page(page, registry).address}/metrics")
    _until_signal(running)


@click.command()
@click.argument("rules", type=click.Path(path_type=Path), metavar="[RULES]", required=False)
@broker_option
@authority_option
@page_option
@click.option("--check", is_flag=True, help="Read the rule file and end.")
def alerts(rules: Path | None, broker: str, ca: str | None, page: str | None, check: bool) -> None:
    """Tell people of alarms by e-mail and webhook, as the rule file RULES says.

    With --page it also serves the readings of every rig as metrics, and the page on which an alarm is acknowledged;
    without RULES it does that alone.
    """
    _needs("paho", "prometheus_client")
    from pumprig.lab.rules import Rules, load

    settings = current()
    if rules is None and not page:
        raise UsageError(
            "Neither RULES nor --page was given.", "Nothing was started.", "See `alerts --help`."
        )
    read = load(rules) if rules is not None else Rules((), None, "")
    if rules is not None:
        settings.say(f"{rules}: {len(read.rules)} rule{'' if len(read.rules) == 1 else 's'}")
    if check:
        return
    from pumprig.lab.alerts import Alerts

    state = paths.state_folder() / "alerts.json"
    running = Alerts(broker, read, state, settings.say, ca, page)
    if page:
        settings.say(f"metrics at {running.address}/metrics")
    elif read.page:
        settings.say("note: the rule file names a page, and without --page nobody serves it")
    _until_signal(running)
