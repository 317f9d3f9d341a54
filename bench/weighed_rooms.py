"""Simulated weighings for the coverage study: the families of noise and of the room, each with its truth.

Owns: the draw of every Type B term, the room (temperature, doors, evaporation), what a family's file says.
Rules: signals are made directly by the simulated balance and head, not over serial; the same seed gives the same
    weighing; nothing here uses a formula of the fit.
Units: mass mg or g as named, time s or h, flow nL/h.
Leaves: the study and its bound to accuracy_coverage.py, the balance to rigsim.balance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pumprig.calibration import gravimetry
from pumprig.calibration.budget import CLOCK_PPM, SENSITIVITY_PPM, WATER_PPM
from pumprig.calibration.regression import EVAPORATION_CHANGE, EVAPORATION_IN_RUN
from pumprig.calibration.weighing import Weighing
from rigsim.balance import Balance, BalanceSpec
from rigsim.geometry import load_head

STEPS_PER_REV = 3200
BLANK_S, RUN_S = 1800.0, 10800.0
READABILITY_G = 1e-4
# family: noise beside the repeatability, in terms of the readability; the last two have no counterpart in the fit
FAMILIES: dict[str, dict[str, float]] = {
    "white": {},
    "random walk": {"wander_g_per_root_h": 1.0},
    "draught": {"draught_g": 1.0},
    "flicker": {"flicker_g": 1.0},
    "vibration (not modelled)": {"vibration_g": 3.0},
    "heavy tails (not modelled)": {"tails": 3.0},
}
# families of the room and of the record; their truth is made by the functions of this file alone
ROOMS = (
    "evaporation under a lid",
    "evaporation of the run only",
    "temperature, recorded",
    "temperature, not recorded",
    "door at start and end",
    "digits of 1 mg",
    "no steps, a stop of 3 min",
    "few readings",
)
NAMES = (*FAMILIES, *ROOMS)
LID_PCT = 1.0


@dataclass(frozen=True)
class Case:
    """One simulated weighing, its truth (flow nL/h) and its noise."""

    weighing: Weighing
    flow_nl_per_h: float
    spec: BalanceSpec
    rate_nl_per_h: float
    step_volume_nl: Any
    family: str


def displaced_nl(theta_rad: Any) -> Any:
    """Volume (n,) at rotor angles (n,), from a table of the head's own function over one turn."""
    head = load_head()
    grid = np.linspace(0.0, 2 * np.pi, 721)
    table = np.array([head.displacement_nl(float(v)) for v in grid]) - head.nl_per_rev * grid / (2 * np.pi)
    return head.nl_per_rev * theta_rad / (2 * np.pi) + np.interp(np.mod(theta_rad, 2 * np.pi), grid, table)


def saturation_hpa(temp_c: Any) -> Any:
    """Vapour pressure over water after Buck (1981): the fit uses no such formula."""
    return 6.1121 * np.exp((18.678 - temp_c / 234.5) * temp_c / (257.14 + temp_c))


def evaporated_g(t_s: Any, rng: Any, mean_g_per_h: float, family: str, temp_c: Any, rh_pct: float) -> Any:
    """Mass (n,) that has left the vessel: a change over the record (20 %, 1 sd), another size in the run (20 %, 1 sd;
    1 % under a lid), or the saturation deficit at the room's temperature with the moisture that the air holds.
    """
    hours = t_s / 3600.0
    rate = np.full(len(t_s), mean_g_per_h)
    if family.startswith("temperature"):
        held = rh_pct / 100.0 * saturation_hpa(temp_c.mean())
        rate = rate * (saturation_hpa(temp_c) - held) / (saturation_hpa(temp_c.mean()) - held)
    elif family != "door at start and end":
        span_h = float(hours[-1] - hours[0])
        if family != "evaporation of the run only":
            rate = rate * (1.0 + EVAPORATION_CHANGE * rng.standard_normal() * (hours / span_h - 0.5))
        share = LID_PCT / 100.0 if family == "evaporation under a lid" else EVAPORATION_IN_RUN
        runs = (t_s >= BLANK_S) & (t_s < BLANK_S + RUN_S)
        rate = np.where(runs, rate * (1.0 + share * rng.standard_normal()), rate)
    return np.concatenate(([0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]) * np.diff(hours))))


def room_c(t_s: Any, rng: Any, mean_c: float) -> Any:
    """A room's temperature (n,): a swing of 0.5 to 2 K in 2 to 12 h."""
    swing, period_h, phase = rng.uniform(0.5, 2.0), rng.uniform(2.0, 12.0), rng.uniform(0, 2 * np.pi)
    return mean_c + swing * np.sin(2 * np.pi * t_s / 3600.0 / period_h + phase)


def door_g(t_s: Any, rng: Any) -> Any:
    """What an open door leaves (n,): 0.3 to 1.5 mg, gone in 6 to 30 min, at the start and before the last blank."""
    total = np.zeros(len(t_s))
    for opened_s in (0.0, BLANK_S + RUN_S):
        size_g = float(rng.uniform(0.3e-3, 1.5e-3) * rng.choice((-1.0, 1.0)))
        decay_s = 60.0 * float(rng.uniform(6.0, 30.0))
        total += np.where(t_s >= opened_s, size_g * np.exp(-np.maximum(t_s - opened_s, 0.0) / decay_s), 0.0)
    return total


