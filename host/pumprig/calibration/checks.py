"""Whether a fitted weighing can be what it claims: units, signs, blanks, lengths.

Owns: the plausibility checks that need the fit's result, and their messages.
Rules: what cannot be right is refused with its rows; what may be right but weakens the figure is a warning.
Units: flows in nL/h, evaporation in mg/h, volumes in nL, rows are line numbers from 1.
Leaves: single rows to csvrows.py and screen.py.
"""

from __future__ import annotations

import numpy as np

from pumprig.calibration.design import (
    NOMINAL_NL_PER_REV,
    NOMINAL_ROLLERS,
    Phases,
    blank_slopes,
    roller_turns,
)
from pumprig.calibration.register import LEAST_NL_PER_REV, MOST_NL_PER_REV
from pumprig.calibration.weighing import Weighing, refuse

LOWEST_FLOW_NL_PER_H = 1000.0  # half of 0.048 mL/day; in kilograms 1 mL/h would look like this


def check_scale(weighing: Weighing) -> None:
    """Refuse times or masses in another unit where the set rate gives it away, before anything is computed from them.

    Seen by the faster half of the record's parts, against the rate.
    """
    rate = weighing.numbers.get("rate_nl_per_h")
    if not rate or len(weighing.t_s) < 20:
        return
    edges = np.unique(np.linspace(0, len(weighing.t_s) - 1, 41).astype(np.int64))
    slopes = np.abs(np.diff(weighing.mass_g[edges]) / np.diff(weighing.t_s[edges]))
    g_per_h = 3600.0 * float(np.median(slopes[slopes >= np.median(slopes)]))  # where it ran, jumps apart
    _refuse_scale(weighing, g_per_h / weighing.numbers.get("density_g_per_ml", 1.0) * 1e6 / rate, rate)


TIME_SCALES = (("minutes", 60.0), ("hours", 3600.0), ("days (a spreadsheet's serial days)", 86400.0))


def _refuse_scale(weighing: Weighing, ratio: float, rate: float) -> None:
    """Raise where `ratio`, the flow over the stated rate, is that of a wrong unit."""
    step = float(np.median(np.diff(weighing.t_s)))
    found: list[str] = []
    if 3e-4 < ratio < 3e-3:
        found = ["the times look like milliseconds"] if step > 60.0 else ["the masses look like kilograms"]
        if 20.0 < step <= 1000.0 and len(weighing.t_s) > 100:
            found = ["the masses look like kilograms, or the times like milliseconds"]
    elif 3e-7 < ratio < 3e-6:
        found = ["the masses look like kilograms, and the times like milliseconds"]
    elif 3e2 < ratio < 2.2e3:
        found = ["the masses look like milligrams"]
    else:
        found = [f"the times look like {unit}" for unit, size in TIME_SCALES if 0.6 < ratio / size < 1.7]
    if found:
        raise refuse(
            weighing.name,
            f"rows {int(weighing.row[0])} to {int(weighing.row[-1])}: the flow is {ratio:.3g} times the stated rate of "
            f"{rate:g} nL/h: {found[0]}.",
            "Write masses in grams and times in seconds, or say the unit: --unit, or a column named t_min, t_ms.",
        )


def check_unit(weighing: Weighing, flow_nl_per_h: float, readability_g: float) -> None:
    """Refuse masses in kilograms or milligrams, as far as the file lets it be known."""
    rate = weighing.numbers.get("rate_nl_per_h")
    row = int(weighing.row[0])
    if rate:
        ratio = abs(flow_nl_per_h) / rate
        _refuse_scale(weighing, ratio, rate)
        if not 1 / 3 < ratio < 3:
            weighing.warnings.append(f"the flow is {ratio:.3g} times the stated rate of {rate:g} nL/h")
    elif "density_g_per_ml" not in weighing.numbers and abs(flow_nl_per_h) < LOWEST_FLOW_NL_PER_H:
        raise refuse(
            weighing.name,
            f"rows {row} to {int(weighing.row[-1])}: the flow would be {flow_nl_per_h:.3g} nL/h, below this rig's "
            "range; the masses look like kilograms.",
            "Write them in grams; if the flow is right, state it as `# rate_nl_per_h: ...`.",
        )
    fine = readability_g < 1e-6 and "balance_readability_g" not in weighing.numbers
    if fine and not rate and np.isclose(np.log10(readability_g), round(np.log10(readability_g)), atol=1e-9):
        raise refuse(
            weighing.name,
            f"row {row}: the masses have digits below 1 ug; they look like kilograms.",
            "Write them in grams; if the balance reads that finely, state `# balance_readability_g`.",
        )


def check_per_rev(weighing: Weighing, nl_per_rev: float | None) -> None:
    """Refuse a volume per revolution that no such pump head has."""
    if nl_per_rev is not None and not LEAST_NL_PER_REV <= nl_per_rev <= MOST_NL_PER_REV:
        raise refuse(
            weighing.name,
            f"rows {int(weighing.row[0])} to {int(weighing.row[-1])}: {nl_per_rev / 1000:.4g} µL per revolution; "
            f"heads have {LEAST_NL_PER_REV / 1000:g} to {MOST_NL_PER_REV / 1000:g} µL.",
            "Check the unit of the masses (mass_g, mass_kg, mass_mg), the steps and --steps-per-rev.",
        )


