"""What the calibration in force has to do with a therapy: warnings before a commit.

Owns: which rates of a program are looked at, and where the rig's count comes from.
Rules: warns, and never refuses; a calibration that this computer did not make is not judged.
Callers: `rate`, `program load`, `calibrate list` and `apply`.
Units: nL/day in documents, nL/h in messages' sources, steps since the rig was made.
Leaves: when a calibration is old, worn or out of range to calibration/register.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pumpwire.documents import WEEKDAYS

from pumprig.calibration import register
from pumprig.cli.settings import Settings
from pumprig.errors import StoreError
from pumprig.store import Store
from pumprig.store.ledger import decode, last_number, raw_of


def base_rates_nl_per_h(document: dict[str, Any]) -> list[float]:
    """Every base rate above zero that a program may run; a ramp's by its ends."""
    rates = [rate for name in ("basal", *WEEKDAYS) for _from_s, rate in document[name]]
    rates += [rate for _for_s, rate in document["phases"]]
    rates += [rate for start, _step, _every_s, ceiling in document["ramp"] for rate in (start, ceiling)]
    return [rate / 24.0 for rate in rates if rate]


def warn_of_calibration(settings: Settings, status: dict[str, Any], document: dict[str, Any]) -> None:
    """Say what speaks against running a program with the calibration in force; `status` as read_status gives it."""
    try:
        record = register.load(int(status["calibration_id"] or 0))
    except register.RegisterError:
        return
    for text in record.warnings(
        datetime.now(UTC), base_rates_nl_per_h(document), int(status["delivered_steps"])
    ):
        settings.say(f"warning: {text}")


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
