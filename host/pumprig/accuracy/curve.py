"""The delivered volume over time, from a weighing, ready for start-up and trumpet graphs.

Owns: correction of a weighing's readings to a volume curve on the sample grid, and the analysis of it.
Rules: readings are joined over tares and bottle changes as the fit does; a period that the standard wants and the
    record does not have is replaced with a warning, never in silence.
Units: time in min from the start of the run, volume in nL, flow in nL/h, errors in %.
Leaves: the window formulas to trumpet.py, the picture to graphs.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pumprig.accuracy import noise
from pumprig.accuracy.occlusion import occlusion
from pumprig.accuracy.trumpet import (
    SAMPLE_MIN,
    WINDOWS_MIN,
    Floats,
    Window,
    flows,
    overall_error_pct,
    trumpet,
    trumpet_at,
)
from pumprig.calibration import budget, gravimetry, standing
from pumprig.calibration import design as designs
from pumprig.calibration.checks import check_scale, check_unit
from pumprig.calibration.screen import screen
from pumprig.calibration.weighing import Weighing, readability_g, refuse

STARTUP_MIN = 120.0
CYCLES = (1, 2, 5, 10)
SLOW_WINDOWS_MIN = (15.0, 60.0, 150.0, 330.0, 570.0, 930.0)  # with samples of 15 min, as for ambulatory pumps


@dataclass(frozen=True)
class Plan:
    """Sample interval S, length of T0 (the start-up graph), and T1 (the trumpet's period), in min."""

    sample_min: float = SAMPLE_MIN
    startup_min: float = STARTUP_MIN
    t1_min: tuple[float, float] = (60.0, 120.0)


USUAL = Plan()


@dataclass
class Accuracy:
    """Figures of one weighing at one set rate. Curves are (n,) at every sample; windows_b may be empty."""

    rate_nl_per_h: float
    t_min: Floats
    volume_nl: Floats
    a_pct: float
    t1_min: tuple[float, float]
    b_pct: float | None
    windows: list[Window]
    windows_b: list[Window]
    hours: list[Window]
    first_day: dict[str, float] | None
    period_s: float | None
    cycle: list[Window]
    sample_min: float = SAMPLE_MIN
    startup_min: float = STARTUP_MIN
    u_a_pct: float | None = None
    u_b_pct: float | None = None
    bands: list[noise.Band] = field(default_factory=list[noise.Band])
    occlusion: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list[str])
    rejected: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def startup(self) -> tuple[Floats, Floats]:
        """Times (min, end of each sample) and flows (nL/h) of T0, the first two hours."""
        n = int(min(self.startup_min, self.t_min[-1]) / self.sample_min + 1e-9)
        return self.t_min[1 : n + 1], flows(self.volume_nl[: n + 1], self.sample_min)

    def as_json(self) -> dict[str, Any]:
        """The document of `accuracy --json`."""
        times, rates = self.startup()

        def rows(windows: Sequence[Window | noise.Band]) -> list[dict[str, float]]:
            return [vars(w) for w in windows]

        return {
            "rate_nl_per_h": self.rate_nl_per_h,
            "a_pct": self.a_pct,
            "u_a_pct": self.u_a_pct,
            "b_pct": self.b_pct,
            "u_b_pct": self.u_b_pct,
            "sample_min": self.sample_min,
            "t0_min": [0.0, min(self.startup_min, float(self.t_min[-1]))],
            "noise_band": rows(self.bands),
            "t1_min": list(self.t1_min),
            "windows": rows(self.windows),
            "windows_b": rows(self.windows_b),
            "hours": rows(self.hours),
            "first_24h": self.first_day,
            "startup": [
                {"t_min": float(t), "flow_nl_per_h": float(q)} for t, q in zip(times, rates, strict=True)
            ],
            "cycle": None
            if self.period_s is None
            else {"period_s": self.period_s, "windows": rows(self.cycle)},
            "occlusion": self.occlusion,
            "rejected": self.rejected,
            "warnings": self.warnings,
        }


