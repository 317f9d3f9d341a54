"""The header of a weighing, and the slow way through its rows that names what is wrong.

Owns: separators, decimal marks, units in headers, metadata lines, and the meaning of cells that are no numbers.
Rules: every row that is not read is named with its line number; an ambiguous row refuses the file.
Units: rows are line numbers from 1; mass columns in kg or mg are scaled to g, with a warning.
Leaves: the order of times and the share of lost rows to files.py, the forms of a cell to cells.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumprig.calibration import cells as forms
from pumprig.calibration.weighing import COLUMNS, NUMBER_KEYS, Floats, Rejection, refuse

OVERLOAD = re.compile(
    r"^(OL|O\.L\.?|OVER\w*|HI+|H+|[SI]{0,2}\s*[+]|\++|-{3,}|ERR.*|E\d+|UNDER\w*|LO+)$", re.IGNORECASE
)
UNIT = re.compile(r"^([-+]?[\d.,]+(?:[eE][-+]?\d+)?)\s*(kg|mg|g|t|lb|oz)$")
PLAIN = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
COMMA = re.compile(r"^[-+]?\d*,\d+([eE][-+]?\d+)?$")
UNITS_OF = {
    "t_s": ("s",),
    "mass_g": (),
    "temp_c": ("°C", "C"),
    "rh_pct": ("%",),
    "pressure_hpa": ("hPa",),
    "steps": (),
    "asked_nl": (),
    "counted_nl": (),
}
MASS_SCALES = {"mass_g": 1.0, "mass_kg": 1000.0, "mass_mg": 0.001}
POSITIVE_KEYS = tuple(
    key
    for key in NUMBER_KEYS
    if key not in ("evaporation_g_per_h", "run_from_s", "back_pressure_hpa", "index_steps")
)


@dataclass
class Head:
    """What stands before the readings: columns, separator, metadata; the header is at line `row`."""

    columns: list[str]
    separator: str
    row: int
    body_at: int
    decimal_comma: bool
    mass_scale: float
    numbers: dict[str, float] = field(default_factory=dict[str, float])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    rows_of_keys: dict[str, int] = field(default_factory=dict[str, int])
    warnings: list[str] = field(default_factory=list[str])


def names_ours(names: list[str]) -> bool:
    """Whether a header's names are those of our own format."""
    lower = [name.strip().strip('"').lower() for name in names]
    return "t_s" in lower and any(name in MASS_SCALES for name in lower)


def is_ours(text: str) -> bool:
    """Whether the first line that is no comment is a header of ours, or at least meant to be one."""
    first = next((s for s in text.splitlines() if s.strip() and not s.lstrip().startswith("#")), "t_s")
    return "t_s" in re.split(r"[\t;, ]+", first.lower().replace('"', ""))


def metadata_of(lines: list[tuple[int, str]], name: str) -> Head:
    """The `# key: value` lines of any file as a Head without columns."""
    head = Head([], "", 0, 0, False, 1.0)
    for row, line in lines:
        _metadata(head, name, row, line)
    return head


def read_head(text: str, name: str) -> Head:
    """Find the header and all `# key: value` lines (before it or after). Raises WeighingError naming the row."""
    at = 0
    row = 0
    metadata: list[tuple[int, str]] = []
    header: str | None = None
    while header is None:
        if at >= len(text):
            raise refuse(name, f"row {max(row, 1)}: there is no header.", "The first row must be t_s,mass_g.")
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line, at, row = text[at:end].strip(), end + 1, row + 1
        if line.startswith("#"):
            metadata.append((row, line))
        elif line:
            header = line
    head = _columns(header, name, row, at)
    if "#" in text[at:]:
        metadata += [
            (n, s.strip())
            for n, s in enumerate(text[at:].splitlines(), row + 1)
            if s.lstrip().startswith("#")
        ]
    for number, line in metadata:
        _metadata(head, name, number, line)
    first = next(
        (s for s in text[at : at + 4000].splitlines() if s.strip() and not s.lstrip().startswith("#")), ""
    )
    head.decimal_comma = head.separator != "," and "," in first
    if head.decimal_comma:
        head.warnings.append(f"the decimal mark is a comma (row {row + 1} on); read as a point")
    return head


def _columns(header: str, name: str, row: int, at: int) -> Head:
    separator = next((mark for mark in ("\t", ";", ",") if mark in header), "")
    names = [cell.strip().strip('"').lower() for cell in header.split(separator)] if separator else [header]
    mass = [column for column in names if column in MASS_SCALES]
    if "t_s" not in names or len(mass) != 1 or len(set(names)) != len(names):
        raise refuse(
            name,
            f"row {row}: the header is '{header[:60]}'.",
            "It must be t_s,mass_g and may go on with temp_c,rh_pct,pressure_hpa,steps, each once.",
        )
    head = Head(names, separator, row, at, False, MASS_SCALES[mass[0]])
    head.columns[names.index(mass[0])] = "mass_g"
    if mass[0] != "mass_g":
        head.warnings.append(
            f"row {row}: the masses are in {mass[0][5:]}; read as such and turned into grams"
        )
    if separator != ",":
        label = "tabs" if separator == "\t" else "semicolons"
        head.warnings.append(f"row {row}: the columns are separated by {label}; read as such")
    unknown = [column for column in head.columns if column not in COLUMNS]
    if unknown:
        head.warnings.append(f"row {row}: column(s) {', '.join(unknown)} are not known and not used")
    return head


