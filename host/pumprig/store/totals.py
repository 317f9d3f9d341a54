"""Volumes delivered between two instants, from counted steps, each with its calibration and uncertainty.

Owns: the sum over calibrations and kinds.
Rules: steps are what was counted; a step has the volume of the calibration that was active when it was made, so
that a later calibration never rewrites history; the uncertainty is expanded (k = 2).
Callers: the commands `log total` and `report`, the demo.
Units: nL, steps, microseconds UTC. U: volumes of one calibration share its error, so theirs add; different
calibrations are independent, so theirs add in squares (GUM, JCGM 100:2008, 5.1.2 and F.1.2.3).
Leaves: reading records to ledger.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pumpwire import spec

from pumprig.errors import PumpError
from pumprig.store.database import Store
from pumprig.store.ledger import Record, read


@dataclass(frozen=True)
class Part:
    """What was delivered under one calibration; volumes are None where its figures are not known here."""

    calibration_id: int
    steps: int
    volume_nl: int | None
    u_nl: int | None


@dataclass(frozen=True)
class Total:
    """Delivered between two records. `assumed_steps`: taken as delivered at power losses, but not counted."""

    device_id: str
    first: Record
    last: Record
    steps: int
    volume_nl: int | None
    u_nl: int | None
    by_kind_steps: dict[str, int]
    by_kind_nl: dict[str, int] | None
    assumed_steps: int
    parts: list[Part] = field(default_factory=list[Part])


def nl_of(steps: int, calibration: tuple[int, int, int]) -> int:
    """Volume of steps under (num, den, u_ppm): rounded towards zero."""
    volume = abs(steps) * calibration[0] // calibration[1]
    return volume if steps >= 0 else -volume


def total(store: Store, device_id: str, from_us: int | None, to_us: int | None) -> Total:
    """Sum between the last record before from_us (else the first) and the last before to_us. Raises PumpError."""
    calibrations = store.calibrations(device_id)
    first: Record | None = None
    last: Record | None = None
    steps_by: dict[int, int] = {}
    kinds_by: dict[int, dict[str, int]] = {}
    for record in read(store, device_id, to_us=to_us):
        before_start = from_us is not None and record.at_utc_us is not None and record.at_utc_us < from_us
        if first is None or before_start:
            first = last = record
            continue
        assert last is not None
        # steps since the last record were made under its calibration: a new one begins with nothing queued
        bucket = last.calibration_id or record.calibration_id
        steps_by[bucket] = steps_by.get(bucket, 0) + record.net_steps - last.net_steps
        kinds = kinds_by.setdefault(bucket, dict.fromkeys(spec.KINDS, 0))
        now, then = record.kind_steps(), last.kind_steps()
        for kind in spec.KINDS:
            kinds[kind] += now[kind] - then[kind]
        last = record
    if first is None or last is None:
        raise PumpError(
            f"The store has no record of {device_id} in that time.",
            "No total was computed.",
            "`pumprig log pull` first.",
        )
    parts = [
        _part(number, steps, calibrations) for number, steps in sorted(steps_by.items()) if steps or number
    ]
    known = all(part.volume_nl is not None for part in parts)
    by_kind_steps = {kind: sum(kinds[kind] for kinds in kinds_by.values()) for kind in spec.KINDS}
    return Total(
        device_id,
        first,
        last,
        last.net_steps - first.net_steps,
        sum(part.volume_nl or 0 for part in parts) if known else None,
        round(math.hypot(*(part.u_nl or 0 for part in parts))) if known else None,
        by_kind_steps,
        _kinds_nl(kinds_by, calibrations) if known else None,
        last.state["assumed_steps"] - first.state["assumed_steps"],
        parts,
    )


def _part(number: int, steps: int, calibrations: dict[int, tuple[int, int, int]]) -> Part:
    calibration = calibrations.get(number)
    if calibration is None:
        return Part(number, steps, 0 if not steps else None, 0 if not steps else None)
    volume_nl = nl_of(steps, calibration)
    return Part(number, steps, volume_nl, math.ceil(abs(volume_nl) * calibration[2] / 1_000_000))


def _kinds_nl(
    kinds_by: dict[int, dict[str, int]], calibrations: dict[int, tuple[int, int, int]]
) -> dict[str, int]:
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
