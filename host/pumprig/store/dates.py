"""When a record was made, by the best clock that is known of it by now.

Owns: the column at_utc_us of the records.
Rules: the rig's own time since its boot orders a boot's records and spaces them; what ties it to UTC is the rig's clock
where that was set in this boot, else the newest pull's; where the rig's clock was later moved by more than a
minute, it was wrong before, and what it dated moves with it; a small correction is drift and moves nothing.
Units: microseconds UTC; mono_us since the rig's boot.
Leaves: setting the rig's clock to the commands.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass, field

from pumprig.store.record import Record

WRONG_US = 60_000_000


def jump_us(record: Record) -> int:
    """By how much a record says that the clock was wrong until then; 0 for any other record."""
    if record.event != "clock":
        return 0
    for word in record.text.split(" "):
        name, _equals, value = word.partition("=")
        if name == "moved_us" and value.lstrip("-").isdigit() and abs(int(value)) > WRONG_US:
            return int(value)
    return 0


def date_new(db: sqlite3.Connection, device_id: str, new: list[Record]) -> None:
    """Date records that are about to be stored, in the order of numbers; the first of a boot with a clock dates
    those before it, too."""
    tied: set[int] = set()
    for i, record in enumerate(new):
        if record.rig_utc_us is None:
            tie = db.execute(
                "SELECT host_utc_us - mono_us FROM pulls WHERE device_id = ? AND boot = ? ORDER BY id DESC LIMIT 1",
                (device_id, record.boot),
            ).fetchone()
            record.at_utc_us = record.mono_us + int(tie[0]) if tie else None
        elif record.boot not in tied:
            tied.add(record.boot)
            _tie_to_clock(db, device_id, record, new[:i])


def _tie_to_clock(db: sqlite3.Connection, device_id: str, record: Record, before: list[Record]) -> None:
    assert record.rig_utc_us is not None
    tie_us = record.rig_utc_us - record.mono_us
    for other in before:
        if other.boot == record.boot and other.rig_utc_us is None:
            other.at_utc_us = other.mono_us + tie_us
    last = db.execute(
        "SELECT utc_us FROM records WHERE device_id = ? AND boot = ? AND number < ? ORDER BY number DESC LIMIT 1",
        (device_id, record.boot, record.number),
    ).fetchone()
    if last is not None and last[0] is None:
        db.execute(
            "UPDATE records SET at_utc_us = mono_us + ? "
            "WHERE device_id = ? AND boot = ? AND number < ? AND utc_us IS NULL",
            (tie_us, device_id, record.boot, record.number),
        )


def take(db: sqlite3.Connection, device_id: str, record: Record) -> None:
    """A record that was just stored may say that the clock was wrong: date anew what came before it in its boot."""
    moved_us = jump_us(record)
    if moved_us:
        db.execute(
            "UPDATE records SET at_utc_us = at_utc_us + ? "
            "WHERE device_id = ? AND boot = ? AND number < ? AND mono_us < ?",
            (moved_us, device_id, record.boot, record.number, record.mono_us),
        )


def tie_to_host(db: sqlite3.Connection, device_id: str, boot: int, offset_us: int) -> None:
    """Date a boot that has no clock of its own by a pull's: host UTC minus the rig's time since its boot."""
    last = db.execute(
        "SELECT utc_us FROM records WHERE device_id = ? AND boot = ? ORDER BY number DESC LIMIT 1",
        (device_id, boot),
    ).fetchone()
    if last is not None and last[0] is None:
        db.execute(
            "UPDATE records SET at_utc_us = mono_us + ? WHERE device_id = ? AND boot = ?",
            (offset_us, device_id, boot),
        )


@dataclass
class Boot:
    """What one boot's records say of their clock."""

    tie_us: int | None = None  # UTC minus mono_us at the first record with a clock
    jumps: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # (mono_us, moved_us)
    plain: bool = True  # every record has the clock's own time, and the clock was never wrong

    def hear(self, record: Record) -> None:
        """Take a record, in the order of numbers."""
        if record.rig_utc_us is None:
            self.plain = False
        elif self.tie_us is None:
            self.tie_us = record.rig_utc_us - record.mono_us
        moved_us = jump_us(record)
        if moved_us:
            self.plain = False
            self.jumps.append((record.mono_us, moved_us))

    def date(self, mono_us: int, rig_utc_us: int | None, host_tie_us: int | None) -> int | None:
        """When a record of this boot was made."""
        at_us = rig_utc_us
        if at_us is None:
            tie_us = self.tie_us if self.tie_us is not None else host_tie_us
            if tie_us is None:
                return None
            at_us = mono_us + tie_us
        return at_us + sum(moved_us for jump_at_us, moved_us in self.jumps if jump_at_us > mono_us)


def date_all(db: sqlite3.Connection) -> None:
    """Date every record of a store from before there were mended dates."""
    db.execute("UPDATE records SET at_utc_us = utc_us")
    for device_id, boot in db.execute(
        "SELECT DISTINCT device_id, boot FROM records WHERE utc_us IS NULL"
    ).fetchall():
        first = db.execute(
            "SELECT utc_us - mono_us FROM records WHERE device_id = ? AND boot = ? AND utc_us IS NOT NULL "
            "ORDER BY number LIMIT 1",
            (device_id, boot),
        ).fetchone()
        tie_us = int(first[0]) if first else host_ties(db, str(device_id)).get(int(boot))
        if tie_us is not None:
            db.execute(
                "UPDATE records SET at_utc_us = mono_us + ? WHERE device_id = ? AND boot = ? AND utc_us IS NULL",
                (tie_us, device_id, boot),
            )
    clocks = "SELECT device_id, raw FROM records WHERE event = 'clock' ORDER BY number"
    for device_id, raw in db.execute(clocks).fetchall():
        with suppress(ValueError):  # damaged: `log verify` names it
            take(db, str(device_id), Record(bytes(raw)))


def host_ties(db: sqlite3.Connection, device_id: str) -> dict[int, int]:
    """{boot of the device: host UTC minus the rig's time since its boot}, from each boot's newest pull."""
    rows = db.execute(
        "SELECT boot, host_utc_us - mono_us FROM pulls WHERE device_id = ? ORDER BY id", (device_id,)
    )
    return {int(boot): int(tie_us) for boot, tie_us in rows}
