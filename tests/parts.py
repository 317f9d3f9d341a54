"""Parts of the firmware by themselves, for tests that need no rig: dosing of 3 nL a step, programs, boluses.

Owns: how these are made.
Rules: the very firmware; nothing here knows what an answer ought to be.
Units: steps of 3 nL, nL, nL/day, microseconds.
Leaves: what is asked of them to tests/unit.
"""

from __future__ import annotations

from typing import Any

from pumpwire import documents
from pumpwire.spec import KINDS
from rig.flow.boluses import Boluses
from rig.flow.dosing import Dosing
from rig.flow.overlay import Overlay
from rig.flow.therapy import Therapy

S_US = 1_000_000
NEVER_US = 1 << 62
STEP_NL = 3
SINGLE, SPREAD, BRIDGE, PERIODIC, PRIME = (
    KINDS.index(name) for name in ("single", "spread", "bridge", "periodic", "prime")
)
BASE = {"basal": ((0, 240_000),)}
PHASES = {"phases": ((600, 240_000), (600, 480_000), (600, 120_000))}
HOURLY = ((3_600, 3_000, 60_000, 0),)
Row = tuple[int, int, int, int]  # of a periodic bolus: every s, nL, over ms, first s


def dosing_of(step_nl: int = STEP_NL) -> Any:
    """Calibrated."""
    dosing: Any = Dosing(3200, 1)
    dosing.calibrate(1, 3200 * step_nl, 1, 10_000)
    return dosing


def program(**fields: Any) -> dict[str, Any]:
    """A program with these fields, as the rig holds it."""
    return documents.parse(documents.canonical({"kind": "program", "name": "x", **fields}))


def therapy_of(now_us: int = 0, **fields: Any) -> Any:
    """A therapy that runs a program since now_us."""
    therapy: Any = Therapy(dosing_of())
    therapy.max_rate_nl_per_day = 10**12
    therapy.load(program(**(fields or BASE)), "text", "digest", now_us)
    therapy.run(now_us)
    return therapy


def bolus(kind: int, start_us: int = 0, steps: int = 100) -> Any:
    """One that was granted."""
    return Overlay(kind, steps, 1_000_000, start_us)


def near(volume_nl: int) -> int:
    """The nearest whole number of steps, halves up."""
    return (2 * volume_nl + STEP_NL) // (2 * STEP_NL)


def boluses_of(*rows: Row, start_us: int = 0, now_us: int = 0, waiting: int = 0) -> Any:
    """The slot of a program with these periodic boluses."""
    made: Any = Boluses(dosing_of())
    made.use(rows, start_us, now_us, waiting)
    return made


def due_us(row: Row, turn: int, start_us: int = 0) -> int:
    """When a turn falls due, as rule 1 says it."""
    return start_us + ((row[3] or row[0]) + turn * row[0]) * S_US


def missed(boluses: Any) -> list[dict[str, Any]]:
    """What is told as missed since it was last asked."""
    rows: list[dict[str, Any]] = []
    boluses.tell_missed(lambda event, fields: rows.append({"event": event, **dict(fields)}))
    return rows


def flow(overlay: Any) -> None:
    """All its steps are planned and counted."""
    overlay.planned_steps = overlay.done_steps = overlay.steps
