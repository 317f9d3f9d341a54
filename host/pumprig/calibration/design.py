"""What a weighing is fitted with: when the pump ran, and the columns of the regression.

Owns: running and blank phases, the pump's progress, the roller angle, and the design matrix with its priors.
Rules: one model for all: level per part + delivered mass per progress + evaporation and drift + pulsation.
Callers: fit.py.
Units: y in mg, t in h from the middle of the record; progress in steps, or in h of running; priors are 1 sd.
Leaves: the noise to noise.py, the meaning of the fitted numbers to fit.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumprig.calibration.weighing import Floats, Weighing, refuse

NOMINAL_NL_PER_REV = 10_000.0
# of heads that a bench pump has; a wrong unit is 1000 times off
LEAST_NL_PER_REV, MOST_NL_PER_REV = 200.0, 500_000.0
NOMINAL_ROLLERS = 3.0
# so many times the usual time between two changes of the count: the pump stood, or nobody read
PAUSE_SCALES = 20.0
NOMINAL_STEPS_PER_REV = 3200.0
MOST_READINGS = 100_000  # more are averaged in groups first
HARMONICS = 3  # of the roller's passage
ROLLER_SHARE, UNEQUAL_SHARE = (
    0.3,
    0.03,
)  # priors of the pulsation and of the rollers' inequality, in roller volumes
UNKNOWN_EVAPORATION_MG_PER_H = 2.0  # an open beaker: 0.048 mL/day and more
EVAPORATION_CHANGE = 0.2  # it may change by this share over a record (standard deviation)


@dataclass(frozen=True)
class Phases:
    """When the pump ran: progress (n,), running (n,) true within the run, and its bounds."""

    progress: Floats
    running: NDArray[Any]
    by_steps: bool
    run_h: float
    has_blank: bool


@dataclass(frozen=True)
class Design:
    """Columns x (n, p), y (n,) in mg, prior_sd (p,), and where the parameters of interest stand."""

    x: Floats
    y: Floats
    t_h: Floats
    prior_sd: Floats
    flow_at: int
    baseline_at: int
    curve_at: int
    scale: float
    evaporation_mg_per_h: float
    stated: bool
    harmonics: int


def phases(weighing: Weighing) -> Phases:
    """Running time from the counted steps, or from `run_from_s` and `run_to_s`, else the whole record."""
    t_s = weighing.t_s
    if weighing.steps is not None:
        return _by_steps(weighing, weighing.steps)
    start_s = max(weighing.numbers.get("run_from_s", t_s[0]), t_s[0])
    end_s = min(weighing.numbers.get("run_to_s", t_s[-1]), t_s[-1])
    if end_s <= start_s:
        raise refuse(weighing.name, "run_from_s is not before run_to_s.", "Correct the two lines.")
    running = (t_s >= start_s) & (t_s <= end_s)
    progress = np.clip(t_s, start_s, end_s) / 3600.0
    return Phases(progress, running, False, (end_s - start_s) / 3600.0, _has_blank(t_s, running))


def _by_steps(weighing: Weighing, steps: Floats) -> Phases:
    t_s = weighing.t_s
    moved = np.diff(steps)
    if (moved < 0).any():
        row = int(weighing.row[np.argmax(moved < 0) + 1])
        raise refuse(
            weighing.name, f"row {row}: the step count goes back.", "Weigh one run without a restart."
        )
    at = np.flatnonzero(moved > 0)
    if len(at) < 2:
        raise refuse(
            weighing.name,
            f"rows {int(weighing.row[0])} to {int(weighing.row[-1])}: the steps never change.",
            "A blank alone calibrates nothing; give it with --blank.",
        )
    between_s = np.diff(t_s[at + 1])
    pause_s = PAUSE_SCALES * float(np.median(between_s))
    running = np.zeros(len(t_s), dtype=np.bool_)
    running[at[0] : at[-1] + 2] = True
    for k in np.flatnonzero(between_s > pause_s):
        running[at[k] + 2 : at[k + 1]] = False
    seen = between_s <= pause_s  # longer: the pump stood, or nobody was reading; neither tells the rate
    per_s = float(np.diff(steps[at + 1])[seen].sum() / max(between_s[seen].sum(), 1e-9))
    run_h = float((steps[-1] - steps[0]) / per_s) / 3600.0
    return Phases(steps.astype(np.float64), running, True, run_h, _has_blank(t_s, running))


def _has_blank(t_s: Floats, running: NDArray[Any]) -> bool:
    still = np.flatnonzero(~running)
    return len(still) >= 20 and len(still) * float(np.median(np.diff(t_s))) >= 60.0


def roller_turns(weighing: Weighing, phase: Phases) -> Floats | None:
    """Roller passages until each reading (n,), or None where the roller period is not known."""
    if phase.by_steps:
        per_rev = weighing.numbers.get("steps_per_rev", NOMINAL_STEPS_PER_REV)
        return phase.progress / per_rev * weighing.numbers.get("rollers", NOMINAL_ROLLERS)
    period_s = weighing.numbers.get("roller_period_s")
    return None if period_s is None else phase.progress * 3600.0 / period_s


@dataclass(frozen=True)
class Thinned:
    """A long record with neighbouring readings averaged: what `design` needs."""

    weighing: Weighing
    phase: Phases
    breaks: list[int]


def thinned(weighing: Weighing, phase: Phases, breaks: list[int]) -> tuple[Thinned, int]:
    """Average readings in groups, never across a break, where there are more than 100 000; also the group's size."""
    size = len(weighing.t_s) // MOST_READINGS
    if size < 2:
        return Thinned(weighing, phase, breaks), 1
    bounds = np.unique(
        np.concatenate((np.arange(0, len(weighing.t_s), size), np.array(breaks, dtype=np.int64)))
    )
    count = np.diff(np.append(bounds, len(weighing.t_s)))

    def mean(values: Floats) -> Floats:
        return np.add.reduceat(values, bounds) / count

    running = np.logical_and.reduceat(phase.running, bounds)
    short = replace(weighing, t_s=mean(weighing.t_s), mass_g=mean(weighing.mass_g), ambient={}, steps=None)
    moved = replace(phase, progress=mean(phase.progress), running=running)
    return Thinned(short, moved, [int(at) for at in np.searchsorted(bounds, breaks)]), size