def analyse(
    weighing: Weighing,
    rate_nl_per_h: float,
    windows_min: tuple[float, ...] = WINDOWS_MIN,
    period_s: float | None = None,
    plan: Plan = USUAL,
) -> Accuracy:
    """Start-up and trumpet figures of a weighing at the set rate; `period_s` of a roller, where the file does not tell.

    `plan`: sample interval, T0 and T1. U of A and B, and the balance's own noise, stand beside the figures.

    With an occlusion in the record, the flow's figures are those of the time before it.
    Raises WeighingError for a record under 10 min or one that cannot be a weighing, WindowError for a window that
    does not fit the samples.
    """
    blocked = occlusion(weighing)
    if blocked is not None:
        weighing.take(weighing.t_s < weighing.numbers["occluded_at_s"])
    d_g = readability_g(weighing)
    check_scale(weighing)
    stops = _stops(weighing, d_g)
    phase = designs.phases(weighing, stops)
    screened = screen(weighing, phase.progress, d_g)
    phase = replace(designs.phases(weighing, stops), breaks=tuple(screened.breaks))
    run_s, volume = _volume(weighing, phase, screened.breaks)
    grid_s = np.arange(0.0, run_s[-1] - run_s[0] + 1e-6, 60.0 * plan.sample_min)
    if volume[-1] < volume[0]:
        raise refuse(
            weighing.name,
            f"rows {int(weighing.row[0])} to {int(weighing.row[-1])}: the mass falls while the pump runs.",
            "If the source stands on the balance, add --falling; else check the tube's direction.",
        )
    if run_s[-1] - run_s[0] < 600.0 or len(grid_s) < 3:
        raise refuse(
            weighing.name,
            f"rows {int(weighing.row[0])} to {int(weighing.row[-1])}: {(run_s[-1] - run_s[0]) / 60.0:.1f} min of "
            "running; 10 min are the least for a graph.",
            "Weigh for longer; the standard wants 2 h and more.",
        )
    weighing.numbers["rate_nl_per_h"] = rate_nl_per_h
    check_unit(weighing, 3600.0 * float(volume[-1] - volume[0]) / float(run_s[-1] - run_s[0]), d_g)
    on_grid = np.interp(grid_s + run_s[0], run_s, volume)
    figures = _figures(weighing, phase, grid_s / 60.0, on_grid, rate_nl_per_h, windows_min, period_s, plan)
    first_min, last_min = figures.t1_min
    figures.u_a_pct = noise.u_mean_pct(
        weighing, phase, d_g, rate_nl_per_h, figures.a_pct, last_min - first_min
    )
    if figures.b_pct is not None:
        figures.u_b_pct = noise.u_mean_pct(weighing, phase, d_g, rate_nl_per_h, figures.b_pct, 60.0)
    spans = tuple(window.p_min for window in figures.windows)
    figures.bands = noise.bands(weighing, phase, d_g, rate_nl_per_h, spans, figures.t1_min, plan.sample_min)
    figures.occlusion = blocked
    return figures


def _stops(weighing: Weighing, d_g: float) -> standing.Standing:
    """Standing time that the readings show; a start that only rises slowly belongs to the start-up graph."""
    found = standing.find(weighing.t_s, weighing.mass_g, d_g)
    whole = (float(weighing.mass_g[-1] - weighing.mass_g[0])) / float(weighing.t_s[-1] - weighing.t_s[0])
    kept: list[tuple[float, float]] = []
    for start_s, end_s in found.stretches:
        after = end_s + (end_s - start_s)
        first, last = np.interp((end_s, min(after, weighing.t_s[-1])), weighing.t_s, weighing.mass_g)
        if start_s > weighing.t_s[0] or last - first > 0.7 * whole * (end_s - start_s):
            kept.append((start_s, end_s))
    return standing.Standing(kept, found.edge_sd_s)


def _volume(weighing: Weighing, phase: designs.Phases, breaks: list[int]) -> tuple[Floats, Floats]:
    """Time (s) and corrected cumulative volume (nL) of the running readings."""
    mass_mg = 1000.0 * weighing.mass_g
    t_h = weighing.t_s / 3600.0
    for at in breaks:
        lead, follow = slice(max(0, at - 9), at), slice(at, at + 9)
        slope = (mass_mg[at - 1] - mass_mg[lead.start]) / max(t_h[at - 1] - t_h[lead.start], 1e-9)
        gap_h = float(np.median(t_h[follow]) - np.median(t_h[lead]))
        mass_mg[at:] += np.median(mass_mg[lead]) + slope * gap_h - np.median(mass_mg[follow])
    mass_mg = mass_mg + 1000.0 * weighing.numbers.get("evaporation_g_per_h", _blank(weighing, phase)) * t_h
    ambient, notes = budget.ambient_of(weighing)
    weighing.warnings += notes
    density = weighing.numbers.get("density_g_per_ml")
    volume = mass_mg * 1000.0 * gravimetry.z_ul_per_mg(ambient, 1000.0 * density if density else None)
    if "tube_od_mm" in weighing.numbers and "vessel_id_mm" in weighing.numbers:
        volume = volume * gravimetry.immersion_factor(
            weighing.numbers["tube_od_mm"], weighing.numbers["vessel_id_mm"]
        )
    span = np.flatnonzero(phase.running)
    run = slice(int(span[0]), int(span[-1]) + 1)
    return weighing.t_s[run], volume[run] - volume[run.start]


