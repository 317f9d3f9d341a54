"""The fit of one weighing: from readings to volume, flow and volume per revolution with their uncertainties.

Owns: the order of the steps (read, screen, fit, check, budget) and the result that the command line prints.
Rules: the same readings give the same figures; no figure leaves without its uncertainty; no check can be switched off.
Callers: the command line, the calibration run, the certificate, the coverage study.
Units: nL, nL/h, nL/rev, g/h, uL/mg; `u_` and `U` values are expanded with k = 2 unless a name says standard.
Leaves: plots to plots.py, storage to store.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from pumprig.calibration import budget, checks
from pumprig.calibration import design as designs
from pumprig.calibration.noise import Estimate, estimate, make_blocks
from pumprig.calibration.screen import screen
from pumprig.calibration.weighing import Floats, Weighing, read_csv, readability_g, refuse


@dataclass(frozen=True)
class Fit:
    """A fitted weighing. `curve_t_h`, `curve_residual_mg` (m,) are block means for the plots."""

    weighing: Weighing
    result: budget.Result
    nl_per_rev: float | None
    u_nl_per_rev: float | None
    evaporation_g_per_h: float
    white_sd_mg: float
    wander_sd_mg: float
    memory_h: float
    run_h: float
    curve_t_h: Floats
    curve_mass_mg: Floats
    curve_residual_mg: Floats

    def as_json(self) -> dict[str, Any]:
        """The document of `calibrate fit --json`."""
        result = self.result
        document: dict[str, Any] = {
            "volume_nl": result.volume_nl,
            "u_volume_nl": result.u_volume_nl,
            "flow_nl_per_h": result.flow_nl_per_h,
            "u_flow_nl_per_h": result.u_flow_nl_per_h,
            "k": budget.K,
            "dof": None if isinf(result.dof) else result.dof,
            "evaporation_g_per_h": self.evaporation_g_per_h,
            "z_ul_per_mg": result.z_ul_per_mg,
            "budget": [
                {"source": t.source, "u_nl_per_h": t.u_nl_per_h, "dof": None if isinf(t.dof) else t.dof}
                for t in result.terms
            ],
            "noise": {
                "white_sd_mg": self.white_sd_mg,
                "wander_sd_mg": self.wander_sd_mg,
                "memory_h": self.memory_h if self.wander_sd_mg else None,
            },
            "run_h": self.run_h,
            "readings": len(self.weighing.t_s),
            "rejected": [{"rows": list(r.rows), "why": r.why} for r in self.weighing.rejected],
            "warnings": list(self.weighing.warnings),
            "sha256": self.weighing.sha256,
        }
        if self.nl_per_rev is not None:
            document["nl_per_rev"] = self.nl_per_rev
            document["u_nl_per_rev"] = self.u_nl_per_rev
        return document


def fit_file(path: str | Path, blanks: list[Path] | None = None) -> Fit:
    """Fit a weighing from CSV; `blanks` are weighings with the pump standing, before or after. Raises WeighingError."""
    weighing = read_csv(path)
    use_blanks(weighing, [read_csv(blank) for blank in blanks or []])
    return fit(weighing)


def fit(weighing: Weighing) -> Fit:
    """Fit a weighing (changed in place: rejected rows, warnings). Raises WeighingError where a check fails."""
    readability = readability_g(weighing)
    phase = designs.phases(weighing)
    screened = screen(weighing, phase.progress, readability)
    phase = designs.phases(weighing)
    thin, size = designs.thinned(weighing, phase, screened.breaks)
    model = designs.design(thin.weighing, thin.phase, thin.breaks, readability)
    least_mg = 100.0 * readability / sqrt(size)
    blocks = make_blocks(model.t_h, model.y, model.x, np.array(thin.breaks, dtype=np.int64), least_mg)
    found = estimate(blocks, model.prior_sd)
    _check_drift(weighing, model, found)
    whole = float(phase.progress[-1] - phase.progress[0])
    mass_mg = float(found.beta[model.flow_at]) * whole / model.scale
    white_sd_mg = found.white_sd * sqrt(size)
    terms = _mass_terms(weighing, model, found, budget.mass_terms(weighing, readability, white_sd_mg))
    run_h = phase.run_h
    if designs.roller_turns(weighing, phase) is None:
        terms.append(_unknown_pulsation(mass_mg))
    checks.check_blanks(weighing, phase, readability, 0.0)
    result, notes = budget.combine(weighing, mass_mg, run_h, terms)
    weighing.warnings += notes
    evaporation = model.evaporation_mg_per_h - float(found.beta[model.baseline_at])
    uncorrected = result.flow_nl_per_h * (1.0 - model.evaporation_mg_per_h * run_h / mass_mg)
    checks.check_unit(weighing, uncorrected, readability)
    checks.check_sign(weighing, result.flow_nl_per_h)
    checks.check_length(weighing, phase, result.volume_nl)
    checks.check_size(weighing, result.flow_nl_per_h, result.u_flow_nl_per_h)
    checks.check_evaporation(weighing, evaporation, mass_mg / run_h)
    per_rev = _per_rev(weighing, phase, result)
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


def _mass_terms(
    weighing: Weighing, model: designs.Design, found: Estimate, balance: list[budget.MassTerm]
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
    blanks = sqrt(max(float(sampling[at, at]) - alone, 0.0))
    terms = [budget.MassTerm("repeatability and wandering of the readings", sqrt(alone), dof)]
    if from_blanks:
        terms.append(budget.MassTerm("evaporation and drift (blanks)", blanks, dof))
    else:
        name = "evaporation and drift (as stated)" if model.stated else "evaporation (not stated)"
        terms.append(budget.MassTerm(name, sqrt(float(by_prior[model.baseline_at]))))
    terms.append(budget.MassTerm("change of the evaporation", sqrt(float(by_prior[model.curve_at]))))
    if model.harmonics:
        terms.append(budget.MassTerm("pulsation", sqrt(float(by_prior[model.curve_at + 1 :].sum()))))
    if not model.stated and not from_blanks:
        weighing.warnings.append(
            "no blank and no `# evaporation_g_per_h`: up to 2 mg/h may have evaporated, and count as uncertainty"
        )
    return terms + balance


def _unknown_pulsation(mass_mg: float) -> budget.MassTerm:
    """Largest slope error of a sine of 15 % of a roller's volume over n periods: 6 a / (pi n), over root 2."""
    roller_mg = designs.NOMINAL_NL_PER_REV / designs.NOMINAL_ROLLERS / 1000.0
    periods = max(abs(mass_mg) / roller_mg, 1.0)
    return budget.MassTerm(
        "pulsation (roller period not stated)", 6.0 * 0.15 * roller_mg / (np.pi * periods) / sqrt(2.0)
    )


