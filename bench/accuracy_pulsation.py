"""Pulsation before and after compensation: heads with 3 and 4 rollers by computation, and one through the whole rig.

Owns: the runs that estimate an angle map from a simulated weighing and step by it.
Rules: the map comes from noisy readings, never from the head itself; flow is the simulator's own. Through the rig the
    firmware delivers, counts, reads the encoder, and steps by the map that was committed to it.
Leaves: the map to pumprig.calibration.anglemap, the head to rigsim.geometry. Figures hold for the simulated rig only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("host", "firmware/lib", "firmware")]

from pumprig.accuracy.trumpet import trumpet_at  # noqa: E402
from pumprig.calibration.anglemap import AngleMap, estimate  # noqa: E402
from pumprig.calibration.weighing import Weighing  # noqa: E402
from pumpwire.terms import ANGLE_CELLS  # noqa: E402
from rigsim.balance import Balance, BalanceSpec  # noqa: E402
from rigsim.geometry import PumpHead, load_head  # noqa: E402

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
    numbers = {"evaporation_g_per_h": 3e-4, "rollers": float(head.rollers)}
    return Weighing("map", "", np.arange(len(t_s)), t_s, mass, {}, steps, numbers, {}, {})


def flow_of_turn(head: PumpHead, intervals: Any) -> tuple[Any, Any]:
    """Times (n,) in mean turn times and relative flow (n,) over 1/96 turn, stepping with `intervals` (3200,)."""
    volume = turn_nl(head) / head.nl_per_rev
    t = np.concatenate(([0.0], np.cumsum(intervals) / intervals.sum()))
    grid = np.linspace(0.0, 1.0, ANGLE_CELLS + 1)
    at = np.interp(grid, t, volume)
    return grid[1:], np.diff(at) * ANGLE_CELLS


def peak_to_peak(flow: Any) -> float:
    """Peak-to-peak of a relative flow over the turn."""
    return float(flow.max() - flow.min())


def intervals_of(angle_map: AngleMap) -> Any:
    """Relative interval (3200,) before each step of a turn, by the map's whole-number table."""
    cells = np.array(angle_map.table())
    return np.repeat(cells, STEPS_PER_REV // ANGLE_CELLS + 1)[
        np.linspace(0, ANGLE_CELLS * (STEPS_PER_REV // ANGLE_CELLS + 1) - 1, STEPS_PER_REV).astype(int)
    ].astype(float)


def compare(name: str, seed: int = 1) -> dict[str, Any]:
    """Pulsation and a one-roller-period trumpet before and after, for one head."""
    head = load_head(name)
    found = estimate(weigh(head, 200_000.0, 4.0, seed), STEPS_PER_REV)
    even = np.ones(STEPS_PER_REV)
    result: dict[str, Any] = {"head": name, "rollers": head.rollers}
    for label, intervals in (("before", even), ("after", intervals_of(found))):
        _, flow = flow_of_turn(head, intervals)
        volume = np.concatenate(([0.0], np.cumsum(np.tile(flow, 6)))) / ANGLE_CELLS
        third = trumpet_at(
            np.arange(len(volume)) * 60.0 / ANGLE_CELLS, volume, 1.0, (60.0 / head.rollers / 2,)
        )
        result[label] = {
            "peak_to_peak_pct": 100 * peak_to_peak(flow),
            "half_roller_period_ep_pct": [third[0].ep_min_pct, third[0].ep_max_pct],
        }
    result["ratio"] = result["after"]["peak_to_peak_pct"] / result["before"]["peak_to_peak_pct"]
    return result


class RigRun:
    """A simulated rig in virtual time, weighed, then stepped evenly and by the map."""

    def __init__(self, seed: int) -> None:
        from rigsim.commission import commission
        from rigsim.driver import SimRig
        from rigsim.wire import Wire

        self.rig = SimRig(seed)
        self.rig.power_on()
        self.wire = Wire(self.rig)
        commission(self.wire)
        self.balance = Balance(
            BalanceSpec(wander_g_per_root_h=5e-5, draught_g=5e-5, evaporation_g_per_h=3e-4), seed
        )

    def weigh(self, rate_nl_per_h: float, hours: float) -> Weighing:
        """Deliver as a calibration and read balance, steps and angle every 4 s."""
        from pumprig.calibration.runfolder import index_steps
        from rigsim.chip import CYCLES_PER_S

        self.wire.call("open")
        volume_nl, rate_nl_per_day = round(rate_nl_per_h * hours), round(24 * rate_nl_per_h)
        self.wire.call("calibrate", ("rate_nl_per_day", rate_nl_per_day), ("volume_nl", volume_nl))
        rows: list[tuple[float, float, float, float]] = []
        for _ in range(round(hours * 900)):
            self.rig.run_us(4_000_000)
            status = self.wire.status()
            t_s = self.rig.chip.now / CYCLES_PER_S
            mass = self.balance.readings(np.array([t_s]), np.array([self.rig.pump.true_nl()]))
            rows.append((t_s, float(mass[0]), float(status["delivered_steps"]), int(status["angle"]) / 4096))
        self.wire.call("stop")
        t, mass_g, steps, turns = np.array(rows).T
        index = index_steps(list(zip(steps.tolist(), turns.tolist(), strict=True)), STEPS_PER_REV)
        numbers = {"evaporation_g_per_h": 3e-4, "index_steps": index or 0.0}
        return Weighing("rig", "", np.arange(len(t)), t - t[0], mass_g, {}, steps, numbers, {}, {})

    def flow(self, weights: list[int] | None, rate_nl_per_h: float = 20_000.0, turns: int = 3) -> Any:
        """True volume (n,) at every 1/96 turn of a constant therapy, by the firmware, with the map or without."""
        from pumpwire import documents
        from rigsim.commission import commit

        nl_per_rev = self.rig.pump.head.nl_per_rev
        self.wire.call("stop")
        calibration = {
            "kind": "calibration",
            "id": 9 if weights is None else 10,
            "nl_num": round(nl_per_rev * 1000),
            "nl_den": 1000,
            "u_ppm": 5000,
        }
        if weights is not None:
            calibration["angle_weights"] = tuple((weight,) for weight in weights)
        commit(self.wire, documents.canonical(calibration))
        program = {"kind": "program", "name": "x", "basal": ((0, round(24 * rate_nl_per_h)),)}
        commit(self.wire, documents.canonical(program))
        self.rig.run_us(600_000_000)
        volume = [self.rig.pump.true_nl()]
        for _ in range(turns * ANGLE_CELLS):
            self.rig.run_us(round(nl_per_rev / rate_nl_per_h * 3600e6 / ANGLE_CELLS))
            volume.append(self.rig.pump.true_nl())
        return np.array(volume) - volume[0]


def through_the_rig(seed: int = 3, hours: float = 4.0) -> dict[str, Any]:
    """Weigh, map, commit and deliver in one simulated rig; pulsation and short windows at 20 uL/h before and after."""
    run = RigRun(seed)
    found = estimate(run.weigh(200_000.0, hours), STEPS_PER_REV)
    nl_per_rev = run.rig.pump.head.nl_per_rev
    result: dict[str, Any] = {"seed": seed, "weighed_h": hours}
    for label, weights in (("before", None), ("after", found.table())):
        volume = run.flow(weights)
        minutes = np.arange(len(volume)) * nl_per_rev / 20_000.0 * 60.0 / ANGLE_CELLS
        mean_nl_per_h = float(volume[-1] / minutes[-1] * 60.0)
        windows = trumpet_at(minutes, volume, mean_nl_per_h, (2.0, 5.0, 11.0))
        result[label] = {
            "peak_to_peak_pct": 100 * peak_to_peak(np.diff(volume) * ANGLE_CELLS / nl_per_rev),
            "turn_nl": float(volume[-1]) / 3,
            "windows": {f"{row.p_min:g} min": [row.ep_min_pct, row.ep_max_pct] for row in windows},
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
    whole = through_the_rig()
    print(
        "through the simulated rig (firmware, encoder, balance), 20 uL/h, map from a 4 h weighing at 200 uL/h"
    )
    for label in ("before", "after"):
        part = whole[label]
        windows = ", ".join(
            f"{name} {low:+.1f} to {high:+.1f} %" for name, (low, high) in part["windows"].items()
        )
        print(
            f"{label:<8} peak to peak {part['peak_to_peak_pct']:5.1f} %  a turn {part['turn_nl']:.1f} nL  {windows}"
        )
    print(json.dumps({"pulsation": rows, "through_the_rig": whole}))


if __name__ == "__main__":
    main()
