"""Somebody else's file as a weighing: known shapes, and any table whose columns the options name.

Owns: the shapes that explain themselves (A&D's logger, LabVIEW), and how named columns become readings.
Rules: nothing is guessed: a unit comes from the file or from an option.
Units: mass in g, volume in mL (in the mass's place), flow in nL/h, time in s.
Leaves: cells to cells.py, rows to sheet.py, names and options to columns.py, what readings are worth to fit.py.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from pumprig.calibration import cells as forms
from pumprig.calibration import csvrows
from pumprig.calibration.columns import (
    TIME_UNITS,
    UNITS,
    ReadAs,
    column_of,
    columns_seen,
    refuse_unit,
    seen,
    unit_of,
)
from pumprig.calibration.sheet import Sheet, refuse_ambiguous
from pumprig.calibration.weighing import Rejection, Weighing, refuse

AANDD = re.compile(r"^(ST|US|QT|OL|SD)$")


def weighing_of(sheet: Sheet, sha256: str, how: ReadAs) -> Weighing:
    """The weighing in a table. Raises WeighingError that says which columns were seen and which options would do."""
    if not sheet.rows:
        raise refuse(
            sheet.name,
            f"no row of readings was found; the first row is '{' '.join(sheet.header or sheet.head)[:60]}'.",
            "Give the file with the balance's readings, one row each.",
        )
    head = csvrows.metadata_of(sheet.metadata, sheet.name)
    if sheet.header[:1] and not how.columns and csvrows.names_ours(sheet.header):
        how = ReadAs("t_s", next(n for n in sheet.header if n in csvrows.MASS_SCALES), "", how.falling)
        how = ReadAs(how.time, how.mass, how.unit or how.mass.removeprefix("mass_"), how.falling)
    refuse_ambiguous(sheet)
    labview = _labview(sheet, how)
    logger = None if how.columns else _logger(sheet)
    if labview is not None:
        times, mass, unit, begun = labview
    elif logger is not None:
        times, mass, unit, begun = logger
    else:
        times, mass, unit, begun = _by_options(sheet, how)
    unit = how.unit or unit
    if not unit:
        raise columns_seen(sheet, how, "the unit is not in the file")
    quantity, scale = UNITS[unit]
    rows = np.array([at for at, _cells in sheet.rows])
    values, lost = _values(sheet, mass, unit)
    known: Any = np.isfinite(times)
    if (~known).any():
        lost.setdefault("the time cannot be read", []).extend(int(r) for r in rows[~known])
    good: Any = known & np.isfinite(values)
    weighing = Weighing(
        name=sheet.name,
        sha256=sha256,
        row=rows[good],
        t_s=_untied(times[good] - (times[good][0] if good.any() else 0.0)),
        mass_g=values[good] * scale * (-1.0 if how.falling else 1.0),
        ambient=_ambient(sheet, good),
        steps=None,
        numbers=head.numbers,
        texts=head.texts,
        rows_of_keys=head.rows_of_keys,
        rejected=[Rejection(tuple(sorted(set(at))), why) for why, at in lost.items()],
        warnings=[f"read as time {_name(sheet, times, how)}, {quantity} in {unit}", *head.warnings],
        quantity=quantity,
        falling=how.falling,
    )
    if begun:
        weighing.texts.setdefault("begun_at", begun)
    if quantity == "flow":
        _integrate(weighing)
    return weighing


def _name(sheet: Sheet, times: Any, how: ReadAs) -> str:
    span = float(np.nanmax(times) - np.nanmin(times)) if np.isfinite(times).any() else 0.0
    told = f"'{how.time}'" if how.time else f"every {how.every_s:g} s" if how.every_s else "as the file says"
    return f"{told} ({span:g} s in all)"


def _integrate(weighing: Weighing) -> None:
    """A sensor's flows: keep them, and their integral by the trapezoidal rule in mL in the mass's place."""
    flow = weighing.mass_g
    weighing.flow_nl_per_h = flow
    steps = 0.5 * (flow[1:] + flow[:-1]) * np.diff(weighing.t_s) / 3600.0
    weighing.mass_g = np.concatenate(([0.0], np.cumsum(steps))) * 1e-6


def _untied(t_s: Any) -> Any:
    """Times that a clock shows to the second for several readings each are spread evenly until the next one."""
    if len(t_s) < 3 or (np.diff(t_s) == 0).mean() <= 0.05 or (np.diff(t_s) < 0).any():
        return t_s
    first = np.concatenate(([0], np.flatnonzero(np.diff(t_s)) + 1))
    ends = np.append(t_s[first][1:], t_s[first][-1] + np.median(np.diff(t_s[first])))
    out = t_s.astype(float).copy()
    for at, stop, end in zip(first, np.append(first[1:], len(t_s)), ends, strict=True):
        out[at:stop] = t_s[at] + np.arange(stop - at) / (stop - at) * min(end - t_s[at], 1.0)
    return out


def _ambient(sheet: Sheet, good: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in ("temp_c", "rh_pct", "pressure_hpa"):
        if key in sheet.header:
            at = sheet.header.index(key)
            values = np.array([_number(c, at, sheet) for _row, c in sheet.rows])[good]
            if np.isfinite(values).all():
                found[key] = values
    return found


def _number(cells: list[str], at: int, sheet: Sheet) -> float:
    told = forms.number(cells[at], sheet.decimal_comma) if at < len(cells) else None
    return np.nan if told is None else told[0]


def _values(sheet: Sheet, at: int, unit: str) -> tuple[Any, dict[str, list[int]]]:
    """Numbers (n,) of one column, and which rows had none and why; a unit in a cell that is another refuses."""
    values: list[float] = []
    lost: dict[str, list[int]] = {}
    for row, cells in sheet.rows:
        cell = cells[at] if at < len(cells) else ""
        told = forms.mass(cell, sheet.decimal_comma)
        said = told[1].lower().replace("µ", "u") if told else ""
        if told is not None and said in UNITS and said != unit:
            raise refuse(
                sheet.name, f"row {row}: '{cell[:24]}' is in {told[1]}, not in {unit}.", f"Try --unit {said}."
            )
        if foreign := forms.foreign_unit(cell):
            raise refuse(
                sheet.name,
                f"row {row}: '{cell[:24]}' is in {foreign}, not in {unit}.",
                "Set the balance to grams, or convert the readings to g, mg or kg.",
            )
        known = told is not None and (not said or said in UNITS)
        if not known:
            why = "the cell is empty" if not cell else f"'{cell[:32]}' is no reading"
            if csvrows.OVERLOAD.match(cell) or (at and cells[at - 1] == "OL"):
                why = "the balance was overloaded or underloaded"
            elif told is not None:
                why = f"the unit '{said}' is not known"
            lost.setdefault(why if len(lost) < 8 else "the cell is no reading", []).append(row)
        values.append(told[0] if told is not None and known else np.nan)
    return np.array(values), lost


def _logger(sheet: Sheet) -> tuple[Any, int, str, str] | None:
    """A&D's logger: date, time, ST/US/OL, mass, unit, with or without a number before."""
    sample = sheet.rows[:: max(1, len(sheet.rows) // 100)]
    width = max(len(cells) for _at, cells in sample)
    for at in range(width - 1):
        told = [len(cells) > at + 1 and bool(AANDD.match(cells[at])) for _row, cells in sample]
        if sum(told) < 0.9 * len(told):
            continue
        units = {cells[at + 2].lower() for _row, cells in sheet.rows if len(cells) > at + 2 and cells[at + 2]}
        units |= {told[1].lower() for _r, c in sample if (told := forms.number(c[at + 1])) and told[1]}
        if len(units) != 1 or (unit := units.pop()) not in UNITS:
            return None
        stamps = [
            " ".join(cell for cell in cells[:at] if re.search(r"[/:.-]", cell)) for _row, cells in sheet.rows
        ]
        found = forms.times(stamps)
        if found is None:
            raise refuse(
                sheet.name,
                f"the rows are an A&D balance's ({', '.join(sheet.rows[0][1])[:40]}) and carry no time.",
                f"Say how often they came: --every '1 s' --mass {at + 2} --unit {unit}",
            )
        return found[0], at + 1, unit, stamps[0]
    return None


def _labview(sheet: Sheet, how: ReadAs) -> tuple[Any, int, str, str] | None:
    """LabVIEW's measurement file: X_Value, or X0 and Delta_X, against the first channel or the one named."""
    if not any(line.startswith("LabVIEW Measurement") for line in sheet.head[:3]):
        return None
    told = dict(line.split(" ", 1) for line in sheet.head if " " in line)
    names = [name for name in sheet.header if name not in ("X_Value", "Comment", "")]
    mass = column_of(sheet, how.mass) if how.mass else sheet.header.index(names[0]) if names else 0
    unit = told.get("Y_Unit_Label", "").split(" ")[0].lower() or unit_of(
        sheet.header[mass] if sheet.header else ""
    )
    n = len(sheet.rows)
    xs = [cells[0] if "X_Value" in sheet.header[:1] else "" for _row, cells in sheet.rows]
    decimal = sheet.decimal_comma or told.get("Decimal_Separator", ".").startswith(",")
    if any(xs):
        found = forms.times(xs, decimal)
        times = found[0] if found else np.full(n, np.nan)
    else:
        step = forms.number(told.get("Delta_X", "").split(" ")[0], decimal)
        times = np.arange(n) * (step[0] if step else how.every_s or np.nan)
    begun = " ".join(part for part in (told.get("Date", ""), told.get("Time", "")) if part)
    return times, mass, unit if unit in UNITS else "", begun


def _by_options(sheet: Sheet, how: ReadAs) -> tuple[Any, int, str, str]:
    """Columns as the options name them."""
    if not how.columns or not (how.time or how.every_s):
        raise columns_seen(sheet, how, "")
    width = max(len(cells) for _row, cells in sheet.rows)
    mass = column_of(sheet, how.mass) if how.mass else 0 if width == 1 else None
    if mass is None:
        raise columns_seen(sheet, how, "--mass is missing")
    refuse_unit(sheet, mass)
    begun = ""
    if how.time:
        columns = [
            column_of(sheet, part)
            for part in ([how.time] if how.time in sheet.header else how.time.split("+"))
        ]
        texts = [" ".join(c[at] for at in columns if at < len(c)) for _row, c in sheet.rows]
        found = forms.times(texts, sheet.decimal_comma)
        if found is None and forms.two_parts(texts[0]):
            raise refuse(
                sheet.name,
                f"column '{how.time}': '{texts[0][:30]}' may be minutes and seconds, or hours and minutes.",
                "Write the times as HH:MM:SS, or say how often the rows came, like --every '1 s' instead of --time.",
            )
        if found is None:
            raise refuse(sheet.name, f"column '{how.time}' holds no times: '{texts[0][:30]}'.", seen(sheet))
        times, form = found
        begun = texts[0] if form not in ("seconds", "HH:MM:SS") else ""
        if form == "seconds":
            times, begun = _scaled(times, unit_of(sheet.header[columns[0]] if sheet.header else ""))
    else:
        times = np.arange(len(sheet.rows)) * how.every_s
    return times, mass, unit_of(sheet.header[mass]) if sheet.header else "", begun


def _scaled(times: Any, unit: str) -> tuple[Any, str]:
    """Plain numbers of a time column as seconds, and when it began where they are dates."""
    dates = forms.numbered_dates(times) if unit in ("", "d", "days", "ms", "s") else None
    if dates is None:
        return times * TIME_UNITS.get(unit, 1.0), ""
    return (times - times[np.isfinite(times)][0]) * dates[1], dates[2].isoformat(timespec="seconds")
