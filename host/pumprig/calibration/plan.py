"""How long to weigh for a wanted uncertainty, and what will limit it.

Owns: the expectation of a run's uncertainty from the balance, the rate and the duration.
Rules: expectation and fit share the noise model and the budget's Type B terms; a goal out of reach is said so.
Units: readability in g, rates in nL/h, durations in h, uncertainties in % (k = 2) of the flow.
Leaves: the fit to fit.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import Any

import numpy as np

from pumprig.calibration.budget import CLOCK_PPM, IMMERSION_SHARE, SENSITIVITY_PPM, K
from pumprig.calibration.design import NOMINAL_NL_PER_REV, NOMINAL_ROLLERS
from pumprig.calibration.noise import Blocks, gauss_markov
from pumprig.calibration.regression import (
    EVAPORATION_CHANGE,
    UNKNOWN_EVAPORATION_MG_PER_H,
)

WANDER_PER_ROOT_H = 0.5  # random walk in readabilities: what a good bench with a draught shield shows
EVAPORATION_SHARE = 0.25  # of an open beaker's, with a lid or oil
EVAPORATION_IN_RUN_COVERED = 0.05  # with a lid or oil, the run evaporates as the blanks do within 5 % (1 sd)
LONGEST_H = 24.0 * 14
BLOCKS = 240


@dataclass(frozen=True)
class Expected:
    """U in % of the flow (k = 2) after run_h of running between two blanks of blank_h, and its terms (1 sd, %)."""

    run_h: float
    blank_h: float
    u_pct: float
    terms: dict[str, float]


@dataclass(frozen=True)
class Plan:
    """The shortest run that reaches the goal, or the best one; `reached` says which."""

    expected: Expected
    wanted_pct: float
    reached: bool
    roller_periods: float
    two_readings_h: float
    rejected_windows_min: tuple[float, ...]
    warnings: list[str] = field(default_factory=list[str])

    def as_json(self) -> dict[str, Any]:
        """The document of `calibrate plan --json`."""
        expected = self.expected
        return {
            "run_h": expected.run_h,
            "blank_h": expected.blank_h,
            "total_h": expected.run_h + 2 * expected.blank_h,
            "u_pct": expected.u_pct,
            "wanted_pct": self.wanted_pct,
            "reached": self.reached,
            "roller_periods": self.roller_periods,
            "two_readings_h": self.two_readings_h,
            "limits": [
                {"source": k, "u_pct": v} for k, v in sorted(expected.terms.items(), key=lambda i: -i[1])
            ],
            "windows_within_a_roller_period_min": list(self.rejected_windows_min),
            "warnings": self.warnings,
        }


def two_readings_h(readability_g: float, rate_nl_per_h: float, wanted_pct: float) -> float:
    """Hours until the mass between two readings has the wanted uncertainty: m = 2 root 2 d / (U / 100)."""
    return 2.0 * sqrt(2.0) * readability_g / (wanted_pct / 100.0) / (rate_nl_per_h * 1e-6)


def expected(readability_g: float, rate_nl_per_h: float, run_h: float) -> Expected:
    """What a run of run_h (h) between two blanks would give, by the information in its readings (1 per s)."""
    blank_h = max(0.25, run_h / 6.0)
    span_h = run_h + 2 * blank_h
    d_mg = 1000.0 * readability_g
    t_h = (np.arange(BLOCKS) + 0.5) * span_h / BLOCKS
    progress = np.clip((t_h - blank_h) / run_h, 0.0, 1.0)
    middle = t_h - span_h / 2
    x = np.column_stack((np.ones(BLOCKS), progress, middle, middle**2 / (2 * span_h)))
    per_block = np.full(BLOCKS, 3600.0 * span_h / BLOCKS)
    blocks = Blocks(t_h, np.zeros(BLOCKS), x, per_block, np.full(BLOCKS, span_h / BLOCKS))
    memory = 30.0 * span_h
    wander = 0.5 * (WANDER_PER_ROOT_H**2) * memory
    information = gauss_markov(blocks, memory)(wander)[0] / d_mg**2
    change_mg_per_h = EVAPORATION_CHANGE * EVAPORATION_SHARE * UNKNOWN_EVAPORATION_MG_PER_H
    information[3, 3] += 1.0 / change_mg_per_h**2
    cov = np.linalg.inv(information)
    alone = 1.0 / float(information[1, 1] - information[1, :1] @ (information[:1, 1] / information[0, 0]))
    mass_mg = rate_nl_per_h * run_h / 1000.0
    terms = {
        "noise of the readings": sqrt(alone) / mass_mg,
        "evaporation and drift": sqrt(max(float(cov[1, 1]) - alone, 0.0)) / mass_mg,
        "evaporation in the run, against the blanks": EVAPORATION_IN_RUN_COVERED
        * EVAPORATION_SHARE
        * UNKNOWN_EVAPORATION_MG_PER_H
        * run_h
        / mass_mg,
        "linearity of the balance": d_mg / sqrt(3.0) / mass_mg,
        "immersed tube": IMMERSION_SHARE / sqrt(3.0),
        "temperature": 2.3e-4 * 0.3,
        "sensitivity and time": (SENSITIVITY_PPM + CLOCK_PPM) * 1e-6 / sqrt(3.0),
    }
    u = sqrt(sum(v**2 for v in terms.values()))
    return Expected(run_h, blank_h, 100.0 * K * u, {k: 100.0 * v for k, v in terms.items()})


def plan(
    readability_g: float,
    rate_nl_per_h: float,
    wanted_pct: float,
    nl_per_rev: float = NOMINAL_NL_PER_REV,
    rollers: float = NOMINAL_ROLLERS,
) -> Plan:
    """The shortest run, in whole roller periods, whose expected U reaches `wanted_pct` (k = 2); at most 14 days."""
    period_h = nl_per_rev / rollers / rate_nl_per_h
    periods = 3
    best = expected(readability_g, rate_nl_per_h, periods * period_h)
    while best.u_pct > wanted_pct and best.run_h < LONGEST_H:
        periods = ceil(periods * 1.1) if periods > 9 else periods + 1
        tried = expected(readability_g, rate_nl_per_h, periods * period_h)
        best = tried if tried.u_pct < best.u_pct or tried.u_pct <= wanted_pct else best
        if tried.run_h > LONGEST_H:
            break
    reached = best.u_pct <= wanted_pct
    limit = max(best.terms, key=lambda k: best.terms[k])
    warnings: list[str] = []
    if not reached:
        warnings.append(
            f"{wanted_pct:g} % cannot be reached within 14 days: {limit} alone gives {2 * best.terms[limit]:.3g} %"
        )
    if 1e-4 * rate_nl_per_h < UNKNOWN_EVAPORATION_MG_PER_H * EVAPORATION_SHARE:
        warnings.append(
            "evaporation may exceed 10 % of the flow: use a lid, a trap or 1.5 mm of paraffin oil"
        )
    if best.terms["evaporation in the run, against the blanks"] > 0.2 * best.u_pct:
        warnings.append(
            "reckoned with a lid or oil, and with `# evaporation_change_pct: 5` in the file; an open vessel counts 20 %"
        )
    inside = tuple(w for w in (2.0, 5.0, 11.0, 19.0, 31.0) if w < 60.0 * period_h)
    if inside:
        warnings.append(
            f"a roller passes every {60 * period_h:.3g} min: windows of {', '.join(f'{w:g}' for w in inside)} min "
            "lie inside one passage"
        )
    if best.run_h > 72:
        warnings.append(
            "the tubing ages within days: its volume per revolution will not stay constant so long"
        )
    return Plan(
        best,
        wanted_pct,
        reached,
        best.run_h / period_h,
        two_readings_h(readability_g, rate_nl_per_h, wanted_pct),
        inside,
        warnings,
    )
