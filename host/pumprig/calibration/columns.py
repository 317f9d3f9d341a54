"""The columns of somebody else's table: how options name them, which units they may have, and what is suggested.

Owns: the options' record, the units, and the answer to a header that is not ours: the columns seen, and the options
    that would read them.
Rules: a suggestion works as it stands; a unit that is not in the file is named as one that has to be checked.
Units: a unit's scale takes a number to g, mL or nL/h, or to s.
Leaves: cells to cells.py, rows to sheet.py.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

import numpy as np

from pumprig.balance.reading import OTHER_UNITS
from pumprig.calibration import cells as forms
from pumprig.calibration.sheet import Sheet
from pumprig.calibration.weighing import WeighingError, refuse

UNITS: dict[str, tuple[str, float]] = {
    "ug": ("mass", 1e-6),
    "mg": ("mass", 1e-3),
    "g": ("mass", 1.0),
    "kg": ("mass", 1e3),
    "nl": ("volume", 1e-6),
    "ul": ("volume", 1e-3),
    "ml": ("volume", 1.0),
    "l": ("volume", 1e3),
    **{
        f"{volume}/{time}": ("flow", nl * per_h)
        for volume, nl in (("nl", 1.0), ("ul", 1e3), ("ml", 1e6), ("l", 1e9))
        for time, per_h in (("s", 3600.0), ("min", 60.0), ("h", 1.0))
    },
}
TIME_UNITS = {
    **{"ms": 1e-3, "s": 1.0, "sec": 1.0, "seconds": 1.0, "min": 60.0, "minutes": 60.0},
    **{"h": 3600.0, "hr": 3600.0, "hours": 3600.0, "d": 86400.0, "days": 86400.0},
}
TIME_NAMES = re.compile(r"time|zeit|temps|date|datum|stamp|elapsed|^t[_ ]|^t$|x_value|sec|min", re.IGNORECASE)
MASS_NAMES = re.compile(
    r"mass|weight|gewicht|masse|poids|balance|scale|load|net|brutto|weigh|volume|flow", re.IGNORECASE
)


@dataclass(frozen=True)
class ReadAs:
    """How a file is to be read: columns by name or number, the unit, a falling mass, the time between rows, and
    which part of the record is meant (in s from its first row; 0: to the end).
    """

    time: str = ""
    mass: str = ""
    unit: str = ""
    falling: bool = False
    every_s: float = 0.0
    from_s: float = 0.0
    to_s: float = 0.0

    @property
    def columns(self) -> bool:
        """Whether anything says which columns to take."""
        return bool(self.time or self.mass or self.every_s)


def column_of(sheet: Sheet, wanted: str) -> int:
    """The index of a column by its name (any case), or by its number from 1. Raises WeighingError."""
    names = [name.strip().lower() for name in sheet.header]
    width = max(len(cells) for _row, cells in sheet.rows)
    if wanted.strip().lower() in names:
        return names.index(wanted.strip().lower())
    if wanted.strip().isdigit() and 1 <= int(wanted) <= width:
        return int(wanted) - 1
    raise refuse(sheet.name, f"there is no column '{wanted}'.", seen(sheet))


def unit_of(name: str) -> str:
    """The unit that a column's name carries: `Weight (g)`, `mass_mg`, `Flow [nL/s]`, `t_min`; else nothing."""
    for word in _unit_words(name):
        told = re.sub("sec(onds?)?$", "s", word.lower().replace("µ", "u").replace("μ", "u"))
        if told in UNITS or told in TIME_UNITS:
            return told
    return ""


def _unit_words(name: str) -> list[str]:
    """Where a column's name may carry its unit: in brackets, or behind; `_per_` is a stroke, `ul_min` is `ul/min`."""
    inside = re.search(r"[\[(]\s*([^\])]+?)\s*[\])]", name)
    words = [re.sub(r"\s*\bper\b\s*", "/", inside.group(1))] if inside else []
    parts = re.split(r"[_ ]", re.sub(r"[_ ]per[_ ]", "/", name.strip()))
    words += ["/".join(parts[-2:])] if len(parts) > 2 else []
    return [*words, *(parts[-1:] if len(parts) > 1 else [])]


def refuse_unit(sheet: Sheet, at: int) -> None:
    """Refuse a column whose name says that it is in carat, ounces or another unit of that kind."""
    name = sheet.header[at] if at < len(sheet.header) else ""
    inside = re.search(r"[\[(]\s*([^\])]+?)\s*[\])]", name)
    word = inside.group(1).lower() if inside else re.split(r"[_ ]", name.lower())[-1]
    if (inside or word != name.lower()) and word in OTHER_UNITS and len(word) > 1:
        raise refuse(
            sheet.name,
            f"column '{name}' is in {OTHER_UNITS[word]}, which is no unit of a weighing here.",
            "Set the balance to grams, or convert the column to g, mg or kg.",
        )


def _label(sheet: Sheet, at: int) -> str:
    """How an option names a column: by its name where that is one, else by its number."""
    name = sheet.header[at] if at < len(sheet.header) else ""
    return shlex.quote(name) if name and sheet.header.count(name) == 1 else str(at + 1)


