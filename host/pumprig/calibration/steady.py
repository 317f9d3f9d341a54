"""Whether flow and blanks stayed what they were over a record, as far as the noise lets it be seen.

Owns: the comparison of a run's parts with one another, and of its blanks.
Rules: only what stands clear of the noise and of the pulsation is told, with the figures; nothing is changed here.
Units: slopes in mg/h, shares relative to the run's mean flow, times in h.
Leaves: what follows from it to fit.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumprig.calibration import design as designs
from pumprig.calibration.noise import Estimate
from pumprig.calibration.weighing import Weighing

Floats = NDArray[Any]
PARTS = 8
LEAST_SHARE = 0.08  # a change of the flow below this is ageing, and no matter of a warning
CLEAR = 4.0  # standard deviations


@dataclass(frozen=True)
class Change:
    """The flow of the parts (relative to the mean) where they clearly differ, else empty."""

    shares: list[float]

    def told(self, flow: float, unit: str) -> str:
        """The warning."""
        first, last = self.shares[0] * flow, self.shares[-1] * flow
        low, high = min(self.shares) * flow, max(self.shares) * flow
        return (
            f"the flow is not steady: {first:.3g} {unit} in the first eighth of the run, {last:.3g} in the last, "
            f"{low:.3g} to {high:.3g} between; the figure is the mean of the run"
        )


def flow_change(progress: Floats, corrected_mg: Floats, found: Estimate, pulse_mg: float) -> Change:
    """Compare eighths of a run: progress (m,) from 0 to 1 at block means, corrected_mg (m,) the delivered mass there.

    `pulse_mg` is the amplitude of a pulsation that the fit does not know.
    """
    whole = float(corrected_mg[-1] - corrected_mg[0])
    slopes: list[float] = []
    sds: list[float] = []
    for part in range(PARTS):
        inside = (
            (progress >= part / PARTS)
            & (progress <= (part + 1) / PARTS)
            & (progress > 0.0)
            & (progress < 1.0)
        )
        if inside.sum() < 3 or whole <= 0 or not np.ptp(progress[inside]) > 0:
            return Change([])
        x, y = progress[inside], corrected_mg[inside]
        slope, _ = np.polyfit(x - x.mean(), y, 1)
        gain = float(slope) / PARTS
        scatter = float(np.std(y - y.mean() - slope * (x - x.mean())))
        noise = sqrt(12.0) * scatter / sqrt(inside.sum()) + found.wander_sd * min(
            1.0, 2.0 / sqrt(max(found.memory, 1e-9))
        )
        slopes.append(gain * PARTS / whole)
        sds.append((noise + 6.0 * pulse_mg / pi) / max(abs(whole) / PARTS, 1e-12))
    mean = float(np.mean(slopes))
    clear = [
        abs(s - mean) > max(LEAST_SHARE * abs(mean), CLEAR * sd) for s, sd in zip(slopes, sds, strict=True)
    ]
    return Change(slopes if any(clear) else [])


def blank_contrast(weighing: Weighing, phase: designs.Phases) -> bool:
    """Whether a blank bends by far more than its readings scatter: what a door that was opened leaves."""
    for a, b in phase.still():
        quarter = (b - a) // 4
        if quarter < 25:
            continue
        y = 1000.0 * weighing.mass_g[a : a + 4 * quarter].reshape(4, quarter)
        single = float(np.std(np.diff(y, axis=1))) / sqrt(2.0)
        bend = float(y[0].mean() - y[1].mean() - y[2].mean() + y[3].mean())
        if abs(bend) > 5.0 * 2.0 * single / sqrt(quarter):
            return True
    return False


def contradiction(
    weighing: Weighing, phase: designs.Phases, found: Estimate, digit_mg: float
) -> tuple[float, str]:
    """How far blanks differ beyond what noise and a usual change explain, in mg/h, and the text; (0, "") where not."""
    rows: list[tuple[int, int, float, float]] = []
    for a, b in phase.still():
        hours = float(weighing.t_s[b - 1] - weighing.t_s[a]) / 3600.0
        if b - a < 20 or hours <= 0:
            continue
        slope = float(np.polyfit(weighing.t_s[a:b] / 3600.0, 1000.0 * weighing.mass_g[a:b], 1)[0])
        white = found.white_sd * sqrt(12.0 / (b - a)) / hours
        memory = max(found.memory, 1e-6)
        wander = found.wander_sd * sqrt(
            min(2.4 / (memory * hours), 24.0 * memory / hours**3, 12.0 / hours**2)
        )
        rows.append((int(weighing.row[a]), int(weighing.row[b - 1]), slope, float(np.hypot(white, wander))))
    if len(rows) < 2:
        return 0.0, ""
    low, high = min(rows, key=lambda r: r[2]), max(rows, key=lambda r: r[2])
    usual = 0.4 * max(abs(low[2]), abs(high[2]), digit_mg)
    apart = high[2] - low[2]
    if apart <= max(3.0 * float(np.hypot(low[3], high[3])), usual) + digit_mg / 2:
        return 0.0, ""
    return apart, (
        f"the blanks contradict each other: {low[2]:.3g} mg/h in rows {low[0]} to {low[1]}, {high[2]:.3g} mg/h in rows "
        f"{high[0]} to {high[1]}; was the door open, or did something touch the balance?"
    )
