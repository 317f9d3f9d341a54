"""What a cell of somebody else's file means: numbers as people and balances write them, and times.

Owns: the forms of a number (sign apart, thousands, decimal comma, a unit behind it) and of a time.
Rules: one reading of a cell or none; a form that could mean two things (1,234) is a number only where the file's other
    cells settle it; a column of times is read by one form throughout.
Units: times come back in seconds from the first row's day or instant, numbers as written.
Leaves: rows and columns to csvrows.py and sheet.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from pumprig.balance.printing import Printing
from pumprig.balance.reading import OTHER_UNITS, BalanceError

NUMBER = re.compile(
    r"^([-+]?)\s*((?:\d[\d'’\u00a0\u202f ]*)?[.,]?\d*(?:[.,]\d+)*(?:[eE][-+]?\d+)?)\s*([A-Za-zµμ°%\[(]\S*)?$"
)
CLOCK = re.compile(
    r"^(?:(\d+)\s*d(?:ays?,?)?\s+)?(\d{1,3}):(\d{2})(?::(\d{2}(?:[.,]\d+)?))?\s*(?:([AaPp])\.?\s?[Mm]\.?)?$"
)
DAY_S = 86_400.0
DATES = (
    *(
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%Y.%m.%d",
        "%d.%m.%Y",
        "%d.%m.%y",
        "%m/%d/%Y",
        "%d/%m/%Y",
        "%m/%d/%y",
        "%d/%m/%y",
    ),
    *("%d-%m-%Y", "%d-%b-%Y", "%d %b %Y", "%b %d %Y", "%Y%m%d"),
)


def number(cell: str, decimal_comma: bool = False) -> tuple[float, str] | None:
    """`1'200.50` -> (1200.5, ""), `+ 1.02 g` -> (1.02, "g"); None for what is no number.

    A comma is a decimal mark only where `decimal_comma` says so, or where a point before it separates thousands.
    """
    text = cell.strip().strip('"').strip().replace("−", "-")
    match = NUMBER.match(text)
    if match is None or not re.search(r"\d", match.group(2)):
        return None
    body = re.sub(r"(?<=\d)['’\u00a0\u202f ](?=\d{3}(?!\d))", "", match.group(2)).strip()
    if re.search(r"['’\u00a0\u202f ]", body):
        return None
    comma, point = body.rfind(","), body.rfind(".")
    if comma >= 0 and point >= 0:  # the later one is the decimal mark
        thousands = "," if point > comma else "."
        groups = body[: max(comma, point)].split(thousands)
        if any(len(group) != 3 for group in groups[1:]):
            return None
        body = body.replace(thousands, "")
    elif comma >= 0 and not decimal_comma:
        return None
    try:
        value = float(body.replace(",", "."))
    except ValueError:
        return None
    return (-value if match.group(1) == "-" else value), (match.group(3) or "").strip("[]()")


def mass(cell: str, decimal_comma: bool = False) -> tuple[float, str] | None:
    """As `number`; and a balance's own line (`NET +1.02 g`, `S S 1.02 g`) as (1.02, "g"). None where neither fits."""
    told = number(cell, decimal_comma)
    if told is not None or not re.search(r"\d", cell):
        return told
    try:
        said = Printing().said(cell.strip())
    except BalanceError:
        return None
    return None if said.mass_g is None else (said.mass_g, "g")


def foreign_unit(cell: str) -> str:
    """The name of a unit that no weighing has: `5.02 ct` -> carat, `NET 5.02 oz` -> ounces; else nothing."""
    found = re.search(r"\d\s*([A-Za-z%]+)\s*\??\s*(?:NET|N|G|B|GROSS)?\s*$", cell.strip())
    return OTHER_UNITS.get(found.group(1).lower(), "") if found else ""


def two_parts(cell: str) -> bool:
    """Whether a cell is like `05:30`: minutes and seconds, or hours and minutes."""
    match = CLOCK.match(cell.strip())
    return match is not None and match.group(4) is None and match.group(5) is None


