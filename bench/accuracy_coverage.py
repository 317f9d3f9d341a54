"""Coverage, bias and efficiency of the calibration fit over seeded simulated weighings.

Owns: the hybrid Cramer-Rao bound, the study and its table.
Rules: the same seeds give the same table.
Units: mass mg or g as named, time s or h, flow nL/h.
Leaves: the weighings to weighed_rooms.py, the fit to pumprig.calibration.
"""

from __future__ import annotations

import json
import sys
import time
from multiprocessing import Pool
from typing import Any

import numpy as np
from pumprig.calibration.budget import CLOCK_PPM, SENSITIVITY_PPM, WATER_PPM
from pumprig.calibration.fit import Fit, fit
from pumprig.calibration.regression import EVAPORATION_CHANGE, EVAPORATION_IN_RUN
from pumprig.calibration.weighing import WeighingError
from rigsim.balance import FLICKER_MEMORIES_S
from rigsim.geometry import load_head
from weighed_rooms import LID_PCT, NAMES, RUN_S, STEPS_PER_REV, Case, simulate

FIRST_SEED = 200_000  # of the table in docs/explanation/uncertainty.md, unseen when the fit was last changed


def bound_nl_per_h(case: Case, blocks: int = 480) -> float:
    """Hybrid Cramer-Rao bound (1 sd) of the flow: the noise known exactly; level, evaporation with drift, its change
    and the pulsation as nuisances with their priors; the Type B terms with theirs. nan for noise that is not Gaussian.
    """
    spec = case.spec
    if (
        spec.tails
        or spec.vibration_g
        or case.family in ("door at start and end", "few readings", "digits of 1 mg")
    ):
        return float("nan")
    n = len(case.weighing.t_s)
    per = n // blocks
    t_h = case.weighing.t_s[: per * blocks].reshape(blocks, per).mean(axis=1) / 3600.0
    progress = case.step_volume_nl[: per * blocks].reshape(blocks, per).mean(axis=1) / case.step_volume_nl[-1]
    white = (1000 * spec.repeatability_g) ** 2 + (1000 * spec.readability_g) ** 2 / 12
    cov = np.eye(blocks) * white / per
    gap_s = 3600 * np.abs(t_h[:, None] - t_h[None, :])
    if spec.wander_g_per_root_h:
        cov += (1000 * spec.wander_g_per_root_h) ** 2 * np.minimum(t_h[:, None], t_h[None, :])
    if spec.draught_g:
        cov += (1000 * spec.draught_g) ** 2 * _averaged(gap_s, spec.draught_memory_s, per)
    for memory_s in FLICKER_MEMORIES_S if spec.flicker_g else ():
        cov += (1000 * spec.flicker_g) ** 2 / len(FLICKER_MEMORIES_S) * _averaged(gap_s, memory_s, per)
    span_h = float(t_h[-1] - t_h[0])
    turns = progress * case.step_volume_nl[-1] / STEPS_PER_REV * load_head().rollers
    mid = t_h - t_h.mean()
    columns = [np.ones(blocks), progress, mid, mid**2 / (2 * span_h)]
    change = EVAPORATION_CHANGE * 1000 * spec.evaporation_g_per_h
    precision = [0.0, 0.0, 0.0, 1.0 / change**2]
    for k in (1, 2, 3):
        columns += [np.cos(2 * np.pi * k * turns), np.sin(2 * np.pi * k * turns)]
        precision += [(k / 1.7) ** 2] * 2
    x = np.column_stack(columns)
    information = x.T @ np.linalg.solve(cov, x) + np.diag(precision)
    mass_sd = float(np.linalg.inv(information)[1, 1]) ** 0.5
    mass_mg = case.flow_nl_per_h * RUN_S / 3600 / 1000 / 1.003
    dip = (1.6 / 25.0) ** 2
    relative = [
        mass_sd / mass_mg,
        1000 * spec.readability_g / 3**0.5 / mass_mg,
        SENSITIVITY_PPM * 1e-6 / 3**0.5,
        CLOCK_PPM * 1e-6 / 3**0.5,
        WATER_PPM * 1e-6,
        0.1 * dip,
        2.3e-4 * 0.3,
        (LID_PCT / 100.0 if case.family == "evaporation under a lid" else EVAPORATION_IN_RUN)
        * (1000 * spec.evaporation_g_per_h * RUN_S / 3600 / mass_mg),
    ]
    return case.flow_nl_per_h * float(np.sqrt(np.sum(np.square(relative))))


