"""What a balance does besides weighing: tares, bottle changes, knocks, drops, and readings that stand still.

Owns: finding jumps and spikes, telling them apart, which readings of a run in drops count, and the parts between.
Rules: a row is left out only with its reason; a jump that is fluid (a drop) is never taken for a disturbance.
Units: mass in g, time in s; `breaks` are indices of the first reading of a new part; rows are line numbers.
Leaves: whether the whole file is in the wrong unit to checks.py, frequent drops to drops.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumprig.calibration import drops as dropping
from pumprig.calibration.weighing import Floats, Weighing, refuse

# a reading that stays while the pump delivers so many of the balance's digits stands still
FROZEN_DIGITS = 8.0
JUMP_SCALES = 8.0  # a change between readings that is this many robust standard deviations is looked at
MOST_JUMPS = 500
FROZEN_DROPS = 3.0
LEAST_BLANK = 20  # readings
HANDLING_S = 60.0  # jumps closer together than this are one handling of the bottle


@dataclass
class Screened:
    """First readings of the parts after each offset (k,), and the drop's mass in g where fluid fell in drops."""

    breaks: list[int] = field(default_factory=list[int])
    drop_g: float = 0.0


@dataclass(frozen=True)
class _Jump:
    first: int  # the last good reading before
    last: int  # the first good reading after
    level_g: float


def screen(weighing: Weighing, progress: Floats, readability_g: float) -> Screened:
    """Leave out spikes and handled rows, find lasting jumps, refuse frozen readings and a change of unit.

    progress (n,) is what the pump did until each reading (steps, or seconds of running). Changes `weighing`.
    """
    limit = weighing.numbers.get("balance_max_g")
    if limit is not None:
        over = weighing.mass_g >= limit
        if over.mean() > 0.05:
            row = int(weighing.row[np.argmax(over)])
            raise refuse(
                weighing.name,
                f"row {row}: the balance reads its maximum of {limit:g} g from here on (overload).",
                "Empty the vessel and repeat.",
            )
        progress = progress[~over]
        weighing.reject(over, "the balance was overloaded")
    often = dropping.find(weighing.mass_g, readability_g)
    if often is not None:
        return _of_drops(weighing, often, progress, readability_g)
    progress = _leave_repeats(weighing, progress, readability_g)
    jumps = _find(weighing.t_s, weighing.mass_g, progress, readability_g, weighing)
    drop_g = _drops(jumps, weighing.mass_g)
    if drop_g:
        return Screened(_keep_drops(weighing, [(j.first, j.last) for j in jumps], drop_g, progress), drop_g)
    _refuse_frozen(weighing, progress, FROZEN_DIGITS * readability_g, jumps)
    return _apply(weighing, jumps, readability_g)


def _leave_repeats(weighing: Weighing, progress: Floats, readability_g: float) -> Floats:
    """Leave out single readings that repeat the one before while the pump delivered; the progress of the others."""
    same = np.diff(weighing.mass_g) == 0
    due_g = np.abs(_per_progress(weighing.mass_g, progress) * np.diff(progress))
    alone = same & ~np.append(False, same[:-1]) & ~np.append(same[1:], False)
    repeats = np.append(False, alone & (due_g > FROZEN_DIGITS * readability_g))
    weighing.reject(repeats, "it repeats the reading before while the pump delivered: an old answer")
    return progress[~repeats]


