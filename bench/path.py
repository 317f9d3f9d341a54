"""The whole path: a long rehearsal, memory over time, the round trip of `status` over a pty, the start of `stop`.

Owns: the figures of the path from a program to the log.
Rules: every figure is of whole processes or real ports; limits stand beside it.
Units: s, ms, kB, nL.
Leaves: the rig to rigsim, the line to pumprig.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pumprig.rig.client import Client
from pumprig.rig.link import SerialLink
from pumpwire import documents

RATE_NL_PER_DAY = 250_000
DAYS = 90
ASKED = 500
DAY_MS = 86_400_000


def rehearse(days: int) -> tuple[dict[str, Any], float, int]:
    """A constant 0.25 mL/day with a refill every 60 days: (report, wall s, peak kB of the process)."""
    program = {"kind": "program", "name": "bench", "basal": ((0, RATE_NL_PER_DAY),)}
    request = {
        "program": documents.canonical(program),
        "for_ms": days * DAY_MS,
        "events": [
            {"at_ms": at * DAY_MS, "do": "refill", "volume_nl": 20_000_000} for at in range(60, days, 60)
        ],
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "rigsim", "rehearse"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    wall_s = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return json.loads(done.stdout), wall_s, max(before, after)


def round_trips() -> dict[str, float]:
    """`status` over a real pty against a rig in real time: median and 99th percentile in ms, commands per second."""
    with tempfile.TemporaryDirectory() as folder:
        link = str(Path(folder) / "rig")
        server = subprocess.Popen(
            [sys.executable, "-m", "rigsim", "serve", "--link", link], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            server.stdout.readline()
            client = Client(SerialLink(link))
            client.greet()
            times_ms: list[float] = []
            for _ in range(ASKED):
                begin = time.perf_counter()
                client.read("status")
                times_ms.append(1000 * (time.perf_counter() - begin))
            client.close()
        finally:
            server.terminate()
            server.wait()
    times_ms.sort()
    return {
        "median_ms": statistics.median(times_ms),
        "p99_ms": times_ms[len(times_ms) * 99 // 100],
        "commands_per_s": 1000 * len(times_ms) / sum(times_ms),
    }


def stop_ms() -> float:
    """From the start of `pumprig stop` to its end against a running simulated rig; the median of nine, in ms."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}
        tool = [sys.executable, "-m", "pumprig", "-p", "sim", "--state", folder]
        subprocess.run([*tool, "rate", "20 ul/h", "--yes"], env=environment, check=True, capture_output=True)
        times_ms: list[float] = []
        for _ in range(9):
            begin = time.perf_counter()
            subprocess.run([*tool, "stop"], env=environment, check=True, capture_output=True)
            times_ms.append(1000 * (time.perf_counter() - begin))
            subprocess.run([*tool, "resume", "--yes"], env=environment, check=True, capture_output=True)
        subprocess.run([*tool, "sim", "--stop"], env=environment, check=True, capture_output=True)
    return statistics.median(times_ms)


def main() -> None:
    """Print the table and one line of JSON."""
    _short, _wall_s, short_kb = rehearse(DAYS // 9)
    report, wall_s, long_kb = rehearse(DAYS)
    step_nl = report["calibration"]["step_nl_num"] / report["calibration"]["step_nl_den"]
    off_steps = (report["delivered_nl"] - RATE_NL_PER_DAY * DAYS) / step_nl
    trips = round_trips()
    stop = stop_ms()
    print(f"rehearsal of {DAYS} days at 0.25 mL/day        {wall_s:8.1f} s      (60 s or less)")
    print(f"  counted volume against rate x time      {off_steps:8.2f} steps  (1 or less)")
    true_ml, counted_ml = report["true_nl"] / 1e6, report["delivered_nl"] / 1e6
    print(f"  simulated fluid that arrived            {true_ml:8.4f} mL     (counted {counted_ml:.4f})")
    print(f"  peak memory, {DAYS // 9} days against {DAYS} days      {short_kb:8d} kB, {long_kb} kB")
    print(f"status over a pty: median                 {trips['median_ms']:8.2f} ms")
    print(f"  99th percentile                         {trips['p99_ms']:8.2f} ms")
    print(f"  commands per second                     {trips['commands_per_s']:8.0f}")
    print(f"`pumprig stop`, start to end              {stop:8.0f} ms     (300 ms or less)")
    figures = {
        "rehearse_wall_s": wall_s,
        "off_steps": off_steps,
        "true_nl": report["true_nl"],
        "delivered_nl": report["delivered_nl"],
        "peak_kb": [short_kb, long_kb],
        "stop_ms": stop,
        **trips,
    }
    print(json.dumps({"path": figures}))


if __name__ == "__main__":
    main()
