"""Whether what is stored is what the rig recorded and what this computer kept of it.

Owns: the verdict over a device's stored log, and the log's digest.
Rules: every gap and every edit is named with its record numbers or its row; a gap is no fault where the rig had
overwritten its oldest records before the pull could fetch them, but it is always shown; the same records and
figures have the same digest in every store.
Units: record numbers.
Leaves: repairing to nobody: the log is evidence.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

from pumpwire import documents, records

from pumprig.store import dates, known, pulls, seals
from pumprig.store.database import Store
from pumprig.store.ledger import COLUMNS, columns_of
from pumprig.store.record import Record

MOST_FAULTS = 1000  # named; a store that was replaced as a whole has as many as records


@dataclass(frozen=True)
class Verdict:
    """first and last are record numbers; a gap is (first missing, last missing); a fault is (where, what)."""

    device_id: str
    count: int
    first: int
    last: int
    gaps: list[tuple[int, int]]
    faults: list[tuple[int | str, str]]
    digest: str

    @property
    def ok(self) -> bool:
        """No fault."""
        return not self.faults

    @property
    def verified(self) -> bool:
        """All that this computer kept is as it was kept; gaps that the rig's own ring made are none of its faults."""
        return self.ok

    @staticmethod
    def of(document: dict[str, Any]) -> Verdict:
        """A verdict without faults from its document. Raises KeyError, TypeError, ValueError."""
        return Verdict(
            str(document["device_id"]),
            int(document["count"]),
            int(document["first"]),
            int(document["last"]),
            [(int(first), int(last)) for first, last in document["gaps"]],
            [],
            str(document["digest"]),
        )

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "device_id": self.device_id,
            "ok": self.ok,
            "verified": self.ok,
            "count": self.count,
            "first": self.first,
            "last": self.last,
            "gaps": self.gaps,
            "faults": [{"record": where, "what": what} for where, what in self.faults],
            "digest": self.digest,
        }


