"""What was asked for and not given, by hour, rig and kind: the store's own account, kept in the lab's database.

Owns: the tables accounts and not_given_by_hour, and the dates of records whose rig had no right clock.
Rules: one rule for a bench and for a lab: the account of store/asked.py over the records of `log total`, told apart by
hour; what the database does not know (a program, a calibration) is said, never filled in; the books of a device are
made whole in one transaction, and made again when something of it has come.
Units: nL, seconds, microseconds UTC.
Leaves: delivered volumes to the views of schema.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, cast

from pumpwire import spec

from pumprig.errors import PumpError, StoreError
from pumprig.lab.database import EPOCH, LATEST_US, Database, Lab
from pumprig.store.asked import Account
from pumprig.store.dates import Boot
from pumprig.store.not_given import Reason
from pumprig.store.record import Record

HOUR_US = 3_600_000_000
PAUSE_S = 2.0
SHARE = 10  # of the time at the most one part goes into making books
Key = tuple[int | None, str, str, str]  # hour (us UTC), kind, why, name

TOLD = """
SELECT raw FROM records r WHERE device = %(device)s AND (event <> 'checkpoint'
    OR (number, boot) IN (SELECT max(number), boot FROM records WHERE device = %(device)s GROUP BY boot)
    OR (number, boot) IN (SELECT number, boot FROM records WHERE device = %(device)s ORDER BY number, boot LIMIT 1))
ORDER BY number, boot
"""
REDATE = """
UPDATE records SET at = mended.at FROM (
    SELECT boot, number, filed_at, CASE WHEN filed_at > %(epoch)s THEN filed_at
        WHEN %(tie)s::bigint IS NOT NULL THEN %(epoch)s + (mono_us + %(tie)s) * interval '1 microsecond' END
        + coalesce((SELECT sum(moved) FROM unnest(%(when)s::bigint[], %(moved)s::bigint[]) AS jump (at_us, moved)
            WHERE jump.at_us > mono_us), 0) * interval '1 microsecond' AS at
    FROM records WHERE device = %(device)s AND boot = %(boot)s) AS mended
WHERE records.device = %(device)s AND records.boot = mended.boot AND records.number = mended.number
    AND records.filed_at = mended.filed_at AND records.at IS DISTINCT FROM mended.at
