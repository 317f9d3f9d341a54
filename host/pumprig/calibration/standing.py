"""When the pump ran, in a record that does not say: the stretches in which no fluid arrived.

Owns: finding standing time from the readings alone, and how well its edges are known.
Rules: a stretch stands only where fluid is missing by far more than the noise; pulses at equal distances are one flow;
    a reading that catches up afterwards was a line that hung, not a pump that stood.
Units: times in s, masses in g; indices are of readings.
Leaves: records with counted steps or `run_from_s` to design.py; readings that hang to screen.py.

Block increments of the mass come from a pump that runs (slope s, pulsation and ageing allowed for) or stands (slope 0);
the likeliest sequence of the two is found by Viterbi's algorithm, with a price on every change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumprig.calibration import drops

Floats = NDArray[Any]
CHANGE_COST = 5.0  # of one change between running and standing, in log likelihood
SPREAD = 0.45  # of the running slope from block to block: pulsation, a flow that falls (share, 1 sd)
CLEAR = 4.0  # blocks are so long that their usual increment is so many standard deviations
FEWEST_BLOCKS = 24
MOST_STOPS = 12


@dataclass(frozen=True)
class Standing:
    """Stretches (from_s, to_s) in which the pump stood, and the standard uncertainty of an edge in s."""

    stretches: list[tuple[float, float]]
    edge_sd_s: float


NONE = Standing([], 0.0)


def find(t_s: Floats, mass_g: Floats, readability_g: float) -> Standing:
    """Standing time in a record t_s (n,), mass_g (n,), growing while the pump runs; NONE where none is clear."""
    if len(t_s) < 4 * FEWEST_BLOCKS:
        return NONE
    often = drops.find(mass_g, readability_g)
    if often is not None:
        return Standing(*drops.standing(t_s, often))
    smooth = _without_jumps(t_s, mass_g, readability_g)
    if smooth is None:
        return NONE
    size = 1
    while len(t_s) // size >= FEWEST_BLOCKS:
        found = _by_blocks(t_s, smooth, size, readability_g)
        if found is not None:
            return found
        size *= 2
    return NONE


def _without_jumps(t_s: Floats, mass_g: Floats, readability_g: float) -> Floats | None:
    """The mass with tares, bottle changes and knocks taken out; None where the fluid itself comes in jumps."""
    change = np.diff(mass_g)
    usual = float(np.median(change))
    scale = max(1.4826 * float(np.median(np.abs(change - usual))), 0.6 * readability_g)
    inner = np.quantile(change, [0.05, 0.95])
    scale = max(scale, float(inner[1] - inner[0]) / 3.3)
    far = np.abs(change - usual) > max(8.0 * scale, 4.0 * readability_g)
    rising = far & (change > 0)
    gain = float(np.median(mass_g[-9:]) - np.median(mass_g[:9]))
    if rising.sum() >= 10 and not (far & (change < 0)).any() and float(change[rising].sum()) > 0.5 * gain:
        return None
    change = np.where(far, 0.0, change)
    if far.mean() > 0.2:
        return None
    return np.concatenate(([0.0], np.cumsum(change)))


def _by_blocks(t_s: Floats, smooth: Floats, size: int, readability_g: float) -> Standing | None:
    """Standing by blocks of `size` readings; None where blocks are too short to tell."""
    n = len(t_s) // size * size
    block_t = t_s[:n].reshape(-1, size).mean(axis=1)
    block_m = smooth[:n].reshape(-1, size).mean(axis=1)
    gap_s, gain = np.diff(block_t), np.diff(block_m)
    slopes = gain / gap_s
    high = float(np.quantile(slopes, 0.9))
    if high <= 0:
        return NONE
    moving = slopes[slopes > 0.5 * high]
    slope = float(np.median(moving)) if len(moving) else high
    noise = _noise(smooth, gain, size, readability_g)
    if slope * float(np.median(gap_s)) < CLEAR * noise:
        return None
    stands = _viterbi(gain, slope * gap_s, noise)
    stretches = [(a, b) for a, b in _runs(stands) if b - a >= 2 or a == 0 or b == len(stands)]
    stretches = [(a, b) for a, b in stretches if slope * (block_t[b] - block_t[a]) > 5.0 * readability_g]
    if not stretches or len(stretches) > MOST_STOPS or _pulses(stretches) or stands.mean() > 0.95:
        return NONE
    half = float(np.median(gap_s))
    found: list[tuple[float, float]] = []
    for a, b in stretches:
        start = float(t_s[0]) if a == 0 else _edge(t_s, smooth, float(block_t[a]), 4 * half)
        end = float(t_s[-1]) if b == len(stands) else _edge(t_s, smooth, float(block_t[b]), 4 * half)
        if found and start - found[-1][1] < 2 * half:
            found[-1] = (found[-1][0], end)
        elif end - start > half:
            found.append((start, end))
    found = [
        p for p in found if not _hung(t_s, smooth, p) and not _slow(t_s, smooth, p, slope, readability_g)
    ]
    interval = float(np.median(np.diff(t_s)))
    return Standing(found, max(interval, min(half, 3.0 * noise / slope)))


def _noise(smooth: Floats, gain: Floats, size: int, readability_g: float) -> float:
    """Standard deviation of a block's increment: by the readings' scatter, and by the increments' own."""
    change = np.diff(smooth)
    single = 1.4826 * float(np.median(np.abs(change - np.median(change)))) / 2**0.5
    digit = readability_g / 12**0.5
    by_readings = 2**0.5 * max(single, 0.3 * readability_g) / size**0.5
    steady = 2**0.5 * digit if single < 0.4 * readability_g else 0.0
    second = np.diff(gain)
    by_gain = 1.4826 * float(np.median(np.abs(second - np.median(second)))) / 3**0.5
    return max(by_readings, steady, by_gain, 1e-12)


