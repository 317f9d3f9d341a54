"""The database file: opening it as the place allows, migrating, locking, and what its failures are called.

Owns: the connection and its settings, and the small tables (devices, calibrations, programs).
Rules: WAL, foreign keys, synchronous FULL: what a call returned from is on the disk; every change is one
transaction, so that a kill at any instant leaves the state before it or after it; whatever SQLite raises becomes
StoreError; an archive that may not be written is read all the same, and stays as it is.
Units: by the columns' endings.
Leaves: the schema to migrations.py, an archive to archive.py, records to ledger.py, pulls to pulls.py, intents to
intents.py, seals to seals.py.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from pumprig import paths
from pumprig.errors import StoreError
from pumprig.quantities import now_utc_us
from pumprig.store import pulls, seals

SCHEMA_VERSION = 2  # the number of migrations; a database that has it needs no look at them
BUSY_S = 5.0
AGAIN_S = 0.02
ARCHIVE = "This store may only be read."


class FullError(StoreError):
    """There is no space where the store is."""


class Store:
    """One open database. `read_only`: it is an archive, which nothing may change."""

    def __init__(self, path: Path, busy_s: float = BUSY_S, archive: bool = False) -> None:
        """archive: what may only be read is opened, too. Raises StoreError."""
        self.path = path
        self.read_only = False
        self._busy_s = busy_s
        self._copy: Path | None = None
        if archive and path.exists():
            from pumprig.store.archive import is_archive

            if is_archive(path):
                self._open_archive()
                return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            full = error.errno == errno.ENOSPC
            raise StoreError(
                f"The folder {path.parent} cannot be made: {error.strerror}.",
                "Nothing was stored.",
                "Free some space." if full else "Set PUMPRIG_DB.",
            ) from None
        self._keep_private()
        try:
            with self.guard():
                self.db = sqlite3.connect(path, timeout=busy_s, isolation_level=None)
                self.db.execute("PRAGMA foreign_keys = ON")
                self._prepare()
                self.db.execute("PRAGMA synchronous = FULL")
        except FullError:
            if not archive or not path.stat().st_size:
                raise
            self.db.close()
            self._open_archive()

    def _keep_private(self) -> None:
        """The log is its owner's alone: mode 0600, of a new file from its first byte on; SQLite's others follow it."""
        if self.path.exists() and not self.path.is_file():  # a folder, a device: nobody's permissions change
            raise StoreError(
                f"{self.path} is no file.",
                "Nothing was read or stored.",
                "Name the delivery log's file with PUMPRIG_DB.",
            )
        with suppress(OSError):  # what cannot be opened is told by SQLite
            if (
                not self.path.exists()
            ):  # one that is there is never opened here: closing it would end SQLite's locks
                with suppress(FileExistsError):
                    os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            elif os.name == "posix":
                mode = self.path.stat().st_mode
                if (
                    not mode & 0o222
                ):  # its owner has put it away: it stays as it is, whoever asks, root included
                    raise read_only(self.path)
                if mode & 0o077:
                    os.chmod(self.path, 0o600)

    def _prepare(self) -> None:
        """Schema and journal, also where another process does the same at this moment."""
        until_s = time.monotonic() + self._busy_s
        while True:
            try:
                if self._version() != SCHEMA_VERSION:
                    self._migrate()
                mode = str(self.db.execute("PRAGMA journal_mode").fetchone()[0])
                if mode != "wal":  # which SQLite refuses at once while somebody else has the file open
                    self.db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until_s:
                    raise
                time.sleep(AGAIN_S)

    def _version(self) -> int:
        return int(self.db.execute("PRAGMA user_version").fetchone()[0])

    def _migrate(self) -> None:
        version = self._version()
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was made by a newer pumprig (schema {version}, this one knows {SCHEMA_VERSION}).",
                "Nothing was read or written.",
                "Update pumprig.",
            )
        from pumprig.store.migrations import migrate, strange

        self.db.execute("BEGIN IMMEDIATE")
        try:
            if self._version() != SCHEMA_VERSION:  # else another process was first
                if strange(self.db):
                    raise StoreError(
                        f"{self.path} is another program's database.",
                        "Nothing was read or written.",
                        "Name the delivery log's file with PUMPRIG_DB.",
                    )
                migrate(self.db)
                self.db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def _open_archive(self) -> None:
        from pumprig.store.archive import opened

        with self.guard():
            self.db, self._copy = opened(self.path)
            self.read_only = True
            if self._copy is not None and self._version() != SCHEMA_VERSION:
                self._migrate()

    def close(self) -> None:
        """Close the database."""
        self.db.close()
        if self._copy is not None:
            import shutil

            shutil.rmtree(self._copy.parent, ignore_errors=True)

    @contextmanager
    def guard(self) -> Generator[None]:
        """SQLite's failures inside the block become StoreError, texts that are none any more among them."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise store_error(self.path, error) from error

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """One transaction: all of the block or nothing of it. Raises StoreError."""
        if self.read_only:
            raise read_only(self.path)
        with self.guard():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")

    def store_id(self) -> str:
        """The number that a store got when it was made; a copy has the same."""
        with self.guard():
            row = self.db.execute("SELECT value FROM facts WHERE name = 'store_id'").fetchone()
        return str(row[0]) if row else ""

    # --- small tables

    def note_device(self, device_id: str, firmware: str, protocol: int) -> None:
        """Remember that a device was met."""
        now_us = now_utc_us()
        with self.transaction() as db:
            facts = {"firmware": firmware, "protocol": protocol, "last_seen_utc_us": now_us}
            if db.execute("SELECT 1 FROM devices WHERE device_id = ?", (device_id,)).fetchone():
                seals.update(db, "devices", {"device_id": device_id}, facts)
            else:
                seals.insert(db, "devices", {"device_id": device_id, "first_seen_utc_us": now_us, **facts})

    def devices(self) -> list[str]:
        """Ids of the devices with records, the one met last first."""
        with self.guard():
            return [
                str(row[0])
                for row in self.db.execute(
                    "SELECT device_id FROM devices ORDER BY last_seen_utc_us DESC, device_id"
                )
            ]

    def without_row(self) -> list[str]:
        """Ids of devices whose records are here and whose row is not: somebody took it away."""
        query = """WITH RECURSIVE held (id) AS (SELECT min(device_id) FROM records UNION ALL
            SELECT (SELECT min(device_id) FROM records WHERE device_id > held.id) FROM held WHERE held.id IS NOT NULL)
            SELECT id FROM held WHERE id IS NOT NULL AND id NOT IN (SELECT device_id FROM devices)"""
        with self.guard():
            return [str(row[0]) for row in self.db.execute(query)]

    def note_calibration(self, device_id: str, calibration_id: int, num: int, den: int, u_ppm: int) -> bool:
        """Remember a calibration for good: num / den nL a step, expanded relative uncertainty u_ppm.

        False where another one is stored under this number: it stays as it is. False, too, for figures that no
        calibration has: they are not stored.
        """
        if min(num, den) <= 0 or u_ppm < 0:
            return False
        known = self.calibrations(device_id).get(calibration_id)
        if known is None:
            row = {"device_id": device_id, "calibration_id": calibration_id, "step_nl_num": num}
            row |= {"step_nl_den": den, "u_ppm": u_ppm, "seen_utc_us": now_utc_us()}
            with self.transaction() as db:
                found = "SELECT 1 FROM calibrations WHERE device_id = ? AND calibration_id = ?"
                if not db.execute(found, (device_id, calibration_id)).fetchone():
                    seals.insert(db, "calibrations", row)
            known = self.calibrations(device_id)[calibration_id]
        return known[0] * den == num * known[1] and known[2] == u_ppm

    def calibrations(self, device_id: str) -> dict[int, tuple[int, int, int]]:
        """{calibration id: (num, den, u_ppm)} as far as known; figures that no calibration has are none."""
        with self.guard():
            rows = self.db.execute(
                "SELECT calibration_id, step_nl_num, step_nl_den, u_ppm FROM calibrations WHERE device_id = ? "
                "AND step_nl_num > 0 AND step_nl_den > 0 AND u_ppm >= 0",
                (device_id,),
            )
            return {int(row[0]): (int(row[1]), int(row[2]), int(row[3])) for row in rows}

    def note_program(self, device_id: str, digest: str, text: str) -> None:
        """Remember a program's canonical text under its hash."""
        if digest in self.programs(device_id):
            return
        row = {"device_id": device_id, "hash": digest, "text": text, "seen_utc_us": now_utc_us()}
        with self.transaction() as db:
            found = "SELECT 1 FROM programs WHERE device_id = ? AND hash = ?"
            if not db.execute(found, (device_id, digest)).fetchone():
                seals.insert(db, "programs", row)

    def programs(self, device_id: str) -> dict[str, str]:
        """{hash: canonical text} as far as known."""
        with self.guard():
            rows = self.db.execute("SELECT hash, text FROM programs WHERE device_id = ?", (device_id,))
            return {str(row[0]): str(row[1]) for row in rows}

    def note_pull(
        self, device_id: str, boot: int, mono_us: int, first: int, log_next: int, got: int = 0
    ) -> None:
        """Remember a pull: asked from `first`, brought from `got` (else from `first`) up to log_next - 1."""
        pulls.note(self, device_id, boot, mono_us, (first, got or first, log_next))


def read_only(path: Path) -> StoreError:
    """What an archive answers to whoever wants to write."""
    return StoreError(
        f"The database {path} may only be read.",
        "Nothing was stored; `log show`, total, verify, export and report read it.",
        "Name another file with PUMPRIG_DB, or see to the permissions of file and folder.",
    )


DAMAGED = (
    "not a database",
    "malformed",
    "decode",
    "no such table",
    "no such column",
    "already exists",
    "duplicate",
)


def store_error(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> StoreError:
    """What a failure of SQLite is called."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return StoreError(
            f"The database {path} is locked by another program.",
            "Nothing was stored; what was stored before is intact.",
            "Wait for the other program to end, then run this again.",
        )
    if "full" in text or _is_full(path, text):
        return FullError(
            f"The disk that holds {path} is full.",
            "What came last was not stored; what was stored before is intact.",
            "Free some space, then run this again.",
        )
    if "readonly" in text:
        return read_only(path)
    if any(sign in text for sign in DAMAGED):
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


def _is_full(path: Path, text: str) -> bool:
    """Whether what SQLite calls a disk I/O error, or a file that cannot be opened, is a disk without space."""
    return ("disk I/O" in text or "unable to open" in text) and paths.is_full(path.parent)
