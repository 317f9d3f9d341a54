"""The columns of the regression that explains a weighing's readings.

Owns: the design matrix with its priors.
Rules: one model for all: level per part + delivered mass per progress + evaporation and drift + pulsation, and, where
    the record shows them, the temperature's effect, edges of standing time, a door that was open, a flow that changes.
Units: y in mg, t in h from the middle of the record; priors are 1 sd.
Leaves: the noise to noise.py, when the pump ran to design.py, the meaning of the fitted numbers to fit.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pumprig.calibration.design import (
    NOMINAL_ROLLERS,
    Phases,
    blank_slopes,
    roller_turns,
)
from pumprig.calibration.weighing import Floats, Weighing

HARMONICS = 3  # of the roller's passage
ROLLER_SHARE, UNEQUAL_SHARE = (
    0.3,
    0.03,
)  # priors of the pulsation and of the rollers' inequality, in roller volumes
UNKNOWN_EVAPORATION_MG_PER_H = 2.0  # an open beaker: 0.048 mL/day and more
PER_KELVIN, WARMTH_SD = 0.07, 0.04  # evaporation rises by so much per K, and the law is known so well (1 sd)
DOOR_MIN = (5.0, 12.0, 28.0)  # after the door was open, a balance settles with such time constants
DOOR_DIGITS = 8.0
# In the run it may differ by this share from that of the blanks (standard deviation)
EVAPORATION_IN_RUN = 0.2
EVAPORATION_CHANGE = 0.2  # it may change by this share over a record (standard deviation)


@dataclass(frozen=True)
class Design:
    """Columns x (n, p), y (n,) in mg, prior_sd (p,), and where the parameters of interest stand.

    `edges` are the columns of edges that were found in the readings, in order; each is a step of mass in mg.
    """

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
    edges: slice
    door: slice


def _rollers(weighing: Weighing, phase: Phases) -> int:
    """Rollers in one turn where the turn is known (from steps), else 1: only the passage's harmonics."""
    return round(weighing.numbers.get("rollers", NOMINAL_ROLLERS)) if phase.by_steps else 1


def design(
    weighing: Weighing,
    phase: Phases,
    breaks: list[int],
    readability_g: float,
    door: bool = False,
    bends: int = 0,
) -> Design:
    """Build the regression: one level per part, progress, baseline and its change, the roller's harmonics, what the
    temperature does to the evaporation, edges found in the readings, (`door`) what settles at a stretch's start,
    and (`bends`) a flow that changes: terms that are 0 at both ends, so that the flow stays the mean one.
    """
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
    sign = -1.0 if weighing.falling else 1.0
    evaporation = sign * 1000.0 * stated if stated is not None else 0.0
    warm_h = _warmth(weighing)
    lost_h = t_h if warm_h is None else t_h + PER_KELVIN * warm_h
    y = 1000.0 * (weighing.mass_g - weighing.mass_g[0]) + evaporation * lost_h
    columns = [levels, progress[:, None], lost_h[:, None], (t_h**2 / (2.0 * span_h))[:, None]]
    prior = [np.full(levels.shape[1], np.inf), np.array([np.inf])]
    prior.append(np.array([_baseline_sd(weighing, phase, readability_g)]))
    usual = max(
        abs(evaporation) if stated is not None else _blank_slope(weighing, phase), 500.0 * readability_g
    )
    prior.append(np.array([EVAPORATION_CHANGE * usual]))
    turns = roller_turns(weighing, phase)
    harmonics = 0
    if turns is not None and shows_passages(turns):
        gain_mg = abs(float(y[-1] - y[0])) / max(float(turns[-1] - turns[0]), 1.0)
        rollers = _rollers(weighing, phase)
        for k in range(1, HARMONICS * rollers + 1):
            angle = 2 * np.pi * k / rollers * turns
            columns.append(np.column_stack((np.cos(angle), np.sin(angle))))
            share = ROLLER_SHARE if k % rollers == 0 else UNEQUAL_SHARE
            prior.append(np.full(2, share * gain_mg * rollers / max(k, rollers)))
        harmonics = 2 * HARMONICS * rollers
    flow_at = levels.shape[1]
    extra: list[slice] = []
    for block, sd in (
        _edge_columns(weighing, phase, float(y[-1] - y[0])),
        _door_columns(weighing, phase, readability_g) if door else (np.empty((n, 0)), np.empty(0)),
        _bend_columns(progress, bends, float(y[-1] - y[0])),
        (np.empty((n, 0)), np.empty(0))
        if warm_h is None
        else (warm_h[:, None], np.array([WARMTH_SD * usual])),
    ):
        at = sum(part.shape[1] for part in columns)
        columns.append(block)
        prior.append(sd)
        extra.append(slice(at, at + block.shape[1]))
    return Design(
        np.hstack(columns),
        y,
        t_h,
        np.concatenate(prior),
        flow_at,
        flow_at + 1,
        flow_at + 2,
        whole,
        sign * evaporation,
        stated is not None,
        harmonics,
        extra[0],
        extra[1],
    )


