"""A weighing: its readings, its metadata, and how it is read from CSV.

Owns: the Weighing record, the metadata keys and the fast way through a clean file.
Rules: a cell is understood or its row is named; nothing is guessed; readings are left out with a reason, never altered.
Callers: fit.py, the accuracy graphs, the certificate, and the calibration run that stores what it read.
Units: t_s seconds, mass_g grams, temp_c deg C, rh_pct %, pressure_hpa hPa, steps counted; rows are lines from 1.
Leaves: files that are not clean numbers to csvrows.py; jumps and stuck readings to screen.py.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pumprig.errors import PumpError

if TYPE_CHECKING:
    from pumprig.calibration.csvrows import Head

Floats = NDArray[Any]
COLUMNS = ("t_s", "mass_g", "temp_c", "rh_pct", "pressure_hpa", "steps")
NUMBER_KEYS = (
    "rate_nl_per_h",
    "balance_readability_g",
    "balance_linearity_g",
    "balance_drift_g_per_h",
    "balance_sensitivity_ppm",
    "balance_max_g",
    "evaporation_g_per_h",
    "u_evaporation_g_per_h",
    "density_g_per_ml",
    "steps_per_rev",
    "index_steps",
    "rollers",
    "roller_period_s",
    "run_from_s",
    "run_to_s",
    "tube_od_mm",
    "vessel_id_mm",
    "back_pressure_hpa",
    "nl_per_rev",
    "occluded_at_s",
    "alarm_at_s",
    "reopened_at_s",
    "alarm_pressure_hpa",
)
MAX_REJECTED_SHARE = 0.05


class WeighingError(PumpError):
    """The weighing cannot be used; the message names the row."""


@dataclass(frozen=True)
class Rejection:
    """Rows (line numbers) that were left out, and why."""

    rows: tuple[int, ...]
    why: str


@dataclass
class Weighing:
    """Readings of one weighing in file order; `row[i]` is the line of reading i. Arrays have one shape (n,)."""

    name: str
    sha256: str
    row: NDArray[Any]
    t_s: Floats
    mass_g: Floats
    ambient: dict[str, Floats]
    steps: Floats | None
    numbers: dict[str, float]
    texts: dict[str, str]
    rows_of_keys: dict[str, int]
    rejected: list[Rejection] = field(default_factory=list[Rejection])
    warnings: list[str] = field(default_factory=list[str])

    def take(self, keep: NDArray[Any]) -> None:
        """Keep only the readings where `keep` (n,) is true."""
        self.row, self.t_s, self.mass_g = self.row[keep], self.t_s[keep], self.mass_g[keep]
        self.ambient = {name: values[keep] for name, values in self.ambient.items()}
        self.steps = None if self.steps is None else self.steps[keep]

    def reject(self, bad: NDArray[Any], why: str) -> None:
        """Leave out the readings where `bad` (n,) is true and record the reason; nothing happens for none."""
        if not bad.any():
            return
        self.rejected.append(Rejection(tuple(int(r) for r in self.row[bad]), why))
        self.take(~bad)


def refuse(name: str, what: str, next_step: str) -> WeighingError:
    """The error for a file that is refused: nothing was computed from it."""
    return WeighingError(f"{name}: {what}", "Nothing was computed.", next_step)


def read_csv(path: str | Path) -> Weighing:
    """Read a weighing from CSV (header `t_s,mass_g[,temp_c,rh_pct,pressure_hpa,steps]`, `# key: value` lines).

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
    return parse_csv(data, file.name)


def parse_csv(data: bytes, name: str) -> Weighing:
    """As `read_csv`, from the bytes of a file; `name` is used in messages."""
    from pumprig.calibration import csvrows

    text = _decode(data, name)
    head = csvrows.read_head(text, name)
    table, rows = _fast(text, head)
    rejected: list[Rejection] = []
    warnings = list(head.warnings)
    if table is None:
        table, rows, rejected = csvrows.read_rows(text, head, name)
    if not len(table):
        raise refuse(name, "no readings follow the header.", "Record a weighing first.")
    columns = {column: table[:, at] for at, column in enumerate(head.columns) if column in COLUMNS}
    weighing = Weighing(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        row=rows,
        t_s=columns["t_s"],
        mass_g=columns["mass_g"] * head.mass_scale,
        ambient={key: columns[key] for key in COLUMNS[2:5] if key in columns},
        steps=columns.get("steps"),
        numbers=head.numbers,
        texts=head.texts,
        rows_of_keys=head.rows_of_keys,
        rejected=rejected,
        warnings=warnings,
    )
    whole: Any = np.isfinite(table).all(axis=1)
    weighing.reject(~whole, "a cell is not a finite number")
    _check_times(weighing)
    _check_share(weighing, len(table) + sum(len(r.rows) for r in rejected))
    return weighing


def _decode(data: bytes, name: str) -> str:
    if not data.strip():
        raise refuse(name, "the file is empty (row 1).", "Record a weighing first.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise refuse(name, f"row {row} is not UTF-8 text.", "Save the file as CSV in UTF-8.") from error


def _fast(text: str, head: Head) -> tuple[Floats | None, NDArray[Any]]:
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


def readability_g(weighing: Weighing) -> float:
    """The balance's readability in g: as stated, else the smallest decimal place that the readings use."""
    stated = weighing.numbers.get("balance_readability_g")
    if stated:
        return stated
    sample = weighing.mass_g[:: max(1, len(weighing.mass_g) // 2000)]
    for digits in range(0, 9):
        if np.allclose(sample, np.round(sample, digits), rtol=0, atol=1e-10):
            return float(10.0**-digits)
    return 1e-9