def _per_rev(
    weighing: Weighing, phase: designs.Phases, result: budget.Result
) -> tuple[float | None, float | None]:
    """Volume per revolution in nL and its U (k = 2), where steps were counted; the clock's share does not count."""
    if not phase.by_steps:
        return None, None
    steps_per_rev = weighing.numbers.get("steps_per_rev")
    if steps_per_rev is None:
        steps_per_rev = designs.NOMINAL_STEPS_PER_REV
        weighing.warnings.append("no `# steps_per_rev`: 3200 steps for one revolution are taken")
    revs = float(phase.progress[-1] - phase.progress[0]) / steps_per_rev
    return result.volume_nl / revs, result.u_volume_nl / revs


def _check_drift(weighing: Weighing, model: designs.Design, found: Estimate) -> None:
    if not np.isfinite(found.beta).all() or not np.isfinite(found.cov).all():
        raise refuse(
            weighing.name,
            f"rows {int(weighing.row[0])} to {int(weighing.row[-1])}: the readings do not determine a flow.",
            "Weigh for longer, with a blank before and after.",
        )
    if found.beta[model.flow_at] == 0:
        raise refuse(weighing.name, "the mass never changes.", "Check the balance's output.")


def use_blanks(weighing: Weighing, blanks: list[Weighing]) -> None:
    """Turn blank weighings into the stated evaporation and its standard uncertainty; none changes nothing.

    A blank holds the balance's drift as well as the evaporation, so that no drift is allowed for beside it.
    Raises WeighingError for a blank that rises.
    """
    if not blanks:
        return
    slopes: list[float] = []
    variances: list[float] = []
    for blank in blanks:
        t_h = (blank.t_s - blank.t_s.mean()) / 3600.0
        x = np.column_stack((np.ones_like(t_h), t_h))
        d_g = readability_g(blank)
        found = estimate(
            make_blocks(t_h, blank.mass_g, x, np.array([], dtype=np.int64)), np.array([np.inf, np.inf])
        )
        slope, u = float(found.beta[1]), sqrt(float(found.cov[1, 1]))
        if slope > 3.0 * u + 2.0 * weighing.numbers.get("balance_drift_g_per_h", d_g):
            raise refuse(
                blank.name,
                f"rows {int(blank.row[0])} to {int(blank.row[-1])}: the blank rises by {1000 * slope:.3g} mg/h.",
                "Find what drips, siphons or drifts while the pump stands, and repeat.",
            )
        slopes.append(-slope)
        variances.append(u**2 + (d_g / sqrt(6.0) / float(np.ptp(t_h))) ** 2)
    mean = float(np.mean(slopes))
    scatter = float(np.var(slopes, ddof=1)) / len(slopes) if len(slopes) > 1 else (0.1 * mean) ** 2
    weighing.numbers["evaporation_g_per_h"] = mean
    weighing.numbers["u_evaporation_g_per_h"] = sqrt(float(np.mean(variances)) / len(slopes) + scatter)
    weighing.numbers.setdefault("balance_drift_g_per_h", 0.0)
