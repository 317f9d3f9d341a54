"""The bring-up checklist of a newly wired rig: its form, the judgement of what was found, and the walk.

Owns: the checklist's form, the naming of a fault.
Rules: steps come in order and a failed one stops the walk, for the later ones rely on it; nothing is assumed done; a
fault is named by the first row that fits what was found, else the step's hint stands alone.
Units: each measurement names its own; findings by the endings of their names.
Leaves: the steps to hardware/bringup.toml, what the tool does with a rig to acts.py, asking to its caller.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pumprig.errors import PumpError

DRIVERS = ("stepdir", "coils")
PACKAGED = Path(__file__).parents[1] / "bringup.toml"
IN_TREE = Path(__file__).resolve().parents[3] / "hardware" / "bringup.toml"

Value = float | str | Sequence[str]
Findings = dict[str, Value]


@dataclass(frozen=True)
class Measure:
    """What a person reads from a meter, its unit and the values that are right, both ends included."""

    name: str
    what: str
    unit: str
    lowest: float
    highest: float


@dataclass(frozen=True)
class Choice:
    """A question with several answers; `options` by the word that is found."""

    name: str
    question: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Fault:
    """A fault by its name, what has to be found for it, and what to do about it."""

    name: str
    when: Mapping[str, Any]
    do: str


@dataclass(frozen=True)
class Step:
    """One step; `right`: what has to be found, a window [lowest, highest] or the words that are right."""

    id: str
    part: str
    title: str
    do: str
    hint: str
    drivers: tuple[str, ...]
    measures: tuple[Measure, ...]
    act: str
    choice: Choice | None
    right: Mapping[str, Any]
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Result:
    """How a step went: what was found, and the fault that explains it, if one does."""

    step: Step
    passed: bool
    findings: Findings
    fault: Fault | None = None
    why: str = ""  # what kept the step from being done at all

    @property
    def found(self) -> str:
        """The findings as one line."""
        return "; ".join(
            [f"{name} {told(value)}" for name, value in self.findings.items()] + [self.why] * bool(self.why)
        )

    @property
    def advice(self) -> str:
        """What to do about a step that failed."""
        return self.fault.do if self.fault is not None else self.step.hint


class Person(Protocol):
    """Who stands at the rig."""

    def measured(self, step: Step, measure: Measure) -> float:
        """A reading of the meter."""
        ...

    def chosen(self, step: Step, choice: Choice) -> str:
        """The word of an answer."""
        ...

    def told(self, text: str) -> None:
        """Says what to do now; does not wait."""
        ...

    def ready(self, text: str) -> None:
        """Says what to do, and waits until it is done."""
        ...


Act = Callable[[Step], Findings]
ANSWER = Choice("answer", "", {"yes": "yes", "no": "no"})


def told(value: Value) -> str:
    """A finding as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, (float, int)):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    return ", ".join(value)


def fits(window: Sequence[Any], value: Value | None) -> bool:
    """Whether a finding lies in a window, or is one of its words; of several words every one has to be."""
    if value is None:
        return False
    if isinstance(window[0], str):
        words = [value] if isinstance(value, (str, float, int)) else value
        return all(word in window for word in words)
    return isinstance(value, (int, float)) and window[0] <= value <= window[1]


def explains(fault: Fault, findings: Mapping[str, Value]) -> bool:
    """Whether what was found is what this fault shows; of several words one has to be."""

    def shown(window: Sequence[Any], value: Value | None) -> bool:
        if isinstance(value, (list, tuple)):
            return any(fits(window, word) for word in value)
        return fits(window, value)

    return all(shown(window, findings.get(name)) for name, window in fault.when.items())


def judge(step: Step, findings: Findings) -> Result:
    """Right or wrong, and which fault. A finding that is missing is wrong."""
    if all(fits(window, findings.get(name)) for name, window in step.right.items()):
        return Result(step, True, findings)
    return Result(step, False, findings, next((f for f in step.faults if explains(f, findings)), None))


def walk(steps: Sequence[Step], person: Person, act: Act) -> Iterator[Result]:
    """Walk the steps until one fails: the person measures and answers, `act` is what the tool does itself."""
    for step in steps:
        findings: Findings = {}
        try:
            for measure in step.measures:
                findings[measure.name] = person.measured(step, measure)
            if step.act:
                findings |= act(step)
            if step.choice is not None:
                findings[step.choice.name] = person.chosen(step, step.choice)
        except PumpError as error:
            result = Result(step, False, findings, None, str(error))
        else:
            result = judge(step, findings)
        yield result
        if not result.passed:
            return


# --- the checklist's file


def checklist(driver: str | None = None) -> list[Step]:
    """The steps in order, those of one wiring plan if `driver` (stepdir or coils) is given."""
    path = PACKAGED if PACKAGED.exists() else IN_TREE
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["step"]
    except OSError as error:
        raise PumpError(
            "The bring-up checklist is not installed.", "", f"Reinstall pumprig ({error})."
        ) from error
    part = ""
    steps: list[Step] = []
    for row in rows:
        part = row.get("part", part)
        steps.append(_step(row, part))
    return [step for step in steps if driver is None or driver in step.drivers]


def _step(row: Mapping[str, Any], part: str) -> Step:
    measures = tuple(
        Measure(
            each["name"],
            each["what"],
            each["unit"],
            float(each.get("lowest", -math.inf)),
            float(each.get("highest", math.inf)),
        )
        for each in row.get("measure", ())
    )
    choice = None
    right: dict[str, Any] = {each.name: [each.lowest, each.highest] for each in measures}
    if "ask" in row:
        choice = Choice(ANSWER.name, row["ask"], ANSWER.options)
        right[ANSWER.name] = ["yes"]
    elif "choose" in row:
        choice = Choice(row["choose"]["name"], row["choose"]["question"], row["choose"]["options"])
    if not measures and choice is None and "act" not in row:
        raise PumpError(f"bringup.toml: step {row.get('id')!r} asks, measures and does nothing")
    return Step(
        id=row["id"],
        part=part,
        title=row["title"],
        do=row["do"],
        hint=row["hint"],
        drivers=tuple(row.get("drivers", DRIVERS)),
        measures=measures,
        act=row.get("act", ""),
        choice=choice,
        right={**right, **row.get("right", {})},
        faults=tuple(Fault(each["name"], each["when"], each["do"]) for each in row.get("fault", ())),
    )
