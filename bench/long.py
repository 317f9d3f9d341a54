"""The long runs, part by part: ten years of therapy, and a thousand healthy days without an alarm.

Owns: the list of parts, what each must show, and the file that keeps what is done.
Rules: a part that is done is not run again, so a run that was broken off goes on with the next part; ten years are one
part, because no power cut may hide a wrap of the tick counters; totals are compared with the pulses that left the step
pin, with the volume commanded and with the program's own arithmetic.
Units: days of virtual time, nL, steps; processor seconds where a name says `cpu_s`.
Leaves: the rig to rigsim, alarms by fault to alarms.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("host", "firmware/lib", "firmware", "tests", "bench")]

from alarms import RATES, SHARES, healthy  # noqa: E402
from pumpwire.records import EVENTS  # noqa: E402
from rigsim.chip import CYCLES_PER_S  # noqa: E402

from bench import Bench, program  # noqa: E402

DAY_S = 86_400
ENDURANCE = 100_000  # erases of a flash sector, W25Q16JV data sheet
YEARS_DAYS = 3_652
REFILL_DAYS = 45
TUBE_DAYS = 150
BATTERY_DAYS = 5 * 365
QUIET_NL_PER_DAY = 48_000
TEN_YEARS = {
    "basal": ((0, 200_000), (28_800, 300_000)),
    "periodic": ((21_600, 10_000, 300_000, 0),),
    "demand": ((8_000, 240_000, 7_200, 6),),
}
WRAPS_S = {
    "PIO cycles": 2**32 / CYCLES_PER_S,
    "ticks_us": 2**30 / 1e6,
    "32-bit us": 2**32 / 1e6,
    "ticks_ms": 2**30 / 1e3,
    "32-bit ms": 2**32 / 1e3,
}
OUT = ROOT / "out" / "bench" / "long.jsonl"


def behind_steps(before: dict[str, Any], after: dict[str, Any]) -> float:
    """What was delivered between two statuses less what was commanded, in steps."""
    gone = {name: after[name] - before[name] for name in ("delivered_nl", "commanded_nl")}
    step_nl = after["step_nl_num"] / after["step_nl_den"]
    return round((gone["delivered_nl"] - gone["commanded_nl"]) / step_nl, 2)


def told(bench: Bench, days: int, steps: int, off: dict[str, float], begun: float) -> dict[str, Any]:
    """The figures of a run in one piece; `off` is by how many steps each total is."""
    erases = bench.sim.rig.journal.most_erases()
    return {
        "days": days,
        "steps": steps,
        "off_steps": off,
        "alarms": len(bench.events("alarm")),
        "late": bench.status()["late"],
        "most_erases": erases,
        "flash_years": round(ENDURANCE / erases * days / 365.25) if erases else None,
        "wraps": {name: int(days * DAY_S / span_s) for name, span_s in WRAPS_S.items()},
        "cpu_s": round(time.process_time() - begun),
    }


def years(days: int, seed: int = 1) -> dict[str, Any]:
    """Flex, periodic and demand boluses for so many days: every total against its own arithmetic."""
    bench = Bench(seed=seed)
    bench.load(program(**TEN_YEARS))
    bench.sim.pump.true_nl()  # the simulated pump is brought up to now
    before, pulses = bench.status(), bench.sim.pump.pulses_total
    begun = time.process_time()
    asked = refills = 0
    for day in range(days):
        if day % REFILL_DAYS == REFILL_DAYS - 1:
            bench.happen("refill", volume="18 ml")
            refills += 1
        if day % TUBE_DAYS == TUBE_DAYS - 1:
            bench.act("tube")
        if day % BATTERY_DAYS == BATTERY_DAYS - 1:
            bench.act("battery")
        for wait in ("9 h", "11 h"):
            bench.run(wait)
            bench.happen("press_bolus")
            asked += 1
        bench.run("4 h")
        bench.records[:] = [row for row in bench.records if EVENTS[row[0]["event"]] == "alarm"]
        if day % 90 == 89:
            print(f"  {day + 1} d, {time.process_time() - begun:.0f} s of processor", flush=True)
    bench.run("30 min")  # the bolus that is due at the end ends, too
    bench.sim.pump.true_nl()
    after, pulses = bench.status(), bench.sim.pump.pulses_total - pulses
    step_nl = after["step_nl_num"] / after["step_nl_den"]
    gone = {name: after[name] - before[name] for name in after if name.endswith("_steps") and name in before}
    ledger = sum(
        gone[name] for name in gone if name not in ("delivered_steps", "assumed_steps", "bolus_steps")
    )
    basal_nl = (200_000 / 3 + 2 * 300_000 / 3) * days + 200_000 / 48
    periodic = days * 4 * round(10_000 / step_nl)
    off = {
        "ledger_to_pin": ledger - pulses,
        "delivered_to_commanded": behind_steps(before, after),
        "basal_to_program": round(gone["basal_steps"] - basal_nl / step_nl, 2),
        "periodic_to_program": gone["periodic_steps"] - periodic,
        "demand_to_program": gone["demand_steps"] - asked * round(8_000 / step_nl),
    }
    return told(bench, days, ledger, off, begun) | {"refills": refills, "demand_boluses": asked}


def quiet(days: int, seed: int = 1) -> dict[str, Any]:
    """The lowest rate of an implanted pump, alone, for so many days: hardly a step a wrap, and every wrap passed."""
    bench = Bench(seed=seed)
    bench.load(program(basal=QUIET_NL_PER_DAY))
    bench.sim.pump.true_nl()
    before, pulses = bench.status(), bench.sim.pump.pulses_total
    begun = time.process_time()
    for day in range(days):
        if day % TUBE_DAYS == TUBE_DAYS - 1:
            bench.act("tube")
            bench.happen("refill", volume="18 ml")
        if day % BATTERY_DAYS == BATTERY_DAYS - 1:
            bench.act("battery")
        bench.run("24 h")
        bench.records[:] = [row for row in bench.records if EVENTS[row[0]["event"]] == "alarm"]
    bench.sim.pump.true_nl()
    after, pulses = bench.status(), bench.sim.pump.pulses_total - pulses
    off = {
        "ledger_to_pin": after["delivered_steps"] - before["delivered_steps"] - pulses,
        "delivered_to_commanded": behind_steps(before, after),
    }
    return told(bench, days, pulses, off, begun)


def parts(days: int, healthy_days: int, seeds: int) -> list[tuple[str, Callable[[], dict[str, Any]]]]:
    """(name, run) of every part, the shorter ones first."""
    listed: list[tuple[str, Callable[[], dict[str, Any]]]] = []
    for seed in range(1, seeds + 1):
        for shown, rate in RATES:
            each = max(1, healthy_days * SHARES[rate] // (100 * seeds))
            name = f"healthy seed {seed}, {shown}, {each} d"
            listed.append((name, lambda seed=seed, rate=rate, each=each: healthy(seed, rate, each)))
    return [*listed, (f"quiet {days} d", lambda: quiet(days)), (f"therapy {days} d", lambda: years(days))]


def commit() -> str:
    """The commit that the figures belong to, where there is one."""
    said = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return said.stdout.strip()


def main() -> int:
    """Run what is not yet done; returns 1 if a part shows an alarm or a total that is off by more than a step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=YEARS_DAYS, help="of therapy in one piece")
    parser.add_argument("--healthy-days", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", default="", help="parts whose name begins so")
    parser.add_argument("--out", type=Path, default=OUT, help="what is done; delete it to begin anew")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    done = {row["part"]: row for row in rows}
    for name, run in parts(options.days, options.healthy_days, options.seeds):
        if name in done or not name.startswith(options.only):
            continue
        print(name, flush=True)
        done[name] = {"part": name, "commit": commit(), **run()}
        with options.out.open("a") as file:
            file.write(json.dumps(done[name]) + "\n")
        print("  " + json.dumps(done[name]), flush=True)
    return report(list(done.values()))


def report(rows: list[dict[str, Any]]) -> int:
    """The figures of all that is done; 1 where one is not as it must be."""
    well = [row for row in rows if row["part"].startswith("healthy")]
    alarms = sum(row["alarms"] for row in rows)
    print(f"{sum(row['days'] for row in well)} healthy days in {len(well)} parts, {alarms} false alarms")
    bad = alarms
    for row in rows:
        if row["part"].startswith(("quiet", "therapy")):
            worst = max(abs(value) for value in row["off_steps"].values())
            bad += worst > 1
            print(f"{row['days']} days, {row['steps']} steps, worst total off by {worst}: {row['off_steps']}")
            print(f"  {row['wraps']} wraps, {row['alarms']} alarms, {row['late']} late, {row['cpu_s']} s")
            print(
                f"  {row.get('most_erases')} erases of the busiest sector, "
                f"{row.get('flash_years') or 'more than known'} years of life"
            )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
