"""docs/how-to/bring-up.md, from the checklist.

Owns: the page's layout.
Rules: every step, every window and every fault of the checklist stands on it; nothing else does.
Units: each measurement names its own.
Leaves: the steps to hardware/bringup.toml.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pumprig.doctor.bringup import Step, checklist

HEAD = """# Bring up a newly wired rig

Generated from [bringup.toml](../../hardware/bringup.toml) by `make docs`; do not edit.
`pumprig doctor --bring-up` walks through these steps on a rig that was never calibrated. It does the motions, reads
the rig, asks what only a person can see, and names the fault. A walk that ended goes on there the next time; `--from N`
begins at a step; `--record FILE` writes a page for the lab book, to be signed.

You need a meter, the [wiring plan](../reference/wiring.md), the [pin table](../reference/pins.md), a clamp for the
tube, a beaker, and for the last step a balance. Water only: this is a test instrument, never a medical device.

Every fault named here is built into the simulated rig, one at a time, and the walk finds it by its name
(`tests/sim/test_bring_up.py`). On a real board it has not been walked yet."""


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    part = ""
    for number, step in enumerate(checklist(), 1):
        if step.part != part:
            part = step.part
            lines += ["", f"## {part}"]
        only = f" (only `{step.drivers[0]}`)" if len(step.drivers) == 1 else ""
        lines += ["", f"### {number}. {step.title}{only}", "", step.do, ""]
        lines += _right(step)
        lines += [f"- `{fault.name}`: {_when(fault.when)}. {fault.do}" for fault in step.faults]
        lines.append(f"- **Else:** {step.hint}")
    return "\n".join(lines) + "\n"


def _right(step: Step) -> list[str]:
    measures = {each.name: each for each in step.measures}
    rows: list[str] = []
    for name, window in step.right.items():
        if name in measures:
            rows.append(f"- **Right:** {measures[name].what}: {_window(window)} {measures[name].unit}")
        elif step.choice is not None and name == step.choice.name:
            answers = " or ".join(step.choice.options[word] for word in window)
            rows.append(f"- **Right:** {step.choice.question} {answers[0].upper()}{answers[1:]}.")
        else:
            rows.append(f"- **Right:** `{name}` {_window(window)}")
    return rows


def _window(window: Sequence[Any]) -> str:
    if isinstance(window[0], str):
        return " or ".join(window)
    low, high = window
    if high >= 1e9:
        return f"{_number(low)} or more"
    if low == high:
        return _number(low)
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and not math.isinf(value) else f"{value:g}"


def _when(when: Any) -> str:
    return ", ".join(f"`{name}` {_window(window)}" for name, window in when.items())
