"""A liquid-flow sensor's record: its mean flow while fluid flows, the volume, and the pauses between.

Owns: pauses in a flow that was measured as such, and the uncertainty of mean and volume.
Rules: a pause is a pause: it counts for no flow and for its own little volume; what the sensor is worth is stated or
    taken wide, with a warning.
Units: flows in nL/h, times in s, volumes in nL.
Leaves: the propagation to budget.py, reading the file to foreign.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumprig.calibration import budget, checks, steady
from pumprig.calibration import design as designs
from pumprig.calibration.fitted import Fit
from pumprig.calibration.weighing import Weighing, refuse

Floats = NDArray[Any]
PAUSE_SHARE = 0.1  # of the flow while it flows: below this, for three readings and more, nothing flows
LEAST_PAUSE = 3


def pauses(flow: Floats) -> NDArray[Any]:
    """True (n,) where nothing flows: below a tenth of the usual flow, three readings and more in a row."""
    high = float(np.quantile(np.abs(flow), 0.9))
    usual = float(np.median(np.abs(flow)[np.abs(flow) > 0.5 * high])) if high > 0 else 0.0
    still = np.abs(flow) < PAUSE_SHARE * usual
    for a, b in designs.stretches(still):
        if b - a < LEAST_PAUSE:
            still[a:b] = False
    for a, b in designs.stretches(~still):  # one lonely reading between two pauses is noise
        if b - a < LEAST_PAUSE and a > 0 and b < len(still):
            still[a:b] = True
    return still


def mean_sd(flow: Floats) -> tuple[float, float]:
    """Standard uncertainty of the mean of a record that remembers, by the means of ten parts, and its dof."""
    parts = np.array_split(flow, min(10, max(2, len(flow) // 5)))
    means = np.array([part.mean() for part in parts])
    return float(means.std(ddof=1) / len(means) ** 0.5), float(len(means) - 1)


def fit_flow(weighing: Weighing) -> Fit:
    """The figures of a flow sensor's record. Raises WeighingError where nothing flows in it."""
    assert weighing.flow_nl_per_h is not None
    flow, t_s = weighing.flow_nl_per_h, weighing.t_s
    still = pauses(flow)
    if still.all() or not (np.abs(flow) > 0).any():
        raise refuse(weighing.name, "nothing flows in this record.", "Check the column and the unit.")
    checks.check_scale(weighing)
    gaps_h = np.diff(t_s) / 3600.0
    runs = ~(still[1:] | still[:-1])
    run_h = float(gaps_h[runs].sum())
    ran = flow[~still]
    mean = float(np.sum(0.5 * (flow[1:] + flow[:-1])[runs] * gaps_h[runs]) / max(run_h, 1e-12))
    if mean < 0:
        raise refuse(
            weighing.name, f"the flow is {mean:.4g} nL/h, backwards.", "Turn the sensor, or add --falling."
        )
    sd, dof = mean_sd(ran)
    terms = [budget.MassTerm("scatter of the flow", sd * run_h / 1000.0, dof)]
    rest_mg = float(np.sum(0.5 * (flow[1:] + flow[:-1])[~runs] * gaps_h[~runs])) / 1000.0
    result, notes = budget.combine(weighing, mean * run_h / 1000.0, run_h, terms, (rest_mg, abs(rest_mg)))
    weighing.warnings += notes
    found = [(float(t_s[a]), float(t_s[b - 1])) for a, b in designs.stretches(still)]
    if found:
        told = ", ".join(f"{a:.0f} to {b:.0f} s" for a, b in found[:6]) + (" ..." if len(found) > 6 else "")
        weighing.warnings.append(f"{len(found)} pause(s) in the flow ({told}); the flow is that between them")
    eighths = (
        np.array([part.mean() for part in np.array_split(ran, 8)]) if len(ran) >= 80 else np.array([mean])
    )
    if float(np.ptp(eighths)) > 0.2 * mean:
        weighing.warnings.append(
            steady.Change([float(v) / mean for v in eighths]).told(mean / 1000.0, "µL/h")
        )
    checks.check_unit(weighing, result.flow_nl_per_h, 1e-4)
    curve = 1000.0 * weighing.mass_g
    step = max(1, len(t_s) // 800)
    return Fit(
        weighing,
        result,
        None,
        None,
        0.0,
        0.0,
        0.0,
        0.0,
        run_h,
        t_s[::step] / 3600.0,
        curve[::step],
        (flow[::step] - mean) / 1000.0,
    )
