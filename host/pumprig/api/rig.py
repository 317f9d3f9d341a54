"""One rig, for any program: connect, read, program, deliver, stop.

Owns: `connect` and the whole Rig.
Rules: the rules of `-p` hold for the port; where a hub runs, the rig is reached through it; safe from several threads:
what they ask is done in turn by the rig's own thread, and a stop overtakes it.
Units: by the names' endings; text carries its unit.
Leaves: the verbs to upkeep.py, deliveries.py, therapy.py and reading.py.
"""

from __future__ import annotations

from pathlib import Path

from pumprig.api.upkeep import Upkeep
from pumprig.hub.opening import link_to
from pumprig.rig.link import SerialLink


class Rig(Upkeep):
    """A rig that is connected. Use it in a `with` block, or call `close`.

    Every verb is safe from any thread. Closing never stops the pump: it goes on as programmed.
    """


def connect(
    port: str | None = None, *, state: str | Path | None = None, database: str | Path | None = None
) -> Rig:
    """Connect to a rig.

    port: as `-p` takes it: a device, `COMx`, `socket://host:port`, `sim`; without one PUMPRIG_PORT, the configuration,
    the only Pico found. state: where the private simulated rig keeps its state. database: the store for its log;
    without one PUMPRIG_DB, the configuration, the platform's folder. Raises UsageError, LinkError, RefusedError (rule
    `protocol`: firmware of another version).
    """
    return Rig(link_to(port, None if state is None else str(state)), database)


def connect_past_hub(address: str, database: str | Path | None = None) -> Rig:
    """A rig over its very port, for the installer, to which the hub has lent it. Raises LinkError, RefusedError."""
    return Rig(SerialLink(address), database)
