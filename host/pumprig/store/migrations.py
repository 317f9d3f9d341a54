"""The database's schema, one migration after the other.

Owns: the tables and how an older database becomes the present one.
Rules: a migration that was released is never changed; all that are due run in the one transaction of database.py,
with the records that they ran and the number that lets a start skip this module and its library.
Units: by the columns' endings; blobs hold a record's own bytes.
Leaves: opening, locking and errors to database.py.
"""

from __future__ import annotations

import secrets
import sqlite3
from typing import Any

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from pumprig.store import dates, pulls, seals

SCHEMA = Migrations("pumprig")

TABLES = (
    """CREATE TABLE devices (
        device_id TEXT PRIMARY KEY,
        firmware TEXT NOT NULL,
        protocol INTEGER NOT NULL,
        first_seen_utc_us INTEGER NOT NULL,
        last_seen_utc_us INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE records (
        device_id TEXT NOT NULL REFERENCES devices,
        boot INTEGER NOT NULL,
        number INTEGER NOT NULL,
        raw BLOB NOT NULL,
        event TEXT NOT NULL,
        mono_us INTEGER NOT NULL,
        utc_us INTEGER,
        calibration_id INTEGER NOT NULL,
        net_steps INTEGER NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (device_id, boot, number)
    ) STRICT""",
    "CREATE INDEX records_by_number ON records (device_id, number)",
    """CREATE TABLE calibrations (
        device_id TEXT NOT NULL REFERENCES devices,
        calibration_id INTEGER NOT NULL,
        step_nl_num INTEGER NOT NULL,
        step_nl_den INTEGER NOT NULL,
        u_ppm INTEGER NOT NULL,
        seen_utc_us INTEGER NOT NULL,
        PRIMARY KEY (device_id, calibration_id)
    ) STRICT""",
    """CREATE TABLE programs (
        device_id TEXT NOT NULL REFERENCES devices,
        hash TEXT NOT NULL,
        text TEXT NOT NULL,
        seen_utc_us INTEGER NOT NULL,
        PRIMARY KEY (device_id, hash)
    ) STRICT""",
    """CREATE TABLE intents (
        id INTEGER PRIMARY KEY,
        device_id TEXT NOT NULL,
        boot INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        verb TEXT NOT NULL,
        line TEXT NOT NULL,
        begun_utc_us INTEGER NOT NULL,
        outcome TEXT CHECK (outcome IN ('done', 'refused', 'not done', 'unknown')),
        code INTEGER,
        settled_utc_us INTEGER
    ) STRICT""",
    "CREATE INDEX intents_open ON intents (device_id) WHERE outcome IS NULL OR outcome = 'unknown'",
    """CREATE TABLE pulls (
        id INTEGER PRIMARY KEY,
        device_id TEXT NOT NULL REFERENCES devices,
        boot INTEGER NOT NULL,
        mono_us INTEGER NOT NULL,
        host_utc_us INTEGER NOT NULL,
        first INTEGER NOT NULL,
        log_next INTEGER NOT NULL
    ) STRICT""",
)


@SCHEMA()
def m001_first(db: Any) -> None:
    """Devices, records, calibrations, programs, intents and pulls."""
    for statement in TABLES:
        db.execute(statement)


BELIEVABLE = (
    "ALTER TABLE records ADD COLUMN at_utc_us INTEGER",
    "DROP INDEX records_by_number",
    "CREATE INDEX records_by_number ON records (device_id, number, boot, calibration_id)",
    "CREATE INDEX records_by_time ON records (device_id, at_utc_us, number)",
    "CREATE INDEX records_told ON records (device_id, number) WHERE event <> 'checkpoint'",
    "ALTER TABLE pulls ADD COLUMN got INTEGER",
    "ALTER TABLE pulls ADD COLUMN end_link BLOB",
    "ALTER TABLE pulls ADD COLUMN host TEXT",
    "CREATE INDEX pulls_by_boot ON pulls (device_id, boot)",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "CREATE TABLE tally (name TEXT PRIMARY KEY, rows INTEGER NOT NULL, mix BLOB NOT NULL) STRICT",
    *(f"ALTER TABLE {table} ADD COLUMN seal BLOB" for table in seals.TABLES),
)


@SCHEMA()
def m002_believable(db: Any) -> None:
    """Seals over the small tables, mended dates, what each pull brought, and the indexes of long logs."""
    for statement in BELIEVABLE:
        db.execute(statement)
    connection: sqlite3.Connection = db.conn
    connection.execute("INSERT INTO facts (name, value) VALUES ('store_id', ?)", (secrets.token_hex(8),))
    pulls.complete_old(connection)
    dates.date_all(connection)
    seals.seal_all(connection)


def strange(connection: sqlite3.Connection) -> bool:
    """Whether a database holds tables, and none of ours."""
    names = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return bool(names) and "_sqlite_migrations" not in names


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the present schema, inside the caller's transaction. Raises sqlite3.Error."""
    SCHEMA.apply(Database(connection))
