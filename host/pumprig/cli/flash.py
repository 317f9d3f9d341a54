"""`pumprig flash`: install the firmware on a Pico, every file verified, the journal kept or carried on, a key set.

Owns: the command: log pulled first, maintenance, installing, reboot, greeting, the first key.
Rules: a running rig's log is pulled before anything is touched; the rig is stopped and says so; nothing is written
before it was agreed to; the rig's own greeting ends it.
Units: seconds.
Leaves: files and writing to flash/, a history's bytes to flash/history.py, the log to pull.py, keys to key.py.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click

from pumprig.api.rig import connect_past_hub
from pumprig.cli.log import device_of, progress_of
from pumprig.cli.settings import Settings, current, yes_option
from pumprig.errors import LinkError, PumpError, UsageError
from pumprig.flash.history import History, history_of, page
from pumprig.flash.install import Board, chip_id, is_blank
from pumprig.hub.link import borrowed
from pumprig.quantities import local_text
from pumprig.rig import discovery, keys
from pumprig.rig.answers import Greeting

REBOOT_S = 60.0  # an emulated Pico is ten times slower than a real one


@click.command()
@yes_option
@click.option(
    "--skip-log", is_flag=True, help="Do not pull the log first (an older protocol cannot be pulled)."
)
@click.option(
    "--identity", metavar="ID", help="Onto a new Pico: the rig whose stored history it is to carry on."
)
@click.option("--no-key", is_flag=True, help="Set no key: every host may then program the rig.")
def flash(yes: bool, skip_log: bool, identity: str | None, no_key: bool) -> None:
    """Install the firmware, verify every file on the device, keep the journal, reboot, greet, set a key.

    A board whose journal is gone, because its filesystem was reformatted, carries on what the store knows of it:
    totals, calibration, program, log. With --identity a new Pico does so for a rig whose Pico is dead.

    Where a TMC2209 is on the board: 12 V on first, then USB; USB off first, then 12 V.
    """
    settings = current()
    settings.consent(yes)
    address = discovery.resolve(settings.port, settings.state)
    if settings.port == discovery.SIM:
        raise UsageError(
            "The simulated rig needs no installation.", "Nothing was written.", "Name a Pico with -p."
        )
    with borrowed(address):
        _install(settings, address, yes, skip_log, identity, no_key)


def _install(
    settings: Settings, address: str, yes: bool, skip_log: bool, identity: str | None, no_key: bool
) -> None:
    from pumprig.flash.boards import kind_of
    from pumprig.flash.image import build, journal_files
    from pumprig.flash.install import check, install, untried

    files = build()
    before = _leave_running(settings, address, yes, skip_log)
    if before is None:
        settings.ask(yes, f"Install pumprig on the board at {address}?")
    board = Board(address)
    history = None
    try:
        kind = kind_of(board)
        version = check(board)
        settings.say(f"{address}: {kind.name} ({kind.chip}), MicroPython {version}")
        if untried(version):
            settings.say(untried(version))
        journal = journal_files(kind.log_blocks)
        history = _carried_on(settings, board, identity)
        if history is not None:
            if identity is not None:
                files["identity"] = history.device_id.encode()
            for path, pages in history.blocks.items():
                journal[path] = page(journal[path]) + pages
        with progress_of(settings, "installing") as progress:
            result = install(board, files, journal, progress)
    except BaseException:
        board.close()
        raise
    board.reset()
    after = _greet(settings, address)
    settings.show(
        f"{len(result.written)} files written, {len(result.unchanged)} unchanged, every SHA-256 right"
    )
    if history is not None:
        _tell_history(settings, history)
    elif result.journal_made:
        settings.show(
            f"{result.journal_made} journal blocks laid out; calibrate the rig before it can deliver"
        )
    key = _first_key(settings, address, no_key)
    settings.show(
        f"{after.device_id} on a {kind.name} runs firmware {after.firmware}; it is stopped: `pumprig resume` goes on"
    )
    settings.document(
        {
            **asdict(result),
            "board": kind.name,
            "chip": kind.chip,
            "device_id": after.device_id,
            "firmware": after.firmware,
            "carried_on_after": history.last.number if history else None,
            "key": key,
        }
    )


def _carried_on(settings: Settings, board: Board, identity: str | None) -> History | None:
    """What a board without a journal is to carry on. Raises PumpError where --identity cannot be."""
    chip = chip_id(board)
    if not is_blank(board):
        if identity is not None:
            raise UsageError(
                f"The board {chip} has a journal of its own.",
                "Nothing was written.",
                "An identity moves only to a board without one: erase its filesystem first.",
            )
        return None
    with settings.store() as store:
        device = chip if identity is None else device_of(store, identity)
        return history_of(store, device, chip or "unknown")


def _tell_history(settings: Settings, history: History) -> None:
    settings.show(
        f"carried on after record {history.last.number} of {history.device_id}, "
        f"{local_text(history.last.at_utc_us)}; what it delivered after that record is not known"
    )
    for what in history.lost:
        settings.show(f"not known here, so not restored: {what}")


def _first_key(settings: Settings, address: str, no_key: bool) -> str:
    """Give a rig without a key its first one; returns where the key is, empty for none. Raises PumpError."""
    with connect_past_hub(address, settings.database()) as rig:
        device = rig.device_id
        if rig.asks_for_key():
            if rig.holds_key():
                return keys.where(device)
            settings.show(f"{device} has a key that this computer does not hold: `pumprig key set`")
            return ""
        if no_key:
            return ""
        rig.new_key()
    settings.show(f"{device} has a key, kept in {keys.where(device)}. Keep a copy: `pumprig key export`.")
    return keys.where(device)


def _leave_running(settings: Settings, address: str, yes: bool, skip_log: bool) -> Greeting | None:
    """If a rig runs there: pull its log and send it into maintenance. None if there is only a prompt."""
    try:
        rig = connect_past_hub(address, settings.database())
    except LinkError:
        return None
    except PumpError as error:
        if skip_log:
            raise PumpError(
                error.happened,
                "Nothing was written.",
                "Hold the stop button for 3 s at power-on: the rig then waits at its prompt; flash again.",
            ) from None
        raise
    with rig:
        settings.ask(yes, f"Stop {rig.device_id} and install the firmware?")
        if not skip_log:
            with progress_of(settings, "pulling the log") as progress:
                pulled = rig.pull(progress)
            settings.say(f"log pulled: {pulled.new} new records in {rig.database}")
        rig.begin_maintenance()
        greeting = rig.greeting()
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


def _greet(settings: Settings, address: str) -> Greeting:
    """Wait for the installed rig to say who it is. Raises LinkError."""
    until_s = time.monotonic() + REBOOT_S
    while True:
        _wait_for(address)
        try:
            with connect_past_hub(address, settings.database()) as rig:
                return rig.greeting()
        except LinkError as error:
            if time.monotonic() > until_s:
                raise LinkError(
                    f"The firmware is installed, but the rig does not greet: {error.happened}",
                    "done",
                    "Look at what it says with any serial terminal; `pumprig doctor` says more.",
                ) from None
