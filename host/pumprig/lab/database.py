"""The lab's database: the records of all rigs in PostgreSQL.

Owns: taking in a message of records, the watermark.
Rules: a record enters only if its seal is right and it follows what the database holds of its source, by number and by
chain; the same record twice is the same as once; the same place with other bytes is a forgery: it is kept apart and
told, and overwrites nothing; the watermark moves in the transaction that stores the records; a source is a site's store
of a device, and two sites that hold the same record share it.
Units: by the columns' endings.
Leaves: the schema to schema.py, what was asked for to books.py, the broker to ingest.py.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pumpwire import documents

from pumprig.errors import PumpError, UsageError
from pumprig.lab import schema
from pumprig.lab.taking import Taking
from pumprig.lab.wire import Ack, Batch, Place
from pumprig.store.known import figures_of
from pumprig.store.record import Record, number_of, place_of

Database = psycopg.Connection[Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000
ZERO_US = 946_684_800_000_000  # 2000, from which PostgreSQL counts
LATEST_US = 4_102_444_800_000_000  # 2100: no clock of a rig is beyond it
_COLUMNS = (
    *("device", "boot", "number", "filed_at", "site", "raw", "event", "mono_us", "at", "calibration_id"),
    *schema.KIND_COLUMNS,
    "text",
)
TYPES = (  # a timestamptz goes over the line as an int8: microseconds since 2000
    *("text", "int8", "int8", "int8", "text", "bytea", "text", "numeric", "int8", "int8"),
    *(["int8"] * len(schema.KIND_COLUMNS)),
    "text",
)
_LIST = ", ".join(_COLUMNS)
INCOMING = f"CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT {_LIST} FROM records WITH NO DATA"
INSERT = f"INSERT INTO records ({_LIST}) SELECT {_LIST} FROM incoming ON CONFLICT DO NOTHING"
Row = tuple[Any, ...]
OF_THE_DATABASE = (  # away, full, read-only, without rights, without its tables: told, and tried again
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,
    psycopg.ProgrammingError,
    psycopg.NotSupportedError,
)


class Lab:
    """A connection to the database; it is opened anew where it was lost."""

    def __init__(self, address: str) -> None:
        """Raises UsageError for what is no address of a database."""
        try:
            conninfo_to_dict(address)
        except psycopg.ProgrammingError as error:
            raise UsageError(
                f"--database is no database's address: {str(error).strip()}.",
                "Nothing was started.",
                "Like postgresql://lab@db.lab/pumprig.",
            ) from None
        self._address = address
        self._db: Database | None = None
        self._days: set[int] = set()  # whose month has its partition

    @contextmanager
    def transaction(self) -> Generator[Database]:
        """All or nothing. Raises PumpError where the database cannot be reached."""
        try:
            if self._db is None or self._db.closed:
                self._db = self._connect()
            with self._db.transaction():
                try:
                    yield self._db
                except BaseException:
                    self._days.clear()  # theirs may be undone, too
                    raise
        except OF_THE_DATABASE as error:
            self.close()
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise PumpError(
                f"The database cannot be used: {why}.",
                "Nothing was stored; the gateways send it again.",
            ) from None

    def _connect(self) -> Database:
        # said, because a database without an encoding would hand texts over as bytes
        db: Database = psycopg.connect(self._address, connect_timeout=5, client_encoding="utf8")
        try:
            schema.migrate(db)
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Give the connection back."""
        if self._db is not None:
            self._db.close()
        self._db = None
        self._days.clear()  # the last commit may not have come through

    def watermark(self, site: str, device: str) -> Ack:
        """The last record that the database holds of a source. Raises PumpError."""
        with self.transaction() as db:
            last, _link, known = _source(db, site, device)
        return Ack(last, documents=known)

    def take(self, site: str, device: str, batch: Batch) -> Ack:
        """A message of records; what to answer. Raises PumpError: nothing was stored."""
        try:
            try:
                return self._take(site, device, batch)
            except psycopg.errors.UniqueViolation:  # somebody beside the ingesters wrote the very same record
                return self._take(site, device, batch, alone=False)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(batch.raws) + (batch.documents is not None) > 1:
                return self._take_halves(site, device, batch)
            # under a right seal, and yet nothing that a rig would write
            why = f"what it says fits no column ({str(error).strip().splitlines()[0]})"
        with self.transaction() as db:
            last, _link, known = _source(db, site, device)
            _keep_apart(db, site, device, why, batch.raws[0] if batch.raws else batch.encode())
        return Ack(last, why, known)

    def _take_halves(self, site: str, device: str, batch: Batch) -> Ack:
        """So that what comes before the one record that fits nowhere is stored, and that one is kept apart."""
        half = len(batch.raws) // 2 if batch.documents is None else 0
        told = self.take(site, device, Batch(batch.after, batch.raws[:half], batch.documents))
        if told.refused:
            return told
        after = place_of(batch.raws[half - 1]) if half else batch.after
        return self.take(site, device, Batch(after, batch.raws[half:]))

    def _take(self, site: str, device: str, batch: Batch, alone: bool = True) -> Ack:
        with self.transaction() as db:
            with db.pipeline():  # questions whose answers are waited for together
                db.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (device,))
                source, there = _ask_source(db, site, device), _ask_held(db, device, batch.raws)
            last, link, known = _told(source)
            if batch.documents is not None and batch.documents.digest != known:
                known = _note_documents(db, site, device, batch)
            held = {(int(boot), int(number)): bytes(raw) for boot, number, raw in there}
            taking = Taking(last, link, batch, held)
            self._insert(db, site, device, taking, alone)
            if taking.last is not None and taking.last != last:
                _note_watermark(db, site, device, taking.last, taking.link)
            if taking.refused is not None:
                _keep_apart(db, site, device, taking.why, taking.refused)
            return Ack(taking.last, taking.why, known)

    def _insert(self, db: Database, site: str, device: str, taking: Taking, alone: bool) -> None:
        """`alone`: the lock on the device keeps every other ingester out, and what was not held is new."""
        if alone:
            self._copy(db, "records", site, device, taking.records())
        else:
            db.execute(INCOMING.encode())
            self._copy(db, "incoming", site, device, taking.records())
            db.execute(INSERT.encode())
        for record in taking.calibrations:
            figures = figures_of(record)
            if figures is not None:
                _note_calibration(db, device, record.calibration_id, figures, True)

    def _copy(self, db: Database, table: str, site: str, device: str, found: Iterator[Record]) -> None:
        """Each record is checked and made a row while the server stores the ones before it."""
        record = next(found, None)
        while record is not None:
            self._find_month(db, record)
            with copying(db, table) as write:
                while record is not None and (at_us := filed_us(record)) // DAY_US in self._days:
                    write(row_of(site, device, record, at_us))
                    record = next(found, None)

    def _find_month(self, db: Database, record: Record) -> None:
        """Before a copy: during one nothing else can be asked."""
        day = filed_us(record) // DAY_US
        if day not in self._days:
            make_month(db, EPOCH + timedelta(days=day))
            self._days.add(day)


