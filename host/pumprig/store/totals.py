"""Volumes delivered between two instants, from counted steps, each with its calibration and uncertainty.

Owns: the sum over calibrations and kinds.
Rules: steps are what was counted; a step has the volume of the calibration that was active when it was made, so
that a later calibration never rewrites history; what a calibration is not known for stays in steps, beside the
sum of what is known; the uncertainty is expanded (k = 2).
Units: nL, steps, microseconds UTC. U: volumes of one calibration share its error, so theirs add; different
calibrations are independent, so theirs add in squares (GUM, JCGM 100:2008, 5.1.2 and F.1.2.3).
Leaves: reading records to ledger.py, what was asked for to asked.py.
"""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass, field
from itertools import pairwise

from pumpwire import spec

from pumprig.errors import PumpError
from pumprig.store.database import Store
from pumprig.store.ledger import decoded
from pumprig.store.record import Record

Calibration = tuple[int, int, int]


@dataclass(frozen=True)
class Part:
    """What was delivered under one calibration; volumes are None where its figures are not known here."""

    calibration_id: int
    steps: int
    volume_nl: int | None
    u_nl: int | None


@dataclass(frozen=True)
class Total:
    """Delivered between two records: volume_nl ± u_nl of the steps whose calibration is known, and unknown_steps more.

    `assumed_steps`: taken as delivered at power losses, but not counted.
    """

    device_id: str
    first: Record
    last: Record
    steps: int
    volume_nl: int
    u_nl: int
    unknown_steps: int
    by_kind_steps: dict[str, int]
    by_kind_nl: dict[str, int]
    assumed_steps: int
    parts: list[Part] = field(default_factory=list[Part])

    @property
    def unknown_ids(self) -> list[int]:
        """The calibrations whose figures are not known here, and that delivered."""
        return [part.calibration_id for part in self.parts if part.volume_nl is None]


def nl_of(steps: int, calibration: Calibration) -> int:
    """Volume of steps under (num, den, u_ppm): rounded towards zero."""
    volume = abs(steps) * calibration[0] // calibration[1]
    return volume if steps >= 0 else -volume


def total(store: Store, device_id: str, from_us: int | None, to_us: int | None) -> Total:
    """Sum between the last record before from_us (else the first) and the last before to_us. Raises PumpError.

    It is the sum up to the one less the sum up to the other, each since the log's beginning and each rounded, so that
    spans that tile a log add up.
    """
    calibrations = store.calibrations(device_id)
    with store.guard():
        begin, end = bounds(store.db, device_id, from_us, to_us)
        turns = _turns(store.db, device_id, begin, end)
    places = [(record.number, record.boot) for record in turns]
    first, last = turns[places.index(begin)], turns[places.index(end)]
    before = _until(turns, places.index(begin), calibrations)
    until = _until(turns, places.index(end), calibrations)
    steps_by = {
        number: until.steps_by[number] - before.steps_by.get(number, 0) for number in sorted(until.steps_by)
    }
    parts = [
        _part(number, steps, until.nl_by.get(number, 0) - before.nl_by.get(number, 0), calibrations)
        for number, steps in steps_by.items()
        if steps or (number and not before.steps_by.get(number))
    ]
    return Total(
        device_id,
        first,
        last,
        last.net_steps - first.net_steps,
        sum(part.volume_nl or 0 for part in parts),
        round(math.hypot(*(part.u_nl or 0 for part in parts))),
        sum(part.steps for part in parts if part.volume_nl is None),
        {kind: until.kind_steps[kind] - before.kind_steps[kind] for kind in spec.KINDS},
        {kind: until.kind_nl[kind] - before.kind_nl[kind] for kind in spec.KINDS},
        last.state["assumed_steps"] - first.state["assumed_steps"],
        parts,
    )


@dataclass(frozen=True)
class _Sums:
    """Since the beginning of a log."""

    steps_by: dict[int, int]  # calibration
    nl_by: dict[int, int]  # of the calibrations that are known
    kind_steps: dict[str, int]
    kind_nl: dict[str, int]


def _until(turns: list[Record], end: int, calibrations: dict[int, Calibration]) -> _Sums:
    """The sums up to one of some records, of which the first is the log's."""
    steps_by: dict[int, int] = {}
    kinds_by: dict[int, dict[str, int]] = {}
    for i, (before, after) in enumerate(pairwise(turns[: end + 1])):
        # steps since a record were made under its calibration: a new one begins with nothing queued
        bucket = next((turn.calibration_id for turn in turns[i:] if turn.calibration_id), 0)
        steps_by[bucket] = steps_by.get(bucket, 0) + after.net_steps - before.net_steps
        kinds = kinds_by.setdefault(bucket, dict.fromkeys(spec.KINDS, 0))
        then = before.kind_steps()
        for kind, steps in after.kind_steps().items():
            kinds[kind] += steps - then[kind]
    return _Sums(
        steps_by,
        {n: nl_of(steps, calibrations[n]) for n, steps in steps_by.items() if n in calibrations},
        {kind: sum(kinds[kind] for kinds in kinds_by.values()) for kind in spec.KINDS},
        _kinds_nl(kinds_by, calibrations),
    )


