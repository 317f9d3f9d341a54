"""Single doses on a balance: systematic and random error, after the plan of ISO 8655 (no compliance is claimed).

Owns: finding the doses of a record as rises between two rests, and their errors with uncertainty.
Rules: a dose is the difference of two rests, less what the rests show to come or go by itself (base flow,
    evaporation); a rest of fewer than five readings ends no dose; fewer than three doses give no figure.
Units: volumes in nL, errors in % of the asked volume; U with k from the degrees of freedom.
Leaves: reading a file to files.py, mass to volume to gravimetry.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np

from pumprig.calibration import budget, gravimetry
from pumprig.calibration.design import stretches
from pumprig.calibration.regression import EVAPORATION_IN_RUN
from pumprig.calibration.weighing import Weighing, readability_g, refuse

LEAST = 5  # readings of a rest
SETTLE_SHARE = 0.2  # of a rest's readings, the first ones, are still settling
LEAST_RESTS_S = 300.0  # of all rests together, for a slope
BASE_QUANTILE = 0.1  # of the intervals' rates: what flows between doses
DOSE_SHARE = 0.25  # of a dose's rate above the base flow: from there on a dose arrives
# a dose's rise over noise and over digits: a quarter of it is still above both
MOST_NOISE, MOST_DIGITS = 30.0, 4.5


@dataclass(frozen=True)
class Dose:
    """One dose: when it ended, weighed and counted (None without steps and a calibration) volume, error in %."""

    at_s: float
    weighed_nl: float
    counted_nl: float | None
    error_pct: float


@dataclass(frozen=True)
class DoseTest:
    """N doses of one volume: mean, systematic error with U, random error as standard deviation and as its share."""

    asked_nl: float
    doses: list[Dose]
    mean_nl: float
    u_mean_nl: float
    systematic_pct: float
    u_systematic_pct: float
    random_nl: float
    random_pct: float
    k: float
    dof: float
    warnings: list[str]

    def as_json(self) -> dict[str, Any]:
        """The document of `calibrate doses --json`."""
        return asdict(self) | {"n": len(self.doses)}


@dataclass(frozen=True)
class Level:
    """A rest: the mean time, mass and counted volume (None: not known) of its readings, the settling ones left out."""

    t_s: float
    mass_g: float
    counted_nl: float | None


@dataclass(frozen=True)
class Slope:
    """How mass grows in the rests, in g/h, with its standard uncertainty; counted: the base flow in nL/h."""

    g_per_h: float
    u_g_per_h: float
    counted_nl_per_h: float
    warning: str


def dose_test(weighing: Weighing, asked_nl: float) -> DoseTest:
    """The doses of a record against what was asked each time. Raises WeighingError for fewer than three.

    A base flow may run on meanwhile: as boluses of a therapy are weighed (IEC 60601-2-24).
    """
    rests = _rests(weighing, asked_nl)
    if len(rests) < 4:
        raise refuse(
            weighing.name,
            f"{max(0, len(rests) - 1)} doses are seen, as rises between rests of {LEAST} readings and more.",
            "Give three doses and more, with at least 10 s of rest before the first, between, and after the last.",
        )
    ambient, notes = budget.ambient_of(weighing)
    density = weighing.numbers.get("density_g_per_ml")
    nl_per_g = 1e6 * gravimetry.z_ul_per_mg(ambient, 1000.0 * density if density else None)
    counted_nl = _counted(weighing)
    levels = [_level(weighing, counted_nl, a, b) for a, b in rests]
    slope = _slope(weighing, counted_nl, rests)
    doses: list[Dose] = []
    for one, two in pairwise(levels):
        hours = (two.t_s - one.t_s) / 3600.0
        weighed = (two.mass_g - one.mass_g - slope.g_per_h * hours) * nl_per_g
        counted = None
        if one.counted_nl is not None and two.counted_nl is not None:
            counted = two.counted_nl - one.counted_nl - slope.counted_nl_per_h * hours
        doses.append(Dose(two.t_s, weighed, counted, 100.0 * (weighed / asked_nl - 1.0)))
    volumes = np.array([dose.weighed_nl for dose in doses])
    n = len(volumes)
    mean, sd = float(volumes.mean()), float(volumes.std(ddof=1))
    d_nl = readability_g(weighing) * nl_per_g
    usual_h = float(np.median(np.diff([level.t_s for level in levels]))) / 3600.0
    common = [
        weighing.numbers.get("balance_linearity_g", readability_g(weighing)) * nl_per_g / sqrt(3.0) / n,
        budget.SENSITIVITY_PPM * 1e-6 / sqrt(3.0) * mean,
        2.3e-4 * ambient.u_temp_c * mean,
        slope.u_g_per_h * usual_h * nl_per_g,
        d_nl / sqrt(6.0) / n,
    ]
    own = sd / sqrt(n)
    u = sqrt(own**2 + sum(v**2 for v in common))
    dof = (n - 1) * (u / own) ** 4 if own else float("inf")
    k = budget.coverage_factor(dof)
    return DoseTest(
        asked_nl,
        doses,
        mean,
        k * u,
        100.0 * (mean / asked_nl - 1.0),
        100.0 * k * u / asked_nl,
        sd,
        100.0 * sd / mean,
        k,
        min(dof, 1e9),
        [*weighing.warnings, *notes, *([slope.warning] if slope.warning else [])],
    )


def _rests(weighing: Weighing, asked_nl: float) -> list[tuple[int, int]]:
    """Stretches in which no dose arrives: by the steps' rate, else by the readings' own standing still."""
    mass_g, t_s = weighing.mass_g, weighing.t_s
    if weighing.steps is not None:
        rate = np.diff(weighing.steps) / np.diff(t_s)
        base, most = float(np.quantile(rate, BASE_QUANTILE)), float(rate.max(initial=0.0))
        moving = np.append(rate > base + DOSE_SHARE * (most - base), False)
        moving |= np.concatenate(([False], moving[:-1]))
    else:
        moving = _rising(mass_g, readability_g(weighing), asked_nl * 1e-6)
    return [(a, b) for a, b in stretches(~moving) if b - a >= LEAST]


def _rising(mass_g: Any, digit_g: float, dose_g: float) -> Any:
    """True (n,) where a dose is arriving: the mass grows by far more than between doses, over the fewest readings that
    show it above the noise.
    """
    n = len(mass_g)
    noise_g = 1.4826 * float(np.median(np.abs(np.diff(mass_g, n=2)))) / sqrt(6.0)
    least_g = max(0.1 * dose_g, MOST_DIGITS * digit_g + MOST_NOISE * noise_g)
    width = 2
    while width <= n // 8:
        before = np.concatenate((np.full(width, mass_g[0]), mass_g))[:n]
        after = np.concatenate((mass_g, np.full(width, mass_g[-1])))[width:]
        rise_g = np.abs(after - before)
        base_g, most_g = float(np.quantile(rise_g, BASE_QUANTILE)), float(rise_g.max())
        if most_g - base_g > least_g:
            return rise_g > base_g + DOSE_SHARE * (most_g - base_g)
        width *= 2
    return np.zeros(n, dtype=bool)


def _settled(a: int, b: int) -> int:
    """Where the readings of a rest have settled."""
    return a + min(int(SETTLE_SHARE * (b - a)) + 1, b - a - 3)


def _level(weighing: Weighing, counted_nl: Any, a: int, b: int) -> Level:
    a = _settled(a, b)
    counted = None if counted_nl is None else float(counted_nl[a:b].mean())
    return Level(float(weighing.t_s[a:b].mean()), float(weighing.mass_g[a:b].mean()), counted)


def _counted(weighing: Weighing) -> Any:
    """Counted volume (n,): as recorded, else from the steps where the file says what a turn gives; None: not known."""
    if "counted_nl" in weighing.ambient:
        return weighing.ambient["counted_nl"]
    per_rev, steps_per_rev = weighing.numbers.get("nl_per_rev"), weighing.numbers.get("steps_per_rev")
    if weighing.steps is None or per_rev is None or steps_per_rev is None:
        return None
    return weighing.steps * per_rev / steps_per_rev


def _slope(weighing: Weighing, counted_nl: Any, rests: list[tuple[int, int]]) -> Slope:
    """What comes and goes in the rests, by one line for all of them; evaporation as stated where nothing flows."""
    top = bottom = squares = counted_top = seconds = 0.0
    readings = 0
    for a, b in rests:
        a = _settled(a, b)
        t_h = (weighing.t_s[a:b] - weighing.t_s[a:b].mean()) / 3600.0
        mass_g = weighing.mass_g[a:b] - weighing.mass_g[a:b].mean()
        top += float(t_h @ mass_g)
        bottom += float(t_h @ t_h)
        squares += float(mass_g @ mass_g)
        counted_top += 0.0 if counted_nl is None else float(t_h @ counted_nl[a:b])
        seconds += float(weighing.t_s[b - 1] - weighing.t_s[a])
        readings += b - a
    sign = -1.0 if weighing.falling else 1.0
    stated = weighing.numbers.get("evaporation_g_per_h")
    if bottom <= 0.0:
        return Slope(-sign * (stated or 0.0), abs(stated or 0.0) * EVAPORATION_IN_RUN, 0.0, "")
    fitted, counted = top / bottom, counted_top / bottom
    left = max(readings - len(rests) - 1, 1)
    u = sqrt(max(squares - fitted * top, 0.0) / left / bottom)
    flows = counted > 0.0 or fitted > 4.0 * u
    if stated is not None and not flows:
        return Slope(-sign * stated, abs(stated) * EVAPORATION_IN_RUN, 0.0, "")
    if seconds < LEAST_RESTS_S:
        warning = "the rests together are shorter than 5 min: "
        if flows:
            return Slope(fitted, u, counted, warning + "what flows in them is known badly")
        return Slope(0.0, 0.0, 0.0, warning + "evaporation is not corrected; state `# evaporation_g_per_h`")
    return Slope(fitted, sqrt(u**2 + (0.0 if flows else EVAPORATION_IN_RUN * fitted) ** 2), counted, "")
