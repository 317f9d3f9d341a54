"""The fit of one weighing: from readings to volume, flow and volume per revolution with their uncertainties.

Owns: the order of the steps (read, screen, fit, check, budget) and the result that the command line prints.
Rules: the same readings give the same figures; no figure leaves without its uncertainty; no check can be switched off.
Units: nL, nL/h, nL/rev, g/h, uL/mg; `u_` and `U` values are expanded with `k` unless a name says standard.
Leaves: plots to plots.py, storage to store.py.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np

from pumprig.calibration import budget, checks, steady
from pumprig.calibration import design as designs
from pumprig.calibration.blanks import use_blanks
from pumprig.calibration.files import AS_OURS, read_file
from pumprig.calibration.fitted import Fit
from pumprig.calibration.flowlog import fit_flow
from pumprig.calibration.foreign import ReadAs
from pumprig.calibration.models import Readings
from pumprig.calibration.noise import Estimate
from pumprig.calibration.regression import (
    EVAPORATION_IN_RUN,
    ROLLER_SHARE,
    Design,
    hidden_passages,
    shows_passages,
)
from pumprig.calibration.screen import screen
from pumprig.calibration.weighing import Floats, Weighing, readability_g, refuse

UNKNOWN_PULSE_MG = 0.15 * designs.NOMINAL_NL_PER_REV / designs.NOMINAL_ROLLERS / 1000.0
EVAPORATION_UNSEEN_AIR = 0.1  # what 1.5 K that nobody recorded do to the evaporation


def fit_file(path: str | Path, blanks: list[Path] | None = None, how: ReadAs = AS_OURS) -> Fit:
    """Fit a weighing from CSV; `blanks` are weighings with the pump standing, before or after. Raises WeighingError."""
    weighing = read_file(path, how)
    use_blanks(weighing, [read_file(blank, how) for blank in blanks or []])
    return fit(weighing)


def fit(weighing: Weighing) -> Fit:
    """Fit a weighing (changed in place: rejected rows, warnings). Raises WeighingError where a check fails."""
    if weighing.quantity == "flow":
        return fit_flow(weighing)
    readability = readability_g(weighing)
    checks.check_scale(weighing)
    phase = designs.phases(weighing)
    _tell_stops(weighing, phase)
    delivered = float(phase.progress[-1] - phase.progress[0])
    run_h = phase.run_h
    screened = screen(weighing, phase.progress, readability)
    phase = replace(designs.phases(weighing, phase.stops), breaks=tuple(screened.breaks))
    thin, size = designs.thinned(weighing, phase, screened.breaks)
    at_readings = Readings(thin, readability, size)
    model, blocks, found = at_readings.best(weighing, phase)
    _check_drift(weighing, model, found)
    mass_mg = float(found.beta[model.flow_at]) * delivered / model.scale
    pulse_mg = 0.0 if designs.roller_turns(weighing, phase) is not None else UNKNOWN_PULSE_MG
    model, blocks, found = at_readings.bent(weighing, model, blocks, found, pulse_mg, mass_mg / run_h)
    mass_mg = float(found.beta[model.flow_at]) * delivered / model.scale
    white_sd_mg = found.white_sd * sqrt(size)
    terms = _mass_terms(weighing, model, found, budget.mass_terms(weighing, readability, white_sd_mg))
    terms += _evaporation_terms(weighing, phase, model, found, run_h, readability)
    turns = designs.roller_turns(thin.weighing, thin.phase)
    if turns is None and weighing.quantity == "mass":
        terms.append(_unknown_pulsation(mass_mg))
    elif turns is not None and not shows_passages(turns):
        terms.append(_hidden_pulsation(mass_mg, turns))
    checks.check_blanks(weighing, phase, readability, 0.0)
    result, notes = budget.combine(weighing, mass_mg, run_h, terms, _edges(model, found))
    weighing.warnings += notes
    sign = -1.0 if weighing.falling else 1.0
    evaporation = model.evaporation_mg_per_h - sign * float(found.beta[model.baseline_at])
    uncorrected = result.flow_nl_per_h * (1.0 - model.evaporation_mg_per_h * run_h / mass_mg)
    checks.check_unit(weighing, uncorrected, readability)
    checks.check_sign(weighing, result.flow_nl_per_h)
    checks.check_length(weighing, phase, result.volume_nl)
    checks.check_size(weighing, result.flow_nl_per_h, result.u_flow_nl_per_h)
    checks.check_evaporation(weighing, evaporation, mass_mg / run_h)
    per_rev = _per_rev(weighing, delivered, phase, result)
    checks.check_per_rev(weighing, per_rev[0])
    return Fit(
        weighing,
        result,
        per_rev[0],
        per_rev[1],
        evaporation / 1000.0,
        white_sd_mg,
        found.wander_sd,
        found.memory,
        run_h,
        blocks.t,
        blocks.y,
        blocks.y - blocks.x @ found.beta,
    )


def _tell_stops(weighing: Weighing, phase: designs.Phases) -> None:
    """Say which standing time was found in the readings."""
    found = phase.stops.stretches
    if not found:
        return
    told = ", ".join(f"{start:.0f} to {end:.0f} s" for start, end in found)
    weighing.warnings.append(
        f"no counted steps: the pump stood from {told}, as the readings show; state `# run_from_s` and `# run_to_s` "
        "where that is wrong"
    )


def _edges(model: Design, found: Estimate) -> tuple[float, float]:
    """What the edges of standing time add to the delivered mass beyond the flow's share, and its uncertainty, mg."""
    at = np.arange(model.edges.start, model.edges.stop)
    if not len(at):
        return 0.0, 0.0
    cov = found.cov
    extra = float(cov[np.ix_(at, at)].sum() + 2.0 * cov[model.flow_at, at].sum())
    return float(found.beta[at].sum()), sqrt(max(extra, 0.0))


