"""`pumprig unlock` and `pumprig lock`: whether this computer may program the rig, and ending every session.

Owns: the two commands.
Rules: unlocking proves the key and changes nothing; locking ends a host's session and a person's alike, and needs
no key, as it only takes rights away.
Units: none.
Leaves: proving the key to the interface, keys to rig/keys.py.
"""

from __future__ import annotations

import click

from pumprig.cli.settings import current


@click.command()
def unlock() -> None:
    """Prove that this computer may program the rig; every changing command does so by itself."""
    settings = current()
    with settings.changing() as rig:
        rig.unlock()
        device = rig.device_id
    settings.show(f"{device} takes changes from this computer")
    settings.document({"device_id": device, "unlocked": True})


@click.command()
def lock() -> None:
    """End every programming session on the rig, that of a person at a terminal included."""
    settings = current()
    with settings.changing() as rig:
        rig.lock()
        device = rig.device_id
    settings.show(f"{device}: no session is open; status, log and stop go on working")
    settings.document({"device_id": device, "unlocked": False})
