"""What a program asks for in a stretch of time: its base flow, and the turns that fall due.

Owns: both sums, by the program's own arithmetic.
Rules: whole units are added, so that the parts of a stretch add up to it; nothing that interferes is known here.
Units: nL, microseconds; rates in nL/day.
Leaves: rates and turns to pumpwire.program, the program's own time to under_way.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pumpwire import documents
from pumpwire.program import DAY_US, base_rate, turns_before

from pumprig.store.record import Record
from pumprig.store.under_way import OwnTime


def by_half(texts: Iterable[str]) -> dict[int, dict[str, Any]]:
    """Programs of their canonical texts, by the half hash that a record carries; not those that are not understood."""
    programs: dict[int, dict[str, Any]] = {}
    for text in texts:
        try:
            programs[int(documents.digest(text)[:8], 16)] = documents.parse(text)
        except documents.DocumentError:
            continue
    return programs


def base_flow(
    program: dict[str, Any],
    record: Record,
    own: OwnTime,
    since_us: int,
    from_us: int,
    begin_us: int,
    end_us: int,
) -> tuple[float, int]:
    """(volume, highest rate) of the base flow between two instants since from_us, the program's own time since_us."""
    behind_us, held_us = own.behind_at(record), own.held_us
    utc_us = (record.rig_utc_us or 0) and (record.rig_utc_us or 0) + from_us - record.mono_us
    units, passed_us, top_rate = 0, begin_us, 0
    while passed_us < end_us:
        at_us = utc_us + passed_us if utc_us else 0
        own_us = held_us if held_us is not None else since_us + passed_us - behind_us
        rate, holds_us = base_rate(program, max(0, own_us), at_us)
        part_us = end_us - passed_us if held_us is not None else min(max(1, holds_us), end_us - passed_us)
        units += rate * part_us
        passed_us += part_us
        top_rate = max(top_rate, rate)
    return units / DAY_US, top_rate


def turns_due(program: dict[str, Any], from_us: int, until_us: int, step_nl: float) -> tuple[int, int]:
    """(turns that are told, their volume) of the periodic boluses between two instants of the program's own time."""
    told = volume_nl = 0
    for row in program["periodic"]:
        before = turns_before(row, from_us + 1)
        turns = turns_before(row, until_us + 1) - before
        told += _shown(row[1], before, turns, step_nl)
        volume_nl += turns * row[1]
    return told, volume_nl


def _shown(volume_nl: int, before: int, turns: int, step_nl: float) -> int:
    """How many turns have a step of their own: of volumes below a step not every one."""
    if not step_nl or volume_nl >= step_nl:
        return turns
    return int((before + turns) * volume_nl / step_nl + 0.5) - int(before * volume_nl / step_nl + 0.5)


def refused(program: dict[str, Any] | None, fields: dict[str, str | int]) -> tuple[str, float | None]:
    """(kind, volume) of what a record of a refusal says was asked for; None: it does not say. "": no delivery."""
    what = str(fields.get("verb", fields.get("what", "")))
    if what in ("demand", "request"):
        return "demand", float(program["demand"][0][0]) if program is not None and program["demand"] else None
    if what == "periodic":
        rows = program["periodic"] if program is not None else ()
        return what, float(rows[0][1]) if rows else None
    nl = fields.get("nl")
    if isinstance(nl, int):
        return KIND_OF.get(what, "single"), float(nl)
    return {"bolus": "single", "dispense": "single", **KIND_OF}.get(what, ""), None


# a refused request's verb; all others ask for a single dose
KIND_OF = {"prime": "prime", "calibrate": "calibration"}
