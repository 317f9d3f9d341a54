"""Fluid that falls in drops: found in the readings, whether a drop comes every minute or at every other reading.

Owns: telling drops from a steady flow and from noise, and the standing time that their distances show.
Rules: drops are rises that are alike, apart from one another, and make up the gain; one that comes with every reading
    is a flow. What hangs at the tube's end when the pump starts and stops is not known.
Units: t_s in s, masses in g; indices are of readings.
Leaves: which readings are kept, and drops beside knocks, to screen.py; standing time of a steady flow to standing.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
LEAST_DIGITS = 6.0  # a drop is so many of the balance's digits and more
NARROW = 8.0  # and so many times the changes between the others
ALIKE = 0.4  # spread of the drops (share, 1 sd)
SPARSE = 6.0  # readings from drop to drop: with more the reading after each drop is a weighing of its own
FEWEST = 10
LONG_GAP = 3.0  # a distance so many times the usual one holds standing time


@dataclass(frozen=True)
class Drops:
    """Each drop (k,): the last reading before it and the first after; its usual mass and its usual distance."""

    before: NDArray[Any]
    after: NDArray[Any]
    size_g: float
    every: float

    @property
    def sparse(self) -> bool:
        """Whether there are enough readings between drops to keep only the one after each."""
        return self.every >= SPARSE


def find(mass_g: Floats, readability_g: float) -> Drops | None:
    """The drops in mass_g (n,); None where the fluid does not come in drops."""
    change = np.diff(mass_g)
    if len(change) < 2 * FEWEST:
        return None
    high = change > 0.5 * float(np.median(np.sort(change)[-FEWEST:]))
    if not FEWEST <= high.sum() < 0.95 * len(change):
        return None
    size = float(np.median(change[high]))
    low = change[~high]
    if size < LEAST_DIGITS * readability_g or float(low.min()) < -0.5 * size:
        return None
    gain = float(np.median(mass_g[-9:]) - np.median(mass_g[:9]))
    if float(np.hypot(low.std(), low.mean())) * NARROW > size or float(change[high].sum()) < 0.8 * gain:
        return None
    at = np.flatnonzero(high)
    every = float(np.median(np.diff(at)))
    parted = np.flatnonzero(np.diff(at) > (2 if every >= SPARSE else 0))
    first = at[np.append(0, parted + 1)]
    last = at[np.append(parted, len(at) - 1)] + 1
    sizes = mass_g[last] - mass_g[first]
    if len(first) < FEWEST or float(sizes.std()) > ALIKE * float(sizes.mean()):
        return None
    return Drops(first, last, float(np.median(sizes)), float(np.median(np.diff(first))))


def standing(t_s: Floats, found: Drops) -> tuple[list[tuple[float, float]], float]:
    """Stretches (from_s, to_s) in which no drop was due, and the standard uncertainty of an edge in s.

    From drop to drop a drop was delivered; before the first and after the last it was between none and one.
    """
    fell_s = t_s[found.after]
    gaps_s = np.diff(fell_s)
    usual_s = float(np.median(gaps_s))
    stretches: list[tuple[float, float]] = []
    first_s = float(np.median(gaps_s[:5]))
    last_s = float(np.median(gaps_s[-5:]))
    if fell_s[0] - t_s[0] > LONG_GAP * first_s:
        stretches.append((float(t_s[0]), float(fell_s[0] - 0.5 * first_s)))
    for k in range(1, len(gaps_s) - 1):
        near_s = max(float(gaps_s[k - 1]), float(gaps_s[k + 1]), usual_s)
        if gaps_s[k] > LONG_GAP * near_s:
            half_s = 0.5 * float(np.median(gaps_s[max(0, k - 3) : k + 4]))
            stretches.append((float(fell_s[k]) + half_s, float(fell_s[k + 1]) - half_s))
    if t_s[-1] - fell_s[-1] > LONG_GAP * last_s:
        stretches.append((float(fell_s[-1] + 0.5 * last_s), float(t_s[-1])))
    return stretches, usual_s / 12**0.5
