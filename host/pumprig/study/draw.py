"""What is drawn for a run: events whose fields vary, heads and rigs that differ.

Owns: the forms of a draw (uniform, normal, choice), how often a row happens, the events' file of a run.
Rules: a draw depends on the seed and on the row's place alone, so the same seed draws the same for every program and on
every machine; what is drawn is written as an ordinary events' file, which is checked like any other.
Units: times ms, volumes nL; other quantities as the file writes them.
Leaves: what an event takes to therapy/events.py.
"""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pumpwire import units

from pumprig import quantities
from pumprig.therapy import events as event_files
from pumprig.therapy.reader import Reader

FORMS = {"uniform": 2, "normal": 2, "choice": 0}
PARTS = ("head", "rig")  # rows that change the simulated rig itself
OWN = ("do", "times", "probability")
MOST_TIMES = 100_000
SMALLEST = {"time": "ms", "volume": "nl"}


@dataclass(frozen=True)
class Draw:
    """One value that is drawn: `low` and `high`, `mean` and `sd`, or a choice; `unit` is written behind a number."""

    form: str
    values: tuple[Any, ...]
    unit: str = ""
    whole: bool = False

    def value(self, source: random.Random) -> Any:
        """A value: a number, a text with its unit, or one of the choices."""
        if self.form == "choice":
            return source.choice(self.values)
        first, second = self.values
        number = source.uniform(first, second) if self.form == "uniform" else source.gauss(first, second)
        if self.whole:
            number = max(0, round(number))
        return f"{number:.9g} {self.unit}" if self.unit and not self.whole else _with(number, self.unit)

    def told(self) -> str:
        """In words, as a report has it."""
        shown = [_worded(value, self.unit) for value in self.values]
        if self.form == "choice":
            return "one of " + ", ".join(shown)
        if self.form == "uniform":
            return f"evenly between {shown[0]} and {shown[1]}"
        return f"normal, {shown[0]} ± {shown[1]} (1 sd)"


@dataclass(frozen=True)
class Row:
    """A row of `vary`."""

    do: str
    fields: tuple[tuple[str, Any], ...]  # name: a value or a Draw
    times: Any = 1
    probability: float = 1.0

    def told(self) -> dict[str, str]:
        """In words, as a report has it: what is drawn, how, and how often it happens."""
        often = f"{_told(self.times)} times" if self.times != 1 else "once"
        if self.do in PARTS:
            often = "in each run"
        if self.probability < 1:
            often += f", in {100 * self.probability:g} % of the runs"
        how = "; ".join(f"{name} {_told(value)}" for name, value in self.fields)
        return {"what": self.do, "how": how, "often": often}


@dataclass
class Drawn:
    """What a seed draws. `inputs` are the numbers by which a study tells what matters."""

    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    head: dict[str, Any] = field(default_factory=dict[str, Any])
    truth: dict[str, float] = field(default_factory=dict[str, float])
    inputs: dict[str, float] = field(default_factory=dict[str, float])


def _told(value: object) -> str:
    return value.told() if isinstance(value, Draw) else str(value)


def _worded(value: object, unit: str) -> str:
    if unit == "ms" and isinstance(value, int | float):
        return quantities.duration_text(value)
    if unit == "nl" and isinstance(value, int | float):
        return quantities.volume_text(value)
    return f"{value:g} {unit}".strip() if isinstance(value, int | float) else str(value)


def _with(number: float, unit: str) -> Any:
    return f"{number} {unit}" if unit else number


def read(reader: Reader, table: dict[str, Any], here: tuple[Any, ...]) -> Row | None:
    """A row of `vary` from the file; faults go to the reader."""
    do: object = reader.get(table, here, "do")
    known = (*event_files.EVENTS, *PARTS)
    if not isinstance(do, str) or do not in known:
        reader.fault((*here, "do"), do, "must be one of " + ", ".join(known))
        for key in table:
            reader.get(table, here, key)
        return None
    fields = [
        (key, _value(reader, reader.get(table, here, key), (*here, key))) for key in table if key not in OWN
    ]
    if do not in PARTS and "at" not in table:
        reader.fault((*here, "at"), None, 'is missing: when, like "1 d" or { uniform = ["1 d", "6 d"] }')
    times = _value(reader, reader.get(table, here, "times"), (*here, "times")) if "times" in table else 1
    whole = isinstance(times, Draw) or (isinstance(times, int) and 0 <= times <= MOST_TIMES)
    if not whole or (isinstance(times, Draw) and times.unit):
        reader.fault(
            (*here, "times"), table.get("times"), f"must be a whole number, 0 to {MOST_TIMES}, or drawn"
        )
        times = 1
    probability = reader.get(table, here, "probability")
    if probability is None:
        probability = 1.0
    if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 <= probability <= 1:
        reader.fault((*here, "probability"), probability, "must be a number, 0 to 1")
        probability = 1.0
    return Row(do, tuple(fields), times, float(probability))