def _evaporation_terms(
    weighing: Weighing,
    phase: designs.Phases,
    model: Design,
    found: Estimate,
    run_h: float,
    readability: float,
) -> list[budget.MassTerm]:
    """What blanks cannot tell of the run: that it evaporates as they do; and blanks that contradict each other."""
    terms: list[budget.MassTerm] = []
    from_blanks = bool(np.isinf(model.prior_sd[model.baseline_at]))
    lost = abs(model.evaporation_mg_per_h - float(found.beta[model.baseline_at]))
    if model.stated or from_blanks:
        share = weighing.numbers.get("evaporation_change_pct", 100.0 * EVAPORATION_IN_RUN) / 100.0
        if "temp_c" not in weighing.ambient and "evaporation_change_pct" not in weighing.numbers:
            share = float(np.hypot(share, EVAPORATION_UNSEEN_AIR))
        terms.append(budget.MassTerm("evaporation in the run, against the blanks", share * lost * run_h))
    if phase.has_blank:
        apart, told = steady.contradiction(weighing, phase, found, 1000.0 * readability)
        if told and not model.door.stop > model.door.start:
            weighing.warnings.append(told)
            terms.append(budget.MassTerm("blanks that contradict each other", 0.5 * apart * run_h))
    return terms


def _mass_terms(
    weighing: Weighing, model: Design, found: Estimate, balance: list[budget.MassTerm]
) -> list[budget.MassTerm]:
    """Split the fitted mass's variance into noise, blanks and priors; then the balance's Type B terms."""
    at, base = model.flow_at, [model.baseline_at, model.curve_at]
    cov, sampling = found.cov, found.sampling
    alone = max(float(sampling[at, at]), 0.0)
    from_blanks = bool(np.isinf(model.prior_sd[model.baseline_at]))
    if from_blanks:
        fixed = cov[at, at] - cov[at, base] @ np.linalg.solve(cov[np.ix_(base, base)], cov[base, at])
        alone = min(max(float(fixed), 0.0), alone)
    dof = float(found.dof[at])
    by_prior = found.prior[at]
    # the variance is that of Student's distribution already; its scale is what k belongs to
    scale = max(1.0 / 3.0, 1.0 - 2.0 / dof)
    blanks = sqrt(scale * max(float(sampling[at, at]) - alone, 0.0))
    alone *= scale
    terms = [budget.MassTerm("repeatability and wandering of the readings", sqrt(alone), dof)]
    if from_blanks:
        terms.append(budget.MassTerm("evaporation and drift (blanks)", blanks, dof))
    else:
        name = "evaporation and drift (as stated)" if model.stated else "evaporation (not stated)"
        terms.append(budget.MassTerm(name, sqrt(float(by_prior[model.baseline_at]))))
    terms.append(budget.MassTerm("change of the evaporation", sqrt(float(by_prior[model.curve_at]))))
    first = model.curve_at + 1
    if model.harmonics:
        terms.append(
            budget.MassTerm("pulsation", sqrt(float(by_prior[first : first + model.harmonics].sum())))
        )
    others = sqrt(float(by_prior[first + model.harmonics :].sum()))
    if others:
        terms.append(budget.MassTerm("edges, settling, temperature and change of the flow", others))
    if not model.stated and not from_blanks and weighing.quantity == "mass":
        weighing.warnings.append(
            "no blank and no `# evaporation_g_per_h`: up to 2 mg/h may have evaporated, and count as uncertainty"
        )
    return terms + balance


