"""Runs a study: which runs are still to be made, by whom, and what becomes of one that fails.

Owns: the engines (serial, local, dask), one simulator for each worker, doing a lost worker's run again.
Rules: the results are the same on every engine and in any order; a simulator takes run after run, and is replaced after
RECYCLE of them; a run that fails is a result with its reason, a simulator that dies is tried TRIES times.
Units: runs.
Leaves: what a run is to plan.py, where its line goes to results.py.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from queue import SimpleQueue
from typing import Any

from pumprig import extras, rehearsal
from pumprig.errors import PumpError, RefusedError, UsageError
from pumprig.study import results, statistics
from pumprig.study.plan import Run, Study, value_of

RECYCLE = 500  # a process is replaced: whatever it may have gathered goes with it
TRIES = 3
AHEAD = 4  # requests that wait for each worker
Told = tuple[dict[str, Any] | None, str, str]  # report, kind of failure, reason
Progress = Callable[[int, int], None]


class Simulator:
    """One simulator that is replaced when it has run long enough, or died."""

    def __init__(self, budget_ms: int) -> None:
        self._budget_ms = budget_ms
        self._worker: rehearsal.Worker | None = None
        self._made = 0

    def run(self, request: dict[str, Any]) -> Told:
        """One run. Never raises PumpError."""
        why = ""
        for _attempt in range(TRIES):
            if self._made >= RECYCLE:
                self.close()
            if self._worker is None:
                self._worker, self._made = rehearsal.Worker(self._budget_ms), 0
            self._made += 1
            try:
                return self._worker.run(request), "", ""
            except rehearsal.Crashed as error:
                self._worker = None
                why = error.happened
            except RefusedError as error:
                return None, "refused", error.happened
            except PumpError as error:
                return None, "failed", error.happened
        return None, "crashed", why

    def close(self) -> None:
        """End it."""
        if self._worker is not None:
            self._worker.close()
        self._worker = None
        self._made = 0


_mine = threading.local()


def simulate(request: dict[str, Any], budget_ms: int) -> Told:
    """One run on the simulator of this thread: what a worker of a cluster does."""
    if not hasattr(_mine, "simulator"):
        _mine.simulator = Simulator(budget_ms)
    told: Told = _mine.simulator.run(request)
    return told


def line_of(study: Study, run: Run, told: Told) -> results.Result:
    """The line of a run."""
    report, kind, why = told
    line: results.Result = {"run": run.number, "program": run.program, "seed": run.seed, "key": run.key}
    if report is None:
        return line | {"digest": None, "failed": kind, "why": why, "inputs": run.drawn.inputs, "figures": {}}
    settled = {name: value for name, value in report.items() if name != "wall_s"}
    line["digest"] = hashlib.sha256(json.dumps(settled, sort_keys=True).encode()).hexdigest()
    line["figures"] = {figure.name: value_of(figure, report, run) for figure in study.figures}
    line["alarms"] = [[row["name"], row["at"]] for row in report["alarms"]]
    return line | {"inputs": run.drawn.inputs, "wall_s": report["wall_s"]}


def execute(
    study: Study, kept: results.Results, engine: str, workers: int, progress: Progress | None = None
) -> int:
    """Make what is still to be made; returns how many runs were made. Raises PumpError, UsageError."""
    there = results.read(kept.folder)
    kept.keep_programs(study)
    stopping = statistics.Stopping(study)
    made = 0
    with _engine(engine, workers) as run_all:
        for run, told in run_all(
            _wanted(study, there, stopping), study.for_ms * max(1, study.total // max(1, workers))
        ):
            line = line_of(study, run, told)
            kept.add(line)
            there[run.key] = line
            made += 1
            stopping.take(run.number, line)
            if progress is not None:
                progress(len(stopping), stopping.most)
    return made


def _wanted(study: Study, there: dict[str, results.Result], stopping: statistics.Stopping) -> Generator[Run]:
    """The runs that have no result yet, of each program until there are enough."""
    for run in study.all_runs():
        if not stopping.needs(run.number):
            continue
        if run.key in there:
            stopping.take(run.number, there[run.key])
        else:
            yield run


RunAll = Callable[[Iterable[Run], int], Generator[tuple[Run, Told]]]


@contextmanager
def _engine(name: str, workers: int) -> Generator[RunAll]:
    """What runs many. Raises UsageError for an unknown one."""
    if name == "serial":
        yield lambda runs, budget_ms: _local(runs, budget_ms, 1)
    elif name == "local":
        yield lambda runs, budget_ms: _local(runs, budget_ms, workers)
    elif name.startswith("dask:"):
        with _dask_client(name.removeprefix("dask:")) as client:
            yield lambda runs, budget_ms: _dask(runs, budget_ms, client)
    else:
        raise UsageError(f"--engine {name}: not known.", "Nothing was run.", "serial, local or dask:ADDRESS.")


def _local(runs: Iterable[Run], budget_ms: int, workers: int) -> Generator[tuple[Run, Told]]:
    """The work is in the simulators' processes, one at a time in each; a thread waits for each of them."""
    simulators = [Simulator(budget_ms) for _ in range(workers)]
    free: SimpleQueue[Simulator] = SimpleQueue()
    for simulator in simulators:
        free.put(simulator)

    def one(run: Run) -> Told:
        simulator = free.get()
        try:
            return simulator.run(run.request)
        finally:
            free.put(simulator)

    pool = ThreadPoolExecutor(workers)
    try:
        yield from _in_flight(runs, workers * AHEAD, lambda run: pool.submit(one, run), _first_done)
    finally:
        pool.shutdown(cancel_futures=True)
        for simulator in simulators:
            simulator.close()


def _first_done(flying: dict[Any, Run]) -> Iterable[Future[Told]]:
    return wait(flying, return_when=FIRST_COMPLETED).done


def _in_flight(
    runs: Iterable[Run],
    most: int,
    submit: Callable[[Run], Any],
    done: Callable[[dict[Any, Run]], Iterable[Any]],
) -> Generator[tuple[Run, Told]]:
    """Keep `most` runs under way; yields each with its result as it comes."""
    source = iter(runs)
    flying: dict[Any, Run] = {submit(run): run for run in islice(source, most)}
    while flying:
        for future in list(done(flying)):
            yield flying.pop(future), future.result()
            for run in islice(source, 1):
                flying[submit(run)] = run


@contextmanager
def _dask_client(address: str) -> Generator[Any]:
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise UsageError(
            "dask.distributed is not installed.", "Nothing was run.", extras.to_install("study")
        ) from None
    try:
        client = distributed.Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise PumpError(
            f"No dask scheduler answers at {address}: {error}.",
            "Nothing was run.",
            "Start one with `dask scheduler`.",
        ) from None
    try:
        yield client
    finally:
        client.close()


def _dask(runs: Iterable[Run], budget_ms: int, client: Any) -> Generator[tuple[Run, Told]]:
    """On a cluster: pumprig has to be installed on its workers. A lost worker's run is done again by the scheduler."""
    distributed: Any = importlib.import_module("distributed")
    threads = sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
    if not threads:
        raise PumpError(
            "The dask scheduler has no worker.", "Nothing was run.", "Start one with `dask worker ADDRESS`."
        )

    def submit(run: Run) -> Any:
        return client.submit(simulate, run.request, budget_ms, key=f"pumprig-{run.key}", retries=TRIES)

    def done(flying: dict[Any, Run]) -> Iterable[Any]:
        found: Iterable[Any] = distributed.wait(list(flying), return_when="FIRST_COMPLETED").done
        return found

    yield from _in_flight(runs, threads * AHEAD, submit, done)
