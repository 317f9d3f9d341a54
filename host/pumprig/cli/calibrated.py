"""How far a rig has turned, as far as this computer knows without asking it.

Owns: the count in the newest record that was pulled.
Rules: nothing is guessed: no log, no count.
Units: steps since the rig was made.
Leaves: records to store/.
"""

from __future__ import annotations

from pumprig.cli.settings import Settings
from pumprig.errors import StoreError
from pumprig.store import Store
from pumprig.store.ledger import decode, last_number, raw_of


def steps_known(settings: Settings, device_id: str) -> int | None:
    """The rig's count in the newest record that was pulled; None for a rig that this computer has no log of."""
    if not device_id or not settings.database().exists():
        return None
    try:
        store = Store(settings.database())
        try:
            raw = raw_of(store, device_id, last_number(store, device_id))
        finally:
            store.close()
    except StoreError:
        return None
    return None if raw is None else decode(raw).net_steps
