"""How much of an accuracy figure is the balance: the band of the noise in the trumpet, and U of A and B.

Owns: the noise of a mass difference over a time, from a blank or from the readings' scatter; the budget of A and B.
Rules: the band is what the balance alone would show with a pump without fault; nothing is taken off the figures.
Units: time in min, volume in nL, shares in % of the set rate; U with k from the budget.
Leaves: propagation to calibration/budget.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumprig.calibration import budget
from pumprig.calibration import design as designs
from pumprig.calibration.regression import EVAPORATION_IN_RUN, UNKNOWN_EVAPORATION_MG_PER_H
from pumprig.calibration.weighing import Weighing

Floats = NDArray[Any]


@dataclass(frozen=True)
class Band:
    """What the balance's noise alone does to the extremes of windows of p_min minutes, in % of the set rate."""

    p_min: float
    noise_pct: float


def single_mg(weighing: Weighing, digit_g: float) -> float:
    """Standard deviation of one reading, by the differences of neighbours; a digit's own rounding at least."""
    change = np.diff(weighing.mass_g)
    sd = 1.4826 * float(np.median(np.abs(change - np.median(change)))) / sqrt(2.0)
    return 1000.0 * max(sd, digit_g / sqrt(12.0))


def slow_mg(weighing: Weighing, phase: designs.Phases, over_s: float) -> float:
    """How far a blank moves by itself within `over_s` beyond its slope and its scatter (1 sd, mg); 0 without one."""
    found: list[float] = []
    for a, b in phase.still():
        t_s, mass_mg = weighing.t_s[a:b], 1000.0 * weighing.mass_g[a:b]
        if b - a < 60 or t_s[-1] - t_s[0] < 2.0 * over_s:
            continue
        size = max(1, (b - a) // 60)
        n = (b - a) // size * size
        t, m = t_s[:n].reshape(-1, size).mean(axis=1), mass_mg[:n].reshape(-1, size).mean(axis=1)
        m = m - np.polyval(np.polyfit(t, m, 1), t)
        lag = max(1, round(over_s / float(t[1] - t[0])))
        white = float(np.var(np.diff(mass_mg))) / size
        found.append(max(0.0, float(np.var(m[lag:] - m[:-lag])) - white))
    return sqrt(float(np.mean(found))) if found else 0.0


def bands(
    weighing: Weighing,
    phase: designs.Phases,
    digit_g: float,
    rate_nl_per_h: float,
    windows_min: tuple[float, ...],
    period_min: tuple[float, float],
    sample_min: float,
) -> list[Band]:
    """The band of each window: the greatest of n independent windows of noise is expected at sd × root(2 ln n)."""
    white = sqrt(2.0) * single_mg(weighing, digit_g)
    rows: list[Band] = []
    for p_min in windows_min:
        sd_mg = float(np.hypot(white, slow_mg(weighing, phase, 60.0 * p_min)))
        count = max(2.0, (period_min[1] - period_min[0] - p_min) / sample_min + 1.0)
        reach = sqrt(2.0 * log(count))
        rows.append(Band(p_min, 100.0 * reach * sd_mg * 1000.0 / (rate_nl_per_h * p_min / 60.0)))
    return rows


def u_mean_pct(
    weighing: Weighing,
    phase: designs.Phases,
    digit_g: float,
    rate_nl_per_h: float,
    error_pct: float,
    minutes: float,
) -> float:
    """U of A or B in % of the set rate: the mean flow of a period from the readings at its ends."""
    hours = minutes / 60.0
    flow_mg = rate_nl_per_h * (1.0 + error_pct / 100.0) * hours / 1000.0
    stated = weighing.numbers.get("evaporation_g_per_h")
    slopes = (
        designs.blank_slopes(weighing.t_s, 1000.0 * weighing.mass_g, phase.still()) if phase.has_blank else []
    )
    if stated is not None:
        known = weighing.numbers.get("u_evaporation_g_per_h", 0.1 * abs(stated))
        lost = 1000.0 * float(np.hypot(known, EVAPORATION_IN_RUN * stated))
    elif slopes:
        lost = EVAPORATION_IN_RUN * abs(float(np.mean(slopes)))
    else:
        lost = UNKNOWN_EVAPORATION_MG_PER_H / sqrt(3.0)
    single = single_mg(weighing, digit_g)
    noise = float(np.hypot(sqrt(2.0) * single, slow_mg(weighing, phase, 60.0 * minutes)))
    terms = [budget.MassTerm("readings at both ends", noise), budget.MassTerm("evaporation", lost * hours)]
    terms += budget.mass_terms(weighing, digit_g, single)
    result, _notes = budget.combine(weighing, flow_mg, hours, terms)
    return 100.0 * result.u_flow_nl_per_h / rate_nl_per_h