def make_month(db: Database, at: datetime) -> None:
    """The partition of a month, where it has none yet."""
    db.execute("SELECT pumprig_month(%s)", (at,))


@contextmanager
def copying(db: Database, table: str) -> Generator[Callable[[Row], None]]:
    """A copy into a table with the columns of `row_of`; yields what takes a row."""
    query = f"COPY {table} ({_LIST}) FROM STDIN WITH (FORMAT BINARY)"
    with db.cursor() as cursor, cursor.copy(query.encode()) as copy:
        copy.set_types(TYPES)
        yield copy.write_row


def copy_in(db: Database, table: str, rows: Iterable[Row]) -> None:
    """Rows of `row_of`, all of them."""
    with copying(db, table) as write:
        for row in rows:
            write(row)


def _source(db: Database, site: str, device: str) -> tuple[Place | None, bytes | None, str]:
    """(watermark, the chain value after it, which documents) of a source, locked until the transaction ends."""
    return _told(_ask_source(db, site, device))


def _ask_source(db: Database, site: str, device: str) -> psycopg.Cursor[Any]:
    db.execute("INSERT INTO sources (site, device) VALUES (%s, %s) ON CONFLICT DO NOTHING", (site, device))
    db.execute("INSERT INTO devices (device, site) VALUES (%s, %s) ON CONFLICT DO NOTHING", (device, site))
    return db.execute(
        "SELECT last_boot, last_number, last_link, documents FROM sources WHERE site = %s AND device = %s FOR UPDATE",
        (site, device),
    )


