"""The course of a delivery, from the stored log: what the report draws.

Owns: the series of points, and what the programs commanded meanwhile.
Rules: delivered follows from counted steps and calibration; commanded is the program's base rate integrated while
it ran, plus the boluses that were granted; a record without a time is left out of the series, never given one.
Callers: report/page.py.
Units: microseconds UTC, nL, nL/day.
Leaves: reading records to store/ledger.py, base rates to therapy/forecast.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pumpwire import documents, spec

from pumprig.store import Store, ledger
from pumprig.store.ledger import Record
from pumprig.store.totals import nl_of
from pumprig.therapy.forecast import DAY_US, base_units

MAX_POINTS = 3_000
TOLD = (
    "first_boot",
    "boot",
    "command",
    "refused",
    "stop",
    "bolus_start",
    "bolus_end",
    "refill",
    "alarm",
    "alarm_end",
    "clock",
    "power_return",
    "late",
    "request",
    "staged_expired",
    "maintenance",
    "undelivered",
    "dropped",
)


@dataclass(frozen=True)
class Point:
    """One instant of the course; volumes since the first point."""

    at_us: int
    delivered_nl: int
    commanded_nl: int
    reservoir_nl: int
    mode: str
    kinds_nl: dict[str, int]


@dataclass
class Course:
    """Everything between two instants."""

    device_id: str
    points: list[Point] = field(default_factory=list[Point])
    events: list[Record] = field(default_factory=list[Record])
    low_nl: int | None = None
    program_names: list[str] = field(default_factory=list[str])

    def thinned(self) -> list[Point]:
        """At most about MAX_POINTS points, first and last among them."""
        step = max(1, len(self.points) // MAX_POINTS)
        kept = self.points[::step]
        return kept if not self.points or kept[-1] is self.points[-1] else [*kept, self.points[-1]]


def course(store: Store, device_id: str, from_us: int | None, to_us: int | None) -> Course:
    """Read a device's log. Raises StoreError."""
    out = Course(device_id)
    programs = _Programs(store.programs(device_id))
    records = ledger.read(store, device_id, from_us, to_us)
    calibrations = store.calibrations(device_id)
    _walk(out, records, calibrations, programs)
    out.program_names = programs.names
    return out


class _Programs:
    """Programs by the half hash that a record carries."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._documents = {int(digest[:8], 16): documents.parse(text) for digest, text in texts.items()}
        self.names: list[str] = []

    def of(self, record: Record) -> dict[str, Any] | None:
        found = self._documents.get(record.state["program_hash"])
        if found is not None and found["name"] not in self.names:
            self.names.append(found["name"])
        return found


def _walk(
    out: Course, records: Iterable[Record], calibrations: dict[int, tuple[int, int, int]], programs: _Programs
) -> None:
    previous: Record | None = None
    delivered, granted, commanded_units = 0.0, 0.0, 0  # not rounded between records
    kinds = dict.fromkeys(spec.KINDS, 0.0)
    for record in records:
        if record.event in TOLD:
            out.events.append(record)
        if record.at_utc_us is None:
            continue
        program = programs.of(record)
        if program is not None:
            out.low_nl = program["low_nl"]
        if previous is not None and previous.at_utc_us is not None:
            num, den, _u_ppm = calibrations.get(previous.calibration_id or record.calibration_id, (0, 1, 0))
            now, then = record.kind_steps(), previous.kind_steps()
            delivered += (record.net_steps - previous.net_steps) * num / den
            for kind in spec.KINDS:
                kinds[kind] += (now[kind] - then[kind]) * num / den
            granted += sum(now[kind] - then[kind] for kind in spec.KINDS if kind != "basal") * num / den
            commanded_units += _commanded(programs, previous, record.at_utc_us)
        mode = spec.MODES[record.state["mode"]] if record.state["mode"] < len(spec.MODES) else "stopped"
        commanded = round(commanded_units / DAY_US + granted)
        volumes = {kind: round(volume) for kind, volume in kinds.items()}
        reservoir = _reservoir(record, calibrations)
        out.points.append(Point(record.at_utc_us, round(delivered), commanded, reservoir, mode, volumes))
        previous = record


def _commanded(programs: _Programs, record: Record, until_us: int) -> int:
    """What the program's base rate asked for from a record on, in nL / DAY_US."""
    program = programs.of(record)
    at_us = record.at_utc_us
    if (
        program is None
        or at_us is None
        or record.state["mode"] != spec.MODES.index("running")
        or until_us <= at_us
    ):
        return 0
    return base_units(program, at_us, at_us - record.state["program_elapsed_s"] * 1_000_000, until_us)


def _reservoir(record: Record, calibrations: dict[int, tuple[int, int, int]]) -> int:
    """The rig's own estimate at a record."""
    state = record.state
    since = nl_of(record.net_steps - state["base_steps"], calibrations.get(record.calibration_id, (0, 1, 0)))
    delivered = state["delivered_base_nl"] + since
    return max(0, state["reservoir_base_nl"] - (delivered - state["reservoir_base_delivered_nl"]))
