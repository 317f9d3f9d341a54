"""What a study is: its TOML file, and the runs that follow from it.

Owns: the file's keys, the list of runs, each run's request and its address.
Rules: every fault of the file is told at once with its line; run k is one (program, seed), the programs one after the
other, the same seed drawing the same for each of them; a run's address is a hash of all that its result rests on
(program, events, rig, time, code), so that whatever changes is run anew and nothing else.
Units: times ms; seeds are whole numbers.
Leaves: drawing to draw.py, running to engine.py, programs and events to therapy/.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from pumprig import rehearsal
from pumprig.errors import InputFileError, PumpError
from pumprig.study import draw
from pumprig.therapy import events as event_files
from pumprig.therapy import program as programs
from pumprig.therapy.reader import Reader

MAX_RUNS = 10_000_000
MAX_SEED = 2**53
MAX_MS = event_files.MAX_MS
TEXT = 2_000
LATENCY = "latency_s"


@dataclass(frozen=True)
class Figure:
    """What is asked of each run: a key of `rehearse --json`, or the latency of an alarm after an event."""

    name: str
    key: str
    alarm: str = ""
    after: str = ""


@dataclass(frozen=True)
class Stop:
    """Stop a program early: when the mean of its figure is known to within +- half_width (95 %)."""

    figure: str
    half_width: float
    at_least: int


@dataclass(frozen=True)
class Run:
    """One run of a study: `number` counts from 0."""

    number: int
    program: str  # the program's name
    file: Path
    seed: int
    request: dict[str, Any]
    drawn: draw.Drawn
    key: str


@dataclass
class Study:
    """A study as its file says."""

    path: Path
    name: str
    aim: str
    for_ms: int
    runs: int
    base_seed: int
    programs: list[programs.Program]
    files: list[Path]
    vary: list[draw.Row]
    figures: list[Figure]
    stop: Stop | None = None
    faults: list[str] = field(default_factory=list[str])

    @property
    def total(self) -> int:
        """How many runs there are at the most."""
        return self.runs * len(self.programs)

    def run(self, number: int) -> Run:
        """Run `number`, 0 to total - 1. Raises InputFileError where something drawn is no possible event."""
        which, offset = divmod(number, self.runs)
        program, seed = self.programs[which], self.base_seed + offset
        drawn = draw.draw(self.vary, seed)
        request = rehearsal.request(
            program,
            self.for_ms,
            events=draw.events_of(drawn, self.path.parent),
            seed=seed,
            head=drawn.head,
            truth=drawn.truth,
        )
        told = json.dumps([request, code_digest()], sort_keys=True)
        key = hashlib.sha256(told.encode()).hexdigest()[:32]
        return Run(number, program.name, self.files[which], seed, request, drawn, key)

    def all_runs(self) -> Generator[Run]:
        """Every run, in order."""
        for number in range(self.total):
            yield self.run(number)


@cache
def code_digest() -> str:
    """The version of what makes a result: simulator, firmware and what they share, by content."""
    digest = hashlib.sha256()
    for folder in _code_folders():
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".toml"):
                digest.update(
                    path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0"
                )
    return digest.hexdigest()[:16]


def _code_folders() -> list[Path]:
    from pumprig.flash.image import firmware_folder

    found = [firmware_folder()]
    for package in ("rigsim", "pumpwire"):
        spec = importlib.util.find_spec(package)
        found += [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    return found


def load(path: Path, kept: Path | None = None) -> Study:
    """Read a study. `kept`: the folder with copies of its programs, where those themselves are gone.

    Raises InputFileError with every fault of the file.
    """
    reader = Reader(path)
    root = reader.root
    name = reader.text(root, (), "name", 100)
    aim = reader.text(root, (), "aim", TEXT, "")
    for_ms = reader.quantity(root, (), "for", "time", 1_000, MAX_MS)
    runs = reader.count(root, (), "runs", 1, MAX_RUNS)
    base_seed = reader.count(root, (), "base_seed", 0, MAX_SEED) if "base_seed" in root else 0
    files, loaded = _programs(reader, kept)
    vary = [draw.read(reader, table, here) for table, here in reader.tables(root, (), "vary")]
    figures = [_figure(reader, table, here) for table, here in reader.tables(root, (), "figure")]
    names = [figure.name for figure in figures]
    for index, figure in enumerate(names):
        if figure in names[:index]:
            reader.fault(("figure", index, "name"), figure, "stands here twice; give one of them a `label`")
    stop = _stop(reader, names) if "stop" in root else None
    reader.finish("study")
    study = Study(
        path,
        name or "",
        aim or "",
        for_ms or 0,
        runs or 0,
        base_seed or 0,
        loaded,
        files,
        [row for row in vary if row is not None],
        figures or [Figure("delivered_nl", "delivered_nl")],
        stop,
    )
    study.run(0)  # what is wrong with an event is told before anything runs
    return study


def _programs(reader: Reader, kept: Path | None) -> tuple[list[Path], list[programs.Program]]:
    value: object = reader.get(reader.root, (), "programs")
    names = cast(list[Any], value) if isinstance(value, list) else []
    if not names or not all(isinstance(name, str) for name in names):
        reader.fault(("programs",), cast(object, value), "must be a list of program files, not empty")
        return [], []
    files: list[Path] = []
    loaded: list[programs.Program] = []
    for index, name in enumerate(names):
        file = reader.path.parent / str(name) if kept is None else copy_of(kept, index)
        try:
            program = programs.load(file, rehearsal.START_UTC_US)
        except InputFileError as error:
            reader.fault(("programs",), name, str(error))
            continue
        if program.hash in [other.hash for other in loaded]:
            reader.fault(("programs",), name, "is the same program as one before it")
        files.append(file)
        loaded.append(program)
    return files, loaded


def copy_of(kept: Path, index: int) -> Path:
    """Where the copy of a study's program lies."""
    return kept / f"{index}.toml"


