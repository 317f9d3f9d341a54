"""A weighing from a file: ours as CSV, or somebody else's with the options that say how.

Owns: the ways into a Weighing: the fast one through a clean file, the slow one row by row, and foreign files.
Rules: a cell is understood or its row is named; nothing is guessed; where nothing can be read, the reason is told.
Units: t_s seconds, mass_g grams; rows are lines from 1.
Leaves: our header to csvrows.py, other tables to sheet.py and foreign.py, jumps and stuck readings to screen.py.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumprig.calibration import cells as forms
from pumprig.calibration import csvrows, foreign, sheet
from pumprig.calibration.weighing import (
    COLUMNS,
    MAX_REJECTED_SHARE,
    Floats,
    Rejection,
    Weighing,
    WeighingError,
    refuse,
)

AS_OURS = foreign.ReadAs()


def read_file(path: str | Path, how: foreign.ReadAs = AS_OURS) -> Weighing:
    """Read a weighing: CSV (header `t_s,mass_g[,temp_c,rh_pct,pressure_hpa,steps]`, `# key: value` lines), or whatever
    table `how` says, as text or as .xlsx.

    Raises WeighingError, naming the row, for a file that is empty, has no header, holds kilograms, mixes its decimal
    mark with its separator, runs back in time, or has more than 5 % of rows that are no readings.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise WeighingError(
            f"{file}: {error.strerror or error}.", "Nothing was computed.", "Check the path."
        ) from error
    return parse(data, file.name, how)


def parse(data: bytes, name: str, how: foreign.ReadAs = AS_OURS) -> Weighing:
    """As `read_file`, from the bytes of a file; `name` is used in messages."""
    if data[:4] == b"PK\x03\x04":
        table = sheet.sheet_of_xlsx(data, name)
    else:
        text = sheet.text_of(data, name)
        if not how.columns and csvrows.is_ours(text):
            return _ours(text, data, name, how)
        table = sheet.sheet_of_text(text, name)
    found = foreign.weighing_of(table, hashlib.sha256(data).hexdigest(), how)
    _check(found, len(table.rows))
    _cut(found, how)
    return found


def _ours(text: str, data: bytes, name: str, how: foreign.ReadAs) -> Weighing:
    head = csvrows.read_head(text, name)
    table, rows = _fast(text, head)
    rejected: list[Rejection] = []
    if table is None:
        table, rows, rejected = csvrows.read_rows(text, head, name)
    if not len(table):
        _refuse_all(name, rejected)
    columns = {column: table[:, at] for at, column in enumerate(head.columns) if column in COLUMNS}
    if how.unit:
        if foreign.UNITS[how.unit][0] != "mass":
            raise refuse(
                name, f"`--unit {how.unit}` is no unit of a mass, and the column is mass_g.", "Leave it away."
            )
        head.mass_scale = foreign.UNITS[how.unit][1]
    if (dates := forms.numbered_dates(columns["t_s"])) is not None:
        raise refuse(
            name,
            f"row {int(rows[0])}: t_s begins with {columns['t_s'][0]:.12g}: these are no seconds but {dates[0]} "
            f"({dates[2]:%Y-%m-%d %H:%M:%S}).",
            "Write seconds, or rename the column: one that is not called t_s is read by --time.",
        )
    sign = -1.0 if how.falling else 1.0
    weighing = Weighing(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        row=rows,
        t_s=columns["t_s"],
        mass_g=columns["mass_g"] * (sign * head.mass_scale),
        ambient={key: columns[key] for key in (*COLUMNS[2:5], *COLUMNS[6:]) if key in columns},
        steps=columns.get("steps"),
        numbers=head.numbers,
        texts=head.texts,
        rows_of_keys=head.rows_of_keys,
        rejected=rejected,
        warnings=list(head.warnings),
        falling=how.falling,
    )
    whole: Any = np.isfinite(table).all(axis=1)
    weighing.reject(~whole, "a cell is not a finite number")
    _check(weighing, len(table) + sum(len(r.rows) for r in rejected))
    _cut(weighing, how)
    return weighing


