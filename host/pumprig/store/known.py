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


def in_force_since(db: sqlite3.Connection, device_id: str, calibration_id: int) -> int | None:
    """Since when a rig delivers by a calibration, microseconds UTC, as far as this store knows: its newest record of
    that, else when the calibration was first met.
    """
    row = db.execute(
        "SELECT at_utc_us FROM records WHERE device_id = ? AND event = 'calibration' AND calibration_id = ? "
        "AND at_utc_us IS NOT NULL ORDER BY number DESC LIMIT 1",
        (device_id, calibration_id),
    ).fetchone()
    row = (
        row
        or db.execute(
            "SELECT seen_utc_us FROM calibrations WHERE device_id = ? AND calibration_id = ?",
            (device_id, calibration_id),
        ).fetchone()
    )
    return int(row[0]) if row else None


def in_force(db: sqlite3.Connection, device_id: str) -> int | None:
    """The calibration that a rig delivered by at its last record, or one that was met in force later."""
    row = db.execute(
        "SELECT calibration_id, at_utc_us FROM records WHERE device_id = ? ORDER BY number DESC, boot DESC LIMIT 1",
        (device_id,),
    ).fetchone()
    met = db.execute(
        "SELECT calibration_id FROM calibrations WHERE device_id = ? AND seen_utc_us > ? "
        "ORDER BY seen_utc_us DESC LIMIT 1",
        (device_id, (row and row[1]) or 0),
    ).fetchone()
    found = met or row
    return int(found[0]) or None if found else None


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
