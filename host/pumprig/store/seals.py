"""Seals over the store's small tables: what was edited, added or taken away beside pumprig shows.

Owns: writing a row of devices, calibrations, programs, intents, pulls and facts, and the tally of each table.
Rules: every row carries the start of a SHA-256 over its table and all its other columns; the tally counts the rows and
mixes their seals, so that a row that has gone is missed, too; both change in the transaction of the row itself.
This shows damage and careless edits. It is no proof against somebody who computes seals, too: for that a
report carries the log's digest, and the rig keeps its own log.
Units: none.
Leaves: the records, which the rig itself seals, to ledger.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from hashlib import sha256

SIZE = 16
TABLES = ("devices", "calibrations", "programs", "intents", "pulls", "facts")
KEYS = {
    "devices": ("device_id",),
    "calibrations": ("device_id", "calibration_id"),
    "programs": ("device_id", "hash"),
    "intents": ("id",),
    "pulls": ("id",),
    "facts": ("name",),
}

Value = str | int | bytes | None
Row = Mapping[str, Value]


def seal_of(table: str, row: Row) -> bytes:
    """The seal of a row."""
    told = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in row.items()
        if name != "seal"
    }
    return sha256(json.dumps([table, sorted(told.items())]).encode()).digest()[:SIZE]


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _count(db: sqlite3.Connection, table: str, rows: int, change: bytes) -> None:
    found = db.execute("SELECT rows, mix FROM tally WHERE name = ?", (table,)).fetchone()
    before, mix = (int(found[0]), bytes(found[1])) if found else (0, bytes(SIZE))
    db.execute(
        "INSERT OR REPLACE INTO tally (name, rows, mix) VALUES (?, ?, ?)",
        (table, before + rows, _mixed(mix, change)),
    )


def insert(db: sqlite3.Connection, table: str, row: Row) -> None:
    """Add a row, sealed. Only in a transaction. Raises sqlite3.Error."""
    seal = seal_of(table, row)
    names = [*row, "seal"]
    db.execute(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        (*row.values(), seal),
    )
    _count(db, table, 1, seal)


def update(db: sqlite3.Connection, table: str, key: Row, changes: Row) -> None:
    """Change a row and its seal. Only in a transaction. Raises sqlite3.Error."""
    where = " AND ".join(f"{name} = ?" for name in key)
    cursor = db.execute(f"SELECT * FROM {table} WHERE {where}", tuple(key.values()))
    names = [column[0] for column in cursor.description]
    for found in cursor.fetchall():
        old = dict(zip(names, found, strict=True))
        new = {**old, **changes}
        seal = seal_of(table, new)
        told = [*changes, "seal"]
        db.execute(
            f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in told)} WHERE {where}",
            (*changes.values(), seal, *key.values()),
        )
        _count(db, table, 0, _mixed(bytes(old["seal"] or bytes(SIZE)), seal))


def next_id(db: sqlite3.Connection, table: str) -> int:
    """The number of the next row of a numbered table."""
    return int(db.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()[0])


def seal_all(db: sqlite3.Connection) -> None:
    """Seal every row as it is: of a store from before there were seals."""
    for table in TABLES:
        cursor = db.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        mix, count = bytes(SIZE), 0
        for found in cursor.fetchall():
            row = dict(zip(names, found, strict=True))
            seal = seal_of(table, row)
            where = " AND ".join(f"{name} = ?" for name in KEYS[table])
            db.execute(
                f"UPDATE {table} SET seal = ? WHERE {where}", (seal, *(row[name] for name in KEYS[table]))
            )
            mix, count = _mixed(mix, seal), count + 1
        db.execute("INSERT OR REPLACE INTO tally (name, rows, mix) VALUES (?, ?, ?)", (table, count, mix))


def faults(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """(where, what) of each row that is not as it was written, and of each table that lost or gained one."""
    for table in TABLES:
        cursor = db.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        mix, count = bytes(SIZE), 0
        for found in cursor:
            row = dict(zip(names, found, strict=True))
            seal = seal_of(table, row)
            if row["seal"] != seal:
                which = ", ".join(str(row[name]) for name in KEYS[table])
                yield f"{table} {which}", "the row was edited"
            mix, count = _mixed(mix, seal), count + 1
        told = db.execute("SELECT rows, mix FROM tally WHERE name = ?", (table,)).fetchone()
        if told is None or int(told[0]) != count:
            was = "an unknown number of" if told is None else str(told[0])
            yield table, f"holds {count} rows, not {was}: some were taken away or added"
        elif bytes(told[1]) != mix:
            yield table, "its rows are not those that were written"
