"""Keeping a calibration: its figures, its raw data and its pictures, in a folder that nobody changes again.

Owns: what a record holds, and how it comes to disk.
Rules: raw data are kept as they came; calibration.json is written last and whole, so that a record is there or not.
Units: nL, nL/h, ISO 8601 UTC, steps since the rig was made.
Leaves: reading records to register.py, figures to fit.py and rates.py, pictures to plots.py.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pumprig.calibration.anglemap import AngleMap
from pumprig.calibration.budget import ambient_of
from pumprig.calibration.design import NOMINAL_STEPS_PER_REV
from pumprig.calibration.fitted import Fit
from pumprig.calibration.gravimetry import water_density_kg_per_m3
from pumprig.calibration.plots import figure, rates_figure
from pumprig.calibration.rates import RateModel, fit_rates, hysteresis, points_of
from pumprig.calibration.register import Record, RegisterError, folder, numbered, picture_name
from pumprig.calibration.weighing import readability_g
from pumprig.pictures import save as save_picture

# what a weighing's `# key: value` lines may state for its certificate
STATED = (
    *("device_id", "firmware", "simulated", "place", "balance", "balance_serial", "balance_checked"),
    "reference_temp",
)


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
            "Record the `steps` column; `--certificate FILE` gives a certificate of the flow alone.",
        )
    refuse_twice(fits)
    model = fit_rates(points)
    content = content_of(fits, model, person, tube, made or datetime.now(UTC))
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
    if last.steps is not None:
        content["steps_at_end"] = int(last.steps[-1])
        content["steps_per_rev"] = last.numbers.get("steps_per_rev", NOMINAL_STEPS_PER_REV)
    text = json.dumps(content, indent=1, sort_keys=True)
    number = numbered(text)
    try:
        place = folder() / f"{number}"
        place.mkdir(parents=True, exist_ok=True)
        for source in sources:
            data = source.read_bytes()
            (place / f"{hashlib.sha256(data).hexdigest()}{source.suffix or '.csv'}").write_bytes(data)
        pictures = {
            picture_name(row): figure(found) for row, found in zip(content["weighings"], fits, strict=True)
        }
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


def refuse_twice(fits: list[Fit]) -> None:
    """The same readings twice are one weighing, whatever their files are called. Raises RegisterError."""
    seen: dict[str, str] = {}
    for found in fits:
        key = found.weighing.data_hash()
        if key in seen:
            raise RegisterError(
                f"{found.weighing.name} holds the same readings as {seen[key]}: that is one weighing, not two.",
                "Nothing was kept.",
                "Give each weighing once.",
            )
        seen[key] = found.weighing.name


def content_of(
    fits: list[Fit], model: RateModel | None, person: str, tube: str, made: datetime
) -> dict[str, Any]:
    """What a certificate says of some weighings: the figures, and what, when, where and with what they were weighed."""
    last = fits[-1].weighing
    flows = [found.result.flow_nl_per_h for found in fits]
    content: dict[str, Any] = {
        "made_at": made.isoformat(timespec="seconds"),
        "person": person,
        "tube": tube,
        "range_nl_per_h": [min(flows), max(flows)],
        "weighings": [
            {
                "name": f.weighing.name,
                **f.as_json(),
                "quantity": f.weighing.quantity,
                "ambient": _ambient(f),
                "begun_at": f.weighing.texts.get("begun_at", ""),
                "fluid": _fluid(f),
            }
            for f in fits
        ],
        "readability_g": readability_g(last),
        "tool": f"pumprig {version('pumprig')}",
    }
    for key in STATED:
        content[key] = last.texts.get(key, "")
    if model is not None:
        nl_per_rev, u_nl_per_rev = model.at(model.r0_nl_per_h)
        content |= {
            "nl_per_rev": nl_per_rev,
            "u_nl_per_rev": u_nl_per_rev,
            "k": model.k,
            "range_nl_per_h": [model.lowest_nl_per_h, model.highest_nl_per_h],
            "model": {
                "r0_nl_per_h": model.r0_nl_per_h,
                "coefficients": list(model.coefficients),
                "cov": [[float(v) for v in row] for row in model.cov],
            },
        }
    return content


def _ambient(found: Fit) -> str:
    """The air of a weighing, and where it is known from."""
    air, _notes = ambient_of(found.weighing)
    measured = [key for key in ("temp_c", "rh_pct", "pressure_hpa") if key in found.weighing.ambient]
    source = "as recorded with the readings" if len(measured) == 3 else "taken, not measured"
    if 0 < len(measured) < 3:
        source = f"{', '.join(measured)} as recorded, the rest taken"
    return (
        f"{air.temp_c:.1f} ± {2 * air.u_temp_c:.1f} °C, {air.rh_pct:.0f} ± {2 * air.u_rh_pct:.0f} %, "
        f"{air.pressure_hpa:.0f} ± {2 * air.u_pressure_hpa:.0f} hPa (k = 2), {source}"
    )


def _fluid(found: Fit) -> str:
    """What was weighed, and its density."""
    name = found.weighing.texts.get("fluid", "")
    stated = found.weighing.numbers.get("density_g_per_ml")
    if found.weighing.quantity != "mass":
        return f"{name or 'not stated'}; volumes as the instrument gave them"
    if stated:
        return f"{name or 'not stated'}, {stated:g} g/mL as stated"
    air, _notes = ambient_of(found.weighing)
    density = water_density_kg_per_m3(air.temp_c) / 1000.0
    return f"{name or 'water'}, {density:.5f} g/mL at {air.temp_c:.1f} °C (Tanaka 2001)"
