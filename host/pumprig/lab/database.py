"""The lab's database: the records of all rigs in PostgreSQL.

Owns: the schema and its migrations, taking in a message of records, the views.
Rules: a record enters only if its seal is right and it follows what the database holds of its device, by number and by
chain; the same record twice is the same as once; the same place with other bytes is a forgery: it is kept apart and
told, and overwrites nothing; the watermark moves in the transaction that stores the records.
Units: by the columns' endings.
Leaves: the broker to ingest.py, the bytes of a record to pumpwire.records.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from pumpwire import records, spec

from pumprig.errors import PumpError
from pumprig.lab.wire import Ack, Batch, Place
from pumprig.store.known import figures_of
from pumprig.store.record import Record

_KINDS = ", ".join(f"{kind}_steps bigint NOT NULL" for kind in spec.KINDS)
_SIGNED = " + ".join(f"{'-' if kind == 'relief' else ''}{kind}_steps" for kind in spec.KINDS)

MIGRATIONS = (
    f"""
CREATE TABLE devices (
    site text NOT NULL, device text NOT NULL, last_boot bigint, last_number bigint, last_link bytea,
    PRIMARY KEY (site, device)
);
CREATE TABLE records (
    site text NOT NULL, device text NOT NULL, boot bigint NOT NULL, number bigint NOT NULL,
    place bigint GENERATED ALWAYS AS IDENTITY, raw bytea NOT NULL, event text NOT NULL, mono_us bigint NOT NULL,
    at timestamptz, calibration_id bigint NOT NULL, {_KINDS}, text text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (site, device, boot, number)
);
CREATE INDEX records_by_time ON records (site, device, at);
CREATE TABLE calibrations (
    site text NOT NULL, device text NOT NULL, calibration_id bigint NOT NULL, step_nl_num numeric NOT NULL,
    step_nl_den numeric NOT NULL, u_ppm bigint NOT NULL, PRIMARY KEY (site, device, calibration_id)
);
CREATE TABLE refused (
    site text NOT NULL, device text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(), why text NOT NULL,
    raw bytea NOT NULL
);
CREATE VIEW steps AS
    SELECT site, device, boot, number, place, at, calibration_id, event,
        {_SIGNED} - lag({_SIGNED}, 1, 0::bigint) OVER (PARTITION BY site, device ORDER BY place) AS steps
    FROM records;
CREATE VIEW delivered_by_hour AS
    SELECT s.site, s.device, date_trunc('hour', s.at) AS hour, sum(s.steps) AS steps,
        sum(s.steps * c.step_nl_num / c.step_nl_den) AS delivered_nl,
        sum(s.steps) FILTER (WHERE c.calibration_id IS NULL) AS steps_without_calibration
    FROM steps s LEFT JOIN calibrations c USING (site, device, calibration_id)
    GROUP BY s.site, s.device, date_trunc('hour', s.at);