def shows_passages(turns: Floats) -> bool:
    """Whether the readings of the run (turns (n,)) are close enough to show the rollers' passages: two in each."""
    return bool(_in_run(turns) * 0.5 > turns[-1] - turns[0])


def _in_run(turns: Floats) -> int:
    return int(((turns > turns[0]) & (turns < turns[-1])).sum())


def hidden_passages(turns: Floats) -> float:
    """Periods, at least one, of the wave that passages between too few readings would show (aliasing)."""
    gaps = max(_in_run(turns) - 1, 1)
    each = float(turns[-1] - turns[0]) / gaps
    return max(abs(each - round(each)) * gaps, 1.0)


def _bend_columns(progress: Floats, bends: int, gain_mg: float) -> tuple[Floats, Floats]:
    """A flow that changes over the run, as half waves of the delivered mass that vanish at both ends."""
    columns = [np.sin(np.pi * k * progress) for k in range(1, bends + 1)]
    empty = np.empty((len(progress), 0))
    return (np.column_stack(columns) if columns else empty), np.full(bends, abs(gain_mg))


def _warmth(weighing: Weighing) -> Floats | None:
    """Integral (n,) of the temperature's departure from its mean in K h, where the record has it and it changes."""
    temp_c = weighing.ambient.get("temp_c")
    if temp_c is None or float(np.std(temp_c)) < 0.05 or len(temp_c) != len(weighing.t_s):
        return None
    t_h = weighing.t_s / 3600.0
    off_k = temp_c - float(np.trapezoid(temp_c, t_h) / (t_h[-1] - t_h[0]))
    return np.concatenate(([0.0], np.cumsum(0.5 * (off_k[1:] + off_k[:-1]) * np.diff(t_h))))


def _edge_columns(weighing: Weighing, phase: Phases, gain_mg: float) -> tuple[Floats, Floats]:
    """A step for each edge of standing time that was found: the mass by which the edge is misplaced."""
    t_s, found = weighing.t_s, phase.stops
    at = [edge for pair in found.stretches for edge in pair if t_s[0] < edge < t_s[-1]]
    sd = abs(gain_mg) / max(phase.run_h, 1e-9) * found.edge_sd_s / 3600.0
    return (t_s[:, None] > np.array(at)[None, :]).astype(np.float64).reshape(len(t_s), len(at)), np.full(
        len(at), sd
    )


def _door_columns(weighing: Weighing, phase: Phases, readability_g: float) -> tuple[Floats, Floats]:
    """What decays after the door was opened, from the start of the record and of each blank after the first."""
    t_s = weighing.t_s
    starts = [a for a, b in phase.still() if b - a >= 20]
    starts = sorted({0, *starts})
    columns = [
        np.where(t_s >= t_s[a], np.exp(-np.maximum(t_s - t_s[a], 0.0) / (60.0 * minutes)), 0.0)
        for a in starts
        for minutes in DOOR_MIN
    ]
    return np.column_stack(columns), np.full(len(columns), DOOR_DIGITS * 1000.0 * readability_g)


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
    slopes = [abs(s) for s in blank_slopes(weighing.t_s, 1000.0 * weighing.mass_g, phase.still())]
    return float(np.mean(slopes)) if slopes else 0.0