Place = tuple[int, int]  # (number, boot)


def bounds(
    db: sqlite3.Connection, device_id: str, from_us: int | None, to_us: int | None
) -> tuple[Place, Place]:
    """The records between which a span counts: the last before from_us (else the first), the last before to_us.

    Raises PumpError where there is none.
    """
    first = _newest_before(db, device_id, from_us) or _end(db, device_id, "number, boot")
    last = (
        _newest_before(db, device_id, to_us)
        if to_us is not None
        else _end(db, device_id, "number DESC, boot DESC")
    )
    since = db.execute(
        "SELECT 1 FROM records WHERE device_id = ? AND at_utc_us >= ? LIMIT 1", (device_id, from_us)
    ).fetchone()
    if first is None or last is None or first > last or (from_us is not None and since is None):
        raise PumpError(
            f"The store has no record of {device_id} in that time.",
            "No figure was computed.",
            "`pumprig log pull` first, or name another time.",
        )
    return first, last


def _newest_before(db: sqlite3.Connection, device_id: str, limit_us: int | None) -> Place | None:
    """The highest record that is dated before an instant: with a clock that was put back others may lie between."""
    if limit_us is None:
        return None
    found = db.execute(
        """SELECT number, max(boot) FROM records WHERE device_id = :device AND at_utc_us < :limit AND number = (
               SELECT max(number) FROM records WHERE device_id = :device AND at_utc_us < :limit)""",
        {"device": device_id, "limit": limit_us},
    ).fetchone()
    return (int(found[0]), int(found[1])) if found and found[0] is not None else None


def _end(db: sqlite3.Connection, device_id: str, order: str) -> Place | None:
    found = db.execute(
        f"SELECT number, boot FROM records WHERE device_id = ? ORDER BY {order} LIMIT 1", (device_id,)
    ).fetchone()
    return (int(found[0]), int(found[1])) if found else None


def _turns(db: sqlite3.Connection, device_id: str, first: Place, last: Place) -> list[Record]:
    """The log's first record, those at which the calibration changes, the two that are given, and the next change
    after them: steps before any calibration are the first one's. Raises StoreError.
    """
    at = _end(db, device_id, "number, boot")
    places = {first, last}
    while at is not None:
        places.add(at)
        at = _next_calibration(db, device_id, at) if at <= last else None
    return [_record(db, device_id, place) for place in sorted(places)]


def _next_calibration(db: sqlite3.Connection, device_id: str, at: Place) -> Place | None:
    """The first record after one that has another calibration; found along an index that has all it takes."""
    found = db.execute(
        """SELECT number, boot FROM records
           WHERE device_id = ? AND (number, boot) > (?, ?) AND calibration_id IS NOT (
               SELECT calibration_id FROM records WHERE device_id = ? AND number = ? AND boot = ?)
           ORDER BY number, boot LIMIT 1""",
        (device_id, *at, device_id, *at),
    ).fetchone()
    return (int(found[0]), int(found[1])) if found else None


def _record(db: sqlite3.Connection, device_id: str, place: Place) -> Record:
    row = db.execute(
        "SELECT raw, at_utc_us FROM records WHERE device_id = ? AND number = ? AND boot = ?",
        (device_id, *place),
    ).fetchone()
    return decoded(row[0], row[1])


def _part(number: int, steps: int, volume_nl: int, calibrations: dict[int, Calibration]) -> Part:
    calibration = calibrations.get(number)
    if calibration is None:
        return Part(number, steps, 0 if not steps else None, 0 if not steps else None)
    return Part(number, steps, volume_nl, math.ceil(abs(volume_nl) * calibration[2] / 1_000_000))


def _kinds_nl(kinds_by: dict[int, dict[str, int]], calibrations: dict[int, Calibration]) -> dict[str, int]:
    """Volumes by kind that add up to the total: what rounding takes from the parts goes to the largest."""
    out = dict.fromkeys(spec.KINDS, 0)
    for number, kinds in kinds_by.items():
        calibration = calibrations.get(number)
        if calibration is None:
            continue
        for kind, steps in kinds.items():
            out[kind] += nl_of(steps, calibration)
        rest = nl_of(sum(kinds.values()), calibration) - sum(
            nl_of(steps, calibration) for steps in kinds.values()
        )
        out[max(kinds, key=lambda kind: abs(kinds[kind]))] += rest
    return out