def _metadata(head: Head, name: str, row: int, line: str) -> None:
    key, colon, value = line.lstrip("#").partition(":")
    key, value = key.strip().lower(), value.strip()
    if not colon or not key:
        return
    if key in head.rows_of_keys:
        raise refuse(
            name,
            f"row {row}: '{key}' was given in row {head.rows_of_keys[key]} already.",
            "Keep one of them.",
        )
    head.rows_of_keys[key] = row
    if key not in NUMBER_KEYS:
        head.texts[key] = value
        return
    if not PLAIN.match(value):
        raise refuse(
            name, f"row {row}: '{key}' is '{value[:24]}', not a plain number.", "Its unit is in its name."
        )
    number = float(value)
    if key in POSITIVE_KEYS and number <= 0 and not (number == 0 and key.startswith(("u_", "balance_drift"))):
        raise refuse(
            name, f"row {row}: '{key}' is {value}; it must be above zero.", "Correct or remove the line."
        )
    head.numbers[key] = number


def read_rows(text: str, head: Head, name: str) -> tuple[Floats, NDArray[Any], list[Rejection]]:
    """Row by row: the readings (n, columns), their lines (n,), and what was left out.

    A `t_s` that holds clock times or dates is read as such, in seconds from the first.
    """
    lost: dict[str, list[int]] = {}
    kept: list[tuple[int, list[str]]] = []
    for row, line in enumerate(text[head.body_at :].splitlines(), head.row + 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = [cell.strip().strip('"').strip() for cell in line.rstrip("\r\n").split(head.separator)]
        if len(cells) > len(head.columns) and not any(cells[len(head.columns) :]):
            cells = cells[: len(head.columns)]
        if len(cells) != len(head.columns):
            _wrong_count(cells, head, name, row, lost)
            continue
        kept.append((row, cells))
    clock = _clock_times(kept, head)
    readings: list[list[float]] = []
    rows: list[int] = []
    for at, (row, cells) in enumerate(kept):
        if clock is not None:
            cells[head.columns.index("t_s")] = "" if np.isnan(clock[at]) else repr(float(clock[at]))
        values = _row(cells, head, name, row, lost)
        if values is not None:
            readings.append(values)
            rows.append(row)
    table = np.array(readings, dtype=np.float64).reshape(len(rows), len(head.columns))
    rejected = [Rejection(tuple(numbers), why) for why, numbers in lost.items()]
    return table, np.array(rows, dtype=np.int64), rejected


def _clock_times(kept: list[tuple[int, list[str]]], head: Head) -> Floats | None:
    """Seconds from the first row, where `t_s` holds clock times or dates instead of seconds."""
    at = head.columns.index("t_s")
    column = [cells[at] for _row, cells in kept]
    found = forms.times(column) if column and any(":" in cell for cell in column[:3]) else None
    if found is None or found[1] == "seconds":
        return None
    head.warnings.append(f"t_s holds times ({found[1]}), not seconds; read as such")
    if found[1] != "HH:MM:SS":
        head.texts.setdefault("begun_at", column[0])
    return found[0] - found[0][np.isfinite(found[0])][0]


def _wrong_count(cells: list[str], head: Head, name: str, row: int, lost: dict[str, list[int]]) -> None:
    if head.separator == "," and len(cells) > len(head.columns):
        raise refuse(
            name,
            f"row {row} has {len(cells)} cells under {len(head.columns)} columns: a comma as decimal mark cannot be "
            "told from a comma between columns.",
            "Write decimals with a point, or separate the columns with ; or tabs.",
        )
    lost.setdefault(f"the row does not have {len(head.columns)} cells", []).append(row)


def _row(cells: list[str], head: Head, name: str, row: int, lost: dict[str, list[int]]) -> list[float] | None:
    values: list[float] = []
    for column, cell in zip(head.columns, cells, strict=True):
        if PLAIN.match(cell):
            values.append(float(cell))
        elif head.separator != "," and COMMA.match(cell):
            values.append(float(cell.replace(",", ".")))
        elif column not in COLUMNS:
            values.append(0.0)
        elif (told := forms.number(cell, head.separator != ",")) is not None and told[1] in (
            "",
            *UNITS_OF[column],
        ):
            values.append(told[0])
        else:
            lost.setdefault(_why(column, cell, name, row), []).append(row)
            return None
    return values


def _why(column: str, cell: str, name: str, row: int) -> str:
    """Why a cell is no number; a unit that is not the column's refuses the file."""
    if not cell:
        return f"{column} is missing"
    unit = UNIT.match(cell)
    if column == "mass_g" and unit:
        raise refuse(
            name,
            f"row {row}: the mass '{cell[:24]}' carries the unit {unit.group(2)}.",
            "Set the balance to send plain grams, or name the column mass_kg or mass_mg.",
        )
    if column == "mass_g" and OVERLOAD.match(cell):
        return "the balance was overloaded or underloaded"
    return f"{column} is '{cell[:16]}', which is not a number"
