"""`pumprig doctor --bring-up`: walks a person through the checklist of a newly wired rig.

Owns: asking, and the layout of the walk.
Rules: asks on a terminal only; the first step that fails ends it with its hint; reads the rig, never changes it.
Units: each measurement names its own.
Leaves: the steps and their judgement to pumprig.bringup.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from pumprig.cli.settings import Settings
from pumprig.doctor import bringup
from pumprig.doctor.walked import Walked
from pumprig.errors import PumpError, UsageError
from pumprig.terminal import asked_number, put
from pumprig.terminal import confirm as confirmed


def _show(step: bringup.Step, number: int, count: int) -> None:
    put("", err=True)
    put(f"{number}/{count}  {step.title}", err=True)
    put(f"  {step.do}", err=True)


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
    place = {step.id: number for number, step in enumerate(steps, 1)}
    device_id = ""

    def confirm(step: bringup.Step) -> bool:
        _show(step, place[step.id], len(steps))
        return confirmed(f"  {step.ask}")

    def measured(step: bringup.Step, window: bringup.Window) -> float:
        _show(step, place[step.id], len(steps))
        return asked_number(f"  {window.name}, {window.unit}")

    def status() -> Mapping[str, str]:
        nonlocal device_id
        with settings.rig() as rig:
            fields = rig.status_fields()
        device_id = fields.get("device_id", "")
        return fields

    results: list[dict[str, object]] = []
    try:
        for result in bringup.walk(steps[first - 1 :], confirm, measured, status):
            if result.step.device:
                _show(result.step, place[result.step.id], len(steps))
            put(f"  {'right' if result.passed else 'WRONG'}: {result.found}", err=True)
            walked.keep(result)
            results.append({"step": result.step.id, "passed": result.passed, "found": result.found})
            if not result.passed:
                settings.document({"driver": driver, "passed": False, "steps": results})
                left = len(steps) - place[result.step.id]
                raise PumpError(
                    f"Bring-up stopped at {result.step.title!r}: {result.found}.",
                    f"{left} steps were not done.",
                    f"{result.step.hint} The same command then goes on at this step.",
                )
    finally:
        if record is not None and walked.rows:
            walked.write(record, steps, device_id)
    settings.document({"driver": driver, "passed": True, "steps": results})
    settings.show(f"All {len(steps)} steps passed. The rig is ready to be used, with water.")
