"""Ten thousand random weeks against the reference model, with fresh seeds; a line a disagreement.

Owns: how many weeks of which length, the seeds, the file that keeps what is done.
Rules: the first seed is printed, and with it the same weeks come again; a run that was broken off goes on with the next
seed; a disagreement names the one command that repeats it.
Units: weeks are scenarios of hours to seven days, as tests/oracle/runs.py says.
Leaves: what is drawn, run and judged to tests/oracle, and PyPy to tests/oracle/apart.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("host", "firmware/lib", "firmware", "tests")]

from oracle import played  # noqa: E402
from oracle.apart import Apart  # noqa: E402
from oracle.runs import KINDS, disagreement  # noqa: E402

OUT = ROOT / "out" / "bench" / "weeks.jsonl"
# Of a hundred
SHARES = {"calm": 10, "boluses": 15, "stops": 15, "cuts": 15, "weather": 10, "all": 25, "days": 9, "week": 1}

# PyPy's compiler has to learn each program anew: in short weeks that costs what it saves.
LONG = ("days", "week")


def kind_of(number: int) -> str:
    """Which kind the n-th scenario is: every hundred has its shares."""
    place = number % 100
    for name, share in SHARES.items():
        if place < share:
            return name
        place -= share
    return "all"


@cache
def player() -> Apart:
    """This worker's own process for the runs; it ends with the worker, whose end closes its input."""
    return Apart()


def one(seed: int, number: int) -> tuple[int, str, str, float]:
    """(number, kind, disagreement or empty, processor seconds)."""
    began = time.process_time()
    kind = kind_of(number)
    try:
        found = disagreement(kind, seed + number, player() if kind in LONG else played.play)
    except Exception as error:  # the rig or the model broke: that is a disagreement, too
        found = f"{type(error).__name__}: {error} [python -m oracle.runs {seed + number} {kind}]"
    return number, kind, found, time.process_time() - began


def main() -> int:
    """Run what is not yet done; 1 where anything disagrees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None, help="of the first; default: a fresh one")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=OUT, help="what is done; delete it to begin anew")
    parser.add_argument(
        "--minutes", type=float, default=1e6, help="stop after so long; the same command goes on"
    )
    options = parser.parse_args()
    until_s = time.monotonic() + options.minutes * 60
    options.out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    seed = (
        options.seed if options.seed is not None else rows[0]["seed"] if rows else time.time_ns() // 1_000_000
    )
    rows = [row for row in rows if row["seed"] == seed]
    print(
        f"seed {seed}, {len(rows)} of {options.count} done; again: bench/weeks.py --seed {seed}", flush=True
    )
    done = {row["number"] for row in rows}
    coming = [number for number in range(options.count) if number not in done]
    with ProcessPoolExecutor(options.workers) as pool, options.out.open("a", encoding="utf-8") as file:
        for number, kind, found, took_s in pool.map(one, [seed] * len(coming), coming):
            row = {"seed": seed, "number": number, "kind": kind, "found": found, "cpu_s": round(took_s, 2)}
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            if found:
                print(f"  {kind}: {found}", flush=True)
            if len(rows) % 500 == 0:
                print(f"  {len(rows)} of {options.count}", flush=True)
            file.flush()
            if time.monotonic() > until_s:
                pool.shutdown(cancel_futures=True)
                break
    return report(rows)


def report(rows: list[dict[str, object]]) -> int:
    """Scenarios and disagreements by kind."""
    for kind in KINDS:
        mine = [row for row in rows if row["kind"] == kind]
        if mine:
            wrong = sum(bool(row["found"]) for row in mine)
            print(
                f"{kind:<8} {len(mine):>6} weeks, {wrong} disagree, {sum(float(str(r['cpu_s'])) for r in mine):.0f} s"
            )
    wrong = sum(bool(row["found"]) for row in rows)
    print(f"{len(rows)} random weeks, {wrong} disagreements with the reference model")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
