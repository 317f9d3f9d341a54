"""The log as CSV, JSON Lines or Parquet.

Owns: the exported columns and the three formats.
Rules: one row a record, in the order of numbers; integers stay integers; times are real timestamps where the format
has them; names stand instead of bit masks and packed words; a file appears whole or not at all; no text of a CSV is a
formula to a spreadsheet.
Units: by the columns' names.
Leaves: reading records to ledger.py.
"""

from __future__ import annotations

import codecs
import csv
import json
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from pumpwire import documents, identity, spec
from pumpwire.program import base_rate

from pumprig.errors import PumpError, UsageError
from pumprig.extras import to_install
from pumprig.quantities import EPOCH, iso
from pumprig.shown import cell
from pumprig.store.database import Store
from pumprig.store.ledger import Record
from pumprig.store.record import fields_of
from pumprig.store.totals import nl_of
from pumprig.store.under_way import titrated_us
from pumprig.wholefile import whole

FORMATS = ("csv", "jsonl", "parquet")
BATCH_ROWS = 5_000
TEXTS = ("device_id", "event", "text", "fields", "mode", "program", "program_name")
LISTS = ("alarms", "acknowledged")


class Rows:
    """Records of one device as flat rows; what the store does not know of a record is null."""

    def __init__(self, store: Store, device_id: str) -> None:
        self._device_id = device_id
        self._calibrations = store.calibrations(device_id)
        texts = {documents.digest(text): text for text in store.programs(device_id).values()}
        self._hashes = {int(digest[:8], 16): digest for digest in texts}
        self._programs: dict[int, dict[str, Any]] = {}
        for digest, text in texts.items():
            try:
                self._programs[int(digest[:8], 16)] = documents.parse(text)
            except documents.DocumentError:
                continue  # of another version of pumprig: its hash stands, its rate is not known

    def step_nl(self, record: Record) -> float:
        """Volume of a step under a record's calibration, 0 where it is not known."""
        num, den, _u_ppm = self._calibrations.get(record.calibration_id, (0, 1, 0))
        return num / den

    def of(self, record: Record) -> dict[str, Any]:
        """One record. `time` is a datetime or None."""
        state = record.state
        calibration = self._calibrations.get(record.calibration_id)
        delivered = reservoir = None
        if calibration is not None:
            delivered = state["delivered_base_nl"] + nl_of(
                record.net_steps - state["base_steps"], calibration
            )
            reservoir = max(
                0, state["reservoir_base_nl"] - (delivered - state["reservoir_base_delivered_nl"])
            )
        half = state["program_hash"]
        program = self._programs.get(half)
        steps = record.kind_steps()
        return {
            "device_id": self._device_id,
            "simulated": identity.is_simulated(self._device_id),
            "boot": record.boot,
            "number": record.number,
            "time": moment(record.at_utc_us),
            "mono_us": record.mono_us,
            "event": record.event,
            "text": record.text,
            "fields": fields_of(record.text),
            "mode": spec.MODES[state["mode"]] if state["mode"] < len(spec.MODES) else f"mode {state['mode']}",
            "program": self._hashes.get(half, f"{half:08x}") if half else None,
            "program_name": program["name"] if program else None,
            "base_rate_nl_per_h": self._rate(program, record),
            "calibration_id": record.calibration_id,
            "delivered_steps": record.net_steps,
            "delivered_nl": delivered,
            "reservoir_nl": reservoir,
            **{f"{kind}_steps": steps[kind] for kind in spec.KINDS},
            "assumed_steps": state["assumed_steps"],
            "last_seq": state["last_seq"],
            "alarms": alarm_names(state["alarms"]),
            "acknowledged": alarm_names(state["acked"]),
        }

    def _rate(self, program: dict[str, Any] | None, record: Record) -> float | None:
        """What the program's base flow is at a record, by the rig's own clock; None where that is not known."""
        if record.state["mode"] != spec.MODES.index("running"):
            return 0.0
        if program is None:
            return None
        rate, _holds_us = base_rate(program, titrated_us(record), record.rig_utc_us or 0)
        return rate / 24


def moment(utc_us: int | None) -> datetime | None:
    """Microseconds UTC as a time."""
    return None if utc_us is None else EPOCH + timedelta(microseconds=utc_us)