def _told(source: psycopg.Cursor[Any]) -> tuple[Place | None, bytes | None, str]:
    row = source.fetchone()
    assert row is not None
    last = None if row[1] is None else (int(row[0]), int(row[1]))
    return last, None if row[2] is None else bytes(row[2]), str(row[3])


def _ask_held(db: Database, device: str, raws: list[bytes]) -> psycopg.Cursor[Any]:
    """What is stored already at the places of a message: by one look, and never far more than the message has."""
    numbers = [number_of(raw) for raw in raws] or [-1]
    first, last = min(numbers), max(numbers)
    query = "SELECT boot, number, raw FROM records WHERE device = %s AND number "
    if last - first < 2 * len(numbers):
        return db.execute(f"{query} BETWEEN %s AND %s".encode(), (device, first, last))
    return db.execute(f"{query} = ANY(%s)".encode(), (device, numbers))


def _note_watermark(db: Database, site: str, device: str, last: Place, link: bytes | None) -> None:
    with db.pipeline():
        db.execute(
            "UPDATE sources SET (last_boot, last_number, last_link) = (%s, %s, %s) WHERE site = %s AND device = %s",
            (*last, link, site, device),
        )
        db.execute("UPDATE devices SET site = %s, changes = changes + 1 WHERE device = %s", (site, device))


def _keep_apart(db: Database, site: str, device: str, why: str, raw: bytes) -> None:
    """A forgery, once, with how often it came."""
    db.execute(
        "INSERT INTO refused (site, device, why, raw) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (site, device, md5(why), md5(raw)) DO UPDATE"
        " SET times = refused.times + 1, last_at = clock_timestamp()",
        (site, device, why, raw),
    )


def _note_documents(db: Database, site: str, device: str, batch: Batch) -> str:
    """What the store knows beside its records; a program is believed by its hash alone."""
    assert batch.documents is not None
    for text in batch.documents.programs:
        db.execute(
            "INSERT INTO programs VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (device, documents.digest(text), text),
        )
    for number, *figures in batch.documents.calibrations:
        _note_calibration(db, device, number, (figures[0], figures[1], figures[2]), False)
    for boot, tie_us in batch.documents.ties:
        db.execute(
            "INSERT INTO host_ties VALUES (%s, %s, %s) ON CONFLICT (device, boot) DO UPDATE"
            " SET tie_us = excluded.tie_us",
            (device, boot, tie_us),
        )
    db.execute(
        "UPDATE sources SET documents = %s WHERE site = %s AND device = %s",
        (batch.documents.digest, site, device),
    )
    db.execute("UPDATE devices SET changes = changes + 1 WHERE device = %s", (device,))
    return batch.documents.digest


def _note_calibration(
    db: Database, device: str, number: int, figures: tuple[int, int, int], sealed: bool
) -> None:
    """What a record says stands before what a store has read back; else the first stays."""
    update = (
        "UPDATE SET (step_nl_num, step_nl_den, u_ppm)"
        " = (excluded.step_nl_num, excluded.step_nl_den, excluded.u_ppm)"
    )
    query = "INSERT INTO calibrations VALUES (%s, %s, %s, %s, %s) ON CONFLICT (device, calibration_id) DO "
    db.execute((query + (update if sealed else "NOTHING")).encode(), (device, number, *figures))


def filed_us(record: Record) -> int:
    """The rig's own clock, by which a record is filed; 0 for none, or an absurd one."""
    at_us = record.rig_utc_us
    return at_us if at_us is not None and at_us < LATEST_US else 0


def row_of(site: str, device: str, record: Record, at_us: int) -> Row:
    """A record as its row, in the order of the columns of COPY; `at_us` as `filed_us` says."""
    text = record.text
    if "\0" in text:  # which PostgreSQL's text cannot hold; raw does
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return (
        device,
        record.boot,
        record.number,
        at_us - ZERO_US,
        site,
        record.raw,
        record.event,
        record.mono_us,
        at_us - ZERO_US if at_us else None,
        record.calibration_id,
        *record.counted(),
        text,
    )