def _averaged(gap_s: Any, memory_s: float, per: int) -> Any:
    """Correlation of block means (blocks of `per` seconds) of a Gauss-Markov process."""
    block = per / memory_s
    outside = np.exp(-gap_s / memory_s) * (2 * (np.cosh(block) - 1)) / block**2
    inside = 2 * (block - 1 + np.exp(-block)) / block**2
    return np.where(gap_s < 1e-6, inside, outside)


def one(job: tuple[int, str]) -> dict[str, Any]:
    """Fit one simulated weighing; the error in nL/h, U, and the bound; a refused one has none."""
    seed, family = job
    case = simulate(seed, family)
    row = {"family": family, "seed": seed, "flow": case.flow_nl_per_h, "refused": ""}
    try:
        found: Fit = fit(case.weighing)
    except WeighingError as error:
        return {**row, "error": float("nan"), "u": float("nan"), "bound": float("nan"), "refused": str(error)}
    return {
        **row,
        "error": found.result.flow_nl_per_h - case.flow_nl_per_h,
        "u": found.result.u_flow_nl_per_h,
        "bound": bound_nl_per_h(case),
        "k": found.result.k,
    }


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line per family and one for all: coverage, bias over U, median U, and U against the bound."""
    lines: list[dict[str, Any]] = []
    for family in [*NAMES, "all"]:
        every = [r for r in rows if family in ("all", r["family"])]
        mine = [r for r in every if not r["refused"]]
        error, u = np.array([r["error"] for r in mine]), np.array([r["u"] for r in mine])
        ratio = np.array([r["u"] / (2 * r["bound"]) for r in mine if np.isfinite(r["bound"])])
        lines.append(
            {
                "family": family,
                "runs": len(every),
                "refused": len(every) - len(mine),
                "coverage_pct": float(100 * np.mean(np.abs(error) <= u)),
                "bias_over_u": float(error.mean() / np.median(u)),
                "median_u_pct": float(100 * np.median(u / np.array([r["flow"] for r in mine]))),
                "median_u_over_bound": float(np.median(ratio)) if len(ratio) else None,
            }
        )
    return lines


def main(runs: int, first: int) -> None:
    """Run the study on all cores and print its table and one line of JSON."""
    names = list(NAMES)
    jobs = [(seed, names[seed % len(names)]) for seed in range(first, first + runs)]
    begin = time.perf_counter()
    with Pool() as pool:
        rows = pool.map(one, jobs, chunksize=8)
    lines = table(rows)
    took_s = time.perf_counter() - begin
    print(f"seeds {first} to {first + runs - 1}, each 4 h at 20 uL/h on a 0.1 mg balance; {took_s:.0f} s")
    print(f"{'family':<28}{'runs':>6}{'refused':>9}{'coverage':>10}{'bias/U':>9}{'U':>9}{'U/bound':>9}")
    for line in lines:
        ratio = line["median_u_over_bound"]
        print(
            f"{line['family']:<28}{line['runs']:>6}{line['refused']:>9}{line['coverage_pct']:>9.1f}%{line['bias_over_u']:>9.3f}"
            f"{line['median_u_pct']:>8.3f}%" + (f"{ratio:>9.2f}" if ratio else f"{'-':>9}")
        )
    print(json.dumps({"coverage": lines}))


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(given[0] if given else 1000, given[1] if len(given) > 1 else FIRST_SEED)
