"""`pumprig doctor --bring-up`: walks a person through the checklist of a newly wired rig.

Owns: asking, and the layout of the walk.
Rules: asks on a terminal only; the first step that fails ends it with the fault's name, or its hint; the rig moves only
after the person agreed, at the step that gives it a first calibration.
Units: each measurement names its own.
Leaves: the steps and their judgement to doctor/bringup.py, what the rig does to doctor/acts.py.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pumprig.api.rig import Rig, connect
from pumprig.cli.settings import Settings
from pumprig.doctor import bringup
from pumprig.doctor.acts import Acts
from pumprig.doctor.bringup import Choice, Findings, Measure, Step
from pumprig.doctor.walked import Walked
from pumprig.errors import PumpError, UsageError
from pumprig.terminal import asked_line, asked_number, asked_word, put
from pumprig.terminal import confirm as confirmed


class AtTerminal:
    """The person at this terminal."""

    def measured(self, step: Step, measure: Measure) -> float:
        """A reading of the meter."""
        return asked_number(f"  {measure.what}, {measure.unit}")

    def chosen(self, step: Step, choice: Choice) -> str:
        """The word of an answer, by its number."""
        if choice.name == bringup.ANSWER.name:
            return "yes" if confirmed(f"  {choice.question}") else "no"
        put(f"  {choice.question}", err=True)
        words = list(choice.options)
        for number, word in enumerate(words, 1):
            put(f"    {number}  {choice.options[word]}", err=True)
        return words[int(asked_word("  number", [str(n + 1) for n in range(len(words))])) - 1]

    def told(self, text: str) -> None:
        """Says what to do now."""
        put(f"  {text}", err=True)

    def ready(self, text: str) -> None:
        """Says what to do, and waits for Enter."""
        asked_line(f"  {text} Then Enter")


def bring_up(settings: Settings, driver: str, begin: int | None = None, record: Path | None = None) -> None:
    """Walk the checklist of `driver` (stepdir or coils) from step `begin`, or where it ended last time.

    Raises PumpError at the step that fails.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            "The bring-up checklist asks a person.",
            "Nothing was checked.",
            "Run it on a terminal, or read docs/how-to/bring-up.md.",
        )
    steps = bringup.checklist(driver)
    walked = Walked(driver)
    first = begin or walked.begins_at(steps)
    if not 1 <= first <= len(steps):
        raise UsageError(f"There is no step {first}: there are {len(steps)}.", "Nothing was checked.")
    if begin is None and first > 1:
        settings.say(f"The last walk ended at step {first}; it goes on there. --from 1 begins anew.")
    with _acts(settings, driver) as acts:
        try:
            results = _walk(settings, steps, first, walked, acts)
        finally:
            if record is not None and walked.rows:
                walked.write(record, steps, acts.device_id)
    passed = all(result["passed"] for result in results)
    settings.document({"driver": driver, "passed": passed, "steps": results})
    if not passed:
        raise _stopped(steps, results[-1])
    settings.show(f"All {len(steps)} steps passed. The rig is ready to be used, with water.")


@contextmanager
def _acts(settings: Settings, driver: str) -> Generator[Acts]:
    def opened() -> Rig:
        return connect(settings.port, state=settings.state, database=settings.database())

    acts = Acts(opened, AtTerminal(), time.sleep, driver)
    try:
        yield acts
    finally:
        acts.close()


def _walk(
    settings: Settings, steps: Sequence[Step], first: int, walked: Walked, acts: Acts
) -> list[dict[str, object]]:
    """The rows of the steps that were done; each is kept as soon as it is judged."""
    rows: list[dict[str, object]] = []
    begun = iter(enumerate(steps[first - 1 :], first))
    person = AtTerminal()

    def show() -> None:
        number, step = next(begun, (0, None))
        if step is not None:
            put("", err=True)
            put(f"{number}/{len(steps)}  {step.title}", err=True)
            put(f"  {step.do}", err=True)

    def act(step: Step) -> Findings:
        if step.act in MOVES and not confirmed("  The rotor is going to turn. Is everything clear?"):
            raise PumpError("Not confirmed.", "The rotor did not turn.")
        if step.act == "nominal" and not confirmed("  Give the rig what it does not have yet of the two?"):
            raise PumpError("Not confirmed.", "Nothing was changed.")
        return acts(step)

    show()
    for result in bringup.walk(steps[first - 1 :], person, act):
        verdict = "right" if result.passed else "WRONG"
        named = f" ({result.fault.name})" if result.fault else ""
        put(f"  {verdict}{named}: {result.found}", err=True)
        walked.keep(result)
        rows.append({
            "step": result.step.id,
            "passed": result.passed,
            "found": result.found,
            "findings": result.findings,
            "fault": result.fault.name if result.fault else None,
            "do": None if result.passed else result.advice,
        })  # fmt: skip
        if result.passed:
            show()
    return rows


MOVES = ("jog", "stop_running", "fill", "fast", "occlude", "power")


def _stopped(steps: Sequence[Step], row: dict[str, object]) -> PumpError:
    place = {step.id: number for number, step in enumerate(steps, 1)}
    title = next(step.title for step in steps if step.id == row["step"])
    left = len(steps) - place[str(row["step"])]
    fault = f"`{row['fault']}`: " if row["fault"] else ""
    return PumpError(
        f"Bring-up stopped at step {place[str(row['step'])]}, {title!r}: {fault}{row['found']}.",
        f"{left} steps were not done.",
        f"{row['do']} The same command then goes on at this step.",
    )