def _rollers(weighing: Weighing, phase: Phases) -> int:
    """Rollers in one turn where the turn is known (from steps), else 1: only the passage's harmonics."""
    return round(weighing.numbers.get("rollers", NOMINAL_ROLLERS)) if phase.by_steps else 1


def design(weighing: Weighing, phase: Phases, breaks: list[int], readability_g: float) -> Design:
    """Build the regression: one level per part, progress, baseline and its change, and the roller's harmonics."""
    n = len(weighing.t_s)
    t_h = (weighing.t_s - 0.5 * (weighing.t_s[0] + weighing.t_s[-1])) / 3600.0
    span_h = float(t_h[-1] - t_h[0])
    parts = np.zeros(n, dtype=np.int64)
    parts[breaks] = 1
    part = np.cumsum(parts)
    levels = (part[:, None] == np.arange(part[-1] + 1)[None, :]).astype(np.float64)
    whole = float(phase.progress[-1] - phase.progress[0])
    progress = (phase.progress - phase.progress[0]) / whole
    stated = weighing.numbers.get("evaporation_g_per_h")
    evaporation = 1000.0 * stated if stated is not None else 0.0
    y = 1000.0 * (weighing.mass_g - weighing.mass_g[0]) + evaporation * t_h
    columns = [levels, progress[:, None], t_h[:, None], (t_h**2 / (2.0 * span_h))[:, None]]
    prior = [np.full(levels.shape[1], np.inf), np.array([np.inf])]
    prior.append(np.array([_baseline_sd(weighing, phase, readability_g)]))
    usual = abs(evaporation) if stated is not None else _blank_slope(weighing, phase)
    prior.append(np.array([EVAPORATION_CHANGE * max(usual, 500.0 * readability_g)]))
    turns = roller_turns(weighing, phase)
    harmonics = 0
    if turns is not None and len(turns) * 0.5 > turns[-1] - turns[0]:
        gain_mg = abs(float(y[-1] - y[0])) / max(float(turns[-1] - turns[0]), 1.0)
        rollers = _rollers(weighing, phase)
        for k in range(1, HARMONICS * rollers + 1):
            angle = 2 * np.pi * k / rollers * turns
            columns.append(np.column_stack((np.cos(angle), np.sin(angle))))
            share = ROLLER_SHARE if k % rollers == 0 else UNEQUAL_SHARE
            prior.append(np.full(2, share * gain_mg * rollers / max(k, rollers)))
        harmonics = 2 * HARMONICS * rollers
    flow_at = levels.shape[1]
    return Design(
        np.hstack(columns),
        y,
        t_h,
        np.concatenate(prior),
        flow_at,
        flow_at + 1,
        flow_at + 2,
        whole,
        evaporation,
        stated is not None,
        harmonics,
    )


def _baseline_sd(weighing: Weighing, phase: Phases, readability_g: float) -> float:
    """Prior of what evaporation and drift differ from the stated value, in mg/h; flat where only blanks tell."""
    stated = weighing.numbers.get("evaporation_g_per_h")
    drift_g = weighing.numbers.get("balance_drift_g_per_h", readability_g) / 3**0.5
    if stated is None:
        return np.inf if phase.has_blank else UNKNOWN_EVAPORATION_MG_PER_H / 3**0.5
    u_g = weighing.numbers.get("u_evaporation_g_per_h", float(np.hypot(0.1 * stated, 0.2 * readability_g)))
    return 1000.0 * float(np.hypot(u_g, drift_g))


def _blank_slope(weighing: Weighing, phase: Phases) -> float:
    """A first look at the size of the slope while the pump stands, in mg/h; 0 without a blank."""
    if not phase.has_blank:
        return 0.0
    still = ~phase.running
    slopes = [abs(s) for s in blank_slopes(weighing.t_s, 1000.0 * weighing.mass_g, still)]
    return float(np.mean(slopes)) if slopes else 0.0


def blank_slopes(t_s: Floats, mass_mg: Floats, still: NDArray[Any]) -> list[float]:
    """Least-squares slope in mg/h of each stretch of `still` readings that is long enough (20 readings)."""
    return [
        float(np.polyfit(t_s[a:b] / 3600.0, mass_mg[a:b], 1)[0]) for a, b in stretches(still) if b - a >= 20
    ]


def stretches(mask: NDArray[Any]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