def _blank(weighing: Weighing, phase: designs.Phases) -> float:
    """Evaporation in g/h from the blanks in the record, else 0 with a warning."""
    if not phase.has_blank:
        weighing.warnings.append("no blank and no `# evaporation_g_per_h`: evaporation is not corrected")
        return 0.0
    slopes = designs.blank_slopes(weighing.t_s, weighing.mass_g, phase.still())
    return -float(np.mean(slopes)) if slopes else 0.0


def _figures(
    weighing: Weighing,
    phase: designs.Phases,
    t_min: Floats,
    volume_nl: Floats,
    rate_nl_per_h: float,
    windows_min: tuple[float, ...],
    period_s: float | None,
    plan: Plan,
) -> Accuracy:
    last = float(t_min[-1])
    warnings: list[str] = []
    t1 = plan.t1_min
    if last < t1[1]:
        asked = plan.t1_min
        wanted = "the second hour" if asked == USUAL.t1_min else f"{asked[0]:g} to {asked[1]:g} min"
        t1 = (float(t_min[len(t_min) // 2]), last)
        warnings.append(f"the record lasts {last:g} min: T1 is {t1[0]:g} to {t1[1]:g} min, not {wanted}")
    part = volume_nl[(t_min >= t1[0] - 1e-9) & (t_min <= t1[1] + 1e-9)]
    fitting = tuple(p for p in windows_min if p <= t1[1] - t1[0] + 1e-9 - plan.sample_min)
    if len(fitting) < len(windows_min):
        warnings.append(f"windows longer than {t1[1] - t1[0] - plan.sample_min:g} min are left out")
    end = volume_nl[t_min >= last - 60.0 - 1e-9] if last >= 180.0 else volume_nl[:0]
    period_s = period_s or _period_s(weighing, phase, rate_nl_per_h)
    steady = t_min >= min(60.0, t1[0])
    cycles = tuple(k * period_s / 60.0 for k in CYCLES) if period_s else ()
    if period_s and period_s / 60.0 > max(windows_min):
        warnings.append(
            f"every window lies inside one roller period of {period_s / 60.0:.3g} min: see `cycle`"
        )
    accuracy = Accuracy(
        rate_nl_per_h,
        t_min,
        volume_nl,
        overall_error_pct(part, rate_nl_per_h, plan.sample_min),
        t1,
        overall_error_pct(end, rate_nl_per_h, plan.sample_min) if len(end) else None,
        trumpet(part, rate_nl_per_h, fitting, plan.sample_min),
        trumpet(end, rate_nl_per_h, tuple(p for p in windows_min if p < 60.0), plan.sample_min)
        if len(end)
        else [],
        trumpet(volume_nl, rate_nl_per_h, (60.0,), plan.sample_min) if last > 60.0 else [],
        _first_day(t_min, volume_nl, rate_nl_per_h),
        period_s,
        trumpet_at(t_min[steady], volume_nl[steady], rate_nl_per_h, cycles),
        sample_min=plan.sample_min,
        startup_min=plan.startup_min,
    )
    accuracy.warnings = weighing.warnings + warnings
    accuracy.rejected = [{"rows": list(r.rows), "why": r.why} for r in weighing.rejected]
    return accuracy


def _period_s(weighing: Weighing, phase: designs.Phases, rate_nl_per_h: float) -> float | None:
    """Seconds per roller passage, from the file; from steps it is the mean over the run."""
    turns = designs.roller_turns(weighing, phase)
    if turns is None or turns[-1] <= turns[0]:
        return None
    return phase.run_h * 3600.0 / float(turns[-1] - turns[0])


def _first_day(t_min: Floats, volume_nl: Floats, rate_nl_per_h: float) -> dict[str, float] | None:
    """Volume and error of the first 24 h, where the record has them."""
    if t_min[-1] < 1440.0:
        return None
    volume = float(np.interp(1440.0, t_min, volume_nl))
    return {"volume_nl": volume, "error_pct": 100.0 * (volume / (24.0 * rate_nl_per_h) - 1.0)}