def numbered_dates(values: Any) -> tuple[str, float, datetime] | None:
    """What a column of plain numbers (n,) is that are dates: its name, the seconds in one, and the first instant.

    A spreadsheet's days since 1899, and milli-, micro- or nanoseconds since 1970, of the years 1982 to 2064.
    """
    known = values[np.isfinite(values)]
    if len(known) < 3:
        return None
    first = float(known[0])
    step = float(np.median(np.abs(np.diff(known))))
    if 30_000.0 < first < 60_000.0 and float(known.min()) > 30_000.0 and 0.0 < step < 0.0105:
        seconds = (first - 25_569.0) * DAY_S
        return "a spreadsheet's serial days", DAY_S, datetime.fromtimestamp(seconds, UTC)
    for name, size in (("milliseconds", 1e-3), ("microseconds", 1e-6), ("nanoseconds", 1e-9)):
        if 3.8e8 < first * size < 3.0e9:
            return f"{name} since 1970", size, datetime.fromtimestamp(first * size, UTC)
    return None


def seconds_of_clock(cell: str, two: bool = False) -> float | None:
    """`14:25:13`, `2:25 PM`, `1 d 02:03:04`, `101:00:00` -> seconds; None for what is no clock.

    `05:30` could mean two things, and is a clock only where `two` says that it is one of hours and minutes.
    """
    match = CLOCK.match(cell.strip())
    if match is None or (two_parts(cell) and not two):
        return None
    days, hours, minutes, rest, half = match.groups()
    hour = int(hours)
    if int(minutes) > 59 or float((rest or "0").replace(",", ".")) >= 60.0 or (half and not 1 <= hour <= 12):
        return None
    if half:
        hour = hour % 12 + (12 if half in "Pp" else 0)
    return (
        DAY_S * int(days or 0) + 3600.0 * hour + 60.0 * int(minutes) + float((rest or "0").replace(",", "."))
    )


def _of_date(form: str) -> Callable[[str], float | None]:
    """A reader of `date`, `date time` and `dateTtime` with dates of one form."""

    def read(cell: str) -> float | None:
        text = re.sub(r"(?<=\d)T(?=\d)", " ", cell.strip().replace(",", " " if "%b" in form else ","))
        words = " ".join(text.split()).split(" ")
        size = form.count(" ") + 1
        try:
            day = datetime.strptime(" ".join(words[:size]), form)
        except ValueError:
            return None
        clock = seconds_of_clock(
            re.sub(r"(Z|UTC|[+-]\d{2}:?\d{2})$", "", " ".join(words[size:])) or "0:00", True
        )
        return None if clock is None else (day - datetime(1970, 1, 1)).total_seconds() + clock

    return read


def _iso(cell: str) -> float | None:
    """An ISO 8601 instant with its zone."""
    try:
        moment = datetime.fromisoformat(cell.strip())
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def times(cells: list[str], decimal_comma: bool = False) -> tuple[Any, str] | None:
    """Seconds (n,) of a column of times, nan where a cell is none, and the form's name; None where no form fits.

    A form fits where at least nine cells of ten are such times; of two that fit, the one whose times run forwards. A
    clock without a date goes on over midnight.
    """
    readers: list[tuple[str, Callable[[str], float | None]]] = [
        ("seconds", lambda cell: (number(cell, decimal_comma) or (None,))[0]),
        ("HH:MM:SS", seconds_of_clock),
        ("ISO 8601", _iso),
        *((form, _of_date(form)) for form in DATES),
    ]
    sample = [cell for cell in cells[:: max(1, len(cells) // 40)] if cell.strip()]
    best: tuple[int, Any, str] | None = None
    for name, read in readers:
        if sum(read(cell) is not None for cell in sample) < 0.9 * len(sample) or not sample:
            continue
        found = [read(cell) for cell in cells]
        values = np.array([np.nan if value is None else value for value in found])
        if name == "HH:MM:SS":
            values = over_midnight(values)
        back = int((np.diff(values[np.isfinite(values)]) < 0).sum())
        if best is None or back < best[0]:
            best = (back, values, name)
        if back == 0:
            break
    return None if best is None else (best[1], best[2])


def over_midnight(values: Any) -> Any:
    """A clock's seconds (n,) go on where it falls back by more than half a day."""
    whole = np.where(np.isfinite(values), values, 0.0)
    known = np.isfinite(values)
    kept = whole[known]
    days = np.concatenate(([0.0], np.cumsum(np.diff(kept) < -DAY_S / 2)))
    out = np.full(len(values), np.nan)
    out[known] = kept + DAY_S * days
    return out
