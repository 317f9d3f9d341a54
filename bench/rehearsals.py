"""One rehearsal: seconds of the processor in this Python beside PyPy, in the same run; the report must be the same.

Owns: the two programs, how long each runs, the table.
Rules: one simulator takes run after run, as a study's worker does; the constant program is its first run, cold; of the
busy one single days follow one another until the compiler is warm, and the median of the last is told; where there is
no PyPy, that is said.
Units: seconds of the processor; simulated days.
Leaves: which of the two a command takes to pumprig/rig/simulator.py.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pumprig.rig import simulator
from pumpwire import documents

DAY_MS = 86_400_000
DAYS = 90
BUSY_RUNS = {"PyPy": 120, "CPython": 5}
LAST = 3  # of the busy runs: those that count
CONSTANT = documents.canonical({"kind": "program", "name": "constant", "basal": ((0, 250_000),)})
BUSY = documents.canonical(
    {
        "kind": "program",
        "name": "busy",
        "basal": ((0, 200_000), (28_800, 300_000)),
        "periodic": ((600, 500, 30_000, 0),),
        "demand": ((8_000, 240_000, 7_200, 6),),
    }
)
PRESSES = [{"at_ms": hour * 3_600_000, "do": "press_bolus"} for hour in (7, 11, 15, 19)]
GOALS_S = {"constant": {"PyPy": 5.0, "CPython": 25.0}, "busy": {"PyPy": 0.08, "CPython": 0.33}}


def processor_s(pid: int) -> float:
    """What a process has used so far, from the system's own count (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def runs(for_ms: int, requests: list[dict[str, Any]]) -> Iterator[tuple[float, dict[str, Any]]]:
    """(seconds of the processor, report) of each request, in one simulator; `for_ms` chooses the Python."""
    command, environment, additions = simulator.rehearsing(for_ms)
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        used_s = 0.0
        for request in requests:
            worker.stdin.write(json.dumps({**request, **additions}) + "\n")
            worker.stdin.flush()
            answer = json.loads(worker.stdout.readline())
            if answer["code"]:
                raise SystemExit(f"the run failed: {answer['report']}")
            before_s, used_s = used_s, processor_s(worker.pid)
            yield used_s - before_s, {**answer["report"], "wall_s": None}
        worker.stdin.close()


def main() -> int:
    """Print the table and one line of JSON; 1 if the two Pythons differ in a report."""
    names = ["CPython", "PyPy"] if simulator.pypy() else ["CPython"]
    if len(names) == 1:
        print("no PyPy here (Debian: pypy3): only this Python is measured")
    took_s: dict[str, dict[str, float]] = {"constant": {}, "busy": {}}
    reports: dict[str, list[dict[str, Any]]] = {"constant": [], "busy": []}
    refill = [{"at_ms": 60 * DAY_MS, "do": "refill", "volume_nl": 20_000_000}]
    constant = {"program": CONSTANT, "for_ms": DAYS * DAY_MS, "events": refill}
    busy = {"program": BUSY, "for_ms": DAY_MS, "events": PRESSES}
    for name in names:
        for_ms = DAYS * DAY_MS if name == "PyPy" else 1
        ((seconds, report),) = runs(for_ms, [constant])
        took_s["constant"][name] = seconds
        reports["constant"].append(report)
        days = list(runs(for_ms, [busy] * BUSY_RUNS[name]))
        took_s["busy"][name] = statistics.median(seconds for seconds, _report in days[-LAST:])
        reports["busy"] += [report for _seconds, report in days]
    print(f"{'rehearsal':34} {'Python':10} {'measured':>12} {'goal':>10}")
    told = {"constant": f"{DAYS} d at 0.25 mL/day, cold", "busy": "a busy day, warm"}
    for what, row in took_s.items():
        for name, seconds in row.items():
            print(f"{told[what]:34} {name:10} {seconds:10.2f} s {GOALS_S[what][name]:8.2f} s")
    same = all(report == rows[0] for rows in reports.values() for report in rows)
    print("reports: the same in both" if same else "reports: THEY DIFFER")
    print(json.dumps({"rehearsals": took_s}))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
