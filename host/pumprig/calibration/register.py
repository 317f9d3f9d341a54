"""The calibrations that were made: kept with their raw data, listed with their drift, turned into a device document.

Owns: the calibration folder, its records (one JSON file, the raw CSV files, the fits' pictures) and their ids.
Rules: a record is never changed; its id is the start of its content's SHA-256; raw data are kept as they came.
Callers: `pumprig calibrate fit --save`, `list`, `apply`, the certificate.
Units: nL, nL/h, ISO 8601 UTC; the device document holds whole numbers and ppm.
Leaves: the figures to fit.py and rates.py, the transport to client.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from pumprig import paths
from pumprig.accuracy.graphs import save as save_picture
from pumprig.calibration.fit import Fit
from pumprig.calibration.plots import figure
from pumprig.calibration.rates import RateModel, fit_rates, hysteresis, points_of
from pumprig.errors import PumpError

OLD_DAYS = 7  # one supplier says to recalibrate tubing every 3 to 7 days
LARGEST_DENOMINATOR = 1_000_000


class RegisterError(PumpError):
    """A calibration cannot be kept or found."""


@dataclass(frozen=True)
class Record:
    """One calibration as it was stored."""

    id: int
    content: dict[str, Any]

    @property
    def nl_per_rev(self) -> float:
        """Volume per revolution in nL."""
        return float(self.content["nl_per_rev"])

    @property
    def u_nl_per_rev(self) -> float:
        """Its expanded uncertainty (k = 2)."""
        return float(self.content["u_nl_per_rev"])

    def age_days(self, now: datetime) -> float:
        """Days since it was made."""
        return (now - datetime.fromisoformat(self.content["made_at"])).total_seconds() / 86_400.0

    def warnings(self, now: datetime, rate_nl_per_h: float | None = None) -> list[str]:
        """Age, and a rate outside the calibrated range."""
        told: list[str] = []
        if self.age_days(now) > OLD_DAYS:
            told.append(
                f"calibration {self.id} is {self.age_days(now):.0f} days old; tubing drifts within a week"
            )
        low, high = self.content["range_nl_per_h"]
        if rate_nl_per_h is not None and not 0.9 * low <= rate_nl_per_h <= 1.1 * high:
            told.append(
                f"{rate_nl_per_h / 1000:g} uL/h is outside the calibrated {low / 1000:g} to {high / 1000:g} uL/h"
            )
        return told

    def document(self) -> dict[str, Any]:
        """What the device stores: volume of a revolution as a ratio of integers, its uncertainty in ppm."""
        ratio = Fraction(self.nl_per_rev).limit_denominator(LARGEST_DENOMINATOR)
        made = datetime.fromisoformat(self.content["made_at"])
        return {
            "kind": "calibration",
            "id": self.id,
            "nl_num": ratio.numerator,
            "nl_den": ratio.denominator,
            "u_ppm": min(1_000_000, round(1e6 * self.u_nl_per_rev / self.nl_per_rev + 0.5)),
            "at_utc_s": int(made.timestamp()),
            "tube": str(self.content["tube"])[:40],
            "by": str(self.content["person"])[:40],
        }


def folder() -> Path:
    """Where calibrations are kept: beside the delivery log."""
    return paths.database_file().parent / "calibrations"


def save(
    fits: list[Fit], sources: list[Path], person: str, tube: str, made: datetime | None = None
) -> Record:
    """Keep weighings as one calibration. Raises RegisterError where none counted steps, or the disk refuses."""
    points = points_of(fits)
    if len(points) != len(fits):
        raise RegisterError(
            "A weighing without counted steps gives no volume per revolution.",
            "Nothing was kept.",
            "Record the `steps` column.",
        )
    model = fit_rates(points)
    content = _content(fits, model, person, tube, made or datetime.now(UTC))
    content["hysteresis"] = [row.as_json() for row in hysteresis(points)]
    text = json.dumps(content, indent=1, sort_keys=True)
    number = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) or 1
    try:
        place = folder() / f"{number}"
        place.mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copyfile(source, place / source.name)
        for found in fits:
            drawing = figure(found)
            for suffix in (".svg", ".png"):
                save_picture(drawing, place / (found.weighing.name + suffix))
        temporary = place / "calibration.json.part"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place / "calibration.json")
    except OSError as error:
        raise RegisterError(
            f"{folder()}: {error.strerror}.", "The calibration was not kept.", "Free the disk."
        ) from error
    return Record(number, content)


def _content(fits: list[Fit], model: RateModel, person: str, tube: str, made: datetime) -> dict[str, Any]:
    nl_per_rev, u_nl_per_rev = model.at(model.r0_nl_per_h)
    return {
        "made_at": made.isoformat(timespec="seconds"),
        "person": person,
        "tube": tube,
        "nl_per_rev": nl_per_rev,
        "u_nl_per_rev": u_nl_per_rev,
        "range_nl_per_h": [model.lowest_nl_per_h, model.highest_nl_per_h],
        "model": {
            "r0_nl_per_h": model.r0_nl_per_h,
            "coefficients": list(model.coefficients),
            "cov": [[float(v) for v in row] for row in model.cov],
        },
        "weighings": [{"name": f.weighing.name, **f.as_json()} for f in fits],
    }


def load(number: int) -> Record:
    """A kept calibration by its id. Raises RegisterError where there is none."""
    path = folder() / f"{number}" / "calibration.json"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        known = ", ".join(str(r.id) for r in records()) or "none"
        raise RegisterError(
            f"There is no calibration {number}; kept are: {known}.",
            "Nothing was sent.",
            "See `calibrate list`.",
        ) from None
    if int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) not in (number, 0):
        raise RegisterError(
            f"Calibration {number} was changed after it was made.", "Nothing was sent.", "Calibrate again."
        )
    return Record(number, json.loads(text))


def records() -> list[Record]:
    """All kept calibrations, oldest first; files that are no calibration are passed over."""
    found: list[Record] = []
    for path in folder().glob("*/calibration.json"):
        if path.parent.name.isdigit():
            found.append(Record(int(path.parent.name), json.loads(path.read_text(encoding="utf-8"))))
    return sorted(found, key=lambda record: record.content["made_at"])