"""


class Entries:
    """Amounts that were not given, added up by hour, kind and reason."""

    def __init__(self) -> None:
        self.rows: dict[Key, list[float]] = {}

    def take(self, at_us: int | None, kind: str, reason: Reason, nl: float, for_s: float, times: int) -> None:
        """One amount, as the account tells it."""
        hour_us = None if at_us is None else at_us - at_us % HOUR_US
        row = self.rows.setdefault(
            (hour_us, kind if kind in spec.KINDS else "single", *reason), [0.0, 0.0, 0]
        )
        row[0] += nl
        row[1] += for_s
        row[2] += times


def dated(found: Iterable[Record], ties: dict[int, int]) -> tuple[list[Record], dict[int, Boot]]:
    """Records in the order of numbers, with the dates that a store would give them."""
    taken = list(found)
    boots: dict[int, Boot] = {}
    for record in taken:
        boots.setdefault(record.boot, Boot()).hear(record)
    for record in taken:
        boot = boots[record.boot]
        at_us = boot.date(record.mono_us, record.rig_utc_us, ties.get(record.boot))
        record.at_utc_us = at_us if at_us is not None and 0 <= at_us < LATEST_US else None
    return taken, boots


def make(lab: Lab, device: str) -> None:
    """The books of a device, anew. Raises PumpError."""
    with lab.transaction() as db:
        row = db.execute("SELECT changes FROM devices WHERE device = %s", (device,)).fetchone()
        if row is None:
            return
        ties = dict(db.execute("SELECT boot, tie_us FROM host_ties WHERE device = %s", (device,)).fetchall())
        raws = db.execute(TOLD.encode(), {"device": device}).fetchall()
        found, boots = dated((Record(bytes(raw[0])) for raw in raws), ties)
        _date(db, device, boots, ties)
        figures = db.execute(
            "SELECT calibration_id, step_nl_num, step_nl_den, u_ppm FROM calibrations WHERE device = %s",
            (device,),
        )
        calibrations = {int(number): (int(num), int(den), int(ppm)) for number, num, den, ppm in figures}
        texts = db.execute("SELECT text FROM programs WHERE device = %s", (device,)).fetchall()
        account = Account.of(calibrations, (str(text[0]) for text in texts))
        entries = Entries()
        account.book, account.every_us = entries.take, HOUR_US
        for record in found:
            account.take(record)
        account.end()
        _write(db, device, int(row[0]), account, entries)


def _date(db: Database, device: str, boots: dict[int, Boot], ties: dict[int, int]) -> None:
    for number, boot in boots.items():
        if not boot.plain:
            sane = [(at_us, by_us) for at_us, by_us in boot.jumps if max(at_us, abs(by_us)) < LATEST_US]
            jumps: dict[str, Any] = {"when": [row[0] for row in sane], "moved": [row[1] for row in sane]}
            tie = boot.tie_us if boot.tie_us is not None else ties.get(number)
            known = {"device": device, "boot": number, "tie": tie, "epoch": EPOCH}
            db.execute(REDATE.encode(), known | jumps)


def _write(db: Database, device: str, changes: int, account: Account, entries: Entries) -> None:
    db.execute("DELETE FROM not_given_by_hour WHERE device = %s", (device,))
    with db.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO not_given_by_hour VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    device,
                    None if hour is None else EPOCH + timedelta(microseconds=hour),
                    kind,
                    why,
                    name,
                    *row,
                )
                for (hour, kind, why, name), row in cast("dict[Any, list[float]]", entries.rows).items()
            ],
        )
    unknown_s = sum(account.booked.unknown_s().values())
    db.execute(
        "INSERT INTO accounts VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (device) DO UPDATE SET (changes, asked_known,"
        " unknown_requests, unknown_s, step_nl, booked_at) = (excluded.changes, excluded.asked_known,"
        " excluded.unknown_requests, excluded.unknown_s, excluded.step_nl, excluded.booked_at)",
        (device, changes, not unknown_s, account.booked.unknown_requests(), unknown_s, account.step_nl()),
    )


class Keeper:
    """Makes the books of every device that has changed, in a thread and over a connection of its own."""

    def __init__(self, database: str, say: Callable[[str], None]) -> None:
        self._lab = Lab(database)
        self._say = say
        self._stuck: dict[str, str] = {}
        self._trouble = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Finish the books at hand, and stop."""
        self._ended.set()
        self._thread.join()
        self._lab.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            begun_s, trouble = time.monotonic(), ""
            try:
                for device in due(self._lab):
                    if not self._ended.is_set():
                        self._make(device)
            except PumpError as error:
                trouble = f"books: {error.happened}"
            if trouble != self._trouble:
                self._trouble = trouble
                self._say(trouble or "books: the database can be used again")
            self._ended.wait(max(PAUSE_S, SHARE * (time.monotonic() - begun_s)))

    def _make(self, device: str) -> None:
        """One rig's books never stop those of the others. Raises PumpError."""
        try:
            make(self._lab, device)
        except Exception as error:
            if isinstance(error, PumpError) and not isinstance(error, StoreError):
                raise
            told = f"books of {device} cannot be made: {type(error).__name__}: {error}"
            if self._stuck.get(device) != told:
                self._stuck[device] = told
                self._say(told)


def due(lab: Lab) -> list[str]:
    """Devices whose books are older than what the database holds of them. Raises PumpError."""
    with lab.transaction() as db:
        rows = db.execute(
            "SELECT d.device FROM devices d LEFT JOIN accounts a USING (device)"
            " WHERE d.changes IS DISTINCT FROM a.changes ORDER BY d.device"
        ).fetchall()
    return [str(row[0]) for row in rows]
