"""The uncertainty budget: every source, its share of the flow's uncertainty, and the sum with its k.

Owns: the Type B terms with their defaults, and the propagation (GUM, linear, by the `uncertainties` library).
Rules: a value that nobody measured gets a wider uncertainty and a warning, never a narrower one.
Units: masses in mg, volumes in nL, flows in nL/h; u is a standard uncertainty, U is expanded with k for 95.45 %.
Leaves: the Type A terms to noise.py; why each default has its size is in docs/explanation/uncertainty.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan, erf, exp, inf, lgamma, pi, sqrt, tan
from typing import Any

import numpy as np

from pumprig.calibration import gravimetry
from pumprig.calibration.weighing import Weighing

K = 2.0
COVERAGE = erf(sqrt(2.0))  # of two standard deviations of a normal quantity, 95.45 %
# sources that two weighings on one bench share: the balance, the tube, the clock, the sensors, the fluid
COMMON = (
    "linearity of the balance",
    "sensitivity of the balance",
    "immersed tube",
    "immersed tube (not stated)",
    "time",
    "temperature",
    "relative humidity",
    "air pressure",
    "density of the fluid",
    "accuracy of the instrument",
    "evaporation in the run, against the blanks",
    "evaporation (not stated)",
    "evaporation and drift (as stated)",
)
INSTRUMENT_PCT = 5.0  # of a flow sensor or of volumes that somebody else computed, where nothing is stated
CLOCK_PPM = 50.0
SENSITIVITY_PPM = 20.0
IMMERSION_SHARE = 0.001
WATER_PPM = 10.0


@dataclass(frozen=True)
class Term:
    """One line of the budget: what it is, its standard uncertainty in nL/h, its degrees of freedom (inf allowed)."""

    source: str
    u_nl_per_h: float
    dof: float


@dataclass(frozen=True)
class MassTerm:
    """An uncertainty of the delivered mass in mg (1 sd), with its name and degrees of freedom."""

    source: str
    u_mg: float
    dof: float = inf


@dataclass(frozen=True)
class Result:
    """Volume and flow with expanded uncertainties, Z, the budget, its effective degrees of freedom and k.

    Which of the terms another weighing on the same bench would share is said by COMMON.
    """

    volume_nl: float
    u_volume_nl: float
    flow_nl_per_h: float
    u_flow_nl_per_h: float
    z_ul_per_mg: float
    terms: list[Term]
    dof: float
    k: float = K


def coverage_factor(dof: float) -> float:
    """k for a coverage of 95.45 %: Student's t for the effective degrees of freedom, 2 for infinitely many.

    The t that encloses COVERAGE: with t = sqrt(dof) tan(angle) Student's density is a power of the cosine (Abramowitz
    and Stegun 26.7.1), whose integral is concave, so that Newton's steps from k = 2 approach from one side.
    """
    if dof > 1e6:
        return K
    dof = max(dof, 1.0)
    height = 2.0 * exp(lgamma((dof + 1.0) / 2.0) - lgamma(dof / 2.0)) / sqrt(pi)
    angle = atan(K / sqrt(dof))
    for _ in range(12):
        density = height * np.cos(np.linspace(0.0, angle, 257)) ** (dof - 1.0)
        simpson = density[0] + 4.0 * density[1::2].sum() + 2.0 * density[2:-1:2].sum() + density[-1]
        angle += (COVERAGE - angle / 256.0 / 3.0 * float(simpson)) / float(density[-1])
    return sqrt(dof) * tan(angle)


def ambient_of(weighing: Weighing) -> tuple[gravimetry.Ambient, list[str]]:
    """Mean ambient values over the record; what is missing is 20 deg C, 50 %, 1013 hPa, widened, with a warning."""
    found: dict[str, tuple[float, float]] = {}
    missing: list[str] = []
    rules = {"temp_c": (20.0, 0.3, 3.0), "rh_pct": (50.0, 3.0, 15.0), "pressure_hpa": (1013.0, 1.0, 35.0)}
    for key, (default, u_known, u_unknown) in rules.items():
        if key in weighing.ambient and len(weighing.ambient[key]):
            values = weighing.ambient[key]
            found[key] = (float(values.mean()), float(np.hypot(u_known, values.std())))
        else:
            missing.append(key)
            found[key] = (default, u_unknown)
    warnings = (
        [f"no {', '.join(missing)}: 20 deg C, 50 %, 1013 hPa are taken, with a widened uncertainty"]
        if missing
        else []
    )
    (t, ut), (h, uh), (p, up) = found["temp_c"], found["rh_pct"], found["pressure_hpa"]
    return gravimetry.Ambient(t, h, p, ut, uh, up, not missing), warnings


def mass_terms(weighing: Weighing, readability_g: float, white_sd_mg: float) -> list[MassTerm]:
    """Type B terms of the mass difference: readability and linearity."""
    d_mg = 1000.0 * readability_g
    dither = exp(-2.0 * pi**2 * (white_sd_mg / d_mg) ** 2)
    linearity_mg = 1000.0 * weighing.numbers.get("balance_linearity_g", readability_g)
    return [
        MassTerm("readability of the balance", d_mg / sqrt(6.0) * dither),
        MassTerm("linearity of the balance", linearity_mg / sqrt(3.0)),
    ]


def combine(
    weighing: Weighing,
    mass_mg: float,
    run_h: float,
    terms: list[MassTerm],
    edges_mg: tuple[float, float] = (0.0, 0.0),
) -> tuple[Result, list[str]]:
    """Propagate mass terms and ambient values to volume (nL) and flow (nL/h): V = m Z (1 - immersion), Q = V / t.

    `edges_mg`: what the volume holds beyond flow times run_h, and its standard uncertainty (edges that were found).
    """
    import uncertainties

    number: Any = uncertainties.ufloat
    dofs: dict[str, float] = {}

    def source(value: float, u: float, tag: str, dof: float = inf) -> Any:
        dofs[tag] = dof
        if not u:
            return value
        return number(value, u, tag)

    mass = mass_mg + sum(source(0.0, term.u_mg, term.source, term.dof) for term in terms)
    ul_per_mg, z_value, warnings = _volume_factor(weighing, source)
    hours = run_h * source(1.0, CLOCK_PPM * 1e-6 / sqrt(3.0), "time")
    flow = mass * ul_per_mg * 1000.0 / hours
    volume = (mass + source(edges_mg[0], edges_mg[1], "edges of standing time")) * ul_per_mg * 1000.0
    shares = sorted(flow.error_components().items(), key=lambda item: -item[1])
    listed = [Term(str(variable.tag), float(u), dofs[str(variable.tag)]) for variable, u in shares]
    u_flow = float(flow.std_dev)
    inverse = sum((term.u_nl_per_h / u_flow) ** 4 / term.dof for term in listed if u_flow)
    dof = 1.0 / inverse if inverse > 1e-9 else inf
    k = coverage_factor(dof)
    return Result(
        float(volume.nominal_value),
        k * float(volume.std_dev),
        float(flow.nominal_value),
        k * u_flow,
        z_value,
        listed,
        dof,
        k,
    ), warnings


def _volume_factor(weighing: Weighing, source: Any) -> tuple[Any, float, list[str]]:
    """What a milligram is in uL, with its sources; 1 where the readings are volumes already."""
    if weighing.quantity != "mass":
        stated_pct = weighing.numbers.get("instrument_accuracy_pct")
        pct = INSTRUMENT_PCT if stated_pct is None else stated_pct
        notes = (
            []
            if stated_pct is not None
            else [
                f"how true the {'sensor' if weighing.quantity == 'flow' else 'column of volumes'} is, is not stated: "
                f"± {pct:g} % are counted; state `# instrument_accuracy_pct`"
            ]
        )
        return source(1.0, pct / 100.0 / sqrt(3.0), "accuracy of the instrument"), 1.0, notes
    ambient, warnings = ambient_of(weighing)
    sensitivity_ppm = weighing.numbers.get("balance_sensitivity_ppm", SENSITIVITY_PPM)
    stated = weighing.numbers.get("density_g_per_ml")
    fluid = 1000.0 * stated if stated else None

    def z_of(temp_c: float, rh_pct: float, pressure_hpa: float) -> float:
        return gravimetry.z_ul_per_mg(gravimetry.Ambient(temp_c, rh_pct, pressure_hpa), fluid)

    z = uncertainties_wrap(z_of)(
        source(ambient.temp_c, ambient.u_temp_c, "temperature"),
        source(ambient.rh_pct, ambient.u_rh_pct, "relative humidity"),
        source(ambient.pressure_hpa, ambient.u_pressure_hpa, "air pressure"),
    )
    sensitivity = source(1.0, sensitivity_ppm * 1e-6 / sqrt(3.0), "sensitivity of the balance")
    density = source(1.0, 1e-4 if stated else WATER_PPM * 1e-6, "density of the fluid")
    return (
        z * sensitivity * density * _immersion(weighing, source),
        gravimetry.z_ul_per_mg(ambient, fluid),
        warnings,
    )


def uncertainties_wrap(function: Any) -> Any:
    """`uncertainties.wrap`, imported where it is needed."""
    import uncertainties

    return uncertainties.wrap(function)


def _immersion(weighing: Weighing, source: Any) -> Any:
    od_mm = weighing.numbers.get("tube_od_mm")
    vessel_mm = weighing.numbers.get("vessel_id_mm")
    if od_mm is None or vessel_mm is None:
        return source(1.0, IMMERSION_SHARE / sqrt(3.0), "immersed tube (not stated)")
    factor = gravimetry.immersion_factor(od_mm, vessel_mm)
    return source(factor, 0.1 * (1.0 - factor), "immersed tube")
