"""How late an alarm comes, and how much fluid is missing by then: stall, slip, occlusions and air.

Owns: the runs and the table; a healthy rig for days, for long.py to count what it alarms.
Rules: the very firmware in the simulated rig (encoder nonlinearity +-1 degree, pressure noise), seeds 1 to N; latency
counts from the fault to the log's record; volume is what the tip of a healthy twin got until then and this one's did
not; an alarm of another name ends the table.
Units: seconds of virtual time, nL; pressure in psi above standing.
Leaves: the physics to rigsim, thresholds to firmware/rig/watch/thresholds.py.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("host", "firmware/lib", "firmware", "tests")]

from pumpwire.records import EVENTS  # noqa: E402

from bench import Bench, program  # noqa: E402

RATES = (("2 ul/h", 48_000), ("20 ul/h", 480_000), ("1 ml/h", 24_000_000))
SLIP_RATES = (("0.2 ul/h", 4_800), *RATES[:2], ("200 ul/h", 4_800_000), RATES[2])
FAULTS = {
    "stall": ("stall", {}, ("stall",)),
    **{f"slip, {percent} %": ("slip", {"percent": percent}, ("under_infusion",)) for percent in (12, 15, 30)},
    "occlusion": ("occlude", {}, ("occlusion",)),
    "upstream occlusion": ("occlude", {"where": "upstream"}, ("occlusion", "under_infusion", "stall")),
    "air, 50 uL": ("air", {"volume": "50 ul"}, ("occlusion", "under_infusion", "stall", "sensor")),
}
LONGEST_NL = 400_000  # a fault that has cost so much without an alarm counts as not detected
LONGEST_S = 30 * 86_400
SHARES = {
    48_000: 45,
    480_000: 53,
    24_000_000: 2,
}  # percent of the healthy days; a fast day is long to simulate
SETTLE = {4_800: "6 h", 48_000: "6 h", 480_000: "1 h", 4_800_000: "20 min", 24_000_000: "10 min"}
PASCAL_PER_PSI = 6894.757


def missed(fault: str, rate_nl_per_day: int, seed: int) -> tuple[float, float, float] | None:
    """(latency s, volume missing nL, pressure psi) at the alarm; None where none comes."""
    bench = settled(rate_nl_per_day, seed)
    event, arguments, alarms = FAULTS[fault]
    before_nl, begun_us = bench.sim.pump.true_nl(), bench.world.utc_us()
    found: list[tuple[float, float, float]] = []
    others: list[str] = []
    keep = bench.sim.chip.flash.on_program

    def watch(page: int, data: bytes) -> None:
        """The instant of the first alarm of the fault, as its record is written."""
        known = len(bench.records)
        keep(page, data)
        for header, _state, text in bench.records[known:]:
            name = text.split()[0].split("=")[1] if EVENTS[header["event"]] == "alarm" else ""
            if name and name not in alarms and not found:
                others.append(name)
            if name in alarms and not found:
                latency_s = (bench.world.utc_us() - begun_us) / 1e6
                arrived_nl = bench.sim.pump.true_nl() - before_nl
                found.append((latency_s, arrived_nl, bench.sim.pump.pressure_pa() / PASCAL_PER_PSI))

    bench.sim.chip.flash.on_program = watch
    bench.happen(event, **arguments)
    longest_s = min(LONGEST_S, LONGEST_NL * 86_400 // rate_nl_per_day)
    for _slice in range(200):
        bench.run(f"{longest_s * 5} ms")
        if found or others:
            break
    if others:
        raise AssertionError(f"{fault} at {rate_nl_per_day} nL/day, seed {seed}: {', '.join(others)}")
    if not found:
        return None
    latency_s, arrived_nl, pressure_psi = found[0]
    twin = settled(rate_nl_per_day, seed)
    before_nl = twin.sim.pump.true_nl()
    twin.sim.run_us(round(latency_s * 1e6))
    return latency_s, twin.sim.pump.true_nl() - before_nl - arrived_nl, pressure_psi


def settled(rate_nl_per_day: int, seed: int) -> Bench:
    """A rig that has run long enough for its line to be even."""
    bench = Bench(seed=seed)
    bench.load(program(basal=rate_nl_per_day))
    bench.run(SETTLE[rate_nl_per_day])
    return bench


def table(faults: list[str], seeds: int) -> None:
    """One row for each fault and rate: median and worst of the seeds."""
    print("| fault | rate | detected | latency, median (worst) | not delivered by then, median (worst) |")
    print("|---|---|---|---|---|")
    for fault in faults:
        for shown, rate in SLIP_RATES if fault.startswith("slip") else RATES:
            found = [row for row in (missed(fault, rate, seed) for seed in range(1, seeds + 1)) if row]
            cells = [fault, shown, f"{len(found)} of {seeds}"]
            if found:
                late = [row[0] for row in found]
                lost = [row[1] / 1000 for row in found]
                cells += [f"{span(statistics.median(late))} ({span(max(late))})"]
                cells += [f"{statistics.median(lost):.2f} µL ({max(lost):.2f} µL)"]
            else:
                cells += ["none", "-"]
            print("| " + " | ".join(cells) + " |", flush=True)


def span(seconds: float) -> str:
    """A duration in its own unit."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def healthy(seed: int, rate: int, days: int) -> dict[str, Any]:
    """A rig without a fault for so many days: how many alarms it raised, and which."""
    begun_s = time.process_time()
    bench = Bench(seed=seed, reservoir_nl=100_000_000)
    bench.load(program(basal=rate, reservoir_nl=100_000_000, low_nl=0))
    for _day in range(days):
        bench.run("1 d")
        if rate * 2 > bench.status()["reservoir_nl"]:
            bench.happen("refill", volume="100 ml")
            bench.run("1 s")
    raised = bench.events("alarm")
    cpu_s = round(time.process_time() - begun_s)
    return {"days": days, "alarms": len(raised), "first": raised[:3], "cpu_s": cpu_s}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--fault", choices=[*FAULTS, "slip", "all"], default="all")
    options = parser.parse_args()
    chosen = [name for name in FAULTS if options.fault in ("all", name) or name.startswith(options.fault)]
    table(chosen, options.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
