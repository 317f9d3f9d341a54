"""A simulated balance: what it shows for the fluid that really arrived.

Owns: the balance's errors (readability, repeatability, drift, draught, vibration, evaporation, drops).
Rules: seeded and deterministic; readings come in time order; one by one or all at once gives the same readings.
Units: time s, volume nL, masses g, temperature deg C, humidity %, pressure hPa; noise as 1 sd.
Leaves: the serial protocol to balance_sics.py; the fluid to physics/.

Densities come from formulas other than the host's (Kell 1975 for water, the gas law with Tetens' vapour pressure for
air), so that a mistake in either shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
FLICKER_MEMORIES_S = (3.0, 20.0, 130.0, 850.0, 5500.0, 36000.0)


@dataclass(frozen=True)
class BalanceSpec:
    """A balance, its table and its air. Noise is zero-mean; `tails`: Student t degrees of freedom (0: normal)."""

    readability_g: float = 1e-4
    capacity_g: float = 220.0
    repeatability_g: float = 1e-4
    tails: float = 0.0
    drift_g_per_h: float = 0.0
    wander_g_per_root_h: float = 0.0
    draught_g: float = 0.0
    draught_memory_s: float = 30.0
    flicker_g: float = 0.0
    vibration_g: float = 0.0
    vibration_hz: float = 0.137
    sensitivity: float = 1.0
    nonlinearity_g: float = 0.0
    nonlinearity_span_g: float = 0.08
    evaporation_g_per_h: float = 0.0
    evaporation_change: float = 0.0
    evaporation_span_h: float = 4.0
    drop_g: float = 0.0
    immersion: float = 0.0
    temp_c: float = 20.0
    rh_pct: float = 50.0
    pressure_hpa: float = 1013.0


def water_g_per_ml(temp_c: float) -> float:
    """Density of air-free water, Kell 1975 (J. Chem. Eng. Data 20, 97), 0 to 100 deg C."""
    t = temp_c
    top = 999.83952 + t * (
        16.945176 + t * (-7.9870401e-3 + t * (-46.170461e-6 + t * (105.56302e-9 - t * 280.54253e-12)))
    )
    return top / (1.0 + 16.879850e-3 * t) / 1000.0


def air_g_per_ml(temp_c: float, rh_pct: float, pressure_hpa: float) -> float:
    """Density of moist air: the gas law for dry air and vapour, vapour pressure after Tetens (1930)."""
    vapour_pa = rh_pct * 6.1078 * exp(17.27 * temp_c / (temp_c + 237.3))
    kelvin = 273.15 + temp_c
    return ((100.0 * pressure_hpa - vapour_pa) / 287.058 + vapour_pa / 461.495) / kelvin * 1e-6 * 1000.0


class Balance:
    """One balance with its state; `readings` moves its time on."""

    def __init__(self, spec: BalanceSpec, seed: int) -> None:
        self.spec = spec
        self._rng = np.random.default_rng(seed)
        self._last_s: float | None = None
        self._tare_g = 0.0
        self._wander_g = 0.0
        memories = [spec.draught_memory_s, *FLICKER_MEMORIES_S]
        sizes = [
            spec.draught_g,
            *([spec.flicker_g / len(FLICKER_MEMORIES_S) ** 0.5] * len(FLICKER_MEMORIES_S)),
        ]
        self._slow = [(m, s) for m, s in zip(memories, sizes, strict=True) if s > 0.0]
        self._slow_g = [s * float(self._rng.standard_normal()) for _, s in self._slow]
        self._phase = float(self._rng.uniform(0.0, 2 * np.pi))
        air = air_g_per_ml(spec.temp_c, spec.rh_pct, spec.pressure_hpa)
        water = water_g_per_ml(spec.temp_c)
        self.g_per_nl = water * 1e-6 * (1.0 - air / water) / (1.0 - air / 8.0) / (1.0 - spec.immersion)

    def tare(self, t_s: float, volume_nl: float) -> None:
        """Make the present reading zero."""
        self._tare_g = 0.0
        self._tare_g = float(self.readings(np.array([t_s]), np.array([volume_nl]))[0])

    def readings(self, t_s: Floats, volume_nl: Floats) -> Floats:
        """What the display shows (n,) in g at times t_s (n,) after volume_nl (n,) arrived; inf beyond the capacity."""
        spec = self.spec
        load_g = volume_nl * self.g_per_nl
        if spec.drop_g:
            load_g = np.floor(load_g / spec.drop_g) * spec.drop_g
        hours = t_s / 3600.0
        change = spec.evaporation_g_per_h * spec.evaporation_change / spec.evaporation_span_h
        lost_g = spec.evaporation_g_per_h * hours + 0.5 * change * hours * (hours - spec.evaporation_span_h)
        shown = load_g * spec.sensitivity - lost_g + spec.drift_g_per_h * hours + self._noise(t_s)
        shown = shown + spec.nonlinearity_g * np.minimum(load_g / spec.nonlinearity_span_g, 1.0)
        shown = shown - self._tare_g
        digits = np.round(shown / spec.readability_g) * spec.readability_g
        return np.where(np.abs(shown + self._tare_g) > spec.capacity_g, np.inf, digits)

    def _noise(self, t_s: Floats) -> Floats:
        """All noise at times t_s (n,): the same draws in the same order, however the times are handed over."""
        spec, n = self.spec, len(t_s)
        per_reading = 3 + len(self._slow)
        draws = self._rng.standard_normal((n, per_reading))
        before = np.concatenate(([t_s[0] if self._last_s is None else self._last_s], t_s[:-1]))
        gaps_s = np.maximum(t_s - before, 0.0)
        self._last_s = float(t_s[-1])
        white = draws[:, 0] * spec.repeatability_g
        if spec.tails > 2.0:
            white = white * np.sqrt((spec.tails - 2.0) / np.maximum(self._chi2(draws[:, 2]), 0.05))
        total = white + spec.vibration_g * np.sin(2 * np.pi * spec.vibration_hz * t_s + self._phase)
        if spec.wander_g_per_root_h:
            walk = self._wander_g + np.cumsum(
                draws[:, 1] * spec.wander_g_per_root_h * np.sqrt(gaps_s / 3600.0)
            )
            self._wander_g = float(walk[-1])
            total = total + walk
        for at, (memory_s, size_g) in enumerate(self._slow):
            total = total + self._gauss_markov(at, memory_s, size_g, gaps_s, draws[:, 3 + at])
        return total

    def _chi2(self, normal: Floats) -> Floats:
        """Chi-square variates with `tails` degrees of freedom from normal ones (Wilson and Hilferty 1931)."""
        k = self.spec.tails
        return k * np.maximum(1.0 - 2.0 / (9.0 * k) + normal * (2.0 / (9.0 * k)) ** 0.5, 0.0) ** 3

    def _gauss_markov(
        self, at: int, memory_s: float, size_g: float, gaps_s: Floats, normal: Floats
    ) -> Floats:
        keep = np.exp(-gaps_s / memory_s)
        kick = normal * size_g * np.sqrt(1.0 - keep**2)
        out = np.empty(len(gaps_s))
        level = self._slow_g[at]
        for i in range(len(gaps_s)):
            level = level * keep[i] + kick[i]
            out[i] = level
        self._slow_g[at] = float(level)
        return out
