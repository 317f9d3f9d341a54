"""Blank weighings in files of their own: what evaporates, or drifts, while the pump stands.

Owns: turning blanks into the stated evaporation with its uncertainty, and the judgement of blanks that disagree.
Rules: a blank that rises is refused; blanks that contradict each other are named, and widen the uncertainty.
Units: g/h, mg/h in messages.
Leaves: blanks within a record to regression.py and steady.py.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from pumprig.calibration.noise import estimate, make_blocks
from pumprig.calibration.weighing import Weighing, readability_g, refuse


def use_blanks(weighing: Weighing, blanks: list[Weighing]) -> None:
    """Turn blank weighings into the stated evaporation and its standard uncertainty; none changes nothing.

    A blank holds the balance's drift as well as the evaporation, so that no drift is allowed for beside it.
    Raises WeighingError for a blank that rises.
    """
    if not blanks:
        return
    slopes: list[float] = []
    variances: list[float] = []
    for blank in blanks:
        t_h = (blank.t_s - blank.t_s.mean()) / 3600.0
        x = np.column_stack((np.ones_like(t_h), t_h))
        d_g = readability_g(blank)
        found = estimate(
            make_blocks(t_h, blank.mass_g, x, np.array([], dtype=np.int64)), np.array([np.inf, np.inf])
        )
        slope, u = float(found.beta[1]), sqrt(float(found.cov[1, 1]))
        if slope > 3.0 * u + 2.0 * weighing.numbers.get("balance_drift_g_per_h", d_g):
            raise refuse(
                blank.name,
                f"rows {int(blank.row[0])} to {int(blank.row[-1])}: the blank rises by {1000 * slope:.3g} mg/h.",
                "Find what drips, siphons or drifts while the pump stands, and repeat.",
            )
        slopes.append(-slope)
        variances.append(u**2 + (d_g / sqrt(6.0) / float(np.ptp(t_h))) ** 2)
    mean = float(np.mean(slopes))
    sizes = [sqrt(v) for v in variances]
    low, high = int(np.argmin(slopes)), int(np.argmax(slopes))
    apart = slopes[high] - slopes[low]
    if apart > max(3.0 * float(np.hypot(sizes[low], sizes[high])), 0.4 * max(map(abs, slopes))):
        weighing.warnings.append(
            f"the blanks contradict each other: {1000 * slopes[low]:.3g} mg/h in {blanks[low].name}, "
            f"{1000 * slopes[high]:.3g} mg/h in {blanks[high].name}; was the door open, or "
            "did something touch the balance?"
        )
    scatter = float(np.var(slopes, ddof=1)) / len(slopes) if len(slopes) > 1 else (0.1 * mean) ** 2
    weighing.numbers["evaporation_g_per_h"] = mean
    weighing.numbers["u_evaporation_g_per_h"] = sqrt(float(np.mean(variances)) / len(slopes) + scatter)
    weighing.numbers.setdefault("balance_drift_g_per_h", 0.0)
