"""`pumprig key`: the key, the PIN, and whether a person at a plain terminal may program.

Owns: the commands.
Rules: a key is kept here before it is set there; removing one is a change like any other and needs the key itself.
Units: a PIN is 4 to 12 digits.
Leaves: keeping keys to keys.py, proving them to client.py.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

import click

from pumprig import textfile
from pumprig.cli.settings import Settings, current, yes_option
from pumprig.errors import PumpError, UsageError
from pumprig.rig import keys, refusals
from pumprig.terminal import asked_secret

MOST_BYTES = 4_096


@click.group(invoke_without_command=True)
@click.pass_context
def key(ctx: click.Context) -> None:
    """Whether this computer holds a key of the rig."""
    if ctx.invoked_subcommand is not None:
        return
    settings = current()
    with settings.rig() as rig:
        device = rig.device_id
    held = bool(keys.of(device))
    settings.show(f"{device}: this computer holds {'a' if held else 'no'} key, in {keys.where(device)}")
    settings.document({"device_id": device, "held": held, "where": keys.where(device)})


@key.command("set")
@click.argument("file", type=click.File("rb"))
def set_(file: BinaryIO) -> None:
    """Keep a key that the rig already has: FILE holds its 64 hex digits, `-` reads them from stdin."""
    settings = current()
    try:
        found = keys.parse(textfile.decoded(file.read(MOST_BYTES)))
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise UsageError("That is no key: a key is 64 hex digits.", "Nothing was kept.")
    with settings.rig() as rig:
        device = rig.device_id
    keys.keep(device, found)
    settings.show(f"{device}: kept in {keys.where(device)}; `pumprig unlock` shows whether the rig takes it")
    settings.document({"device_id": device, "held": True, "where": keys.where(device)})


@key.command("export")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="A new file, yours alone; - is standard output.",
)
def export(output: Path | None) -> None:
    """Print the rig's key, or write it into a new file that only you can read: to be kept safe, or carried on."""
    settings = current()
    piped = output is None or str(output) == "-"  # with --json, too: the key is what it then carries
    with settings.rig() as rig:
        device = rig.device_id
    held = keys.of(device)
    if not held:
        raise refusals.no_key(device)
    if output is not None and not piped:
        _write_key(output, held[0].hex())
        settings.acts()
        settings.show(f"{device}: its key is in {output}, which only you can read")
        settings.document({"device_id": device, "file": str(output)})
        return
    _keep_to_yourself(settings)
    settings.show(held[0].hex())
    settings.document({"device_id": device, "key": held[0].hex()})


def _keep_to_yourself(settings: Settings) -> None:
    """Where standard output is a file that others may read, take that away before the key is written, and say so."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        mode = os.fstat(sys.stdout.fileno()).st_mode
        if stat.S_ISREG(mode) and mode & 0o077:
            os.fchmod(sys.stdout.fileno(), 0o600)
            settings.say("the file on standard output could be read by others; now only you can")


def _write_key(path: Path, text: str) -> None:
    """A file that is readable for nobody else at any moment. Raises PumpError."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text + "\n")
    except OSError as error:
        raise PumpError(
            f"{path} cannot be written: {error.strerror}.",
            "The key was written nowhere.",
            "Name a new file with -o.",
        ) from None


@key.command("new")
@yes_option
def new(yes: bool) -> None:
    """Set a new key: from then on only holders of it may change anything."""
    settings = current()
    settings.consent(yes)
    with settings.changing() as rig:
        device = rig.device_id
        settings.ask(yes, f"Set a new key on {device}? Hosts without it can then only read and stop.")
        rig.new_key()
    settings.show(f"{device} has a new key, kept in {keys.where(device)}. Keep a copy: `pumprig key export`.")
    settings.document({"device_id": device, "held": True, "where": keys.where(device)})


def _asked_pin() -> str:
    """The new PIN, from the terminal or a line of stdin: never from the command line, which others can read."""
    pin = asked_secret("New PIN") if sys.stdin.isatty() else sys.stdin.readline().strip()
    if not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 12):
        raise UsageError("A PIN is 4 to 12 digits.", "Nothing was changed.")
    return pin


@key.command("remove")
@yes_option
def remove(yes: bool) -> None:
    """Remove the rig's key: then every host may program it."""
    settings = current()
    settings.consent(yes)
    with settings.changing() as rig:
        device = rig.device_id
        settings.ask(yes, f"Remove the key of {device}?")
        rig.remove_key()
    settings.show(f"{device} has no key any more")
    settings.document({"device_id": device, "held": False})


@key.command("pin")
@click.option("--none", "none", is_flag=True, help="No PIN any more.")
@click.option(
    "--typed/--no-typed", default=None, help="Whether a person at a plain terminal may program at all."
)
@yes_option
def pin(none: bool, typed: bool | None, yes: bool) -> None:
    """Set the PIN for programming from a plain terminal: it is asked for, or read from stdin.

    On a rig with a key nothing can be programmed by typing until it has a PIN, too.
    """
    settings = current()
    settings.consent(yes)
    pin = None if none or typed is not None else _asked_pin()
    with settings.changing() as rig:
        settings.ask(yes, "Change how a person at a plain terminal may program?")
        rig.set_typing(pin=pin if pin is not None else "" if none else None, allowed=typed)
    settings.show("changed")
    settings.document({"pin": pin is not None, "typed": typed})