""",
)
_COLUMNS = (
    *("site", "device", "boot", "number", "raw", "event", "mono_us", "at", "calibration_id"),
    *(f"{kind}_steps" for kind in spec.KINDS),
    "text",
)
INSERT = (
    f"INSERT INTO records ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))})"
    " ON CONFLICT DO NOTHING"
)
LOCK = 0x70756D70  # of the migrations: one ingester at a time


class Lab:
    """A connection to the database; it is opened anew where it was lost."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._db: psycopg.Connection[Any] | None = None

    @contextmanager
    def transaction(self) -> Generator[psycopg.Connection[Any]]:
        """All or nothing. Raises PumpError where the database cannot be reached."""
        try:
            if self._db is None or self._db.closed:
                self._db = psycopg.connect(self._address, connect_timeout=5)
                _migrate(self._db)
            with self._db.transaction():
                yield self._db
        except psycopg.OperationalError as error:
            self.close()
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise PumpError(
                f"The database cannot be used: {why}.",
                "Nothing was stored; the gateways send it again.",
            ) from None

    def close(self) -> None:
        """Give the connection back."""
        if self._db is not None:
            self._db.close()
        self._db = None

    def watermark(self, site: str, device: str) -> Place | None:
        """The last record that the database holds of a device. Raises PumpError."""
        with self.transaction() as db:
            row = db.execute(
                "SELECT last_boot, last_number FROM devices WHERE site = %s AND device = %s", (site, device)
            ).fetchone()
        return None if row is None or row[1] is None else (int(row[0]), int(row[1]))

    def take(self, site: str, device: str, batch: Batch) -> Ack:
        """A message of records; what to answer. Raises PumpError: nothing was stored."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO devices (site, device) VALUES (%s, %s) ON CONFLICT DO NOTHING", (site, device)
            )
            row = db.execute(
                "SELECT last_boot, last_number, last_link FROM devices WHERE site = %s AND device = %s FOR UPDATE",
                (site, device),
            ).fetchone()
            assert row is not None
            last: Place | None = None if row[1] is None else (int(row[0]), int(row[1]))
            link = None if row[2] is None else bytes(row[2])
            after = batch.after
            rows: list[tuple[Any, ...]] = []
            calibrated: list[tuple[Any, ...]] = []
            for raw in batch.raws:
                why, record = _read(raw)
                if record is None:
                    return _refuse(db, site, device, last, raw, why)
                here = (record.boot, record.number)
                if self._known(db, site, device, here, raw, last):
                    after = here
                    continue
                if after != last:
                    return Ack(last)  # something is missing before it: the gateway begins again from here
                if (
                    last is not None
                    and record.number == last[1] + 1
                    and link is not None
                    and record.chain != link
                ):
                    return _refuse(
                        db, site, device, last, raw, f"record {record.number} does not follow its chain"
                    )
                if self._differs(db, site, device, here):
                    return _refuse(
                        db, site, device, last, raw, f"record {record.number} is there with other bytes"
                    )
                rows.append(_row(site, device, record))
                figures = figures_of(record)
                if figures is not None:
                    calibrated.append((site, device, record.calibration_id, *figures))
                last, after, link = here, here, records.link(raw)
            if rows:
                with db.cursor() as cursor:
                    cursor.executemany(cast(Any, INSERT), rows)
                    cursor.executemany(
                        "INSERT INTO calibrations VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                        calibrated,
                    )
                assert last is not None
                db.execute(
                    "UPDATE devices SET (last_boot, last_number, last_link) = (%s, %s, %s)"
                    " WHERE site = %s AND device = %s",
                    (*last, link, site, device),
                )
            return Ack(last)

    def _known(
        self, db: psycopg.Connection[Any], site: str, device: str, here: Place, raw: bytes, last: Place | None
    ) -> bool:
        """Whether this very record is stored: a message that came twice."""
        if last is None or here > last:
            return False
        found = db.execute(
            "SELECT raw FROM records WHERE site = %s AND device = %s AND boot = %s AND number = %s",
            (site, device, *here),
        ).fetchone()
        return found is not None and bytes(found[0]) == raw

    def _differs(self, db: psycopg.Connection[Any], site: str, device: str, here: Place) -> bool:
        found = db.execute(
            "SELECT 1 FROM records WHERE site = %s AND device = %s AND boot = %s AND number = %s",
            (site, device, *here),
        ).fetchone()
        return found is not None


def _read(raw: bytes) -> tuple[str, Record | None]:
    try:
        record = Record(raw)
        record.text.encode()
    except (records.RecordError, ValueError) as error:
        return f"its seal is broken ({error})", None
    if record.raw != raw:
        return "something follows its seal", None
    return "", record


def _refuse(
    db: psycopg.Connection[Any], site: str, device: str, last: Place | None, raw: bytes, why: str
) -> Ack:
    """Keep a forgery apart. What came before it in the same message is not stored either: it comes again."""
    db.execute(
        "INSERT INTO refused (site, device, why, raw) VALUES (%s, %s, %s, %s)", (site, device, why, raw)
    )
    row = db.execute(
        "SELECT last_boot, last_number FROM devices WHERE site = %s AND device = %s", (site, device)
    ).fetchone()
    held = None if row is None or row[1] is None else (int(row[0]), int(row[1]))
    return Ack(held, why)


def _row(site: str, device: str, record: Record) -> tuple[Any, ...]:
    from datetime import UTC, datetime, timedelta

    at = (
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=record.rig_utc_us)
        if record.rig_utc_us
        else None
    )
    _header, state, _text = records.unpack(record.raw)
    steps = [state[f"{kind}_steps"] for kind in spec.KINDS]
    facts = (record.boot, record.number, record.raw, record.event, record.mono_us, at, record.calibration_id)
    return (site, device, *facts, *steps, record.text)


def _migrate(db: psycopg.Connection[Any]) -> None:
    """Bring the schema up to date, one ingester at a time."""
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        db.execute("CREATE TABLE IF NOT EXISTS pumprig_schema (version integer NOT NULL)")
        row = db.execute("SELECT max(version) FROM pumprig_schema").fetchone()
        version = int(row[0] or 0) if row else 0
        for number, statements in enumerate(MIGRATIONS[version:], version + 1):
            db.execute(statements.encode())
            db.execute("INSERT INTO pumprig_schema VALUES (%s)", (number,))
