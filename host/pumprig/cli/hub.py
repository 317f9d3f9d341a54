"""`pumprig hub`: one process that owns the rigs' ports for everybody on this computer.

Owns: the command, its options, what it says.
Rules: prints one line `ready` when users can come; ends with Ctrl-C, a signal or `--stop`, and no pump stops by that.
Units: none.
Leaves: the hub itself to pumprig.hub.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pumprig.cli.beside import Beside
from pumprig.cli.settings import Settings, current
from pumprig.errors import PumpError, UsageError

if TYPE_CHECKING:
    from pumprig.api.keeping import Keeping

END_S = 5.0


@click.command()
@click.argument("ports", nargs=-1, metavar="[PORT]...")
@click.option("--stop", "end", is_flag=True, help="End the hub that runs. The pumps go on as programmed.")
@click.option("--status", "show", is_flag=True, help="What the running hub holds, and who uses it.")
@click.option(
    "--let-others-stop", "others", is_flag=True, help="Other users of this computer may stop these rigs."
)
@click.option(
    "--keep-records", "keep", is_flag=True, help="Pull every rig's records into the store as they come."
)
@click.option("--page", metavar="HOST:PORT", help="Serve the live page, too, on this computer's own address.")
@click.option(
    "--site", metavar="NAME", help="Run the gateway of these PORTs, too, under this name; see --broker."
)
@click.option("--broker", metavar="ADDRESS", help="Where that gateway sends, as in `pumprig gateway`.")
@click.option("--ca", metavar="FILE", help="With --broker mqtts://: the certificates to trust.")
def hub(
    ports: tuple[str, ...],
    end: bool,
    show: bool,
    others: bool,
    keep: bool,
    page: str | None,
    **lab: str | None,
) -> None:
    """Own the rigs' ports, so that several programs use one rig at once: commands, console, scripts.

    Without PORT: every Pico found, and every port that a user names. With PORT: these alone. While it runs, everything
    here uses it by itself, whichever name a port is given; without it, or after its end, the port itself.
    """
    settings = current()
    named = (*ports, settings.port) if settings.port else ports
    if end or show:
        if named or others or keep or page or any(lab.values()) or (end and show):
            raise UsageError("--stop and --status take nothing else.", "Nothing was done.")
        _end() if end else _show()
        return
    from pumprig.hub import server, wire

    kept: list[Keeping] = []
    beside: list[Beside] = []
    gateway = _gateway_words(named, lab)  # refused before the hub begins
    if page is not None:
        from pumprig.cli.dashboard import server as page_server

        page_server().place_of(page)  # refused before the hub begins

    def ready(running: server.Hub) -> None:
        if page is not None:
            words = ["-q", "dashboard", "--no-browser", "--page", page]
            beside.append(Beside("page", words, {}, lambda text: settings.say(_where(text))))
        where = wire.socket_path() if wire.UNIX else "127.0.0.1"
        settings.show(f"ready {where}")
        settings.document({"ready": where, **running.status()})
        if gateway is not None:
            beside.append(Beside("gateway", *gateway, settings.say))
        if keep:
            kept.append(_keeping(lambda: [line.address for line in running.lines if line.port], settings))

    import asyncio

    if others and not wire.UNIX:
        raise UsageError("--let-others-stop needs Unix sockets.", "No hub was started.")
    try:
        asyncio.run(server.serve(list(named), settings.say, ready, others))
    finally:
        for keeping in kept:
            keeping.end()
        for child in beside:
            child.terminate()
            child.wait()
    settings.say("the hub has ended; the pumps go on as programmed")


def _keeping(addresses: Callable[[], list[str]], settings: Settings) -> Keeping:
    from pumprig.api.keeping import Keeping

    keeping = Keeping(addresses, settings.database(), settings.say)
    keeping.start()
    return keeping


def _where(text: str) -> str:
    """What the page says; of where it is only that."""
    return text.replace("page: ready ", "page ", 1)


def _gateway_words(
    ports: tuple[str, ...], lab: dict[str, str | None]
) -> tuple[list[str], dict[str, str]] | None:
    """What runs the gateway, and the environment that hides its password; None where none is wanted."""
    site, broker, authority = lab["site"], lab["broker"], lab["ca"]
    if site is None:
        if broker or authority:
            raise UsageError("--broker and --ca need --site.", "No hub was started.", "--site NAME.")
        return None
    if not ports:
        raise UsageError("--site needs the ports of the rigs.", "No hub was started.", "Name each PORT.")
    from pumprig.cli.lab import check_site

    check_site(site)
    words = ["gateway", *ports, "--site", site, *(["--ca", authority] if authority else [])]
    return words, {"PUMPRIG_BROKER": broker} if broker else {}


def _status() -> dict[str, Any] | None:
    from pumprig.hub import wire

    try:
        return wire.ask({"status": 1})
    except wire.NoHub:
        return None


def _end() -> None:
    from pumprig.hub import wire

    settings = current()
    try:
        answer = wire.ask({"end": 1})
    except wire.NoHub:
        settings.show("there was none")
        settings.document({"ended": False})
        return
    until_s = time.monotonic() + END_S
    while _status() is not None:
        if time.monotonic() > until_s:
            raise PumpError(f"The hub (process {answer['pid']}) did not end.", "", f"kill {answer['pid']}")
        time.sleep(0.02)
    settings.show("ended; the pumps go on as programmed")
    settings.document({"ended": True})


def _show() -> None:
    settings = current()
    status = _status()
    settings.document(status if status is not None else {"pid": None})
    if status is None:
        settings.show("no hub runs; `pumprig hub` starts one")
        return
    settings.show(f"hub, process {status['pid']}, at {status['socket']}; {status['users']} connections")
    for rig in status["rigs"]:
        state = "open" if rig["open"] else f"not open: {rig['trouble']}"
        settings.show(
            f"  {rig['port']}: {state}; {rig['users']} users, {rig['requests']} requests, "
            f"{rig['answered_together']} answered together, {rig['stops']} stops"
        )
