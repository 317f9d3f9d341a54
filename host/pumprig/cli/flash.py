"""`pumprig flash`: install the firmware on a Pico, every file verified, the journal kept.

Owns: the command: log pulled first, maintenance, installing, reboot, greeting.
Rules: a running rig's log is pulled before anything is touched; the rig is stopped and says so; nothing is written
before it was agreed to; the rig's own greeting ends it.
Callers: the command table; `make flash`.
Units: seconds.
Leaves: files and writing to flash/, the log to pull.py.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click

from pumprig import discovery
from pumprig.answers import Greeting
from pumprig.cli.connect import store_open
from pumprig.cli.log import progress_of
from pumprig.cli.settings import Settings, current, yes_option
from pumprig.client import Client
from pumprig.errors import LinkError, PumpError, UsageError
from pumprig.link import SerialLink
from pumprig.pull import pull
from pumprig.store.intents import StoredIntents

REBOOT_S = 60.0  # an emulated Pico is ten times slower than a real one


@click.command()
@yes_option
@click.option(
    "--skip-log", is_flag=True, help="Do not pull the log first (an older protocol cannot be pulled)."
)
def flash(yes: bool, skip_log: bool) -> None:
    """Install the firmware, verify every file on the device, keep the journal, reboot, greet."""
    from pumprig.flash.image import build, journal_files
    from pumprig.flash.install import Board, install

    settings = current()
    settings.consent(yes)
    address = discovery.resolve(settings.port, settings.state)
    if settings.port == discovery.SIM:
        raise UsageError(
            "The simulated rig needs no installation.", "Nothing was written.", "Name a Pico with -p."
        )
    files = build()
    before = _leave_running(settings, address, yes, skip_log)
    if before is None:
        settings.ask(yes, f"Install pumprig on the board at {address}?")
    board = Board(address)
    try:
        with progress_of(settings, "installing") as progress:
            result = install(board, files, journal_files(), progress)
    except BaseException:
        board.close()
        raise
    board.reset()
    after = _greet(address)
    settings.show(
        f"{len(result.written)} files written, {len(result.unchanged)} unchanged, every SHA-256 right"
    )
    if result.journal_made:
        settings.show(
            f"{result.journal_made} journal blocks laid out; calibrate the rig before it can deliver"
        )
    settings.show(
        f"{after.device_id} runs firmware {after.firmware}; it is stopped: `pumprig resume` goes on"
    )
    settings.document({**asdict(result), "device_id": after.device_id, "firmware": after.firmware})


def _leave_running(settings: Settings, address: str, yes: bool, skip_log: bool) -> Greeting | None:
    """If a rig runs there: pull its log and send it into maintenance. None if there is only a prompt."""
    with store_open(settings) as store:
        client = Client(SerialLink(address), StoredIntents(store))
        try:
            greeting = client.greet()
        except LinkError:
            client.close()
            return None
        except PumpError as error:
            client.close()
            if skip_log:
                raise PumpError(
                    error.happened,
                    "Nothing was written.",
                    "Hold the stop button for 3 s at power-on: the rig then waits at its prompt; flash again.",
                ) from None
            raise
        try:
            settings.ask(yes, f"Stop {greeting.device_id} and install the firmware?")
            if not skip_log:
                with progress_of(settings, "pulling the log") as progress:
                    pulled = pull(client, store, progress)
                settings.say(f"log pulled: {pulled.new} new records in {store.path}")
            with client.session():
                client.change("maintenance")
        finally:
            client.close()
    _wait_for(address)
    return greeting


def _wait_for(address: str) -> None:
    """A reset takes the port away for a moment."""
    until_s = time.monotonic() + REBOOT_S
    time.sleep(1.0)
    while not (Path(address).exists() or "://" in address or address.upper().startswith("COM")):
        if time.monotonic() > until_s:
            raise LinkError(
                f"{address} did not come back after the reset.", "not done", "Plug it in again; flash again."
            )
        time.sleep(0.2)


def _greet(address: str) -> Greeting:
    """Wait for the installed rig to say who it is. Raises LinkError."""
    until_s = time.monotonic() + REBOOT_S
    while True:
        _wait_for(address)
        try:
            client = Client(SerialLink(address))
            try:
                return client.greet()
            finally:
                client.close()
        except LinkError as error:
            if time.monotonic() > until_s:
                raise LinkError(
                    f"The firmware is installed, but the rig does not greet: {error.happened}",
                    "done",
                    "Look at what it says with any serial terminal; `pumprig doctor` says more.",
                ) from None
