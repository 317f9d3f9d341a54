"""Calibrations that the log itself names: figures under the rig's own seal.

Owns: the reading of a `calibration` record, and taking it into the table of calibrations.
Rules: what a record says of a calibration is believed before anything that was read back, and never overwritten.
Units: nL a step as a ratio of integers, ppm.
Leaves: what was read back from the rig to database.py.
"""

from __future__ import annotations

import sqlite3
from fractions import Fraction

from pumprig.quantities import now_utc_us
from pumprig.store import seals
from pumprig.store.record import Record


def figures_of(record: Record) -> tuple[int, int, int] | None:
    """(num, den, u_ppm) of the calibration that came into force with a record; None for any other record."""
    if record.event != "calibration" or not record.calibration_id:
        return None
    found: dict[str, int] = {}
    for word in record.text.split(" "):
        name, _equals, value = word.partition("=")
        if value.isdigit():
            found[name] = int(value)
    if not found.get("den") or "num" not in found or "u_ppm" not in found:
        return None
    ratio = Fraction(found["num"], found["den"])
    return ratio.numerator, ratio.denominator, found["u_ppm"]


def take(db: sqlite3.Connection, device_id: str, record: Record) -> None:
    """A record that was just stored may name a calibration that the store does not know yet."""
    figures = figures_of(record)
    if figures is None:
        return
    key = (device_id, record.calibration_id)
    if db.execute("SELECT 1 FROM calibrations WHERE device_id = ? AND calibration_id = ?", key).fetchone():
        return
    row = {"device_id": device_id, "calibration_id": record.calibration_id, "step_nl_num": figures[0]}
    row |= {"step_nl_den": figures[1], "u_ppm": figures[2], "seen_utc_us": now_utc_us()}
    seals.insert(db, "calibrations", row)