def _cut(weighing: Weighing, how: foreign.ReadAs) -> None:
    """Keep the part that --from and --to name. Raises WeighingError where it is next to nothing."""
    if not how.from_s and not how.to_s:
        return
    since_s = weighing.t_s - weighing.t_s[0]
    keep: Any = (since_s >= how.from_s) & (since_s <= (how.to_s or np.inf))
    if keep.sum() < 10:
        raise refuse(
            weighing.name,
            f"{int(keep.sum())} readings lie between --from and --to; the record lasts {since_s[-1]:g} s.",
            "Choose a longer part.",
        )
    weighing.take(keep)


def _refuse_all(name: str, rejected: list[Rejection]) -> None:
    """Every row was lost: say why, not that there are none. Raises WeighingError."""
    if not rejected:
        raise refuse(name, "no readings follow the header.", "Record a weighing first.")
    most = max(rejected, key=lambda r: len(r.rows))
    total = sum(len(r.rows) for r in rejected)
    raise refuse(
        name,
        f"none of the {total} rows could be read; {len(most.rows)} of them, the first in row {most.rows[0]}: "
        f"{most.why}.",
        "Correct the column, or say how it is written: --time, --mass, --unit.",
    )


def _check(weighing: Weighing, total: int) -> None:
    if not len(weighing.t_s):
        _refuse_all(weighing.name, weighing.rejected)
    _check_times(weighing)
    _check_share(weighing, total)


def _fast(text: str, head: csvrows.Head) -> tuple[Floats | None, NDArray[Any]]:
    """The whole table at once where every cell is a plain number, else None."""
    none = np.empty(0, dtype=np.int64)
    if head.decimal_comma or not text[head.body_at :].strip():
        return None, none
    body = io.StringIO(text[head.body_at :])
    try:
        table = np.loadtxt(body, delimiter=head.separator, comments="#", ndmin=2, dtype=np.float64)
    except ValueError:
        return None, none
    if table.size == 0 or table.shape[1] != len(head.columns):
        return None, none
    lines = text.count("\n", head.body_at) + (not text.endswith("\n"))
    if lines == len(table):
        return table, np.arange(head.row + 1, head.row + 1 + lines)
    rows = [
        at
        for at, line in enumerate(text[head.body_at :].splitlines(), head.row + 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    return (table, np.array(rows)) if len(rows) == len(table) else (None, none)


def _check_times(weighing: Weighing) -> None:
    """Refuse a clock that runs back; leave out repeated times; warn of gaps."""
    if not len(weighing.t_s):
        return
    gaps_s = np.diff(weighing.t_s)
    back = np.flatnonzero(gaps_s < 0)
    if len(back):
        row = int(weighing.row[back[0] + 1])
        raise refuse(
            weighing.name,
            f"row {row}: the time goes back by {-gaps_s[back[0]]:g} s (a clock was set, or two files were joined).",
            "Split the file there, or number the seconds through.",
        )
    repeated = np.concatenate(([False], gaps_s == 0))
    weighing.reject(repeated, "the time repeats that of the row before")
    gaps_s = np.diff(weighing.t_s)
    if len(gaps_s) > 2:
        usual_s = float(np.median(gaps_s))
        holes = np.flatnonzero(gaps_s > 5 * usual_s)
        if len(holes):
            longest = holes[np.argmax(gaps_s[holes])]
            weighing.warnings.append(
                f"{len(holes)} gap(s) in the times, the longest of {gaps_s[longest]:g} s before row "
                f"{int(weighing.row[longest + 1])}; readings come every {usual_s:g} s elsewhere"
            )


def _check_share(weighing: Weighing, total: int) -> None:
    lost = sum(len(r.rows) for r in weighing.rejected)
    if lost > MAX_REJECTED_SHARE * total:
        first = weighing.rejected[0]
        raise refuse(
            weighing.name,
            f"{lost} of {total} rows are no readings, the first is row {first.rows[0]}: {first.why}.",
            "Repeat the weighing, or cut the file to its good part.",
        )
    if len(weighing.t_s) < 10:
        raise refuse(
            weighing.name,
            f"only {len(weighing.t_s)} readings (the last in row {int(weighing.row[-1])}); 10 are the least.",
            "Weigh for longer.",
        )