def seen(sheet: Sheet) -> str:
    """The columns with what they hold."""
    width = max(len(cells) for _row, cells in sheet.rows)
    told: list[str] = []
    for at in range(min(width, 12)):
        first, last = (c[at] if at < len(c) else "" for c in (sheet.rows[0][1], sheet.rows[-1][1]))
        told.append(f"{at + 1} {_label(sheet, at)} ({first[:26]} ... {last[:26]})")
    return "Columns seen: " + "; ".join(told) + (" ..." if width > 12 else "") + "."


def columns_seen(sheet: Sheet, how: ReadAs, why: str) -> WeighingError:
    """The answer to a table whose columns nobody named: what was seen, and the very options that would read it."""
    width = max(len(cells) for _row, cells in sheet.rows)
    usual = [cells for _row, cells in sheet.rows[:: max(1, len(sheet.rows) // 60)]]
    columns = [[cells[at] if at < len(cells) else "" for cells in usual] for at in range(width)]
    numeric = [
        sum(forms.mass(c, sheet.decimal_comma) is not None for c in col) > 0.8 * len(col) for col in columns
    ]
    timed = _timecolumn_of(sheet, columns, numeric)
    names = sheet.header or [""] * width
    masses = [at for at in range(min(width, len(names))) if numeric[at] and at not in timed]
    named = [at for at in masses if MASS_NAMES.search(names[at])]
    mass = (named or masses or [None])[0]
    foreign = next((unit for cell in sheet.rows[0][1] if (unit := forms.foreign_unit(cell))), "")
    if mass is None and foreign:
        return refuse(
            sheet.name,
            f"row {sheet.rows[0][0]}: '{' '.join(sheet.rows[0][1])[:40]}' is in {foreign}.",
            "Set the balance to grams, or convert the readings to g, mg or kg.",
        )
    if mass is None or len(sheet.rows) < 10:
        return refuse(
            sheet.name,
            f"row {sheet.rows[0][0]}: {len(sheet.rows)} row(s) of {width} cell(s), from "
            f"'{' '.join(sheet.rows[0][1])[:50]}' on: these are no readings over time.",
            "Give the file with the balance's or sensor's readings, one row each: a time, and a number with its unit "
            "or without.",
        )
    refuse_unit(sheet, mass)
    unit = (
        how.unit or unit_of(names[mass]) or ("ml" if re.search("volum", names[mass], re.IGNORECASE) else "")
    )
    unit = unit or ("nl/s" if re.search("flow", names[mass], re.IGNORECASE) else "")
    guess = (
        "" if unit in UNITS else " (the unit is not in the file: mg, g or kg, or a flow sensor's like nl/s)"
    )
    if not timed:
        guess += " (no column holds times of a form that is known here: 1 s between rows is an example)"
    options = ["--time", "+".join(_label(sheet, at) for at in timed)] if timed else ["--every", "'1 s'"]
    options += [] if width == 1 else ["--mass", _label(sheet, mass)]
    options += ["--unit", unit if unit in UNITS else "g"]
    first = f"row {sheet.rows[0][0]}: " if not sheet.header else f"row {max(1, sheet.rows[0][0] - 1)}: "
    what = (
        f"the header is '{', '.join(sheet.header)[:80]}', not t_s,mass_g"
        if sheet.header
        else "there is no header"
    )
    others = (
        f"; other columns that may be meant: {', '.join(_label(sheet, at) for at in masses if at != mass)}"
    )
    return refuse(
        sheet.name,
        f"{first}{what}{f' ({why})' if why else ''}. {seen(sheet)}",
        f"Read it with `{' '.join(options)}`{guess}{others if len(masses) > 1 else ''}",
    )


def _timecolumn_of(sheet: Sheet, columns: list[list[str]], numeric: list[bool]) -> list[int]:
    """Which column holds the times; two where date and clock stand apart; none where nothing grows."""
    dates = [i for i, c in enumerate(columns) if _share(c, r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}$") > 0.9]
    clocks = [
        i
        for i, c in enumerate(columns)
        if _share(c, r"^\d{1,3}:\d{2}(:\d{2}([.,]\d+)?)?(\s*[AaPp][Mm])?$") > 0.9
    ]
    if dates and clocks:
        return [dates[0], clocks[0]]
    for at, column in enumerate(columns):
        if not numeric[at] and forms.times(column, sheet.decimal_comma) is not None:
            return [at]
    names = sheet.header or [""] * len(columns)
    for at, column in enumerate(columns):
        told = [n[0] for c in column if (n := forms.number(c, sheet.decimal_comma)) is not None]
        named = at < len(names) and TIME_NAMES.search(names[at])
        if (
            numeric[at]
            and len(told) > 3
            and len(columns) > 1
            and (np.diff(told) > 0).all()
            and (named or at == 0)
        ):
            return [at]
    return []


def _share(column: list[str], form: str) -> float:
    return sum(bool(re.match(form, cell)) for cell in column) / max(1, len(column))