def _viterbi(gain: Floats, expected: Floats, noise: float) -> NDArray[Any]:
    """True (n,) where the pump stands, by the likeliest sequence of standing and running."""
    wide = np.hypot(noise, SPREAD * expected)
    stand = -0.5 * (gain / noise) ** 2 - np.log(noise)
    run = -0.5 * ((gain - expected) / wide) ** 2 - np.log(wide)
    run = np.where(gain > expected, np.maximum(run, -np.log(wide)), run)  # faster than usual is running, too
    best = np.array([stand[0], run[0]])
    came = np.zeros((len(gain), 2), dtype=np.int8)
    for i in range(1, len(gain)):
        stay, cross = best, best[::-1] - CHANGE_COST
        came[i] = np.where(stay >= cross, [0, 1], [1, 0])
        best = np.maximum(stay, cross) + np.array([stand[i], run[i]])
    at = int(np.argmax(best))
    states = np.empty(len(gain), dtype=np.bool_)
    for i in range(len(gain) - 1, -1, -1):
        states[i] = at == 0
        at = int(came[i, at])
    return states


def _runs(mask: NDArray[Any]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _pulses(stretches: list[tuple[int, int]]) -> bool:
    """Whether standing comes at equal distances: a flow in pulses, not a pump that was stopped."""
    if len(stretches) < 4:
        return False
    starts = np.diff([a for a, _b in stretches])
    return bool(starts.std() < 0.3 * starts.mean())


def _slow(t_s: Floats, smooth: Floats, pair: tuple[float, float], slope: float, readability_g: float) -> bool:
    """Whether a stretch clearly rises by a tenth of the running slope and more: a slow flow, and no standing."""
    inside = np.flatnonzero((t_s >= pair[0]) & (t_s <= pair[1]))
    inside = inside[len(inside) // 10 : len(inside) - len(inside) // 10]
    if len(inside) < 5:
        return False
    t, y = t_s[inside] - t_s[inside].mean(), smooth[inside]
    rise = float(t @ y / (t @ t))
    scatter = max(float(np.std(np.diff(y))), 0.3 * readability_g)
    return rise > 0.1 * slope and rise > 5.0 * scatter / float(np.sqrt(t @ t))


def _hung(t_s: Floats, smooth: Floats, pair: tuple[float, float]) -> bool:
    """Whether readings stand still to the digit where the others flicker: an overload, or a line that hangs."""
    inside = (t_s >= pair[0]) & (t_s <= pair[1])
    change = np.diff(smooth)
    within = inside[1:] & inside[:-1]
    flicker = float((change[~within] < 0).mean()) if (~within).any() else 0.0
    moved = np.count_nonzero(change[within])
    return bool(flicker * within.sum() > 20 and moved < 0.05 * flicker * within.sum())


def _edge(t_s: Floats, smooth: Floats, about_s: float, reach_s: float) -> float:
    """The instant near `about_s` at which the slope changes: least squares of two joined lines."""
    near = np.flatnonzero(np.abs(t_s - about_s) <= reach_s)
    near = near[:: max(1, len(near) // 400)]
    if len(near) < 8:
        return about_s
    t, y = t_s[near] - about_s, smooth[near]
    best = (np.inf, 0.0)
    for kink in np.linspace(-0.7 * reach_s, 0.7 * reach_s, 57):
        x = np.column_stack((np.ones_like(t), np.minimum(t - kink, 0.0), np.maximum(t - kink, 0.0)))
        residual = float(np.sum((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2))
        best = min(best, (residual, float(kink)))
    return about_s + best[1]
