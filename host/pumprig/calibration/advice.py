"""What the calibration in force has to do with a therapy: warnings before a commit.

Owns: which rates of a program are looked at.
Rules: warns, and never refuses; a calibration that this computer did not make is not judged, but for a guess.
Units: nL/day in documents, nL/h in what is warned of, steps since the rig was made.
Leaves: when a calibration is old, worn or out of range to register.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pumpwire.documents import WEEKDAYS

from pumprig.calibration import register
from pumprig.calibration.inforce import GUESS_U_PCT


def base_rates_nl_per_h(document: dict[str, Any]) -> list[float]:
    """Every base rate above zero that a program may run; a ramp's by its ends."""
    rates = [rate for name in ("basal", *WEEKDAYS) for _from_s, rate in document[name]]
    rates += [rate for _for_s, rate in document["phases"]]
    rates += [rate for start, _step, _every_s, ceiling in document["ramp"] for rate in (start, ceiling)]
    return [rate / 24.0 for rate in rates if rate]


def warnings_for(
    calibration_id: int | None,
    delivered_steps: int | None,
    document: dict[str, Any],
    u_pct: float | None = None,
) -> list[str]:
    """What speaks against running a program with a calibration, after so many steps. u_pct: as the rig says it."""
    try:
        record = register.load(calibration_id or 0)
    except register.RegisterError:
        if calibration_id and u_pct is not None and u_pct >= GUESS_U_PCT:
            return [
                f"the rig's calibration is nominal, a guess with U {u_pct:.2g} %: every volume is off by up to that"
            ]
        return []
    return record.warnings(datetime.now(UTC), base_rates_nl_per_h(document), delivered_steps)
