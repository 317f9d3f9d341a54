"""The database file: opening, migrating, locking, and what its failures are called.

Owns: the connection and its settings, and the small tables (devices, calibrations, programs, pulls).
Rules: WAL, foreign keys, synchronous FULL: what a call returned from is on the disk; every change is one
transaction, so that a kill at any instant leaves the state before it or after it; whatever SQLite raises becomes
StoreError.
Callers: the command line opens one store per command; the modules of this folder do the rest.
Units: by the columns' endings.
Leaves: the schema to migrations.py, records to records.py, intents to intents.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pumprig.errors import StoreError
from pumprig.quantities import now_utc_us

SCHEMA_VERSION = 1  # the number of migrations; a database that has it needs no look at them
BUSY_S = 5.0


class Store:
    """One open database."""

    def __init__(self, path: Path, busy_s: float = BUSY_S) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The folder {path.parent} cannot be made: {error.strerror}.",
                "Nothing was stored.",
                "Set PUMPRIG_DB.",
            ) from None
        with self.guard():
            self.db = sqlite3.connect(path, timeout=busy_s, isolation_level=None)
            self.db.execute("PRAGMA foreign_keys = ON")
            version = self._version()
            if version != SCHEMA_VERSION:
                self._migrate(version)
            self.db.execute("PRAGMA synchronous = FULL")

    def _version(self) -> int:
        return int(self.db.execute("PRAGMA user_version").fetchone()[0])

    def _migrate(self, version: int) -> None:
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was made by a newer pumprig (schema {version}, this one knows {SCHEMA_VERSION}).",
                "Nothing was read or written.",
                "Update pumprig.",
            )
        from pumprig.store.migrations import migrate

        self.db.execute("PRAGMA journal_mode = WAL")
        for turn in range(3):
            try:
                migrate(self.db)
                break
            except sqlite3.Error:  # another process may be migrating at the same time
                if turn == 2 or self.db.in_transaction:
                    raise
                if self._version() == SCHEMA_VERSION:
                    return
        self.db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    @contextmanager
    def guard(self) -> Generator[None]:
        """SQLite's failures inside the block become StoreError."""
        try:
            yield
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """One transaction: all of the block or nothing of it. Raises StoreError."""
        with self.guard():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")

    # --- small tables

    def note_device(self, device_id: str, firmware: str, protocol: int) -> None:
        """Remember that a device was met."""
        now_us = now_utc_us()
        with self.transaction() as db:
            db.execute(
                "INSERT INTO devices VALUES (?, ?, ?, ?, ?) ON CONFLICT (device_id) DO UPDATE SET "
                "firmware = excluded.firmware, protocol = excluded.protocol, "
                "last_seen_utc_us = excluded.last_seen_utc_us",
                (device_id, firmware, protocol, now_us, now_us),
            )

    def devices(self) -> list[str]:
        """Ids of the devices with records, the one met last first."""
        with self.guard():
            return [
                str(row[0])
                for row in self.db.execute(
                    "SELECT device_id FROM devices ORDER BY last_seen_utc_us DESC, device_id"
                )
            ]

    def note_calibration(self, device_id: str, calibration_id: int, num: int, den: int, u_ppm: int) -> bool:
        """Remember a calibration for good: num / den nL a step, expanded relative uncertainty u_ppm.

        False where another one is stored under this number: it stays as it is.
        """
        with self.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO calibrations VALUES (?, ?, ?, ?, ?, ?)",
                (device_id, calibration_id, num, den, u_ppm, now_utc_us()),
            )
        return self.calibrations(device_id)[calibration_id] == (num, den, u_ppm)

    def calibrations(self, device_id: str) -> dict[int, tuple[int, int, int]]:
        """{calibration id: (num, den, u_ppm)} as far as known."""
        with self.guard():
            rows = self.db.execute(
                "SELECT calibration_id, step_nl_num, step_nl_den, u_ppm FROM calibrations WHERE device_id = ?",
                (device_id,),
            )
            return {int(row[0]): (int(row[1]), int(row[2]), int(row[3])) for row in rows}

    def note_program(self, device_id: str, digest: str, text: str) -> None:
        """Remember a program's canonical text under its hash."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO programs VALUES (?, ?, ?, ?)", (device_id, digest, text, now_utc_us())
            )

    def programs(self, device_id: str) -> dict[str, str]:
        """{hash: canonical text} as far as known."""
        with self.guard():
            rows = self.db.execute("SELECT hash, text FROM programs WHERE device_id = ?", (device_id,))
            return {str(row[0]): str(row[1]) for row in rows}

    def note_pull(self, device_id: str, boot: int, mono_us: int, first: int, log_next: int) -> None:
        """Remember a pull; it also ties the device's own clock to the host's."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO pulls (device_id, boot, mono_us, host_utc_us, first, log_next) VALUES (?, ?, ?, ?, ?, ?)",
                (device_id, boot, mono_us, now_utc_us(), first, log_next),
            )

    def anchors(self, device_id: str) -> dict[int, int]:
        """{boot: host UTC minus device monotonic time in us}, from each boot's first pull."""
        with self.guard():
            rows = self.db.execute(
                "SELECT boot, host_utc_us - mono_us FROM pulls WHERE device_id = ? ORDER BY id DESC",
                (device_id,),
            )
            return {int(row[0]): int(row[1]) for row in rows}


def store_error(path: Path, error: sqlite3.Error) -> StoreError:
    """What a failure of SQLite is called."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return StoreError(
            f"The database {path} is locked by another program.",
            "Nothing was stored; what was stored before is intact.",
            "Wait for the other program to end, then run this again.",
        )
    if "full" in text:
        return StoreError(
            f"The disk that holds {path} is full.",
            "The last page was not stored; what was stored before is intact, and the rig keeps its log.",
            "Free some space, then run this again: it goes on where it ended.",
        )
    if "not a database" in text or "malformed" in text:
        return StoreError(
            f"{path} is no pumprig database, or it is damaged ({text}).",
            "Nothing was stored.",
            "Move it away and pull again; the rig keeps its log.",
        )
    return StoreError(
        f"The database {path} cannot be used: {text}.",
        "Nothing was stored.",
        "Check the folder's permissions, or name another file with PUMPRIG_DB.",
    )
