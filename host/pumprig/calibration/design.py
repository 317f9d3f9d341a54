"""When the pump ran in a weighing, and how far it got.

Owns: running and blank phases, the pump's progress, the roller's angle, and the thinning of long records.
Rules: counted steps before stated times, stated times before what the readings show.
Units: progress in steps, or in h of running; times in s.
Leaves: standing time without steps to standing.py, the columns of the fit to regression.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumprig.calibration import standing
from pumprig.calibration.weighing import Floats, Weighing, readability_g, refuse

NOMINAL_NL_PER_REV = 10_000.0
NOMINAL_ROLLERS = 3.0
# so many times the usual time between two changes of the count: the pump stood, or nobody read
PAUSE_SCALES = 20.0
NOMINAL_STEPS_PER_REV = 3200.0
MOST_READINGS = 30_000  # more are averaged in groups first


@dataclass(frozen=True)
class Phases:
    """When the pump ran: progress (n,), running (n,) true within the run, and its bounds."""

    progress: Floats
    running: NDArray[Any]
    by_steps: bool
    run_h: float
    has_blank: bool
    stops: standing.Standing = standing.NONE
    breaks: tuple[int, ...] = ()

    def still(self) -> list[tuple[int, int]]:
        """Start and end (exclusive) of each stretch in which the pump stood, apart where a jump parts it."""
        found: list[tuple[int, int]] = []
        for a, b in stretches(~self.running):
            cuts = [a, *(at for at in self.breaks if a < at < b), b]
            found += list(pairwise(cuts))
        return found


def phases(weighing: Weighing, known: standing.Standing | None = None) -> Phases:
    """Running time from the counted steps, or from `run_from_s` and `run_to_s`, else as the readings show it.

    `known` is standing time that was found in these readings before some were left out.
    """
    t_s = weighing.t_s
    if weighing.steps is not None:
        return _by_steps(weighing, weighing.steps)
    found = standing.find(t_s, weighing.mass_g, readability_g(weighing)) if known is None else known
    if not {"run_from_s", "run_to_s"} & set(weighing.numbers):
        return _by_standing(weighing, found)
    start_s = max(weighing.numbers.get("run_from_s", t_s[0]), t_s[0])
    end_s = min(weighing.numbers.get("run_to_s", t_s[-1]), t_s[-1])
    if end_s <= start_s:
        raise refuse(weighing.name, "run_from_s is not before run_to_s.", "Correct the two lines.")
    inside = [pair for pair in found.stretches if start_s < pair[0] and pair[1] < end_s]
    running = (t_s >= start_s) & (t_s <= end_s)
    progress = np.clip(t_s, start_s, end_s)
    for first_s, last_s in inside:
        running &= ~((t_s >= first_s) & (t_s <= last_s))
        progress = progress - np.clip(t_s - first_s, 0.0, last_s - first_s)
    run_h = float(progress[-1] - progress[0]) / 3600.0
    stops = standing.Standing(inside, found.edge_sd_s)
    return Phases(progress / 3600.0, running, False, run_h, _has_blank(t_s, running), stops)


def _by_standing(weighing: Weighing, found: standing.Standing) -> Phases:
    """Running is what lies between the stretches in which the pump stood."""
    t_s = weighing.t_s
    running = np.ones(len(t_s), dtype=np.bool_)
    stood_s = np.zeros(len(t_s))
    for start_s, end_s in found.stretches:
        running &= ~((t_s >= start_s) & (t_s <= end_s)) | (t_s == end_s if end_s < t_s[-1] else False)
        stood_s += np.clip(t_s - start_s, 0.0, end_s - start_s)
    progress = (t_s - t_s[0] - stood_s) / 3600.0
    run_h = float(progress[-1] - progress[0])
    stood = float(stood_s[-1])
    enough = _has_blank(t_s, running) and stood >= max(300.0, 0.05 * float(t_s[-1] - t_s[0]))
    return Phases(progress, running, False, run_h, enough, found)


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
    air = {name: mean(values) for name, values in weighing.ambient.items()}
    short = replace(weighing, t_s=mean(weighing.t_s), mass_g=mean(weighing.mass_g), ambient=air, steps=None)
    short.flow_nl_per_h = None
    moved = replace(phase, progress=mean(phase.progress), running=running)
    cuts = [int(at) for at in np.searchsorted(bounds, breaks)]
    return Thinned(short, replace(moved, breaks=tuple(cuts)), cuts), size


def blank_slopes(t_s: Floats, mass_mg: Floats, still: list[tuple[int, int]]) -> list[float]:
    """Least-squares slope in mg/h of each of `still` that is long enough (20 readings)."""
    return [float(np.polyfit(t_s[a:b] / 3600.0, mass_mg[a:b], 1)[0]) for a, b in still if b - a >= 20]


def stretches(mask: NDArray[Any]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