def simulate(seed: int, family: str, rate_nl_per_h: float = 20_000.0, d_g: float = READABILITY_G) -> Case:
    """Draw one weighing: every Type B term from the distribution that the budget gives it, every size varied."""
    rng = np.random.default_rng(seed)
    if family == "digits of 1 mg":
        d_g = 1e-3

    def rect(half: float) -> float:
        return float(rng.uniform(-half, half))

    size = float(rng.uniform(0.5, 2.0))
    noise = {k: v if k == "tails" else v * d_g * size for k, v in FAMILIES.get(family, {}).items()}
    sensors = gravimetry.Ambient(
        float(rng.uniform(18, 25)), float(rng.uniform(30, 70)), float(rng.uniform(960, 1030))
    )
    tube_mm, vessel_mm = 1.6, 25.0
    dip = (tube_mm / vessel_mm) ** 2
    evaporation = float(rng.uniform(2.0, 15.0)) * READABILITY_G
    spec = BalanceSpec(
        readability_g=d_g,
        repeatability_g=d_g
        * float(rng.uniform(0.2, 1.0) if family == "digits of 1 mg" else rng.uniform(0.7, 1.3)),
        drift_g_per_h=rect(d_g),
        sensitivity=1.0 + rect(SENSITIVITY_PPM * 1e-6),
        nonlinearity_g=rect(d_g),
        nonlinearity_span_g=rate_nl_per_h * RUN_S / 3600.0 * 1e-6,
        evaporation_g_per_h=evaporation,
        immersion=dip * (1.0 + 0.1 * float(rng.standard_normal())),
        temp_c=sensors.temp_c + 0.3 * float(rng.standard_normal()),
        rh_pct=sensors.rh_pct + 3.0 * float(rng.standard_normal()),
        pressure_hpa=sensors.pressure_hpa + float(rng.standard_normal()),
        **noise,
    )
    head = load_head()
    t_s = np.arange(0.0, 2 * BLANK_S + RUN_S, 300.0 if family == "few readings" else 1.0)
    step_hz = rate_nl_per_h / 3600.0 / head.nl_per_rev * STEPS_PER_REV
    ran_s = np.clip(t_s - BLANK_S, 0.0, RUN_S)
    if family.startswith("no steps"):
        stop_s = float(rng.uniform(0.2, 0.8)) * RUN_S
        ran_s = ran_s - np.clip(ran_s - stop_s, 0.0, 180.0)
    steps = np.floor(ran_s * step_hz)
    start = float(rng.uniform(0.0, 2 * np.pi))
    volume = displaced_nl(start + steps * 2 * np.pi / STEPS_PER_REV)
    volume = (volume - volume[0]) * (1.0 + WATER_PPM * 1e-6 * float(rng.standard_normal()))
    temp_c = (
        room_c(t_s, rng, sensors.temp_c)
        if family.startswith("temperature")
        else np.full(len(t_s), sensors.temp_c)
    )
    lost_g = evaporated_g(t_s, rng, evaporation, family, temp_c, sensors.rh_pct)
    lost_g = lost_g - (door_g(t_s, rng) if family.startswith("door") else 0.0)
    balance = Balance(replace(spec, evaporation_g_per_h=0.0), seed)
    mass = balance.readings(t_s, volume - lost_g / balance.g_per_nl) + float(rng.uniform(5, 50))
    clock = 1.0 + rect(CLOCK_PPM * 1e-6)
    ambient = {"temp_c": temp_c, "rh_pct": sensors.rh_pct, "pressure_hpa": sensors.pressure_hpa}
    if family == "temperature, not recorded":
        ambient = {}
    weighing = Weighing(
        name=f"{family} {seed}",
        sha256="",
        row=np.arange(2, len(t_s) + 2),
        t_s=t_s / clock,
        mass_g=np.round(mass / d_g) * d_g,
        ambient={k: v + np.zeros(len(t_s)) for k, v in ambient.items()},
        steps=None if family.startswith("no steps") else steps,
        numbers={
            "balance_readability_g": d_g,
            "steps_per_rev": float(STEPS_PER_REV),
            "rollers": float(head.rollers),
            "tube_od_mm": tube_mm,
            "vessel_id_mm": vessel_mm,
            **_stated(family, rng, evaporation, head.nl_per_rev / head.rollers / rate_nl_per_h * 3600.0),
        },
        texts={},
        rows_of_keys={},
    )
    truth = head.nl_per_rev / STEPS_PER_REV * step_hz * 3600.0
    return Case(weighing, truth, spec, rate_nl_per_h, steps, family)


def _stated(family: str, rng: Any, evaporation_g_per_h: float, roller_s: float) -> dict[str, float]:
    """What a family's file says beside its readings."""
    if family.startswith("no steps"):
        return {"roller_period_s": roller_s}
    if family == "evaporation under a lid":
        return {"evaporation_change_pct": LID_PCT}
    if family == "few readings":  # too few for blanks: the evaporation is stated with its uncertainty
        u = 0.1 * evaporation_g_per_h
        return {
            "evaporation_g_per_h": evaporation_g_per_h + u * float(rng.standard_normal()),
            "u_evaporation_g_per_h": u,
        }
    return {}
