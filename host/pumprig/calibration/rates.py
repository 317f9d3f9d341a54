"""Volume per revolution against rate and back-pressure.

Owns: the weighted fit of v = v0 (1 + b ln(rate / r0) + c pressure), and what it predicts with its uncertainty.
Rules: a term is fitted only where the points can tell it; scatter beyond the stated uncertainties widens the result.
Callers: register.py, `pumprig calibrate fit --save`, the certificate.
Units: nL per revolution, nL/h, hPa; `u` are standard uncertainties unless a name says expanded (k = 2).
Leaves: single weighings to fit.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Point:
    """One weighing: its flow (nL/h), volume per revolution (nL), standard uncertainty, back-pressure (hPa)."""

    rate_nl_per_h: float
    nl_per_rev: float
    u_nl_per_rev: float
    back_pressure_hpa: float = 0.0


@dataclass(frozen=True)
class RateModel:
    """Coefficients (v0 nL/rev, b per e-fold of rate, c per hPa), covariance (3, 3), and the range they rest on."""

    r0_nl_per_h: float
    coefficients: tuple[float, float, float]
    cov: Any
    lowest_nl_per_h: float
    highest_nl_per_h: float

    def at(self, rate_nl_per_h: float, back_pressure_hpa: float = 0.0) -> tuple[float, float]:
        """Volume per revolution in nL and its expanded uncertainty (k = 2) at a rate and back-pressure."""
        row = np.array([1.0, np.log(rate_nl_per_h / self.r0_nl_per_h), back_pressure_hpa])
        return float(row @ np.array(self.coefficients)), 2.0 * float(row @ self.cov @ row) ** 0.5

    def covers(self, rate_nl_per_h: float) -> bool:
        """Whether a rate lies within the calibrated range, a tenth beyond allowed."""
        return 0.9 * self.lowest_nl_per_h <= rate_nl_per_h <= 1.1 * self.highest_nl_per_h


def fit_rates(points: list[Point]) -> RateModel:
    """Weighted least squares over the points; one point gives a constant. Raises ValueError for none."""
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
    weight = 1.0 / np.array([p.u_nl_per_rev for p in points])
    y = np.array([p.nl_per_rev for p in points])
    cov = np.linalg.inv((x * weight[:, None] ** 2).T @ x)
    beta = cov @ (x.T @ (weight**2 * y))
    spare = len(points) - x.shape[1]
    if spare > 0:
        birge = float(np.sum((weight * (y - x @ beta)) ** 2)) / spare
        cov = cov * max(1.0, birge)
    where = [i for i, use in enumerate(told) if use]
    full, full_cov = np.zeros(3), np.zeros((3, 3))
    full[where] = beta
    full_cov[np.ix_(where, where)] = cov
    found = (float(full[0]), float(full[1]), float(full[2]))
    return RateModel(r0, found, full_cov, float(rates.min()), float(rates.max()))
