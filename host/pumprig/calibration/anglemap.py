"""The displacement over the rotor's angle, from a weighing with counted steps, and the intervals that even it out.

Owns: the Fourier estimate of dV/dtheta over one revolution, and the table of interval weights made from it.
Rules: the volume of a revolution is never changed; where dV/dtheta is small or negative the gap is only shortened, to a
    bounded speed; a weight is never below that bound.
Units: angles in turns (0 to 1) of the rotor from its encoder's 0 on, volume nL, weights relative to the mean interval.
Leaves: stepping by the table to the firmware.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pumpwire.terms import ANGLE_CELLS, ANGLE_MEAN

from pumprig.calibration import budget, gravimetry
from pumprig.calibration import design as designs
from pumprig.calibration.weighing import Weighing, refuse

Floats = NDArray[Any]
HARMONICS = 24
FASTEST = 4.0  # the rotor turns at most so many times its mean speed, and at least a fourth of it
PASSAGE_SHARE, UNEQUAL_SHARE = 0.5, 0.02


@dataclass(frozen=True)
class AngleMap:
    """dV/dtheta over the angle: nl_per_rev (1 + sum a_k cos(2 pi k x) + b_k sin(2 pi k x)), x in turns.

    a, b are (m,) relative amplitudes, u (m,) their standard uncertainty, prior included: what the readings do not tell
    is close to zero.
    """

    nl_per_rev: float
    a: Floats
    b: Floats
    u: Floats

    def slope(self, turns: Floats) -> Floats:
        """Relative displacement rate (n,) at rotor angles `turns` (n,); its mean over a turn is 1."""
        k = np.arange(1, len(self.a) + 1)[:, None]
        phase = 2 * np.pi * k * turns[None, :]
        return 1.0 + self.a @ np.cos(phase) + self.b @ np.sin(phase)

    def weights(self, cells: int = ANGLE_CELLS) -> Floats:
        """Relative interval (cells,) for each cell of a turn, mean 1: longer where a step delivers more."""
        fine = self.slope((np.arange(cells * 8) + 0.5) / (cells * 8)).reshape(cells, 8).mean(axis=1)
        low = 1.0 / FASTEST
        weights = np.clip(fine, low, FASTEST)
        for _ in range(40):
            free = (weights > low) & (weights < FASTEST)
            weights[free] *= (cells - float(weights[~free].sum())) / float(weights[free].sum())
            weights = np.clip(weights, low, FASTEST)
        return weights

    def peak_to_peak(self, evened: bool = False, cells: int = ANGLE_CELLS) -> float:
        """Of the relative flow over 1/96 turn by this map: stepping evenly, or by its own weights."""
        flow = self.slope((np.arange(cells * 8) + 0.5) / (cells * 8)).reshape(cells, 8).mean(axis=1)
        return float(np.ptp(flow / (self.weights(cells) if evened else 1.0)))

    def table(self, cells: int = ANGLE_CELLS) -> list[int]:
        """`weights` in 1/1000 as the device takes them; they add up to cells * 1000: a turn takes as long as before."""
        exact = self.weights(cells) * ANGLE_MEAN
        whole = np.floor(exact).astype(int)
        short = cells * ANGLE_MEAN - int(whole.sum())
        for at in np.argsort(whole - exact, kind="stable")[:short]:
            whole[at] += 1
        return [int(v) for v in whole]


def estimate(weighing: Weighing, steps_per_rev: float, harmonics: int = HARMONICS) -> AngleMap:
    """Fit the volume over the angle to a weighing that says at which of its `steps` the angle is 0 (`index_steps`; else
    at 0).

    Bayesian least squares of volume on the angle and its Fourier terms, on up to 8000 block means; evaporation is taken
    off first, as stated or by the blanks.
    Raises WeighingError without steps or with less than two turns.
    """
    if weighing.steps is None:
        raise refuse(weighing.name, "there are no counted steps.", "Record the `steps` column.")
    turns = (weighing.steps - weighing.numbers.get("index_steps", 0.0)) / steps_per_rev
    total = float(turns[-1] - turns[0])
    if total < 2.0:
        raise refuse(
            weighing.name,
            f"rows {int(weighing.row[0])} to {int(weighing.row[-1])}: {total:.2g} turns; "
            "two are the least for an angle map.",
            "Weigh for longer.",
        )
    size = max(1, len(turns) // 8000)
    n = len(turns) // size * size

    def mean(values: Floats) -> Floats:
        return values[:n].reshape(-1, size).mean(axis=1)

    phase = designs.phases(weighing)
    slopes = designs.blank_slopes(weighing.t_s, weighing.mass_g, phase.still()) if phase.has_blank else []
    lost_g_per_h = weighing.numbers.get("evaporation_g_per_h", -float(np.mean(slopes)) if slopes else 0.0)
    mass_ug = 1e6 * (weighing.mass_g - weighing.mass_g[0] + lost_g_per_h * weighing.t_s / 3600.0)
    ambient = budget.ambient_of(weighing)[0]
    y = mean(mass_ug) * gravimetry.z_ul_per_mg(ambient)
    angles = [2 * np.pi * k * turns for k in range(1, harmonics + 1)]
    columns = [np.ones(n // size), mean(turns)]
    columns += [mean(np.sin(v)) / (2 * np.pi * k) for k, v in enumerate(angles, 1)]
    columns += [-mean(np.cos(v)) / (2 * np.pi * k) for k, v in enumerate(angles, 1)]
    x = np.column_stack(columns)
    gram, moment = x.T @ x, x.T @ y
    plain = np.linalg.solve(gram, moment)
    noise = float(np.sum((y - x @ plain) ** 2)) / max(len(y) - x.shape[1], 1)
    expected = _prior_sd(harmonics, round(weighing.numbers.get("rollers", designs.NOMINAL_ROLLERS)))
    precision = np.concatenate(([0.0, 0.0], np.tile((expected * plain[1]) ** -2.0, 2)))
    cov = np.linalg.inv(gram / noise + np.diag(precision))
    beta = cov @ (moment / noise)
    sd = np.sqrt(np.diag(cov))[2:] / beta[1]
    u = np.hypot(sd[:harmonics], sd[harmonics:]) / np.sqrt(2.0)
    return AngleMap(float(beta[1]), beta[2 : 2 + harmonics] / beta[1], beta[2 + harmonics :] / beta[1], u)


def _prior_sd(harmonics: int, rollers: int) -> Floats:
    """How large a harmonic may be expected (1 sd): those of the rollers' passage fall with the square of their number,
    since the tube closes smoothly; the others come from rollers that differ by some percent.

    Without it the noise of the high harmonics, which grows with their number, is taken for the head.
    """
    k = np.arange(1, harmonics + 1)
    passage = PASSAGE_SHARE * np.minimum(1.0, (rollers / k) ** 2)
    return np.where(k % rollers == 0, passage, UNEQUAL_SHARE * np.minimum(1.0, rollers / k))
