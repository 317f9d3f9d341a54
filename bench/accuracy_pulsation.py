"""Pulsation before and after compensation, on the simulated head with 3 and 4 rollers.

Owns: the run that estimates an angle map from a simulated weighing and steps by it.
Rules: the map comes from noisy readings, never from the head itself; flow is measured on the head's own displacement.
Callers: `python bench/accuracy_pulsation.py`, a test. Units: nL, s, turns; flows relative to the mean.
Leaves: the map to pumprig.calibration.anglemap, the head to rigsim.geometry. Figures hold for the simulated rig only.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from pumprig.accuracy.trumpet import trumpet_at
from pumprig.calibration.anglemap import CELLS, AngleMap, estimate
from pumprig.calibration.weighing import Weighing
from rigsim.balance import Balance, BalanceSpec
from rigsim.geometry import PumpHead, load_head

STEPS_PER_REV = 3200


def turn_nl(head: PumpHead) -> Any:
    """Displacement (3201,) in nL at every step of one turn from the index mark."""
    theta = 2 * np.pi * np.arange(STEPS_PER_REV + 1) / STEPS_PER_REV
    return np.array([head.displacement_nl(float(v)) for v in theta])


def weigh(head: PumpHead, rate_nl_per_h: float, hours: float, seed: int) -> Weighing:
    """A weighing at constant steps, 1 reading per s, on a 0.1 mg balance with noise, drift and evaporation."""
    t_s = np.arange(0.0, hours * 3600.0, 1.0)
    steps = np.floor(t_s * rate_nl_per_h / 3600.0 / head.nl_per_rev * STEPS_PER_REV)
    table = turn_nl(head)
    volume = table[(steps % STEPS_PER_REV).astype(int)] + (steps // STEPS_PER_REV) * head.nl_per_rev
    spec = BalanceSpec(wander_g_per_root_h=5e-5, draught_g=5e-5, evaporation_g_per_h=3e-4)
    mass = Balance(spec, seed).readings(t_s, volume)
    return Weighing(
        "map", "", np.arange(len(t_s)), t_s, mass, {}, steps, {"evaporation_g_per_h": 3e-4}, {}, {}
    )


def flow_of_turn(head: PumpHead, intervals: Any) -> tuple[Any, Any]:
    """Times (n,) in mean turn times and relative flow (n,) over 1/96 turn, stepping with `intervals` (3200,)."""
    volume = turn_nl(head) / head.nl_per_rev
    t = np.concatenate(([0.0], np.cumsum(intervals) / intervals.sum()))
    grid = np.linspace(0.0, 1.0, CELLS + 1)
    at = np.interp(grid, t, volume)
    return grid[1:], np.diff(at) * CELLS


def peak_to_peak(flow: Any) -> float:
    """Peak-to-peak of a relative flow over the turn."""
    return float(flow.max() - flow.min())


def intervals_of(angle_map: AngleMap) -> Any:
    """Relative interval (3200,) before each step of a turn, by the map's whole-number table."""
    cells = np.array(angle_map.table())
    return np.repeat(cells, STEPS_PER_REV // CELLS + 1)[
        np.linspace(0, CELLS * (STEPS_PER_REV // CELLS + 1) - 1, STEPS_PER_REV).astype(int)
    ].astype(float)


def compare(name: str, seed: int = 1) -> dict[str, Any]:
    """Pulsation and a one-roller-period trumpet before and after, for one head."""
    head = load_head(name)
    found = estimate(weigh(head, 200_000.0, 4.0, seed), STEPS_PER_REV)
    even = np.ones(STEPS_PER_REV)
    result: dict[str, Any] = {"head": name, "rollers": head.rollers}
    for label, intervals in (("before", even), ("after", intervals_of(found))):
        _, flow = flow_of_turn(head, intervals)
        volume = np.concatenate(([0.0], np.cumsum(np.tile(flow, 6)))) / CELLS
        third = trumpet_at(np.arange(len(volume)) * 60.0 / CELLS, volume, 1.0, (60.0 / head.rollers / 2,))
        result[label] = {
            "peak_to_peak_pct": 100 * peak_to_peak(flow),
            "half_roller_period_ep_pct": [third[0].ep_min_pct, third[0].ep_max_pct],
        }
    result["ratio"] = result["after"]["peak_to_peak_pct"] / result["before"]["peak_to_peak_pct"]
    return result


def main() -> None:
    """Print the table and one line of JSON."""
    rows = [compare(name) for name in ("r3", "r4", "r3-plain")]
    print(
        "pulsation of the flow over a turn (windows of 1/96 turn), simulated head, map from a 4 h weighing at 200 uL/h"
    )
    for row in rows:
        print(
            f"{row['head']:<10}{row['rollers']} rollers  before {row['before']['peak_to_peak_pct']:6.1f} %  "
            f"after {row['after']['peak_to_peak_pct']:6.1f} %  ratio {row['ratio']:.2f}"
        )
    print(json.dumps({"pulsation": rows}))


if __name__ == "__main__":
    main()
