"""Start-up and trumpet graphs of a weighing, as IEC 60601-2-24 draws them.

Owns: flow per sample interval, overall errors A and B, the greatest and least error over every observation window.
Rules: windows slide over all starts; a window's error comes from two cumulative volumes, so the cost is linear.
Units: time in min, flow in nL/h, volume in nL, errors in % of the set rate.
Leaves: reading a file and corrections to curve.py; what the figures mean to docs. No compliance is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumprig.errors import PumpError

Floats = NDArray[Any]
WINDOWS_MIN = (2.0, 5.0, 11.0, 19.0, 31.0)
SAMPLE_MIN = 0.5


class WindowError(PumpError):
    """A window cannot be formed from the samples."""


@dataclass(frozen=True)
class Window:
    """Greatest and least mean error in % over every window of p_min minutes."""

    p_min: float
    ep_max_pct: float
    ep_min_pct: float


def flows(volume_nl: Floats, sample_min: float = SAMPLE_MIN) -> Floats:
    """Flow in nL/h of each sample interval (n-1,) from cumulative volumes (n,): Q_i = 60 (V_i - V_(i-1)) / S."""
    return np.diff(volume_nl) * (60.0 / sample_min)


def overall_error_pct(volume_nl: Floats, rate_nl_per_h: float, sample_min: float = SAMPLE_MIN) -> float:
    """Mean error of the flow over the samples, A = 100 (Q - r) / r, from cumulative volumes (n,)."""
    hours = (len(volume_nl) - 1) * sample_min / 60.0
    return float(100.0 * ((volume_nl[-1] - volume_nl[0]) / hours / rate_nl_per_h - 1.0))


def trumpet(
    volume_nl: Floats,
    rate_nl_per_h: float,
    windows_min: tuple[float, ...] = WINDOWS_MIN,
    sample_min: float = SAMPLE_MIN,
) -> list[Window]:
    """Ep(max) and Ep(min) for each window: the mean of 100 (Q_i - r) / r over P / S consecutive samples.

    volume_nl (n,) is cumulative at every sample. Raises WindowError where P / S is no whole number (the standard's
    condition) or where a window is longer than the samples.
    """
    result: list[Window] = []
    for p_min in windows_min:
        steps = round(p_min / sample_min)
        if abs(steps * sample_min - p_min) > 1e-9 or steps < 1:
            raise WindowError(
                f"A window of {p_min:g} min is no whole number of samples of {sample_min:g} min.",
                "No trumpet curve was computed.",
                "Choose windows that are multiples of the sample interval.",
            )
        if steps >= len(volume_nl):
            raise WindowError(
                f"A window of {p_min:g} min is longer than the {(len(volume_nl) - 1) * sample_min:g} min analysed.",
                "No trumpet curve was computed.",
                "Weigh for longer, or leave the window out.",
            )
        result.append(_extremes(volume_nl[steps:] - volume_nl[:-steps], p_min, rate_nl_per_h))
    return result


def trumpet_at(
    t_min: Floats, volume_nl: Floats, rate_nl_per_h: float, windows_min: tuple[float, ...]
) -> list[Window]:
    """As `trumpet` for windows that are no multiple of the samples (roller periods): volumes between samples are
    interpolated. t_min (n,) increases; windows longer than the record are left out."""
    result: list[Window] = []
    for p_min in windows_min:
        starts = t_min[t_min <= t_min[-1] - p_min + 1e-9]
        if not len(starts):
            continue
        volumes = np.interp(starts + p_min, t_min, volume_nl) - volume_nl[: len(starts)]
        result.append(_extremes(volumes, p_min, rate_nl_per_h))
    return result


def _extremes(volumes_nl: Floats, p_min: float, rate_nl_per_h: float) -> Window:
    full_nl = rate_nl_per_h * p_min / 60.0
    most, least = float(volumes_nl.max()), float(volumes_nl.min())
    return Window(p_min, 100.0 * (most / full_nl - 1.0), 100.0 * (least / full_nl - 1.0))
