"""Single doses on a balance: systematic and random error, after the plan of ISO 8655 (no compliance is claimed).

Owns: finding the doses of a record as rises between two plateaus, and their errors with uncertainty.
Rules: a dose is the difference of two plateaus, evaporation between them added; a plateau of fewer than five readings
    ends no dose; fewer than three doses give no figure.
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
from pumprig.calibration.weighing import Weighing, readability_g, refuse

PLATEAU = 5  # readings and more
SETTLE_SHARE = 0.2  # of a plateau's readings, the first ones, are still settling


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


def dose_test(weighing: Weighing, asked_nl: float) -> DoseTest:
    """The doses of a record against what was asked each time. Raises WeighingError for fewer than three."""
    still = _plateaus(weighing, asked_nl)
    if len(still) < 4:
        raise refuse(
            weighing.name,
            f"{max(0, len(still) - 1)} doses are seen, as rises between plateaus of {PLATEAU} readings and more.",
            "Give three doses and more, with at least 10 s of rest before the first, between, and after the last.",
        )
    ambient, notes = budget.ambient_of(weighing)
    density = weighing.numbers.get("density_g_per_ml")
    nl_per_g = 1e6 * gravimetry.z_ul_per_mg(ambient, 1000.0 * density if density else None)
    stated = weighing.numbers.get("evaporation_g_per_h")
    lost_g_per_h, told = (stated, "") if stated is not None else _evaporation(weighing, still)
    levels = [_level(weighing, a, b) for a, b in still]
    sign = -1.0 if weighing.falling else 1.0
    doses: list[Dose] = []
    for (t0, m0, s0), (t1, m1, s1) in pairwise(levels):
        weighed = (m1 - m0 + sign * lost_g_per_h * (t1 - t0) / 3600.0) * nl_per_g
        counted = _counted(weighing, s0, s1)
        doses.append(Dose(t1, weighed, counted, 100.0 * (weighed / asked_nl - 1.0)))
    volumes = np.array([dose.weighed_nl for dose in doses])
    n = len(volumes)
    mean, sd = float(volumes.mean()), float(volumes.std(ddof=1))
    d_nl = readability_g(weighing) * nl_per_g
    common = [
        weighing.numbers.get("balance_linearity_g", readability_g(weighing)) * nl_per_g / sqrt(3.0) / n,
        budget.SENSITIVITY_PPM * 1e-6 / sqrt(3.0) * mean,
        2.3e-4 * ambient.u_temp_c * mean,
        0.2 * abs(lost_g_per_h) * float(np.median(np.diff([t for t, _m, _s in levels]))) / 3600.0 * nl_per_g,
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
        [*weighing.warnings, *notes, *([told] if told else [])],
    )


def _plateaus(weighing: Weighing, asked_nl: float) -> list[tuple[int, int]]:
    """Stretches in which nothing arrives: by the steps, else by the readings' own standing still."""
    mass_g, t_s = weighing.mass_g, weighing.t_s
    if weighing.steps is not None:
        moving = np.append(np.diff(weighing.steps) > 0, False)
        moving |= np.concatenate(([False], moving[:-1]))
    else:
        moving = _rising(t_s, mass_g, readability_g(weighing), asked_nl * 1e-6)
    return [(a, b) for a, b in stretches(~moving) if b - a >= PLATEAU]


def _rising(t_s: Any, mass_g: Any, digit_g: float, dose_g: float) -> Any:
    """True (n,) where a dose is arriving: within five readings the mass changes by a tenth of a dose and more."""
    n = len(mass_g)
    width = 2
    before = np.concatenate((np.full(width, mass_g[0]), mass_g))[:n]
    after = np.concatenate((mass_g, np.full(width, mass_g[-1])))[width:]
    noise_g = 1.4826 * float(np.median(np.abs(np.diff(mass_g)))) + digit_g
    return np.abs(after - before) > max(0.1 * dose_g, 4.0 * noise_g)


def _level(weighing: Weighing, a: int, b: int) -> tuple[float, float, float | None]:
    """Time, mass and steps of a plateau: the mean of its readings without the first ones."""
    a += min(int(SETTLE_SHARE * (b - a)) + 1, b - a - 3)
    steps = None if weighing.steps is None else float(weighing.steps[b - 1])
    return float(weighing.t_s[a:b].mean()), float(weighing.mass_g[a:b].mean()), steps


def _counted(weighing: Weighing, before: float | None, after: float | None) -> float | None:
    per_rev, steps_per_rev = weighing.numbers.get("nl_per_rev"), weighing.numbers.get("steps_per_rev")
    if before is None or after is None or per_rev is None or steps_per_rev is None:
        return None
    return (after - before) * per_rev / steps_per_rev


def _evaporation(weighing: Weighing, still: list[tuple[int, int]]) -> tuple[float, str]:
    """What evaporates, by the slope of the plateaus together; nothing where they are too short to tell."""
    top = bottom = 0.0
    for a, b in still:
        a += min(int(SETTLE_SHARE * (b - a)) + 1, b - a - 3)
        t_h = (weighing.t_s[a:b] - weighing.t_s[a:b].mean()) / 3600.0
        top += float(t_h @ weighing.mass_g[a:b])
        bottom += float(t_h @ t_h)
    seconds = sum(float(weighing.t_s[b - 1] - weighing.t_s[a]) for a, b in still)
    if seconds < 300.0 or bottom <= 0:
        return (
            0.0,
            "the rests together are shorter than 5 min: evaporation is not corrected; state `# evaporation_g_per_h`",
        )
    return (1.0 if weighing.falling else -1.0) * top / bottom, ""
