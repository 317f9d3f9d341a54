"""Records in the store: taking them in verified, reading them back decoded.

Owns: the table of records.
Rules: a record enters only if its CRC is right and its chain value fits its stored predecessor; the same record
twice is the same as once; the same key with other bytes is an error, never an overwrite.
Units: by the names' endings; steps are net counted steps since the rig's first boot.
Leaves: decoding to record.py, dates to dates.py, what a calibration's record says to known.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from pumpwire import records

from pumprig.errors import StoreError
from pumprig.store import dates, known
from pumprig.store.database import Store
from pumprig.store.record import Record

__all__ = [
    "Record",
    "add",
    "between",
    "columns_of",
    "decode",
    "decoded",
    "last_number",
    "raw_of",
    "read",
    "record_at",
    "row_of",
    "told",
]

CLEARED = "The rig's journal was cleared or edited. Keep this database, and pull into a new one (PUMPRIG_DB)."
# What the bytes of a record say, beside them for queries
COLUMNS = ("number", "boot", "event", "mono_us", "utc_us", "calibration_id", "net_steps", "text")
NAMES = ("device_id", "raw", *COLUMNS, "at_utc_us")
INTO = f"INTO records ({', '.join(NAMES)}) VALUES ({', '.join('?' * len(NAMES))})"


def decode(raw: bytes) -> Record:
    """A record's own bytes -> Record. Raises pumpwire.records.RecordError."""
    return Record(raw)


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


def record_at(store: Store, device_id: str, number: int) -> Record | None:
    """A stored record, the one of the latest boot where a number occurs twice. Raises StoreError."""
    with store.guard():
        row = store.db.execute(
            "SELECT raw, at_utc_us FROM records WHERE device_id = ? AND number = ? ORDER BY boot DESC LIMIT 1",
            (device_id, number),
        ).fetchone()
    return decoded(row[0], row[1]) if row else None


def add(store: Store, device_id: str, page: list[bytes]) -> int:
    """Take in one page of consecutive records; returns how many were new. All or nothing.

    Raises StoreError: a damaged record, a broken chain, other bytes under a known key, or the database's own
    failures.
    """
    taken = _verified(store, device_id, page)
    with store.transaction() as db:
        new = _unknown(db, device_id, taken)
        dates.date_new(db, device_id, new)
        db.executemany(f"INSERT {INTO}", [row_of(device_id, record) for record in new])
        for record in new:
            dates.take(db, device_id, record)
            known.take(db, device_id, record)
    return len(new)


def columns_of(record: Record) -> tuple[object, ...]:
    """COLUMNS, of a record's bytes. Raises ValueError for words that are no text."""
    return (
        record.number,
        record.boot,
        record.event,
        record.mono_us,
        record.rig_utc_us,
        record.calibration_id,
        record.net_steps,
        record.text,
    )


def row_of(device_id: str, record: Record) -> tuple[object, ...]:
    """A record as its table has it, in the order of NAMES. Raises ValueError for words that are no text."""
    return (device_id, record.raw, *columns_of(record), record.at_utc_us)


def _verified(store: Store, device_id: str, page: list[bytes]) -> list[Record]:
    """The records of a page, each after its predecessor. Raises StoreError."""
    taken: list[Record] = []
    previous: Record | None = None
    for raw in page:
        try:
            record = Record(raw)
            record.text.encode()
        except (records.RecordError, ValueError) as error:
            raise StoreError(
                f"A record came damaged from the rig ({error}).",
                "Its page was not stored.",
                "Pull again.",
            ) from None
        before = previous.raw if previous is not None and previous.number == record.number - 1 else None
        if before is None:
            before = raw_of(store, device_id, record.number - 1)
        if before is not None and record.chain != records.link(before):
            raise StoreError(
                f"Record {record.number} does not continue record {record.number - 1}: the chain is broken.",
                "It was not stored.",
                CLEARED,
            )
        taken.append(record)
        previous = record
    return taken


