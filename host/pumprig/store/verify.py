"""Whether what is stored is what the rig recorded: seals, chain, numbers, decoded columns.

Owns: the verdict over a device's stored log.
Rules: every gap and every edit is named with its record numbers; a gap is no damage where the rig had overwritten
its oldest records before the first pull could fetch them, but it is always shown.
Callers: the command `log verify`, the report.
Units: record numbers.
Leaves: repairing to nobody: the log is evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from pumpwire import records

from pumprig.store.database import Store
from pumprig.store.ledger import decode


@dataclass(frozen=True)
class Verdict:
    """first and last are record numbers; a gap is (first missing, last missing); a fault is (number, what)."""

    device_id: str
    count: int
    first: int
    last: int
    gaps: list[tuple[int, int]]
    faults: list[tuple[int, str]]

    @property
    def verified(self) -> bool:
        """No fault and no gap."""
        return not self.gaps and not self.faults


def verify(store: Store, device_id: str) -> Verdict:
    """Read every stored record of a device against its seal, its predecessor and its columns. Raises StoreError."""
    gaps: list[tuple[int, int]] = []
    faults: list[tuple[int, str]] = []
    previous: tuple[int, bytes] | None = None
    count = first = last = 0
    with store.guard():
        for row in store.db.execute(
            "SELECT number, boot, raw, event, mono_us, utc_us, calibration_id, net_steps, text FROM records "
            "WHERE device_id = ? ORDER BY number, boot",
            (device_id,),
        ):
            number, raw = int(row[0]), bytes(row[2])
            count += 1
            first, last = first or number, number
            fault = _fault(raw, row)
            if fault:
                faults.append((number, fault))
            if previous is not None:
                gap = _follows(previous, number, raw, faults)
                if gap:
                    gaps.append(gap)
            previous = (number, raw)
    return Verdict(device_id, count, first, last, gaps, faults)


def _fault(raw: bytes, row: tuple[object, ...]) -> str:
    try:
        record = decode(raw)
    except (records.RecordError, ValueError) as error:
        return f"the record itself is damaged ({error})"
    columns = (
        record.number,
        record.boot,
        raw,
        record.event,
        record.mono_us,
        record.at_utc_us,
        record.calibration_id,
        record.net_steps,
        record.text,
    )
    if columns != row:
        names = ("number", "boot", "raw", "event", "mono_us", "utc_us", "calibration_id", "net_steps", "text")
        edited = [name for name, good, stored in zip(names, columns, row, strict=True) if good != stored]
        return "decoded columns were edited: " + ", ".join(edited)
    return ""


def _follows(
    previous: tuple[int, bytes], number: int, raw: bytes, faults: list[tuple[int, str]]
) -> tuple[int, int] | None:
    """Check a record against the one before it; returns the gap between them, if any."""
    if number == previous[0]:
        faults.append((number, "the same number occurs twice"))
        return None
    if number != previous[0] + 1:
        return previous[0] + 1, number - 1
    try:
        chain = records.unpack(raw)[0]["chain"]
    except (records.RecordError, ValueError):
        return None  # already named
    if chain != records.link(previous[1]):
        faults.append((number, f"does not continue record {previous[0]}: one of the two was edited"))
    return None
