"""What this computer knows of a rig's calibration and wear without asking the rig.

Owns: the count in the newest record that was pulled, the calibration in force then, and since when.
Rules: nothing is guessed: no log, no count; a store is only read, and one that cannot be read is as good as none.
Units: steps since the rig was made; microseconds UTC.
Leaves: records to store/, the words to calibration/inforce.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pumprig.calibration.inforce import InForce, in_force
from pumprig.cli.settings import Settings
from pumprig.errors import PumpError
from pumprig.store import Store, known
from pumprig.store.ledger import decode, last_number, raw_of

T = TypeVar("T")


def _asked(settings: Settings, question: Callable[[Store], T]) -> T | None:
    """What the store says; None where there is none, or it cannot be read."""
    if not settings.database().exists():
        return None
    try:
        with settings.store(archive=True) as store, store.guard():
            return question(store)
    except PumpError:
        return None


def steps_known(settings: Settings, device_id: str) -> int | None:
    """The rig's count in the newest record that was pulled; None for a rig that this computer has no log of."""

    def count(store: Store) -> int | None:
        raw = raw_of(store, device_id, last_number(store, device_id))
        return None if raw is None else decode(raw).net_steps

    return _asked(settings, count) if device_id else None


def named(settings: Settings, content: dict[str, Any]) -> InForce:
    """The calibration of a reading, with what this computer knows of it."""
    row: dict[str, Any] = content["calibration"] or {}
    number: int = row.get("id") or 0
    u_ppm = None if row.get("u_pct") is None else round(10_000 * row["u_pct"])
    device_id = str(content["device_id"] or "")
    since = (
        _asked(settings, lambda store: known.in_force_since(store.db, device_id, number)) if number else None
    )
    return in_force(number, u_ppm, since)


def known_in_force(settings: Settings) -> dict[str, InForce]:
    """{device id: its calibration}, as of the last pull, of every rig that the store knows."""

    def all_of(store: Store) -> dict[str, InForce]:
        found: dict[str, InForce] = {}
        for device_id in store.devices():
            number = known.in_force(store.db, device_id)
            if number:
                figures = store.calibrations(device_id).get(number)
                since = known.in_force_since(store.db, device_id, number)
                found[device_id] = in_force(number, figures[2] if figures else None, since)
        return found

    return _asked(settings, all_of) or {}
