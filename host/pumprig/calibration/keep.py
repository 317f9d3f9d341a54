"""Keeping a calibration: its figures, its raw data and its pictures, in a folder that nobody changes again.

Owns: what a record holds, and how it comes to disk.
Rules: raw data are kept as they came; calibration.json is written last and whole, so that a record is there or not.
Callers: `pumprig calibrate fit --save`.
Units: nL, nL/h, ISO 8601 UTC, steps since the rig was made.
Leaves: reading records to register.py, figures to fit.py and rates.py, pictures to plots.py.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pumprig.calibration.anglemap import AngleMap
from pumprig.calibration.design import NOMINAL_STEPS_PER_REV
from pumprig.calibration.fit import Fit
from pumprig.calibration.plots import figure, rates_figure
from pumprig.calibration.rates import RateModel, fit_rates, hysteresis, points_of
from pumprig.calibration.register import Record, RegisterError, folder, numbered
from pumprig.calibration.weighing import readability_g
from pumprig.pictures import save as save_picture


def save(
    fits: list[Fit],
    sources: list[Path],
    person: str,
    tube: str,
    made: datetime | None = None,
    angle: AngleMap | None = None,
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
    if angle is not None:
        content["angle"] = {
            "weights": angle.table(),
            "a": [float(v) for v in angle.a],
            "b": [float(v) for v in angle.b],
            "u": [float(v) for v in angle.u],
            "peak_to_peak_pct": 100 * angle.peak_to_peak(),
            "expected_pct": 100 * angle.peak_to_peak(evened=True),
        }
    last = fits[-1].weighing
    content["device_id"] = last.texts.get("device_id", "")
    content["balance"] = last.texts.get("balance", "")
    content["readability_g"] = readability_g(last)
    if last.steps is not None:
        content["steps_at_end"] = int(last.steps[-1])
        content["steps_per_rev"] = last.numbers.get("steps_per_rev", NOMINAL_STEPS_PER_REV)
    text = json.dumps(content, indent=1, sort_keys=True)
    number = numbered(text)
    try:
        place = folder() / f"{number}"
        place.mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copyfile(source, place / source.name)
        pictures = {found.weighing.name: figure(found) for found in fits}
        if len(fits) > 1:
            pictures["rates"] = rates_figure(points, model)
        for name, drawing in pictures.items():
            for suffix in (".svg", ".png"):
                save_picture(drawing, place / (name + suffix))
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
