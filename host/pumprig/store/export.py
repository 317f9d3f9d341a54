"""The log as CSV, JSON Lines or Parquet.

Owns: the exported columns and the three formats.
Rules: one row a record, in the order of numbers; integers stay integers; a file appears whole or not at all; no text
of a CSV is a formula to a spreadsheet.
Callers: the commands `log export` and `log show --json`.
Units: by the columns' names.
Leaves: reading records to ledger.py.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pumpwire import spec

from pumprig.errors import PumpError
from pumprig.extras import to_install
from pumprig.quantities import iso
from pumprig.shown import cell
from pumprig.store.ledger import Record
from pumprig.store.totals import nl_of

FORMATS = ("csv", "jsonl", "parquet")
BATCH_ROWS = 5_000


def row_of(device_id: str, record: Record, calibrations: dict[int, tuple[int, int, int]]) -> dict[str, Any]:
    """One record as a flat row; delivered_nl is null where the calibration's figures are not known."""
    calibration = calibrations.get(record.calibration_id)
    delivered = None
    if calibration is not None:
        since = nl_of(record.net_steps - record.state["base_steps"], calibration)
        delivered = record.state["delivered_base_nl"] + since
    steps = record.kind_steps()
    return {
        "device_id": device_id,
        "boot": record.boot,
        "number": record.number,
        "time": iso(record.at_utc_us),
        "mono_us": record.mono_us,
        "event": record.event,
        "text": record.text,
        "mode": spec.MODES[record.state["mode"]],
        "calibration_id": record.calibration_id,
        "delivered_steps": record.net_steps,
        "delivered_nl": delivered,
        **{f"{kind}_steps": steps[kind] for kind in spec.KINDS},
        "assumed_steps": record.state["assumed_steps"],
        "last_seq": record.state["last_seq"],
        "alarms": record.state["alarms"],
    }


def export(rows: Iterable[dict[str, Any]], form: str, path: Path) -> int:
    """Write rows to a file; returns how many. Raises PumpError: no disk space, no permission, no pyarrow."""
    writers = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}
    part = path.with_name(path.name + ".part")
    try:
        count = writers[form](rows, part)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise PumpError(
            f"{path} cannot be written: {error.strerror or error}.",
            "No file was made.",
            "Choose another place with -o.",
        ) from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return count


def _csv(rows: Iterable[dict[str, Any]], path: Path) -> int:
    count = 0
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow({name: cell(value) for name, value in row.items()})
            count += 1
    return count


def _jsonl(rows: Iterable[dict[str, Any]], path: Path) -> int:
    count = 0
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def _parquet(rows: Iterable[dict[str, Any]], path: Path) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise PumpError(
            "Parquet needs the package pyarrow, which is not installed.",
            "No file was made.",
            f"`{to_install('parquet')}`, or use --format csv or jsonl.",
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
            writer = writer or parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
            batch.clear()

    for row in rows:
        batch.append(row)
        count += 1
        if len(batch) >= BATCH_ROWS:
            flush()
    flush()
    if writer is None:
        raise PumpError("There is no record to export.", "No file was made.", "`pumprig log pull` first.")
    writer.close()
    return count


def _schema(arrow: Any, names: list[str]) -> Any:
    texts = ("device_id", "time", "event", "text", "mode")
    return arrow.schema([(name, arrow.string() if name in texts else arrow.int64()) for name in names])
