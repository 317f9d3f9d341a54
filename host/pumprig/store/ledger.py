"""Records in the store: taking them in verified, reading them back decoded.

Owns: the table of records.
Rules: a record enters only if its CRC is right and its chain value fits its stored predecessor; the same record
twice is the same as once; the same key with other bytes is an error, never an overwrite.
Callers: pull.py writes; totals, export, verify and the report read.
Units: by the names' endings; steps are net counted steps since the rig's first boot.
Leaves: bytes of a record to pumpwire.records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pumpwire import records, spec

from pumprig.errors import StoreError
from pumprig.store.database import Store

CLEARED = "The rig's journal was cleared or edited. Keep this database, and pull into a new one (PUMPRIG_DB)."


@dataclass(frozen=True)
class Record:
    """One record, decoded. `at_utc_us` is None where neither clock knows the time."""

    boot: int
    number: int
    event: str
    mono_us: int
    at_utc_us: int | None
    calibration_id: int
    net_steps: int
    text: str
    state: dict[str, int]
    raw: bytes

    def kind_steps(self) -> dict[str, int]:
        """Counted steps by what they were made for, since the first boot; relief counts negative."""
        steps = {kind: self.state[kind + "_steps"] for kind in spec.KINDS}
        steps["relief"] = -steps["relief"]
        return steps


def decode(raw: bytes, anchors: dict[int, int] | None = None) -> Record:
    """A record's own bytes -> Record. Raises pumpwire.records.RecordError."""
    header, state, text = records.unpack(raw)
    boot, mono_us = int(header["boot"]), int(header["mono_us"])
    at_us: int | None = int(header["utc_us"]) or None
    if at_us is None and anchors and boot in anchors:
        at_us = anchors[boot] + mono_us
    event = int(header["event"])
    name = records.EVENTS[event] if event < len(records.EVENTS) else f"event {event}"
    net = sum(state[kind + "_steps"] for kind in spec.KINDS) - 2 * state["relief_steps"]
    return Record(
        boot,
        int(header["number"]),
        name,
        mono_us,
        at_us,
        int(header["calibration_id"]),
        net,
        text,
        state,
        raw,
    )


def last_number(store: Store, device_id: str) -> int:
    """The highest stored record number of a device, 0 without any."""
    with store.guard():
        row = store.db.execute("SELECT max(number) FROM records WHERE device_id = ?", (device_id,)).fetchone()
    return int(row[0] or 0)


def raw_of(store: Store, device_id: str, number: int) -> bytes | None:
    """The bytes of a stored record, the one of the latest boot where a number occurs twice."""
    with store.guard():
        row = store.db.execute(
            "SELECT raw FROM records WHERE device_id = ? AND number = ? ORDER BY boot DESC LIMIT 1",
            (device_id, number),
        ).fetchone()
    return bytes(row[0]) if row else None


def add(store: Store, device_id: str, page: list[bytes]) -> int:
    """Take in one page of consecutive records; returns how many were new. All or nothing.

    Raises StoreError: a damaged record, a broken chain, other bytes under a known key, or the database's own
    failures.
    """
    new = 0
    with store.transaction() as db:
        previous: bytes | None = None
        for raw in page:
            try:
                record = decode(raw)
            except (records.RecordError, ValueError) as error:
                raise StoreError(
                    f"A record came damaged from the rig ({error}).",
                    "Its page was not stored.",
                    "Pull again.",
                ) from None
            if previous is None or records.unpack(previous)[0]["number"] != record.number - 1:
                previous = raw_of(store, device_id, record.number - 1)
            if previous is not None and records.unpack(raw)[0]["chain"] != records.link(previous):
                raise StoreError(
                    f"Record {record.number} does not continue record {record.number - 1}: the chain is broken.",
                    "It was not stored.",
                    CLEARED,
                )
            new += _insert(db, device_id, record)
            previous = raw
    return new


def _insert(db: Any, device_id: str, record: Record) -> int:
    key = (device_id, record.boot, record.number)
    cursor = db.execute(
        "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *key,
            record.raw,
            record.event,
            record.mono_us,
            record.at_utc_us,
            record.calibration_id,
            record.net_steps,
            record.text,
        ),
    )
    if cursor.rowcount:
        return 1
    stored = db.execute(
        "SELECT raw FROM records WHERE device_id = ? AND boot = ? AND number = ?", key
    ).fetchone()
    if bytes(stored[0]) != record.raw:
        raise StoreError(
            f"Record {record.number} of boot {record.boot} is already stored with other content.",
            "It was not stored.",
            CLEARED,
        )
    return 0


def read(
    store: Store,
    device_id: str,
    from_us: int | None = None,
    to_us: int | None = None,
    events: tuple[str, ...] = (),
    last: int | None = None,
) -> Iterator[Record]:
    """Stored records in the order of their numbers. from_us inclusive, to_us exclusive; records without a time are
    kept only where no limit is given. `last`: only so many, the newest. Raises StoreError."""
    anchors = store.anchors(device_id)
    where, values = "device_id = ?", [device_id]
    if events:
        where += f" AND event IN ({', '.join('?' * len(events))})"
        values += list(events)
    query = f"SELECT raw FROM records WHERE {where} ORDER BY number, boot"
    if last is not None:
        query = f"SELECT raw FROM (SELECT raw, number, boot FROM records WHERE {where} "
        query += f"ORDER BY number DESC, boot DESC LIMIT {int(last)}) ORDER BY number, boot"
    with store.guard():
        for row in store.db.execute(query, values):
            try:
                record = decode(bytes(row[0]), anchors)
            except (records.RecordError, ValueError) as error:
                raise StoreError(
                    f"A stored record is damaged ({error}).",
                    "Nothing was computed.",
                    "`pumprig log verify` names it.",
                ) from None
            if from_us is not None and (record.at_utc_us is None or record.at_utc_us < from_us):
                continue
            if to_us is not None and (record.at_utc_us is None or record.at_utc_us >= to_us):
                continue
            yield record
