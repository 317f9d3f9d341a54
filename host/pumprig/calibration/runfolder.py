"""A calibration run's folder: its plan, its readings as they came, its events, and the weighings made from them.

Owns: the files plan.json, readings.csv, events.jsonl and weighing-N.csv.
Rules: a reading is on disk before the next one is asked for; what is stored is never rewritten; a line that a power cut
    left unfinished is passed over.
Units: times in s since the run's start, rates in nL/h, mass in g, steps counted by the pump.
Leaves: what is due when to bench.py, figures to fit.py.
"""

from __future__ import annotations

import cmath
import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pumprig.balance.reading import Reading
from pumprig.errors import PumpError

HEAD = "t_s,mass_g,steps,turn,stage,stable,raw\n"
CELLS = HEAD.count(",") + 1
FEWEST = 2  # readings of a run that say anything
SPOILING = ("pump restarted",)  # while it ran: steps may have been made that nobody counted


class WeighingRunError(PumpError):
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


def begin(
    folder: Path,
    plan: list[Stage],
    metadata: dict[str, Any],
    utc_s: float,
    speed: float = 1.0,
    ambient: dict[str, float] | None = None,
) -> None:
    """Make a run's folder; `ambient` is temp_c, rh_pct, pressure_hpa where measured.

    Raises WeighingRunError where it holds a run already, or cannot be made.
    """
    if (folder / "plan.json").exists():
        raise WeighingRunError(
            f"{folder} holds a run already.", "Nothing was started.", "Resume it, or choose another folder."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "readings.csv").write_text(HEAD, encoding="utf-8")
        content = {
            "begin_utc_s": utc_s,
            "speed": speed,
            "stages": [asdict(s) for s in plan],
            "metadata": metadata,
            "ambient": ambient or {},
        }
        (folder / "plan.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    except OSError as error:
        raise WeighingRunError(
            f"{folder}: {error.strerror}.", "Nothing was started.", "Choose another folder."
        ) from error


class RunFolder:
    """A run that was begun. Raises WeighingRunError where there is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            plan: dict[str, Any] = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WeighingRunError(
                f"{folder} holds no run.", "Nothing was started.", "Start one first."
            ) from error
        self._whole: set[str] = set()
        self.begin_utc_s = float(plan["begin_utc_s"])
        self.speed = float(plan["speed"])
        self.metadata: dict[str, Any] = plan["metadata"]
        self.ambient: dict[str, float] = plan["ambient"]
        self.stages = [Stage(**row) for row in plan["stages"]]
        self._holds = self._read_holds()

    def _read_holds(self) -> list[tuple[float, float | None]]:
        """When the run's clock stood still: from and to in s since the start; None where it still does."""
        found: list[tuple[float, float | None]] = []
        for event in self.events():
            if event["event"] == "clock held":
                found.append((float(event["t_s"]), None))
            elif event["event"] == "clock on" and found:
                found[-1] = (found[-1][0], float(event["t_s"]))
        return found

    def held(self) -> bool:
        """Whether the clock stands still."""
        return bool(self._holds) and self._holds[-1][1] is None

    def hold(self, t_s: float) -> None:
        """The plan waits from here on."""
        self._holds.append((t_s, None))
        self.event(t_s, "clock held", "")

    def go_on(self, t_s: float) -> None:
        """The plan goes on."""
        self._holds[-1] = (self._holds[-1][0], t_s)
        self.event(t_s, "clock on", "")

    def plan_s(self, t_s: float) -> float:
        """Where the plan stands at t_s: the time without that in which the clock stood still."""
        return t_s - sum(max(0.0, min(t_s, end or t_s) - start) for start, end in self._holds)

    def last_s(self) -> float:
        """The time of the last reading, 0 without one."""
        rows = self._rows()
        return float(rows[-1][0]) if rows else 0.0

    def store(
        self, t_s: float, reading: Reading, steps: int | None, turn: float | None, stage: Stage
    ) -> None:
        """Append a reading; one without a mass (overload) has an empty cell, and every one the balance's own words."""
        mass = "" if reading.mass_g is None else f"{reading.mass_g + 0.0:.7g}"
        count = "" if steps is None else steps
        angle = "" if turn is None else f"{turn:.5f}"
        line = f"{t_s:.3f},{mass},{count},{angle},{stage.kind},{int(reading.stable)},{reading.raw.strip()}\n"
        self._append("readings.csv", line)

    def event(self, t_s: float, name: str, text: str) -> None:
        """Append an event."""
        self._append("events.jsonl", json.dumps({"t_s": round(t_s, 3), "event": name, "text": text}) + "\n")

    def _append(self, name: str, line: str) -> None:
        with (self.folder / name).open("a+b") as file:
            if (
                name not in self._whole
            ):  # a power cut may have left half a line: it must not join the next one
                self._whole.add(name)
                end = file.seek(0, os.SEEK_END)
                file.seek(max(0, end - 1))
                line = line if file.read(1) in (b"", b"\n") else "\n" + line
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def events(self) -> list[dict[str, Any]]:
        """What happened, in order."""
        try:
            lines = (self.folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def weighings(self, until_s: float = math.inf) -> tuple[list[Path], list[str]]:
        """Write one weighing per rate (blank, run-in, run, blank; as `calibrate fit` reads it) beside the readings.

        Readings without steps in a run with a pump are passed over. Also returned: why a rate has no weighing; one that
        was not through at until_s of the plan has none.
        """
        rows = self._rows()
        with_steps = any(row[2] for row in rows)
        written: list[Path] = []
        left_out: list[str] = []
        for number, at in enumerate(range(0, len(self.stages) - 3, 3), 1):
            part = self.stages[at : at + 4]
            rate = part[2].rate_nl_per_h
            mine = [r for r in rows if part[0].start_s <= self.plan_s(float(r[0])) < part[3].end_s]
            mine = [r for r in mine if r[1] and (r[2] or not with_steps)]
            early = "" if part[3].end_s <= until_s else "it was not through"
            spoilt = early or self._spoilt(part) or self._passed_over(part[2], mine)
            if spoilt or not mine:
                left_out.append(f"{rate / 1000:g} µL/h: {spoilt or 'there are no readings'}")
                continue
            meta = {**self.metadata, "rate_nl_per_h": rate}
            if not with_steps:
                meta |= {"run_from_s": part[1].start_s, "run_to_s": part[2].end_s}
            known = [(float(row[2]), float(row[3])) for row in mine if row[2] and row[3]]
            index = index_steps(known, float(self.metadata.get("steps_per_rev", 0)))
            if index is not None and self.speed == 1.0:  # faster, steps and mass are not of the same moment
                meta["index_steps"] = round(index, 2)
            lines = [f"# {key}: {value}" for key, value in meta.items()]
            columns = 3 if with_steps else 2
            lines.append(",".join([*HEAD.split(",")[:columns], *self.ambient]))
            air = [f"{value:g}" for value in self.ambient.values()]
            lines += [",".join([*r[:columns], *air]) for r in mine]
            path = self.folder / f"weighing-{number}.csv"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            written.append(path)
        return written, left_out

    def _rows(self) -> list[list[str]]:
        text = (self.folder / "readings.csv").read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1].splitlines()[1:]
        rows = [line.split(",", CELLS - 1) for line in whole]
        return [row for row in rows if len(row) == CELLS]

    def _passed_over(self, stage: Stage, rows: list[list[str]]) -> str:
        """Why a run has next to no readings, or nothing: whoever reads the balance was away meanwhile."""
        read = sum(stage.start_s <= self.plan_s(float(row[0])) < stage.end_s for row in rows)
        if read >= FEWEST or not rows:
            return ""
        return (
            f"the run from {stage.start_s:.0f} to {stage.end_s:.0f} s was passed over, with {read} readings in it: "
            "this computer was busy or asleep; weigh it again"
        )

    def _spoilt(self, part: list[Stage]) -> str:
        """Why the steps of a part do not tell what was delivered, or nothing."""
        for event in self.events():
            if event["event"] in SPOILING and part[1].start_s <= self.plan_s(event["t_s"]) < part[2].end_s:
                return f"{event['event']} at {event['t_s']:.0f} s, with steps that nobody counted; weigh it again"
        return ""


def index_steps(known: list[tuple[float, float]], steps_per_rev: float) -> float | None:
    """The count, below one turn, at which the rotor's angle is 0, from pairs of a count and an angle in turns.

    A circular mean: the encoder's own error, a few degrees over the turn, averages out over whole turns.
    """
    if not known or steps_per_rev <= 0:
        return None
    shift = sum(cmath.exp(2j * cmath.pi * (steps / steps_per_rev - turn)) for steps, turn in known)
    return (cmath.phase(shift) / (2 * cmath.pi) % 1.0) * steps_per_rev
