"""A study's figures: a thousand weeks on this machine, what the engine adds, two dask workers against one.

Owns: the table of the studies' goals.
Rules: whole simulated weeks by the real engine; the overhead is the time of the workers in which no run ran; the dask
workers run some weeks before they are timed, because a cluster stays and its compiler is warm; the cluster has the
settings that the docs advise; beside it stands what two simulators gain over one without dask: what the machine gives.
Units: seconds, shares.
Leaves: that the results are the same on every engine to tests/unit/study.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pumprig.study import engine, plan, results

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PROGRAM = EXAMPLES / "night-step.toml"
SETTINGS = EXAMPLES / "studies" / "dask.yaml"
WARM = 60  # runs for each worker: a week's time falls until then (bench/rehearsals.py has a day's)
PARTS = ("weeks", "plain", "dask")


def study(folder: Path, name: str, runs: int, seed: int) -> plan.Study:
    """So many weeks of the night step, each with another rig."""
    file = folder / f"{name}.toml"
    file.write_text(
        f'name = "{name}"\nprograms = ["{PROGRAM}"]\nfor = "7 d"\nruns = {runs}\nbase_seed = {seed}\n',
        "utf-8",
    )
    return plan.load(file)


def took_s(folder: Path, name: str, runs: int, seed: int, how: str, workers: int) -> tuple[float, float]:
    """(the study's time, the sum of its runs' own)."""
    planned = study(folder, name, runs, seed)
    begun_s = time.perf_counter()
    with results.Results(folder / name) as kept:
        engine.execute(planned, kept, how, workers)
    taken_s = time.perf_counter() - begun_s
    lines = results.read(folder / name).values()
    assert len(lines) == runs
    return taken_s, sum(float(line["wall_s"]) for line in lines)


def weeks(folder: Path, runs: int, workers: int) -> dict[str, Any]:
    """On all processors of this machine."""
    taken_s, run_s = took_s(folder, "weeks", runs, 1, "local", workers)
    return {
        "runs": runs,
        "workers": workers,
        "took_s": taken_s,
        "overhead": 1 - run_s / (workers * taken_s),
        "a_run_s": run_s / runs,
    }


def plain(folder: Path, runs: int) -> dict[str, Any]:
    """The same simulators without an engine: one makes the runs, then two share them."""
    planned = study(folder, "plain", 2 * WARM + 2 * runs, 20_000)
    simulators = [engine.Simulator(planned.for_ms * planned.total) for _ in range(2)]

    def make_s(numbers: Iterable[int], workers: int) -> float:
        free: SimpleQueue[engine.Simulator] = SimpleQueue()
        for simulator in simulators[:workers]:
            free.put(simulator)

        def one(request: dict[str, Any]) -> None:
            simulator = free.get()
            report, _kind, why = simulator.run(request)
            free.put(simulator)
            assert report is not None, why

        requests = [planned.run(number).request for number in numbers]
        begun_s = time.perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, requests))
        return time.perf_counter() - begun_s

    try:
        make_s(range(2 * WARM), 2)
        one_s = make_s(range(2 * WARM, 2 * WARM + runs), 1)
        two_s = make_s(range(2 * WARM + runs, 2 * WARM + 2 * runs), 2)
    finally:
        for simulator in simulators:
            simulator.close()
    return {"runs": runs, "one_s": one_s, "two_s": two_s, "ratio": one_s / two_s}


def dask(folder: Path, runs: int) -> dict[str, Any]:
    """One worker, then two, each with a scheduler of their own."""
    import dask.config
    from distributed import LocalCluster

    settings = dask.config.collect_yaml([str(SETTINGS)])
    dask.config.update(dask.config.config, *settings)  # a worker's process begins with these
    taken: dict[int, float] = {}
    for workers in (1, 2):
        cluster = LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        )
        with cluster:
            how = f"dask:{cluster.scheduler_address}"
            took_s(folder, f"warm{workers}", WARM * workers, 1, how, workers)
            taken[workers], _run_s = took_s(folder, f"timed{workers}", runs, 10_000, how, workers)
    return {"runs": runs, "one_s": taken[1], "two_s": taken[2], "ratio": taken[1] / taken[2]}


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000, help="weeks on all processors")
    parser.add_argument(
        "--dask-runs", type=int, default=200, help="timed weeks with one worker, and with two"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    asked = parser.parse_args()
    asked.parts = asked.parts or PARTS
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        if "weeks" in asked.parts:
            row = figures["weeks"] = weeks(Path(name), asked.runs, asked.workers)
            print(
                f"{row['runs']} x 7 d night-step, {row['workers']} workers {row['took_s']:8.1f} s      "
                f"({0.42 * row['runs']:.0f} or less)"
            )
            print(
                f"  a run {row['a_run_s']:.2f} s; the engine adds       {100 * row['overhead']:8.1f} %      (5 or less)"
            )
        if "plain" in asked.parts:
            row = figures["plain"] = plain(Path(name), asked.dask_runs // 2)
            print(
                f"{row['runs']} x 7 d, one simulator, then two       {row['one_s']:8.1f} s {row['two_s']:8.1f} s"
            )
            print(f"  what the machine gains by the second one {row['ratio']:8.2f}")
        if "dask" in asked.parts:
            row = figures["dask"] = dask(Path(name), asked.dask_runs)
            print(f"{row['runs']} x 7 d, one dask worker              {row['one_s']:8.1f} s")
            print(
                f"  two: {row['two_s']:.1f} s, so much faster          {row['ratio']:8.2f}        (1.9 or more)"
            )
    print(json.dumps({"study": figures}))


if __name__ == "__main__":
    main()