def _value(reader: Reader, value: object, here: tuple[Any, ...]) -> Any:
    """A plain value as it is, a table as a Draw."""
    if not isinstance(value, dict):
        return value
    table = cast(dict[str, Any], value)
    forms = [form for form in FORMS if form in table]
    for key in table:
        reader.get(table, here, key)
    listed: object = table.get(forms[0]) if len(forms) == 1 else None
    values = cast(list[Any], listed) if isinstance(listed, list) else []
    if len(table) != 1 or not values or (FORMS[forms[0]] and len(values) != FORMS[forms[0]]):
        reader.fault(
            here,
            None,
            "must be a value, { uniform = [low, high] }, { normal = [mean, sd] } or { choice = [...] }",
        )
        return None
    if forms[0] == "choice":
        return Draw("choice", tuple(values))
    drawn = _numbers(forms[0], values)
    if drawn is None or (forms[0] == "uniform" and drawn.values[0] > drawn.values[1]):
        reader.fault(
            (*here, forms[0]), values, "must be two numbers, or two quantities of one kind, the lower first"
        )
        return None
    return drawn


def _numbers(form: str, values: list[Any]) -> Draw | None:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return Draw(form, tuple(values), whole=all(isinstance(value, int) for value in values))
    if not all(isinstance(value, str) for value in values):
        return None
    for kind, unit in SMALLEST.items():
        try:
            return Draw(form, tuple(units.parse(value, kind) for value in values), unit, whole=True)
        except units.UnitError:
            continue
    parts = [units.split(value) for value in values]
    try:
        numbers = tuple(float(number) for number, _unit in parts)
    except ValueError:
        return None
    return Draw(form, numbers, parts[0][1]) if parts[0][1] == parts[1][1] else None


def draw(rows: list[Row], seed: int) -> Drawn:
    """What a seed draws of these rows."""
    drawn = Drawn()
    seen: dict[str, int] = {}
    for place, row in enumerate(rows):
        source = random.Random(f"pumprig study {seed} {place} {row.do}")
        seen[row.do] = seen.get(row.do, 0) + 1
        prefix = row.do if seen[row.do] == 1 else f"{row.do}#{seen[row.do]}"
        times = int(row.times.value(source)) if isinstance(row.times, Draw) else row.times
        if row.probability < 1:
            times = times if source.random() < row.probability else 0
            drawn.inputs[f"{prefix}.happens"] = float(times > 0)
        if isinstance(row.times, Draw):
            drawn.inputs[f"{prefix}.times"] = float(times)
        for _turn in range(times):
            values = {
                key: value.value(source) if isinstance(value, Draw) else value for key, value in row.fields
            }
            if row.do == "head":
                drawn.head |= values
            elif row.do == "rig":
                drawn.truth |= values
            else:
                drawn.events.append({"do": row.do, **values})
            if times == 1 and not isinstance(row.times, Draw):
                varied = [key for key, value in row.fields if isinstance(value, Draw)]
                drawn.inputs |= {
                    f"{prefix}.{key}": number
                    for key in varied
                    if (number := _number(values[key])) is not None
                }
    return drawn


def _number(value: Any) -> float | None:
    try:
        return float(str(value).split(" ")[0])
    except ValueError:
        return None


def events_text(drawn: Drawn) -> str:
    """The events as the text of an ordinary events' file."""
    lines: list[str] = []
    for event in drawn.events:
        lines.append("[[event]]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in event.items()]
        lines.append("")
    return "\n".join(lines)


def events_of(drawn: Drawn, folder: Path) -> list[dict[str, Any]]:
    """The simulator's events; programs that a `load` names lie relative to `folder`. Raises InputFileError."""
    if not drawn.events:
        return []
    rows = [
        {**event, "program": str((folder / event["program"]).resolve())} if "program" in event else event
        for event in drawn.events
    ]
    with tempfile.TemporaryDirectory(prefix="pumprig-") as place:
        path = Path(place) / "drawn-events.toml"
        path.write_text(events_text(Drawn(rows)), "utf-8")
        return event_files.load(path, None)
