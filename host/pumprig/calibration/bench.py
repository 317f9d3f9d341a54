"""The calibration run: blanks, run-in and runs on a balance, stored as they come, resumable at any moment.

Owns: the order of the stages, the run's folder (plan.json, readings.csv, events.jsonl), the weighings made from it.
Rules: a reading is on disk before the next one is asked for; a lost balance or pump is an event, never an end; a
    resumed run goes on in the stage that its clock says; what is stored is never rewritten.
Callers: `pumprig calibrate run`, tests in virtual time.
Units: times in s since the run's start by the host's UTC clock, rates in nL/h, mass in g, steps counted by the pump.
Leaves: protocols to pumprig.balance, the pump to whoever gives one, figures to fit.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from pumprig.balance.reading import BalanceError, Reading
from pumprig.errors import PumpError

READ_EVERY_S = 1.0
RETRY_S = 5.0
HEAD = "t_s,mass_g,steps,stage,stable\n"


class Scale(Protocol):
    """What the run needs of a balance."""

    def read(self) -> Reading: ...
    def close(self) -> None: ...


class Pump(Protocol):
    """What the run needs of a pump; deliveries count as calibration, never as therapy. Each may raise PumpError."""

    def run(self, rate_nl_per_h: float, duration_s: float) -> None: ...
    def stop(self) -> None: ...
    def steps(self) -> int: ...


class BenchError(PumpError):
    """The run cannot be started, resumed or used."""


@dataclass(frozen=True)
class Stage:
    """One part of the run: `blank`, `run-in` or `run`, its rate (0 for a blank), from when to when."""

    kind: str
    rate_nl_per_h: float
    start_s: float
    end_s: float


def stages(rates_nl_per_h: list[float], run_s: float, blank_s: float, run_in_s: float) -> list[Stage]:
    """Blank, then run-in, run and blank for each rate in the order given (up and down shows hysteresis)."""
    found = [Stage("blank", 0.0, 0.0, blank_s)]
    for rate in rates_nl_per_h:
        start = found[-1].end_s
        found.append(Stage("run-in", rate, start, start + run_in_s))
        found.append(Stage("run", rate, start + run_in_s, start + run_in_s + run_s))
        found.append(Stage("blank", 0.0, start + run_in_s + run_s, start + run_in_s + run_s + blank_s))
    return found


@dataclass(frozen=True)
class Progress:
    """What a live view shows."""

    stage: Stage
    t_s: float
    left_s: float
    mass_g: float | None
    steps: int | None
    trouble: str


class Bench:
    """One run in its folder; `tick` does what is due and says how the run stands, None at its end."""

    def __init__(
        self, folder: Path, open_scale: Callable[[], Scale], pump: Pump | None, utc_s: Callable[[], float]
    ) -> None:
        self.folder = folder
        self._open_scale = open_scale
        self._pump = pump
        self._utc_s = utc_s
        plan = _plan(folder)
        self._begin_s = float(plan["begin_utc_s"])
        self.stages = [Stage(**row) for row in plan["stages"]]
        self.end_s = self.stages[-1].end_s
        self._scale: Scale | None = None
        self._retry_s = 0.0
        self._started: Stage | None = None
        self._troubles: set[str] = set()
        self._event("opened", f"at {self.now_s():.1f} s")

    def now_s(self) -> float:
        """Seconds since the run began."""
        return self._utc_s() - self._begin_s

    def tick(self) -> Progress | None:
        """Start or stop the pump where a stage changes, take one reading, store it."""
        t_s = self.now_s()
        if t_s >= self.end_s:
            self.close()
            return None
        stage = next(s for s in self.stages if s.start_s <= max(t_s, 0.0) < s.end_s)
        self._drive(stage, t_s)
        steps = self._steps()
        reading = self._read(t_s)
        if reading is not None and reading.mass_g is not None:
            self._store(self.now_s() - reading.u_t_s, reading, steps, stage)
        mass_g = reading.mass_g if reading else None
        return Progress(stage, t_s, self.end_s - t_s, mass_g, steps, ", ".join(sorted(self._troubles)))

    def close(self) -> None:
        """Stop the pump and close the balance; safe to call twice."""
        if self._pump is not None and self._started is not None:
            self._guard("pump lost", self._pump.stop)
        self._started = None
        if self._scale is not None:
            self._scale.close()
            self._scale = None

    def _drive(self, stage: Stage, t_s: float) -> None:
        if self._pump is None or self._started == stage:
            return
        pump = self._pump
        if not stage.rate_nl_per_h:
            done = self._guard("pump lost", pump.stop)
        elif self._started is not None and self._started.rate_nl_per_h == stage.rate_nl_per_h:
            done = True
        else:
            last = max(s.end_s for s in self.stages if self._same_run(stage, s))
            done = self._guard("pump lost", lambda: pump.run(stage.rate_nl_per_h, last - t_s))
        if done:
            self._started = stage
            self._event("stage", f"{stage.kind} {stage.rate_nl_per_h:g} nL/h")

    def _same_run(self, stage: Stage, other: Stage) -> bool:
        """Whether `other` is `stage` or the run that follows its run-in at once."""
        return other == stage or (
            stage.kind == "run-in" and other.kind == "run" and other.start_s == stage.end_s
        )

    def _steps(self) -> int | None:
        if self._pump is None:
            return None
        try:
            steps = self._pump.steps()
        except PumpError as error:
            self._event("pump lost", error.happened)
            return None
        self._troubles.discard("pump lost")
        return steps

    def _guard(self, name: str, act: Callable[[], None]) -> bool:
        try:
            act()
        except PumpError as error:
            self._event(name, error.happened)
            return False
        return True

    def _read(self, t_s: float) -> Reading | None:
        if self._scale is None and t_s < self._retry_s:
            return None
        try:
            if self._scale is None:
                self._scale = self._open_scale()
                self._event("balance found", "")
            reading = self._scale.read()
        except (BalanceError, OSError) as error:
            self._event("balance lost", str(error))
            if self._scale is not None:
                self._scale.close()
            self._scale = None
            self._retry_s = t_s + RETRY_S
            return None
        if reading.trouble:
            self._event(reading.trouble, reading.raw)
        else:
            self._troubles &= {"pump lost"}
        return reading

    def _store(self, t_s: float, reading: Reading, steps: int | None, stage: Stage) -> None:
        line = f"{t_s:.3f},{reading.mass_g:.7g},{'' if steps is None else steps},{stage.kind},{int(reading.stable)}\n"
        with (self.folder / "readings.csv").open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _event(self, name: str, text: str) -> None:
        """Keep an event; the same trouble in a row is kept once."""
        if name not in ("opened", "stage", "balance found"):
            if name in self._troubles:
                return
            self._troubles.add(name)
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"t_s": round(self.now_s(), 3), "event": name, "text": text}) + "\n")


def begin(folder: Path, plan: list[Stage], metadata: dict[str, Any], utc_s: float) -> None:
    """Make a run's folder. Raises BenchError where it holds a run already, or cannot be made."""
    if (folder / "plan.json").exists():
        raise BenchError(
            f"{folder} holds a run already.", "Nothing was started.", "Resume it, or choose another folder."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "readings.csv").write_text(HEAD, encoding="utf-8")
        content = {"begin_utc_s": utc_s, "stages": [asdict(s) for s in plan], "metadata": metadata}
        (folder / "plan.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    except OSError as error:
        raise BenchError(
            f"{folder}: {error.strerror}.", "Nothing was started.", "Choose another folder."
        ) from error


def _plan(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{folder} holds no run.", "Nothing was started.", "Start one first.") from error


def weighings(folder: Path) -> list[Path]:
    """Write one weighing per rate (blank, run-in, run, blank; format of `calibrate fit`) beside the readings.

    A last line that a power cut left unfinished is passed over, and so are readings without steps in a run with a pump.
    """
    plan = _plan(folder)
    rows: list[list[str]] = []
    for line in (folder / "readings.csv").read_text(encoding="utf-8").splitlines()[1:]:
        cells = line.split(",")
        if len(cells) == 5 and cells[4] in ("0", "1"):
            rows.append(cells)
    with_steps = any(row[2] for row in rows)
    parts = [Stage(**row) for row in plan["stages"]]
    written: list[Path] = []
    for number, at in enumerate(range(0, len(parts) - 3, 3), 1):
        part = parts[at : at + 4]
        mine = [
            r for r in rows if part[0].start_s <= float(r[0]) < part[3].end_s and (r[2] or not with_steps)
        ]
        meta = {**plan["metadata"], "rate_nl_per_h": part[2].rate_nl_per_h}
        if not with_steps:
            meta |= {"run_from_s": part[1].start_s, "run_to_s": part[2].end_s}
        lines = [f"# {key}: {value}" for key, value in meta.items()]
        lines.append("t_s,mass_g,steps" if with_steps else "t_s,mass_g")
        lines += [",".join(r[:3] if with_steps else r[:2]) for r in mine]
        path = folder / f"weighing-{number}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        written.append(path)
    return written
