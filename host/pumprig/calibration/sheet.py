"""A file as rows of cells: text with whatever separator, or the first sheet of an Excel file.

Owns: bytes to text, the separator, which row is the header, cells with their line numbers.
Rules: line numbers are those that an editor shows; a file that is no table says what it is instead.
Units: none; cells are text, times of Excel as ISO 8601.
Leaves: what the cells mean to cells.py and foreign.py.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from pumprig.calibration.cells import mass, seconds_of_clock
from pumprig.calibration.weighing import refuse
from pumprig.extras import to_install

SEPARATORS = ("\t", ";", "|", ",", " ")
COMMA = re.compile(
    r"^[-+]?\s*(\d*|\d{1,3}(?:['’. \u00a0\u202f]\d{3})+),(\d+)([eE][-+]?\d+)?(\s*[a-zA-Zµ]+)?$"
)


@dataclass(frozen=True)
class Sheet:
    """Rows of cells: `header` may be empty; `rows` are (line, cells); `head` are the lines before the table."""

    name: str
    header: list[str]
    rows: list[tuple[int, list[str]]]
    head: list[str]
    decimal_comma: bool
    metadata: list[tuple[int, str]]
    separator: str = ""


def text_of(data: bytes, name: str) -> str:
    """The file's text, whatever Unicode it is in; else as Windows writes it. Raises WeighingError for an empty one."""
    if not data.strip():
        raise refuse(name, "the file is empty (row 1).", "Record a weighing first.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _by_newlines(data.decode("utf-16", "replace"))
    try:
        return _by_newlines(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        if b"\0" in data:
            row = data[: error.start].count(b"\n") + 1
            raise refuse(
                name, f"row {row} is no text.", "Save the file as CSV in UTF-8, or as .xlsx."
            ) from error
        return _by_newlines(data.decode("cp1252", "replace"))


def _by_newlines(text: str) -> str:
    """Lines that end as Windows or an old Macintosh ends them, ended by a newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def sheet_of_text(text: str, name: str) -> Sheet:
    """Split a text into cells. The separator is the one that gives the most rows of the same width."""
    lines = [(at, line) for at, line in enumerate(text.splitlines(), 1) if line.strip()]
    metadata = [(at, line.strip()) for at, line in lines if line.lstrip().startswith("#")]
    lines = [(at, line) for at, line in lines if not line.lstrip().startswith("#")]
    if not lines:
        raise refuse(name, "there are only comments.", "Record a weighing first.")
    if text.lstrip()[:1] in "{[" and text.rstrip()[-1:] in "}]":
        raise refuse(
            name,
            "this is a JSON document, not readings over time.",
            "Give the file with the balance's or sensor's readings, one row each.",
        )
    sample = [line for _at, line in lines[:: max(1, len(lines) // 200)]]
    separator = max(SEPARATORS, key=lambda mark: _agreement(sample, mark))
    if _agreement(sample, separator) <= 0:
        separator = "\0"
    rows = [(at, _cells(line, separator)) for at, line in lines]
    return _sheet(name, rows, metadata, _commas(rows, separator), separator)


def sheet_of_xlsx(data: bytes, name: str) -> Sheet:
    """The first sheet of an Excel file. Raises WeighingError where openpyxl is missing, or it is no Excel file."""
    try:
        import openpyxl
    except ImportError:
        raise refuse(
            name,
            "an Excel file needs openpyxl.",
            f"Run `{to_install('xlsx')}`, or save the sheet as CSV.",
        ) from None
    try:
        book: Any = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        found = [
            [_excel_text(cell) for cell in row] for row in book.worksheets[0].iter_rows(values_only=True)
        ]
    except Exception as error:  # whatever the reader raises for a damaged file
        raise refuse(name, f"this Excel file cannot be read: {error}.", "Save it anew, or as CSV.") from error
    rows = [(at, _trimmed(cells)) for at, cells in enumerate(found, 1) if any(cell for cell in cells)]
    metadata = [(at, cells[0]) for at, cells in rows if cells[0].startswith("#")]
    rows = [(at, cells) for at, cells in rows if not cells[0].startswith("#")]
    if not rows:
        raise refuse(name, "the first sheet is empty.", "Put the readings onto the first sheet.")
    return _sheet(name, rows, metadata, False, "")


def _excel_text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return repr(cell.total_seconds())
    return repr(cell) if isinstance(cell, float) else str(cell).strip()


def _trimmed(cells: list[str]) -> list[str]:
    while len(cells) > 1 and not cells[-1]:
        cells = cells[:-1]
    return cells


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    if '"' in line:
        return [
            cell.strip()
            for cell in next(csv.reader([line], delimiter=separator if separator != "\0" else "\t"))
        ]
    return [cell.strip() for cell in line.rstrip("\r\n").split(separator)]


def _agreement(lines: list[str], separator: str) -> float:
    """How well a separator splits: rows of the usual width (two and more), blanks counting less than real marks."""
    widths = [len(_cells(line, separator)) for line in lines]
    usual = max(set(widths), key=widths.count)
    if usual < 2:
        return 0.0
    clean = sum(
        width == usual
        and not any(re.match(r"^[-+]?\d+[,;]\d+[,;]", cell) for cell in _cells(line, separator))
        for width, line in zip(widths, lines, strict=True)
    )
    return clean * (0.6 if separator == " " else 0.9 if separator == "," else 1.0)


def _commas(rows: list[tuple[int, list[str]]], separator: str) -> bool:
    """Whether cells use a comma as their decimal mark. In quoted cells between commas `1,234` alone does not say so."""
    cells = [cell for _at, row in rows[:: max(1, len(rows) // 200)] for cell in row]
    found = [match for cell in cells if (match := COMMA.match(cell)) is not None]
    if separator != ",":
        return bool(found)
    return any(len(m.group(2)) != 3 or m.group(1) in ("", "0") or len(m.group(1)) > 3 for m in found)


def refuse_ambiguous(sheet: Sheet) -> None:
    """Refuse a table whose commas may be decimal marks or not; nothing in the file settles it. Raises WeighingError."""
    if sheet.separator != "," or sheet.decimal_comma or not sheet.rows:
        return
    usual = sheet.rows[:: max(1, len(sheet.rows) // 200)]
    for row, cells in usual:
        for cell in cells:
            found = COMMA.match(cell)
            if found is not None:
                raise refuse(
                    sheet.name,
                    f"row {row}: '{cell}' may be {found.group(1)}.{found.group(2)} or "
                    f"{found.group(1)}{found.group(2)}: the comma is a decimal mark or parts thousands.",
                    "Write decimals with a point and thousands without a mark, or separate the columns with ; or tabs.",
                )
    row, cells = sheet.rows[0]
    width = len(sheet.header) or len(cells)
    wider = bool(sheet.header) and all(len(c) > width and all(c[width:]) for _row, c in usual)
    if wider or _split_decimals([c for _row, c in usual]):
        under = f" under {width} columns" if wider else ""
        raise refuse(
            sheet.name,
            f"row {row} has {len(cells)} cells{under} ('{','.join(cells)[:40]}'): a comma as decimal mark cannot be "
            "told from a comma between columns.",
            "Write decimals with a point, or separate the columns with ; or tabs.",
        )


def _split_decimals(rows: list[list[str]]) -> bool:
    """Whether a column is what followed a decimal comma: whole numbers all over, here as long as one another, some
    with leading zeros, others without.
    """
    width = len(rows[0])
    if width < 2 or any(len(cells) != width or not all(c.isdigit() for c in cells) for cells in rows):
        return False
    for at in range(1, width):
        column = [cells[at] for cells in rows]
        zeros = [cell.startswith("0") for cell in column]
        if len({len(cell) for cell in column}) == 1 and len(column[0]) > 1 and any(zeros) and not all(zeros):
            return True
    return False


def _like_data(cells: list[str], decimal_comma: bool) -> bool:
    told = [
        mass(cell, decimal_comma) is not None
        or seconds_of_clock(cell, True) is not None
        or bool(COMMA.match(cell))
        for cell in cells
        if cell
    ]
    dates = [bool(re.match(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", cell)) for cell in cells if cell]
    return bool(told) and sum(a or b for a, b in zip(told, dates, strict=True)) >= max(
        1, 0.5 * len(told) - 0.5
    )


def _sheet(
    name: str,
    rows: list[tuple[int, list[str]]],
    metadata: list[tuple[int, str]],
    decimal_comma: bool,
    separator: str,
) -> Sheet:
    """Find where the readings begin: at the first row of a stretch that is like data; the row above is the header."""
    marks = [_like_data(cells, decimal_comma) for _at, cells in rows]
    body = next((i for i in range(len(rows)) if all(marks[i : i + 3])), len(rows))
    data = rows[body:]
    above = rows[body - 1][1] if body else []
    names = [cell.strip().strip('"') for cell in above]
    width = max((len(cells) for _at, cells in data), default=0)
    header = names if names and any(re.search(r"[A-Za-zµ%]", cell) for cell in names) and width else []
    head = [" ".join(cells) for _at, cells in rows[: body - 1 if header else body]]
    if not data:
        header, head = names, [" ".join(cells) for _at, cells in rows]
    return Sheet(name, header, data, head, decimal_comma, metadata, separator)