def _find(
    t_s: Floats, mass_g: Floats, progress: Floats, readability_g: float, weighing: Weighing
) -> list[_Jump]:
    mass_g = mass_g - _per_progress(mass_g, progress) * progress  # a gap in the readings is no jump
    change_g = np.diff(mass_g)
    usual_g = np.median(change_g)
    scale_g = max(1.4826 * float(np.median(np.abs(change_g - usual_g))), 0.6 * readability_g)
    inner = np.quantile(change_g, [0.05, 0.95])
    scale_g = max(scale_g, float(inner[1] - inner[0]) / 3.3)
    far = np.flatnonzero(np.abs(change_g - usual_g) > max(JUMP_SCALES * scale_g, 4.0 * readability_g))
    if not len(far):
        return []
    step_s = float(np.median(np.diff(t_s)))
    ends = np.flatnonzero(np.diff(far) > 3)
    groups = list(zip(far[np.append(0, ends + 1)], far[np.append(ends, len(far) - 1)], strict=True))
    if len(groups) > max(MOST_JUMPS, len(t_s) // 200):
        raise refuse(
            weighing.name,
            f"{len(groups)} jumps, the first before row {int(weighing.row[far[0] + 1])}: the readings are unsteady.",
            "Shield the balance from draught and vibration and repeat.",
        )
    slope = _slope(t_s, change_g, far)
    jumps = [_measure(t_s, mass_g, int(a), int(b) + 1, slope) for a, b in groups]
    return _merge(jumps, t_s, mass_g, slope, max(HANDLING_S, 8 * step_s), 4.0 * max(scale_g, readability_g))


def _per_progress(mass_g: Floats, progress: Floats) -> float:
    """Mass for a unit of the pump's progress: the median over 40 parts of the record in which it advances well."""
    edges = np.unique(np.linspace(0, len(mass_g) - 1, 41).astype(np.int64))
    gained_g, advanced = np.diff(mass_g[edges]), np.diff(progress[edges])
    well = advanced > 0.3 * float(advanced.max())
    return float(np.median(gained_g[well] / advanced[well])) if well.any() else 0.0


def _slope(t_s: Floats, change_g: Floats, far: NDArray[Any]) -> float:
    """Mean rate of change in g/s without the jumps."""
    keep = np.ones(len(change_g), dtype=np.bool_)
    keep[far] = False
    return float(change_g[keep].sum() / np.diff(t_s)[keep].sum())


def _measure(t_s: Floats, mass_g: Floats, first: int, last: int, slope: float) -> _Jump:
    before = slice(max(0, first - 8), first + 1)
    after = slice(last, last + 9)
    level = np.median(mass_g[after] - slope * t_s[after]) - np.median(mass_g[before] - slope * t_s[before])
    return _Jump(first, last, float(level))


def _merge(
    jumps: list[_Jump], t_s: Floats, mass_g: Floats, slope: float, near_s: float, small_g: float
) -> list[_Jump]:
    """Jumps out and back, or lifted and replaced, within `near_s` are one event; drops (same sign) are not."""
    merged: list[_Jump] = []
    for jump in jumps:
        if (
            merged
            and t_s[jump.first] - t_s[merged[-1].last] < near_s
            and jump.level_g * merged[-1].level_g <= 0
        ):
            merged[-1] = _measure(t_s, mass_g, merged[-1].first, jump.last, slope)
        else:
            merged.append(jump)
    return [_Jump(j.first, j.last, 0.0 if abs(j.level_g) < small_g else j.level_g) for j in merged]


def _drops(jumps: list[_Jump], mass_g: Floats) -> float:
    """The mass of a drop where at least three alike, rising jumps make up most of the gain, else 0."""
    levels = np.array([j.level_g for j in jumps if j.level_g])
    if len(levels) < 3 or (levels <= 0).any() or levels.std() > 0.4 * levels.mean():
        return 0.0
    gain_g = float(np.median(mass_g[-9:]) - np.median(mass_g[:9]))
    return float(np.median(levels)) if levels.sum() > 0.5 * gain_g else 0.0


def _of_drops(weighing: Weighing, found: dropping.Drops, progress: Floats, readability_g: float) -> Screened:
    """Drops that come oftener than every fiftieth reading: the reading after each, or all where they come too often."""
    pairs = [(int(a), int(b)) for a, b in zip(found.before, found.after, strict=True)]
    if found.sparse:
        return Screened(_keep_drops(weighing, pairs, found.size_g, progress), found.size_g)
    least_g = max(FROZEN_DIGITS * readability_g, FROZEN_DROPS * found.size_g)
    _refuse_frozen(weighing, progress, least_g, [])
    weighing.warnings.append(
        f"the fluid falls in {len(pairs)} drops of about {1000 * found.size_g:.3g} mg, one in "
        f"{found.every:.2g} readings; they are taken as a flow"
    )
    still = (progress <= progress[0], progress >= progress[-1])
    before = int(np.count_nonzero(still[0][: pairs[0][0] + 1]))
    after = int(np.count_nonzero(still[1][pairs[-1][1] :]))
    breaks = [before] if before >= LEAST_BLANK else []
    breaks += [len(progress) - after] if after >= LEAST_BLANK else []
    return Screened(breaks, found.size_g)


def _keep_drops(
    weighing: Weighing, jumps: list[tuple[int, int]], drop_g: float, progress: Floats
) -> list[int]:
    """Keep the reading after each drop: there the same amount hangs at the tube's end each time; and the blanks.

    Returned are the first readings of the parts: what hangs when the pump starts and stops is not known.
    """
    if len(jumps) < 10:
        raise refuse(
            weighing.name,
            f"row {int(weighing.row[jumps[0][1]])}: the fluid falls in drops of about {1000 * drop_g:.3g} mg, and "
            f"{len(jumps)} drops are too few for a flow.",
            "Let the tube's end dip into the fluid, or weigh for longer.",
        )
    before, after = progress <= progress[0], progress >= progress[-1]
    after &= np.arange(len(after)) > jumps[-1][1]
    before &= np.arange(len(before)) < jumps[0][0]
    keep = np.zeros(len(weighing.t_s), dtype=np.bool_)
    keep[[last for _first, last in jumps]] = True
    breaks: list[int] = []
    if before.sum() >= LEAST_BLANK:
        keep |= before
        breaks.append(int(before.sum()))
    if after.sum() >= LEAST_BLANK:
        keep |= after
        breaks.append(int(keep.sum() - after.sum()))
    weighing.take(keep)
    weighing.warnings.append(
        f"the fluid falls in {len(jumps)} drops of about {1000 * drop_g:.3g} mg; only the reading after each is used"
    )
    return breaks


def _refuse_frozen(weighing: Weighing, progress: Floats, least_g: float, jumps: list[_Jump]) -> None:
    """A reading that stands still while the pump delivers `least_g` is an overload or a dead line, not a weighing."""
    mass_g = weighing.mass_g
    steady = np.ones(len(mass_g) - 1, dtype=np.bool_)
    for jump in jumps:
        steady[jump.first : jump.last] = False
    starts = np.append(0, np.flatnonzero(np.diff(mass_g)) + 1)
    ends = np.append(starts[1:], len(mass_g)) - 1
    advance = progress[ends] - progress[starts]
    at = int(np.argmax(advance))
    whole = float(progress[-1] - progress[0])
    gain_g = abs(float(np.diff(mass_g)[steady].sum())) * advance[at] / max(whole, 1e-12)
    frozen = advance[at] > 0.3 * whole and ends[at] - starts[at] > 10
    if gain_g > least_g or frozen:
        raise refuse(
            weighing.name,
            f"rows {int(weighing.row[starts[at]])} to {int(weighing.row[ends[at]])}: the reading stands still at "
            f"{mass_g[starts[at]]:g} g while the others rise (an overload, a line that hangs, or a pump that stood).",
            "If the pump stood there, cut the record with --from and --to; else check the balance's range and repeat.",
        )


def _apply(weighing: Weighing, jumps: list[_Jump], readability_g: float) -> Screened:
    bad = np.zeros(len(weighing.t_s), dtype=np.bool_)
    spike = bad.copy()
    starts: list[int] = []
    for jump in jumps:
        inside = slice(jump.first + 1, jump.last)
        if jump.level_g:
            bad[inside] = True
            starts.append(jump.last)
            weighing.warnings.append(_describe(weighing, jump, readability_g))
        else:
            spike[inside] = True
    dropped = np.cumsum(bad | spike)
    breaks = [start - int(dropped[start]) for start in starts]
    rows_bad = bad & ~spike
    weighing_rows = spike[~rows_bad]
    weighing.reject(rows_bad, "the bottle was handled (readings between two levels)")
    weighing.reject(weighing_rows, "a knock or a draught: the reading left its level and came back")
    return Screened(breaks=[b for b in breaks if 0 < b < len(weighing.t_s)])


def _describe(weighing: Weighing, jump: _Jump, readability_g: float) -> str:
    """What a lasting jump was; a factor of a thousand is a change of unit and refuses the file."""
    before, after = float(weighing.mass_g[jump.first]), float(weighing.mass_g[jump.last])
    row = int(weighing.row[jump.last])
    ratio = after / before if before else np.inf
    thousandth = abs(ratio * 1000 - 1) < 0.02 or abs(ratio / 1000 - 1) < 0.02
    if (thousandth and abs(after - round(after / readability_g) * readability_g) > 0.01 * readability_g) or (
        thousandth and min(abs(after), abs(before)) > 20 * readability_g
    ):
        raise refuse(
            weighing.name,
            f"row {row}: the reading changes from {before:g} to {after:g}, a factor of 1000: the unit was changed.",
            "Set the balance to grams and repeat.",
        )
    if abs(after) <= 10 * readability_g and abs(before) > 20 * readability_g:
        return f"row {row}: the balance was tared ({before:g} to {after:g} g); the parts before and after are joined"
    kind = "a bottle change or a touch" if abs(jump.level_g) > 0.05 else "a jump"
    return f"row {row}: {kind} of {jump.level_g:+.4g} g; the parts before and after are joined by the flow"