def _unknown_pulsation(mass_mg: float) -> budget.MassTerm:
    """That of a sine of 15 % of a nominal roller's volume."""
    roller_mg = designs.NOMINAL_NL_PER_REV / designs.NOMINAL_ROLLERS / 1000.0
    periods = max(abs(mass_mg) / roller_mg, 1.0)
    return budget.MassTerm("pulsation (roller period not stated)", _of_a_wave(0.15 * roller_mg, periods))


def _hidden_pulsation(mass_mg: float, turns: Floats) -> budget.MassTerm:
    """That of the pulsation's prior between readings that are too rare to show it."""
    roller_mg = abs(mass_mg) / max(float(turns[-1] - turns[0]), 1.0)
    amplitude_mg = ROLLER_SHARE * roller_mg * sqrt(2.0)
    u_mg = _of_a_wave(amplitude_mg, hidden_passages(turns))
    return budget.MassTerm("pulsation (readings rarer than the rollers)", u_mg)


def _of_a_wave(amplitude_mg: float, periods: float) -> float:
    """Standard uncertainty of the mass of a slope by a sine of unknown phase: at the most 6 a / (pi n), over root 2."""
    return 6.0 * amplitude_mg / (np.pi * periods) / sqrt(2.0)


def _per_rev(
    weighing: Weighing, delivered: float, phase: designs.Phases, result: budget.Result
) -> tuple[float | None, float | None]:
    """Volume per revolution in nL and its U, where steps were counted; the clock's share does not count."""
    if not phase.by_steps:
        return None, None
    steps_per_rev = weighing.numbers.get("steps_per_rev")
    if steps_per_rev is None:
        steps_per_rev = designs.NOMINAL_STEPS_PER_REV
        weighing.warnings.append("no `# steps_per_rev`: 3200 steps for one revolution are taken")
    revs = delivered / steps_per_rev
    return result.volume_nl / revs, result.u_volume_nl / revs


def _check_drift(weighing: Weighing, model: Design, found: Estimate) -> None:
    if not np.isfinite(found.beta).all() or not np.isfinite(found.cov).all():
        raise refuse(
            weighing.name,
            f"rows {int(weighing.row[0])} to {int(weighing.row[-1])}: the readings do not determine a flow.",
            "Weigh for longer, with a blank before and after.",
        )
    if found.beta[model.flow_at] == 0:
        raise refuse(weighing.name, "the mass never changes.", "Check the balance's output.")
