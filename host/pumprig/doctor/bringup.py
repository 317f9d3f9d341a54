"""The bring-up checklist of a newly wired rig: read, walked, reported, and its page.

Owns: the checklist's form, the judgement of an answer, and docs/how-to/bring-up.md.
Rules: steps come in order and a failed one stops the walk, for the later ones rely on it; nothing is assumed done.
Units: each measurement names its own.
Leaves: the steps to hardware/bringup.toml, asking a person to the caller, reading the rig to client.py.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pumprig.errors import PumpError

DRIVERS = ("stepdir", "coils")
PACKAGED = Path(__file__).parents[1] / "bringup.toml"
IN_TREE = Path(__file__).resolve().parents[3] / "hardware" / "bringup.toml"


@dataclass(frozen=True)
class Window:
    """What is read, its unit and the values that are right, both ends included."""

    name: str
    unit: str
    lowest: float
    highest: float

    def holds(self, value: float) -> bool:
        """Whether `value` is right; a NaN is not."""
        return self.lowest <= value <= self.highest


@dataclass(frozen=True)
class Step:
    """One step: exactly one of `ask`, `measure` and `device` says how it is judged."""

    id: str
    title: str
    do: str
    hint: str
    drivers: tuple[str, ...]
    ask: str | None
    measure: Window | None
    device: tuple[Window, ...]


@dataclass(frozen=True)
class Result:
    """How a step went; `found` is what was answered or read."""

    step: Step
    passed: bool
    found: str


def _window(row: Mapping[str, Any]) -> Window:
    return Window(
        row.get("field", row.get("name", "")),
        row.get("unit", ""),
        float(row["lowest"]),
        float(row["highest"]),
    )


def _step(row: Mapping[str, Any]) -> Step:
    judged = [key for key in ("ask", "measure", "device") if key in row]
    if len(judged) != 1:
        raise PumpError(
            f"bringup.toml: step {row.get('id')!r} needs one of ask, measure, device, not {judged}"
        )
    return Step(
        id=row["id"],
        title=row["title"],
        do=row["do"],
        hint=row["hint"],
        drivers=tuple(row.get("drivers", DRIVERS)),
        ask=row.get("ask"),
        measure=_window(row["measure"]) if "measure" in row else None,
        device=tuple(_window(entry) for entry in row.get("device", ())),
    )


def checklist(driver: str | None = None) -> list[Step]:
    """The steps in order, those of one wiring plan if `driver` (stepdir or coils) is given."""
    path = PACKAGED if PACKAGED.exists() else IN_TREE
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["step"]
    except OSError as error:
        raise PumpError(
            "The bring-up checklist is not installed.", "", f"Reinstall pumprig ({error})."
        ) from error
    steps = [_step(row) for row in rows]
    return [step for step in steps if driver is None or driver in step.drivers]


def judge_device(step: Step, fields: Mapping[str, str]) -> Result:
    """A device step against the rig's status fields; a field that is missing or no number fails."""
    found: list[str] = []
    passed = True
    for window in step.device:
        text = fields.get(window.name)
        try:
            right = text is not None and window.holds(float(text))
        except ValueError:
            right = False
        passed = passed and right
        found.append(
            f"{window.name} = {text}" + ("" if right else f", not {window.lowest:g} to {window.highest:g}")
        )
    return Result(step, passed, "; ".join(found))


def walk(
    steps: list[Step],
    confirm: Callable[[Step], bool],
    reading: Callable[[Step, Window], float],
    status: Callable[[], Mapping[str, str]],
) -> Iterator[Result]:
    """Walk the steps until one fails: `confirm` asks, `reading` takes a measurement, `status` reads the rig."""
    for step in steps:
        if step.device:
            try:
                result = judge_device(step, status())
            except PumpError as error:
                result = Result(step, False, str(error))
        elif step.measure is not None:
            value = reading(step, step.measure)
            result = Result(
                step, step.measure.holds(value), f"{step.measure.name} = {value:g} {step.measure.unit}"
            )
        else:
            yes = confirm(step)
            result = Result(step, yes, "yes" if yes else "no")
        yield result
        if not result.passed:
            return


def page() -> str:
    """docs/how-to/bring-up.md."""
    lines = [
        "# Bring up a newly wired rig",
        "",
        "Generated from [bringup.toml](../../hardware/bringup.toml) by `make docs`; do not edit.",
        "`pumprig doctor --bring-up` walks through the same steps and reads the rig itself where it can. A later",
        "one relies on those before it. A walk that ended goes on there the next time; `--from N` begins at a step,",
        "and `--record FILE` writes a page for the lab book, to be signed.",
        "See also [wiring](../reference/wiring.md) and [pins](../reference/pins.md).",
        "Water only: this is a test instrument, never a medical device.",
    ]
    for number, step in enumerate(checklist(), 1):
        only = f" (only `{step.drivers[0]}`)" if len(step.drivers) == 1 else ""
        lines += ["", f"## {number}. {step.title}{only}", "", step.do, ""]
        if step.ask:
            lines.append(f"- **Right:** yes. {step.ask}")
        for window in (step.measure, *step.device):
            if window is not None:
                span = (
                    f"{window.lowest:g} to {window.highest:g}"
                    if window.highest < 1e8
                    else f"{window.lowest:g} or more"
                )
                lines.append(f"- **Right:** {window.name} {span} {window.unit}".rstrip())
        lines.append(f"- **If not:** {step.hint}")
    return "\n".join(lines) + "\n"
