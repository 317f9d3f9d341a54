"""Volume per revolution against rate and back-pressure.

Owns: the weighted fit of v = v0 (1 + b ln(rate / r0) + c pressure), what it predicts with its uncertainty, hysteresis.
Rules: a term is fitted only where the points can tell it; scatter beyond the stated uncertainties widens the result.
Units: nL per revolution, nL/h, hPa; `u` are standard uncertainties unless a name says expanded (k = 2).
Leaves: single weighings to fit.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pumprig.calibration.budget import COMMON

if TYPE_CHECKING:
    from pumprig.calibration.fit import Fit

SAME_RATE = 0.05  # two flows so close together (relative) were weighed at one set rate


@dataclass(frozen=True)
class Point:
    """One weighing: its flow (nL/h), volume per revolution (nL), standard uncertainty, back-pressure (hPa).

    `common` is the part of the uncertainty that weighings on one bench share, by its sources; `k` the weighing's own.
    """

    rate_nl_per_h: float
    nl_per_rev: float
    u_nl_per_rev: float
    back_pressure_hpa: float = 0.0
    common: dict[str, float] = field(default_factory=dict[str, float])
    k: float = 2.0

    @property
    def u_own(self) -> float:
        """The part that this weighing shares with no other."""
        shared = sum(u**2 for u in self.common.values())
        return max(self.u_nl_per_rev**2 - shared, (1e-4 * self.u_nl_per_rev) ** 2) ** 0.5


@dataclass(frozen=True)
class RateModel:
    """Coefficients (v0 nL/rev, b per e-fold of rate, c per hPa), covariance (3, 3), and the range they rest on."""

    r0_nl_per_h: float
    coefficients: tuple[float, float, float]
    cov: Any
    lowest_nl_per_h: float
    highest_nl_per_h: float
    k: float = 2.0

    def at(self, rate_nl_per_h: float, back_pressure_hpa: float = 0.0) -> tuple[float, float]:
        """Volume per revolution in nL and its expanded uncertainty (with `k`) at a rate and back-pressure."""
        row = np.array([1.0, np.log(rate_nl_per_h / self.r0_nl_per_h), back_pressure_hpa])
        return float(row @ np.array(self.coefficients)), self.k * float(row @ self.cov @ row) ** 0.5

    def covers(self, rate_nl_per_h: float) -> bool:
        """Whether a rate lies within the calibrated range, a tenth beyond allowed."""
        return 0.9 * self.lowest_nl_per_h <= rate_nl_per_h <= 1.1 * self.highest_nl_per_h


@dataclass(frozen=True)
class Hysteresis:
    """By how many % more a revolution gave when its rate came again later, with U (k = 2) of the difference."""

    rate_nl_per_h: float
    pct: float
    u_pct: float

    def as_json(self) -> dict[str, float]:
        """As `calibrate run --json` shows it."""
        return asdict(self)


def hysteresis(points: list[Point]) -> list[Hysteresis]:
    """The last against the first weighing of each rate that was weighed twice or more; in order of the rate.

    What both share (the balance, the tube, the fluid) cancels, and does not count.
    """
    found: list[Hysteresis] = []
    rest = list(points)
    while rest:
        first = rest[0]
        alike = [p for p in rest if abs(p.rate_nl_per_h / first.rate_nl_per_h - 1.0) < SAME_RATE]
        rest = [p for p in rest if p not in alike]
        if len(alike) > 1:
            last = alike[-1]
            u = 2.0 * float(np.hypot(first.u_own / first.nl_per_rev, last.u_own / last.nl_per_rev))
            rate = (first.rate_nl_per_h + last.rate_nl_per_h) / 2.0
            found.append(Hysteresis(rate, 100.0 * (last.nl_per_rev / first.nl_per_rev - 1.0), 100.0 * u))
    return sorted(found, key=lambda row: row.rate_nl_per_h)


def points_of(fits: list[Fit]) -> list[Point]:
    """The points of those weighings that counted steps, in their order."""
    return [
        Point(
            f.result.flow_nl_per_h,
            f.nl_per_rev,
            f.u_nl_per_rev / f.result.k,
            f.weighing.numbers.get("back_pressure_hpa", 0.0),
            {
                t.source: t.u_nl_per_h / f.result.flow_nl_per_h * f.nl_per_rev
                for t in f.result.terms
                if t.source in COMMON and t.source != "time"
            },
            f.result.k,
        )
        for f in fits
        if f.nl_per_rev is not None and f.u_nl_per_rev is not None
    ]


def fit_rates(points: list[Point]) -> RateModel:
    """Weighted least squares over the points; one point gives a constant. Raises ValueError for none.

    What points share is no scatter between them: it is added whole, however many there are.
    """
    if not points:
        raise ValueError("no weighing with counted steps")
    rates = np.array([p.rate_nl_per_h for p in points])
    pressures = np.array([p.back_pressure_hpa for p in points])
    r0 = float(np.exp(np.log(rates).mean()))
    columns = [np.ones(len(points)), np.log(rates / r0), pressures]
    told = [True, float(np.ptp(np.log(rates))) > 0.1, float(np.ptp(pressures)) > 1.0]
    while sum(told) > len(points):
        told[2 if told[2] else 1] = False
    x = np.column_stack([c for c, use in zip(columns, told, strict=True) if use])
    weight = 1.0 / np.array([p.u_own for p in points])
    y = np.array([p.nl_per_rev for p in points])
    cov = np.linalg.inv((x * weight[:, None] ** 2).T @ x)
    beta = cov @ (x.T @ (weight**2 * y))
    spare = len(points) - x.shape[1]
    if spare > 0:
        birge = float(np.sum((weight * (y - x @ beta)) ** 2)) / spare
        cov = cov * max(1.0, birge)
    gain = np.linalg.solve((x * weight[:, None] ** 2).T @ x, (x * weight[:, None] ** 2).T)
    for source in sorted({name for p in points for name in p.common}):
        shared = gain @ np.array([p.common.get(source, 0.0) for p in points])
        cov = cov + np.outer(shared, shared)
    where = [i for i, use in enumerate(told) if use]
    full, full_cov = np.zeros(3), np.zeros((3, 3))
    full[where] = beta
    full_cov[np.ix_(where, where)] = cov
    found = (float(full[0]), float(full[1]), float(full[2]))
    return RateModel(r0, found, full_cov, float(rates.min()), float(rates.max()), max(p.k for p in points))
