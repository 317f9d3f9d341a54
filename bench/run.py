"""`make bench`: every benchmark in turn; tables on the screen, figures in out/bench/bench.json.

Owns: the list of benchmarks.
Rules: one after the other, so that none disturbs another; a benchmark that fails fails the run.
Units: none.
Leaves: what is measured to the programs of the list.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OUT = HERE.parent / "out" / "bench"
BENCHMARKS = (
    ("the path from program to log", "path.py"),
    ("one rehearsal, in this Python and in PyPy", "rehearsals.py"),
    ("the hub against the port alone", "hub_speed.py"),
    ("a lab: rigs, broker, database", "lab_speed.py"),
    ("the live page's stop, and sizes", "dashboard.py"),
    ("ten years of records", "growth.py"),
    ("a thousand weeks, and dask", "study.py"),
    ("edges on the emulated Pico", "timing.py"),
    ("speed of the accuracy maths", "accuracy_speed.py"),
    ("pulsation before and after compensation", "accuracy_pulsation.py"),
    ("coverage of the calibration's uncertainty", "accuracy_coverage.py"),
)


def main() -> int:
    """Run all; returns how many failed."""
    figures: dict[str, Any] = {}
    failed = 0
    for title, name in BENCHMARKS:
        print(f"\n== {title}", flush=True)
        done = subprocess.run(
            [sys.executable, str(HERE / name)], stdout=subprocess.PIPE, text=True, check=False
        )
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                figures.update(json.loads(line))
            else:
                print(line)
        if done.returncode:
            failed += 1
            print(f"{name} failed with exit code {done.returncode}")
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "bench.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    print(f"\nfigures: {OUT / 'bench.json'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