class _Log:
    """What one pass over the records finds."""

    def __init__(self, device_id: str, ends: set[int]) -> None:
        """ends: the numbers with which pulls ended."""
        self.faults: list[tuple[int | str, str]] = []
        self.boots: dict[int, dates.Boot] = {}
        self.gaps: list[tuple[int, int]] = []
        self.sealed: dict[int, tuple[int, int, int]] = {}  # calibrations by the rig's own records
        self.used: dict[int, None] = {}  # calibrations, in their order
        self.programs: dict[int, None] = {}  # half hashes, in their order
        self.links: dict[int, bytes] = {}  # at the ends of pulls
        self.count = self.first = self.last = 0
        self.mix = sha256(device_id.encode())
        self._ends = ends
        self._raw = b""
        self._calibration = self._program = -1

    def fault(self, where: int | str, what: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append((where, what))

    def take(self, raw: bytes, row: tuple[object, ...]) -> None:
        """A stored record and its columns, in the order of numbers."""
        number = cast("int", row[0])
        follows = number == self.last + 1 and self.count > 0
        self.count += 1
        self.first = self.first or number
        self.mix.update(raw)
        if number == self.last:
            self.fault(number, "the same number occurs twice")
        elif self.last and not follows:
            self.gaps.append((self.last + 1, number - 1))
        try:
            record = Record(raw)
            columns = columns_of(record)
        except ValueError as error:
            self.fault(number, f"the record itself is damaged ({error})")
        else:
            if columns != row or record.raw != raw:
                self.fault(number, _edited(columns, row))
            if follows and record.chain != records.link(self._raw):
                self.fault(number, f"does not continue record {self.last}: one of the two was edited")
            self._hear(record)
        if number in self._ends:
            self.links[number] = records.link(raw)
        self.last, self._raw = number, raw

    def _hear(self, record: Record) -> None:
        boot = self.boots.get(record.boot)
        if boot is None:
            boot = self.boots[record.boot] = dates.Boot()
        boot.hear(record)
        if record.calibration_id != self._calibration:
            self._calibration = record.calibration_id
            if record.calibration_id:
                self.used[record.calibration_id] = None
        if record.program_hash != self._program:
            self._program = record.program_hash
            if record.program_hash:
                self.programs[record.program_hash] = None
        figures = known.figures_of(record)
        if figures is not None:
            self.sealed[record.calibration_id] = figures


def verify(store: Store, device_id: str) -> Verdict:
    """Read all that is stored of a device against seals, chain, columns, hashes and pulls. Raises StoreError."""
    with store.guard():
        db = store.db
        begun = not db.in_transaction and not store.read_only
        if begun:
            db.execute("BEGIN")  # one state of the store, whatever another process adds meanwhile
        try:
            return _verify(store, db, device_id)
        finally:
            if begun:
                db.execute("ROLLBACK")


def _verify(store: Store, db: sqlite3.Connection, device_id: str) -> Verdict:
    brought = pulls.brought(store, device_id)
    log = _Log(device_id, {row.log_next - 1 for row in brought})
    _check_file(db, log)
    rows = db.execute(
        f"SELECT raw, {', '.join(COLUMNS)} FROM records WHERE device_id = ? ORDER BY number, boot",
        (device_id,),
    )
    for row in rows:
        log.take(bytes(row[0]), row[1:])
    _check_dates(db, device_id, log)
    _check_pulls(log, brought)
    figures = store.calibrations(device_id)
    for number, sealed in log.sealed.items():
        if number in figures and not _same(figures[number], sealed):
            log.fault(f"calibration {number}", "its figures are not those that the rig recorded")
    programs = store.programs(device_id)
    halves: dict[int, str] = {}
    for digest, text in programs.items():
        if documents.digest(text) != digest:
            log.fault(f"program {digest}", "its text is not what its hash names")
        halves[_half(digest)] = digest
    for other in store.without_row():
        log.fault(f"devices {other}", "its row was taken away; its records are still here")
    for where, what in seals.faults(db):
        log.fault(where, what)
    for number in log.used:
        log.mix.update(f" calibration {number} {figures.get(number)}".encode())
    for half in log.programs:
        log.mix.update(f" program {halves.get(half)}".encode())
    digest = log.mix.hexdigest()[:32]
    return Verdict(device_id, log.count, log.first, log.last, log.gaps, log.faults, digest)


def _check_file(db: sqlite3.Connection, log: _Log) -> None:
    """The file itself: an index that names other rows than its table gives other figures for a part of the log."""
    for (found,) in db.execute(f"PRAGMA integrity_check({MOST_FAULTS})"):
        if found != "ok":
            log.fault("database", f"the file is damaged: {found}")
    for kind, name in db.execute("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')"):
        log.fault("database", f"holds a {kind} that pumprig did not make: {name}")


def _half(digest: str) -> int:
    """The half of a program's hash that records carry; -1 for what is no hash."""
    try:
        return int(digest[:8], 16)
    except ValueError:
        return -1


def _same(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return one[0] * other[1] == other[0] * one[1] and one[2] == other[2]


def _edited(columns: tuple[object, ...], row: tuple[object, ...]) -> str:
    names = [name for name, good, stored in zip(COLUMNS, columns, row, strict=True) if good != stored]
    return "decoded columns were edited: " + (", ".join(names) or "raw")


def _check_dates(db: sqlite3.Connection, device_id: str, log: _Log) -> None:
    """Every date against the clocks that it rests on."""
    ties = dates.host_ties(db, device_id)
    rows = db.execute(
        "SELECT number, boot, mono_us, utc_us, at_utc_us FROM records WHERE device_id = ? ORDER BY number",
        (device_id,),
    )
    for number, boot, mono_us, utc_us, at_us in rows:
        clock = log.boots.get(boot)
        if clock is not None and clock.plain:
            right = utc_us
        else:
            right = (clock or dates.Boot()).date(mono_us, utc_us, ties.get(int(boot)))
        if right != at_us and clock is not None:
            log.fault(int(number), "its date was edited: at_utc_us")


def _check_pulls(log: _Log, brought: list[pulls.Brought]) -> None:
    """The end, the head and the gaps against what each pull brought."""
    lost = [(row.first, row.got - 1) for row in brought if row.got > row.first]
    for first, last in log.gaps:
        if not any(low <= first and last <= high for low, high in lost):
            log.fault(first, f"records {first} to {last} are missing, and were not overwritten on the rig")
    got = [row for row in brought if row.got < row.log_next]
    if got and not log.count:
        log.fault(got[0].got, "records were pulled, and none is left")
        return
    if got and log.first > got[0].got:
        log.fault(got[0].got, f"records {got[0].got} to {log.first - 1} were pulled and are missing")
    if got and log.last < got[-1].log_next - 1:
        log.fault(
            log.last + 1, f"the last pull ended at record {got[-1].log_next - 1}, the store at {log.last}"
        )
    for row in brought:
        link = log.links.get(row.log_next - 1)
        if row.end_link is not None and link is not None and link != row.end_link:
            log.fault(row.log_next - 1, "is not the record with which a pull ended")
