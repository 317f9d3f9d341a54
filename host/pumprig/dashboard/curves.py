"""What the curves show: the samples of the last hours, and the stored log before them, thinned.

Owns: the series of a span.
Rules: the time of a point is the rig's own clock; what is not known is None.
Units: seconds since 1970 (as the charts want them), µL/h, mL, kPa.
Leaves: reading the log to report/course.py, thinning to report/series.py, drawing to the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pumprig.errors import PumpError
from pumprig.quantities import now_utc_us, to_utc_us
from pumprig.report.course import Course, course
from pumprig.report.series import (
    Level,
    Series,
    asked_rates,
    counted_rates,
    joined,
    level_columns,
    levels,
    thinned,
)
from pumprig.rig.status import Status
from pumprig.store import Store
from pumprig.store.totals import total
from pumprig.worded import style_of, words_of

MOST_POINTS = 800  # of one series
MOST_MARKS = 200


@dataclass(frozen=True)
class Sample:
    """One live reading."""

    at_us: int
    asked_nl_per_h: float | None
    counted_nl_per_h: float | None
    reservoir_nl: int | None
    reservoir_u_nl: int | None
    pressure_pa: int | None


def sample_of(status: Status) -> Sample:
    """A reading as a point of the curves."""
    at = status.clock.device
    return Sample(
        now_utc_us() if at is None else to_utc_us(at),
        status.rate_nl_per_h,
        status.counted_rate_nl_per_h,
        status.reservoir_nl,
        status.reservoir_u_nl,
        status.pressure_pa,
    )


def series_of(
    store: Store, device_id: str, live: list[Sample], from_us: int | None, most: int = MOST_POINTS
) -> dict[str, Any]:
    """All curves from an instant (None: from the log's beginning) to now. Raises StoreError."""
    recent = [row for row in live if from_us is None or row.at_us >= from_us]
    since_s = recent[0].at_us / 1e6 if recent else None
    path, u_ppm, volumes = _history(store, device_id, from_us)
    asked: Series = []
    counted: Series = []
    level: list[Level] = []
    marks: list[dict[str, Any]] = []
    if path is not None:
        asked = [row for row in asked_rates(path) if _before(row[0], since_s)]
        counted = [row for row in counted_rates(path) if _before(row[0], since_s)]
        level = [row for row in levels(path, u_ppm) if _before(row[0], since_s)]
        marks = [
            {
                "t": record.at_utc_us / 1e6,
                "event": record.event.replace("_", " "),
                "style": style_of(record.event),
                "text": words_of(record, volumes.get(record.calibration_id, 0.0)),
            }
            for record in path.events[-MOST_MARKS:]
            if record.at_utc_us is not None and (from_us is None or record.at_utc_us >= from_us)
        ]
    asked += [(row.at_us / 1e6, _scaled(row.asked_nl_per_h, 1000)) for row in recent]
    counted += [(row.at_us / 1e6, _scaled(row.counted_nl_per_h, 1000)) for row in recent]
    level += [
        (row.at_us / 1e6, row.reservoir_nl / 1e6, (row.reservoir_u_nl or 0) / 1e6)
        for row in recent
        if row.reservoir_nl is not None
    ]
    pressure: Series = [
        (row.at_us / 1e6, row.pressure_pa / 1000) for row in recent if row.pressure_pa is not None
    ]
    return {
        "rate": joined(thinned(asked, most), thinned(counted, most)),
        "reservoir": level_columns(level, most),
        "pressure": [[at for at, _v in thinned(pressure, most)], [v for _at, v in thinned(pressure, most)]],
        "marks": marks,
        "low_ml": None if path is None or path.low_nl is None else path.low_nl / 1e6,
    }


def _before(at_s: float, since_s: float | None) -> bool:
    return since_s is None or at_s < since_s


def _scaled(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


def _history(
    store: Store, device_id: str, from_us: int | None
) -> tuple[Course | None, int, dict[int, float]]:
    """The stored course, U of the calibration in ppm, and the volume of a step by calibration."""
    try:
        sums = total(store, device_id, from_us, None)
    except PumpError:
        return None, 0, {}
    known = store.calibrations(device_id)
    u_ppm = known.get(sums.last.calibration_id, (0, 1, 0))[2]
    return course(store, sums), u_ppm, {number: row[0] / row[1] for number, row in known.items()}