def _figure(reader: Reader, table: dict[str, Any], here: tuple[Any, ...]) -> Figure:
    key = reader.text(table, here, "name", 60) or ""
    alarm = after = ""
    if key == LATENCY:
        alarm = reader.text(table, here, "alarm", 40) or ""
        after = reader.text(table, here, "after", 40) or ""
        known = rehearsal.alarm_names()
        if alarm and alarm not in known:
            reader.fault((*here, "alarm"), alarm, "must be one of " + ", ".join(known))
        if after and after not in event_files.EVENTS:
            reader.fault((*here, "after"), after, "must be one of " + ", ".join(event_files.EVENTS))
    label = reader.text(table, here, "label", 60, f"{alarm}.{LATENCY}" if alarm else key)
    return Figure(label or key, key, alarm, after)


def _stop(reader: Reader, names: list[str]) -> Stop | None:
    table = reader.table(reader.root, (), "stop")
    figure = reader.text(table, ("stop",), "figure", 60) or ""
    if names and figure not in names:
        reader.fault(("stop", "figure"), figure, "must be one of the figures: " + ", ".join(names))
    width = reader.get(table, ("stop",), "half_width")
    if isinstance(width, bool) or not isinstance(width, int | float) or not width > 0:
        reader.fault(("stop", "half_width"), width, "must be a number above zero, in the figure's unit")
        return None
    at_least = reader.count(table, ("stop",), "at_least", 2, MAX_RUNS) if "at_least" in table else 30
    return Stop(figure, float(width), at_least or 30)


def value_of(figure: Figure, report: dict[str, Any], run: Run) -> float | None:
    """The figure of a run; None where it has none (an alarm that never came). Raises PumpError for an unknown key."""
    if figure.key == LATENCY:
        return _latency_s(figure, report, run)
    value: Any = report
    for part in figure.key.split("."):
        if part not in (cast(dict[str, Any], value) if isinstance(value, dict) else {}):
            raise PumpError(
                f"A rehearsal's report has no {figure.key}.",
                "The run was made, the figure is not known.",
                "Its keys: " + ", ".join(sorted(report)) + ".",
            )
        value = cast(dict[str, Any], value)[part]
    if value is None:
        return None
    if isinstance(value, list):
        return float(len(cast(list[Any], value)))
    if not isinstance(value, int | float):
        raise PumpError(f"{figure.key} of a rehearsal's report is no number: {value!r}.", "It is no figure.")
    return float(value)


def _latency_s(figure: Figure, report: dict[str, Any], run: Run) -> float | None:
    began = [row["at_ms"] for row in run.request["events"] if row["do"] == figure.after]
    if not began:
        return None
    start_us = rehearsal.START_UTC_US + began[0] * 1000
    for alarm in report["alarms"]:
        at_us = rehearsal.utc_us_of(alarm["at"])
        if alarm["name"] == figure.alarm and at_us >= start_us:
            return (at_us - start_us) / 1e6
    return None
