"""The course of a delivery as columns for charts: of the report, and of the live page.

Owns: the columns of each chart, the colours of the kinds, and the thinning.
Rules: a thinned series keeps the first, last, lowest and highest point of every stretch, so that no peak is lost; a
series never runs backwards in time: where it did, the newest telling of an instant counts; what is not known is None.
Units: seconds since 1970, as charts want them; µL/h, mL, µL.
Leaves: the data to course.py, drawing to charts.js and to the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pumpwire import spec

from pumprig.report.course import Course

MOST_POINTS = 1_200  # of one series
FILLING_U_NL = 100_000  # as the rig has it: a filling's uncertainty is 0.5 %, 0.1 mL at least
FILLING_SHARE = 200
KIND_COLOURS = {
    "basal": "#1f6f9f",
    "periodic": "#5aa9c9",
    "demand": "#d9822b",
    "single": "#e3b04b",
    "spread": "#9c6b98",
    "bridge": "#6f8f5f",
    "prime": "#9aa5af",
    "relief": "#b83a3a",
    "calibration": "#c9cfd5",
}
Series = list[tuple[float, float | None]]
Level = tuple[float, float, float]  # s, mL, U in mL


def thinned(points: Sequence[tuple[float, float | None]], most: int) -> Series:
    """At most about `most` points: of each stretch of time the first, the last, the lowest and the highest."""
    ordered: Series = []
    for point in points:
        while ordered and point[0] < ordered[-1][0]:
            ordered.pop()
        ordered.append(point)
    if len(ordered) <= most or most < 8:
        return ordered
    begin, span = ordered[0][0], ordered[-1][0] - ordered[0][0]
    bins = most // 4
    kept: Series = []
    bucket: Series = []
    current = 0
    for point in ordered:
        index = min(bins - 1, int((point[0] - begin) / span * bins)) if span else 0
        if index != current:
            kept += _outline(bucket)
            bucket, current = [], index
        bucket.append(point)
    return kept + _outline(bucket)


def _outline(bucket: Series) -> Series:
    if len(bucket) <= 4:
        return bucket
    known = [i for i, point in enumerate(bucket) if point[1] is not None]
    places = {0, len(bucket) - 1}
    if known:
        places |= {
            min(known, key=lambda i: bucket[i][1] or 0.0),
            max(known, key=lambda i: bucket[i][1] or 0.0),
        }
    return [bucket[i] for i in sorted(places)]


def asked_rates(path: Course) -> Series:
    """The exact course of rates, by program and bolus."""
    return [(at_us / 1e6, rate / 24_000) for at_us, rate in path.rates]


def counted_rates(path: Course) -> Series:
    """Means of the counted steps as a staircase: each while it is true; 0 where nothing was counted."""
    points: Series = []
    until = 0
    for begin, end, rate in path.counted:
        if points and begin > until:
            points.append((until / 1e6, 0.0))
        points.append((begin / 1e6, rate / 24_000))
        until = end
    return [*points, (until / 1e6, points[-1][1])] if points else points


def levels(path: Course, u_ppm: int) -> list[Level]:
    """The reservoir with its uncertainty by the rig's own rule: that of the filling, and of the counting since."""
    rows: list[Level] = []
    full = used = 0.0
    for point in path.points:
        if point.reservoir_nl is None:
            continue
        level = float(point.reservoir_nl)
        if not rows or level > full - used:
            full = level
        used = full - level
        filling = max(FILLING_U_NL, full / FILLING_SHARE)
        rows.append((point.at_us / 1e6, level / 1e6, math.hypot(filling, used * u_ppm / 1e6) / 1e6))
    return rows


def level_columns(rows: list[Level], most: int = MOST_POINTS) -> list[list[float]]:
    """Time, level, level - U, level + U."""
    us = {at: u for at, _level, u in rows}
    kept = [(at, level or 0.0) for at, level in thinned([(at, level) for at, level, _u in rows], most)]
    return [
        [at for at, _level in kept],
        [level for _at, level in kept],
        [max(0.0, level - us[at]) for at, level in kept],
        [level + us[at] for at, level in kept],
    ]


def joined(steps: Series, line: Series) -> list[list[float | None]]:
    """Two staircases over one axis of time: the first holds its value, the second is None between its own steps."""
    lines, rates = dict(line), dict(steps)
    times = sorted({*rates, *lines})
    held: float | None = None
    first: list[float | None] = []
    for at in times:
        held = rates.get(at, held)
        first.append(held)
    return [list(times), first, [lines.get(at) for at in times]]


def charts_of(path: Course, relative_u: float, u_ppm: int) -> dict[str, Any]:
    """All columns of the report's charts."""
    asked = thinned([(point.at_us / 1e6, float(point.asked_nl)) for point in path.points], MOST_POINTS)
    given = thinned([(point.at_us / 1e6, float(point.delivered_nl)) for point in path.points], MOST_POINTS)
    top = max((max(point.asked_nl, point.delivered_nl) for point in path.points), default=0)
    size, unit = (1e6, "mL") if top >= 1e6 else (1e3, "µL")
    at_given, at_asked = dict(given), dict(asked)
    times = sorted({*at_given, *at_asked})
    volumes = [None if (v := at_given.get(at)) is None else v / size for at in times]
    return {
        "delivered": {
            "unit": unit,
            "columns": [
                times,
                [None if (v := at_asked.get(at)) is None else v / size for at in times],
                volumes,
                [None if v is None else v * (1 - relative_u) for v in volumes],
                [None if v is None else v * (1 + relative_u) for v in volumes],
            ],
        },
        "rate": joined(thinned(asked_rates(path), MOST_POINTS), thinned(counted_rates(path), MOST_POINTS)),
        "kinds": _kinds(path),
        "reservoir": level_columns(levels(path, u_ppm)),
        "low_ml": None if path.low_nl is None else path.low_nl / 1e6,
    }


def _kinds(path: Course) -> dict[str, Any]:
    """A column a day, or an hour where the whole is short; the parts of each stand on each other."""
    rows = sorted(path.bins.items())
    kinds = [kind for kind in spec.KINDS if any(round(row[kind]) for _at, row in rows)]
    top = max((sum(row.values()) for _at, row in rows), default=0)
    size, unit = (1e6, "mL") if top >= 1e6 else (1e3, "µL")
    return {
        "unit": unit,
        "every": "hour" if path.bin_us < 86_400_000_000 else "day",
        "times": [at * path.bin_us / 1e6 for at, _row in rows],
        "kinds": [
            {"name": kind, "colour": KIND_COLOURS[kind], "values": [row[kind] / size for _at, row in rows]}
            for kind in kinds
        ],
    }
