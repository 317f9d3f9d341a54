"""`rehearse`: a program on the simulated rig in virtual time.

Owns: taking program and events in every form, and the report as a value.
Rules: each rehearsal is a process of its own, so that any number may run at once in threads or processes; the same
program, events and seed give the same report but for `wall_s`; with `output` the log goes, verified, into a new store.
Units: times as text with units; figures by the names' endings.
Leaves: the run to rehearsal.py, files to therapy/.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pumprig import quantities, rehearsal
from pumprig.api.programs import Constant
from pumprig.errors import PumpError, UsageError
from pumprig.therapy import events as event_files
from pumprig.therapy import program as programs
from pumprig.therapy.program import Program

START = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal gave. `report` is the whole document of `pumprig rehearse --json`."""

    seed: int
    simulated_s: float
    wall_s: float
    asked_nl: int | None
    delivered_nl: int
    not_given: list[dict[str, Any]]
    true_nl: int
    commanded_nl: int
    by_kind: dict[str, int]
    demand: dict[str, int]
    alarms: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    refills: int
    reservoir_nl: int
    power_cuts: int
    undelivered_nl: int
    delivered_steps: int
    loop: dict[str, int]
    log_records: int
    log_verified: bool
    report: dict[str, Any] = field(repr=False)


def rehearse(
    program: Program | Constant | str | Path,
    for_: str,
    events: str | Path | list[dict[str, Any]] | None = None,
    seed: int = 0,
    *,
    start: str = START,
    output: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Rehearsal:
    """Run a program on the simulated rig in virtual time, as fast as it goes.

    program: what `read_program` or `constant` gives, or a TOML file. for_: simulated time, like "90 d". events: a TOML
    file, or its rows: [{"at": "1 d 2 h", "do": "press_bolus"}]. seed: which simulated rig. output: a new database for
    the log. Raises InputFileError, UsageError, RefusedError, PumpError.
    """
    start_us = quantities.parse_instant(start, "start", quantities.now_utc_us())
    for_ms = quantities.parse(for_, "time", "for_")
    if not for_ms:
        raise UsageError("for_: no time to rehearse.", "Nothing was run.")
    if output is not None and Path(output).exists():
        raise PumpError(f"{output} exists.", "Nothing was run.", "Name a new database.")
    loaded = _program(program, start_us)
    asked = rehearsal.request(
        loaded, for_ms, events=_events(events, start_us), seed=seed, start_utc_us=start_us
    )
    with tempfile.TemporaryDirectory(prefix="pumprig-") as folder:
        records = Path(folder) / "records.txt"
        if output is not None:
            asked["records"] = str(records)
        report = rehearsal.run(asked, progress)
        if output is not None:
            rehearsal.keep(Path(output), asked, report)
    names = [name for name in Rehearsal.__dataclass_fields__ if name != "report"]
    return Rehearsal(**{name: report[name] for name in names}, report=report)


def _program(program: Program | Constant | str | Path, start_us: int) -> Program:
    if isinstance(program, Program):
        return program
    if isinstance(program, Constant):
        rate = program.rate_nl_per_day
        return programs.constant(None, programs.minimum_nl_per_day() if rate is None else rate)
    return programs.load(Path(program), start_us)


def _events(events: str | Path | list[dict[str, Any]] | None, start_us: int) -> list[dict[str, Any]]:
    """Events as the simulator takes them; rows go through the very reader of the files."""
    if events is None:
        return []
    if not isinstance(events, list):
        return event_files.load(Path(events), start_us)
    lines: list[str] = []
    for row in events:
        lines.append("[[event]]")
        lines += [
            f"{json.dumps(name)} = {json.dumps(value, ensure_ascii=False)}" for name, value in row.items()
        ]
    with tempfile.TemporaryDirectory(prefix="pumprig-") as folder:
        path = Path(folder) / "events"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return event_files.load(path, start_us)