def alarm_names(mask: int) -> list[str]:
    """The alarms of a bit mask, by name."""
    return [row[1] for row in spec.alarms() if row[1] and mask >> row[0] & 1]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row for JSON: times as ISO 8601."""
    return {**row, "time": row["time"] and iso_of(row["time"])}


def iso_of(at: datetime) -> str:
    """A time as ISO 8601 UTC."""
    return iso(round((at - EPOCH) / timedelta(microseconds=1))) or ""


def form_of(chosen: str | None, path: Path) -> str:
    """The format: as named, else by the file's suffix. Raises UsageError."""
    known = {**{f".{form}": form for form in FORMATS}, ".json": "jsonl", ".ndjson": "jsonl", ".pq": "parquet"}
    by_suffix = known.get(path.suffix.lower())
    if chosen is not None:
        if by_suffix is not None and by_suffix != chosen:
            raise UsageError(
                f"--format {chosen} does not fit the file's name {path.name}.",
                "No file was made.",
                "Leave --format out, or name the file accordingly.",
            )
        return chosen
    if by_suffix is None:
        raise UsageError(
            f"The format of '{path}' does not follow from its name.",
            "No file was made.",
            f"End it in .csv, .jsonl or .parquet, or name one with --format ({', '.join(FORMATS)}).",
        )
    return by_suffix


def export(rows: Iterable[dict[str, Any]], form: str, path: Path | None) -> int:
    """Write rows to a file, or to stdout; returns how many. Raises PumpError: no space, no permission, no pyarrow."""
    writers: dict[str, Callable[[Iterable[dict[str, Any]], IO[bytes]], int]] = {
        "csv": _csv,
        "jsonl": _jsonl,
        "parquet": _parquet,
    }
    if path is None:
        sys.stdout.flush()
        count = writers[form](rows, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return _some(count)
    try:
        with whole(path) as file:
            return _some(writers[form](rows, file))
    except OSError as error:
        raise PumpError(
            f"{path} cannot be written: {error.strerror or error}.",
            "No file was made.",
            "Choose another place with -o.",
        ) from None


def _some(count: int) -> int:
    """An export of nothing is a failure, not an empty file."""
    if not count:
        raise PumpError(
            "There is no record to export.",
            "No file was made.",
            "`pumprig log pull` first, or name another time.",
        )
    return count


def _csv(rows: Iterable[dict[str, Any]], file: IO[bytes]) -> int:
    text = codecs.getwriter("utf-8")(file)  # which leaves the file open, whatever fails
    count = 0
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(text, list(row))
            writer.writeheader()
        told = {**plain(row), "fields": json.dumps(row["fields"], ensure_ascii=False)}
        told["simulated"] = "true" if row["simulated"] else "false"
        told |= {name: ";".join(row[name]) for name in LISTS}
        writer.writerow({name: cell(value) for name, value in told.items()})
        count += 1
    return count


def _jsonl(rows: Iterable[dict[str, Any]], file: IO[bytes]) -> int:
    count = 0
    for row in rows:
        file.write(json.dumps(plain(row), ensure_ascii=False).encode() + b"\n")
        count += 1
    return count


def _parquet(rows: Iterable[dict[str, Any]], file: IO[bytes]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise PumpError(
            "Parquet needs the package pyarrow, which is not installed.",
            "No file was made.",
            f"`{to_install('parquet')}`, or end the file's name in .csv or .jsonl.",
        ) from None
    arrow: Any = pa
    parquet: Any = pq
    writer: Any = None
    count = 0
    batch: list[dict[str, Any]] = []

    def flush() -> None:
        nonlocal writer
        if batch:
            table = arrow.Table.from_pylist(batch, schema=_schema(arrow, list(batch[0])))
            writer = writer or parquet.ParquetWriter(file, table.schema)
            writer.write_table(table)
            batch.clear()

    for row in rows:
        batch.append({**row, "fields": json.dumps(row["fields"], ensure_ascii=False)})
        count += 1
        if len(batch) >= BATCH_ROWS:
            flush()
    flush()
    if writer is not None:
        writer.close()
    return count


def _schema(arrow: Any, names: list[str]) -> Any:
    kinds: dict[str, Any] = {
        "simulated": arrow.bool_(),
        "time": arrow.timestamp("us", tz="UTC"),
        "base_rate_nl_per_h": arrow.float64(),
        **dict.fromkeys(TEXTS, arrow.string()),
        **dict.fromkeys(LISTS, arrow.list_(arrow.string())),
    }
    return arrow.schema([(name, kinds.get(name, arrow.int64())) for name in names])
