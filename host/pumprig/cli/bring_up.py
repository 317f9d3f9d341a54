"""`pumprig doctor --bring-up`: walks a person through the checklist of a newly wired rig.

Owns: asking, and the layout of the walk.
Rules: asks on a terminal only; the first step that fails ends it with its hint; reads the rig, never changes it.
Callers: the doctor command.
Units: each measurement names its own.
Leaves: the steps and their judgement to pumprig.bringup.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from pumprig.cli.settings import Settings
from pumprig.doctor import bringup
from pumprig.errors import PumpError, UsageError
from pumprig.terminal import asked_number, put
from pumprig.terminal import confirm as confirmed


def _show(step: bringup.Step, number: int, count: int) -> None:
    put("", err=True)
    put(f"{number}/{count}  {step.title}", err=True)
    put(f"  {step.do}", err=True)


def bring_up(settings: Settings, driver: str) -> None:
    """Walk the checklist of `driver` (stepdir or coils). Raises PumpError at the step that fails."""
    if not sys.stdin.isatty():
        raise UsageError(
            "The bring-up checklist asks a person.",
            "Nothing was checked.",
            "Run it on a terminal, or read docs/how-to/bring-up.md.",
        )
    steps = bringup.checklist(driver)
    place = {step.id: number for number, step in enumerate(steps, 1)}

    def confirm(step: bringup.Step) -> bool:
        _show(step, place[step.id], len(steps))
        return confirmed(f"  {step.ask}")

    def measured(step: bringup.Step, window: bringup.Window) -> float:
        _show(step, place[step.id], len(steps))
        return asked_number(f"  {window.name}, {window.unit}")

    def status() -> Mapping[str, str]:
        with settings.rig() as rig:
            return rig.status_fields()

    results: list[dict[str, object]] = []
    for result in bringup.walk(steps, confirm, measured, status):
        if result.step.device:
            _show(result.step, place[result.step.id], len(steps))
        put(f"  {'right' if result.passed else 'WRONG'}: {result.found}", err=True)
        results.append({"step": result.step.id, "passed": result.passed, "found": result.found})
        if not result.passed:
            settings.document({"driver": driver, "passed": False, "steps": results})
            left = len(steps) - len(results)
            raise PumpError(
                f"Bring-up stopped at {result.step.title!r}: {result.found}.",
                f"{left} steps were not done.",
                result.step.hint,
            )
    settings.document({"driver": driver, "passed": True, "steps": results})
    settings.show(f"All {len(steps)} steps passed. The rig is ready to be used, with water.")