def _unknown(db: sqlite3.Connection, device_id: str, taken: list[Record]) -> list[Record]:
    """Those that are not stored yet. What is stored has to be what comes. Raises StoreError."""
    if not taken:
        return []
    stored = {
        (int(row[0]), int(row[1])): bytes(row[2])
        for row in db.execute(
            "SELECT boot, number, raw FROM records WHERE device_id = ? AND number BETWEEN ? AND ?",
            (device_id, taken[0].number, taken[-1].number),
        )
    }
    new: list[Record] = []
    for record in taken:
        key = (record.boot, record.number)
        if key not in stored:
            stored[key] = record.raw
            new.append(record)
        elif stored[key] != record.raw:
            raise StoreError(
                f"Record {record.number} of boot {record.boot} is already stored with other content.",
                "It was not stored.",
                CLEARED,
            )
    return new


def read(
    store: Store,
    device_id: str,
    from_us: int | None = None,
    to_us: int | None = None,
    events: tuple[str, ...] = (),
    last: int | None = None,
) -> Iterator[Record]:
    """Stored records in the order of their numbers. from_us inclusive, to_us exclusive; records without a time are
    kept only where no limit is given. `last`: only so many, the newest of those. Raises StoreError."""
    where, values = "device_id = ?", [device_id]
    if events:
        told = "" if "checkpoint" in events else "event <> 'checkpoint' AND "
        where += f" AND {told}event IN ({', '.join('?' * len(events))})"
        values += list(events)
    if from_us is not None:
        where += f" AND at_utc_us >= {int(from_us)}"
    if to_us is not None:
        where += f" AND at_utc_us < {int(to_us)}"
    query = f"SELECT raw, at_utc_us FROM records WHERE {where} ORDER BY number, boot"
    if last is not None:
        query = f"SELECT raw, at_utc_us FROM (SELECT raw, at_utc_us, number, boot FROM records WHERE {where} "
        query += f"ORDER BY number DESC, boot DESC LIMIT {int(last)}) ORDER BY number, boot"
    with store.guard():
        for row in store.db.execute(query, values):
            yield decoded(row[0], row[1])


def between(store: Store, device_id: str, first: int, last: int) -> Iterator[Record]:
    """All records from one number to another, both among them. Raises StoreError."""
    query = "SELECT raw, at_utc_us FROM records WHERE device_id = ? AND number BETWEEN ? AND ? ORDER BY number, boot"
    with store.guard():
        for row in store.db.execute(query, (device_id, first, last)):
            yield decoded(row[0], row[1])


def told(
    store: Store, device_id: str, after: int | None = None, before: int | None = None
) -> Iterator[Record]:
    """The records that tell of an event, and the last of each boot, between two numbers; without these of the whole
    log, its first record among them. Raises StoreError."""
    columns = "SELECT raw, at_utc_us, number, boot FROM records WHERE device_id = :device AND "
    span = " AND number > :after" if after is not None else ""
    span += " AND number < :before" if before is not None else ""
    ends = "SELECT boot, max(number) FROM records WHERE device_id = :device GROUP BY boot"
    if after is None:
        ends += " UNION SELECT * FROM (SELECT boot, number FROM records WHERE device_id = :device "
        ends += "ORDER BY number, boot LIMIT 1)"
    query = f"{columns} event <> 'checkpoint'{span} UNION ALL "
    query += f"{columns} event = 'checkpoint'{span} AND (boot, number) IN ({ends}) ORDER BY number, boot"
    with store.guard():
        for row in store.db.execute(query, {"device": device_id, "after": after, "before": before}):
            yield decoded(row[0], row[1])


def decoded(raw: bytes, at_utc_us: int | None) -> Record:
    """A stored record with its mended date. Raises StoreError for a damaged one."""
    try:
        record = Record(bytes(raw))
    except (records.RecordError, ValueError) as error:
        raise StoreError(
            f"A stored record is damaged ({error}).",
            "Nothing was computed.",
            "`pumprig log verify` names it.",
        ) from None
    record.at_utc_us = at_utc_us
    return record
