"""The occlusion test: time to the alarm, pressure at it, and the bolus when the line opens again.

Owns: these three figures, from a weighing whose metadata say when the line was closed, alarmed and opened.
Rules: an event outside the record or out of order is refused; the bolus carries its uncertainty.
Units: time s, pressure hPa, volume nL; the uncertainty is expanded (k = 2).
Leaves: the test's conditions (20 deg C, primed, intermediate rate, lowest threshold) to whoever makes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pumprig.calibration import budget, gravimetry
from pumprig.calibration.weighing import Weighing, readability_g, refuse

KEYS = ("occluded_at_s", "alarm_at_s", "reopened_at_s")
AVERAGED_S = 30.0


def occlusion(weighing: Weighing) -> dict[str, Any] | None:
    """The figures, or None where the file tells of no occlusion. Raises WeighingError for times that cannot be.

    The bolus is what arrives from the opening to the end of the record, less what the pump counted in that time
    (`steps` with `nl_per_rev` and `steps_per_rev`); without steps the pump is taken to stand after its alarm.
    """
    given = [key for key in KEYS if key in weighing.numbers]
    if not given:
        return None
    if len(given) < 3:
        raise refuse(weighing.name, f"an occlusion test needs {', '.join(KEYS)}.", "State all three.")
    closed_s, alarm_s, opened_s = (weighing.numbers[key] for key in KEYS)
    t_s = weighing.t_s
    if not t_s[0] <= closed_s < alarm_s <= opened_s < t_s[-1] - AVERAGED_S:
        row = weighing.rows_of_keys.get("reopened_at_s", 1)
        raise refuse(
            weighing.name,
            f"row {row}: closed at {closed_s:g} s, alarm at {alarm_s:g} s, opened at {opened_s:g} s do not lie in this "
            f"order within {t_s[0]:g} to {t_s[-1]:g} s.",
            "Correct the times, or weigh on after opening.",
        )
    before = (t_s >= opened_s - AVERAGED_S) & (t_s <= opened_s)
    after = t_s >= t_s[-1] - AVERAGED_S
    ambient = budget.ambient_of(weighing)[0]
    nl_per_g = 1e6 * gravimetry.z_ul_per_mg(ambient)
    hours = float(t_s[after].mean() - t_s[before].mean()) / 3600.0
    lost_g = weighing.numbers.get("evaporation_g_per_h", 0.0) * hours
    gain_g = float(weighing.mass_g[after].mean() - weighing.mass_g[before].mean()) + lost_g
    counted_nl = _counted_nl(weighing, before, after)
    scatter = float(np.hypot(weighing.mass_g[before].std(), weighing.mass_g[after].std()))
    u_g = float(np.hypot(scatter, readability_g(weighing) / 3**0.5))
    return {
        "alarm_after_s": alarm_s - closed_s,
        "alarm_pressure_hpa": weighing.numbers.get("alarm_pressure_hpa"),
        "bolus_nl": gain_g * nl_per_g - counted_nl,
        "u_bolus_nl": 2.0 * u_g * nl_per_g,
    }


def _counted_nl(weighing: Weighing, before: Any, after: Any) -> float:
    per_rev, steps_per_rev = weighing.numbers.get("nl_per_rev"), weighing.numbers.get("steps_per_rev")
    if weighing.steps is None or per_rev is None or steps_per_rev is None:
        return 0.0
    return float(weighing.steps[after].mean() - weighing.steps[before].mean()) * per_rev / steps_per_rev