def check_sign(weighing: Weighing, flow_nl_per_h: float) -> None:
    """Refuse a run in which fluid left the vessel."""
    rows = f"rows {int(weighing.row[0])} to {int(weighing.row[-1])}"
    if flow_nl_per_h <= 0:
        raise refuse(
            weighing.name,
            f"{rows}: the mass falls while the pump runs ({flow_nl_per_h:.4g} nL/h).",
            "If the source stands on the balance, add --falling; else check the tube's direction.",
        )


def check_size(weighing: Weighing, flow_nl_per_h: float, u_flow_nl_per_h: float) -> None:
    """Refuse a run in which nothing can be seen to arrive."""
    rows = f"rows {int(weighing.row[0])} to {int(weighing.row[-1])}"
    if u_flow_nl_per_h > flow_nl_per_h:
        raise refuse(
            weighing.name,
            f"{rows}: the flow of {flow_nl_per_h:.4g} nL/h is smaller than its uncertainty of "
            f"{u_flow_nl_per_h:.4g} nL/h.",
            "Weigh for longer; `pumprig calibrate plan` says how long.",
        )


def check_blanks(weighing: Weighing, phase: Phases, readability_g: float, slope_u_mg_per_h: float) -> None:
    """Refuse a blank that rises: fluid arrives while the pump stands, or the balance drifts beyond its statement."""
    drift_mg = 2000.0 * weighing.numbers.get("balance_drift_g_per_h", readability_g)
    stated = weighing.numbers.get("evaporation_g_per_h")
    if stated is not None and -1000.0 * stated > drift_mg:
        row = weighing.rows_of_keys["evaporation_g_per_h"]
        raise refuse(
            weighing.name,
            f"row {row}: the evaporation of the blank is negative ({stated:g} g/h): the blank rises.",
            "Find what drips or drifts, and repeat the blank.",
        )
    if not phase.has_blank or weighing.quantity != "mass":
        return
    for a, b in phase.still():
        hours = float(weighing.t_s[b - 1] - weighing.t_s[a]) / 3600.0
        if b - a < 20 or hours <= 0:
            continue
        sign = -1.0 if weighing.falling else 1.0
        slope = sign * blank_slopes(weighing.t_s, 1000.0 * weighing.mass_g, [(a, b)])[0]
        fuzzy = np.hypot(slope_u_mg_per_h, 1000.0 * readability_g / hours)
        single = float(np.median(np.abs(np.diff(1000.0 * weighing.mass_g[a:b])))) * 1.4826 / 2**0.5
        fuzzy = np.hypot(fuzzy, single * (12.0 / (b - a)) ** 0.5 / hours)
        if slope > drift_mg + 3.0 * fuzzy and phase.stops.stretches:
            weighing.warnings.append(
                f"rows {int(weighing.row[a])} to {int(weighing.row[b - 1])}: taken as standing, and yet the mass rises "
                f"by {slope:.3g} mg/h: a slow flow, or something that drips"
            )
        elif slope > drift_mg + 3.0 * fuzzy:
            raise refuse(
                weighing.name,
                f"rows {int(weighing.row[a])} to {int(weighing.row[b - 1])}: the blank rises by {slope:.3g} mg/h.",
                "Find what drips, siphons or drifts while the pump stands, and repeat.",
            )


def check_length(weighing: Weighing, phase: Phases, volume_nl: float) -> None:
    """Refuse a run shorter than one roller period: the flow within it is not the pump's mean flow."""
    turns = roller_turns(weighing, phase)
    if turns is not None:
        passed = float(turns[-1] - turns[0])
        how = (
            "as stated" if "roller_period_s" in weighing.numbers and not phase.by_steps else "from the steps"
        )
    else:
        passed = volume_nl / (NOMINAL_NL_PER_REV / NOMINAL_ROLLERS)
        how = "taking 10 µL per revolution and 3 rollers, as nothing is stated"
        weighing.warnings.append(
            "the roller period is not known; state `# roller_period_s` or record `steps`, so that pulsation is fitted"
        )
    if passed < 1.0:
        raise refuse(
            weighing.name,
            f"rows {int(weighing.row[0])} to {int(weighing.row[-1])}: the run covers {passed:.2g} of a roller period "
            f"({how}); within one the flow is not the mean flow.",
            "Weigh for at least one roller period, better for several.",
        )


def check_evaporation(weighing: Weighing, evaporation_mg_per_h: float, mass_mg_per_h: float) -> None:
    """Warn where the correction for evaporation exceeds 10 % of the flow."""
    share = abs(evaporation_mg_per_h) / mass_mg_per_h
    if share > 0.1:
        weighing.warnings.append(
            f"evaporation corrects the flow by {100 * share:.0f} %; use a lid, a trap or 1.5 mm of paraffin oil"
        )
