"""Figures of edges against an exact rational grid.

Owns: the comparison of recorded edges with a constant rate.
Rules: whole numbers up to the last division; the grid is anchored as early as no edge lies before its instant, so
that an exact stream of whole cycles has a worst edge below one cycle.
Units: cycles of 8 ns; a period is a ratio of whole numbers.
Leaves: recording to tests/emulator.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any


def figures(edges: list[int], period_num: int, period_den: int) -> dict[str, Any]:
    """Steps, mean rate error, worst edge, rms jitter, largest gap and drift of edges period_num / period_den apart."""
    if len(edges) < 2:
        return {"steps": len(edges)}
    behind = [(edge - edges[0]) * period_den - k * period_num for k, edge in enumerate(edges)]
    earliest = min(behind)
    period = period_num / period_den
    gaps = [after - before for before, after in pairwise(edges)]
    span = edges[-1] - edges[0]
    return {
        "steps": len(edges),
        "ppm": ((len(edges) - 1) * period / span - 1) * 1e6,
        "worst_cycles": (max(behind) - earliest) / period_den,
        "rms_cycles": math.sqrt(sum((gap - period) ** 2 for gap in gaps) / len(gaps)),
        "gap_over_period": max(gaps) / period,
        "drift_cycles": (behind[-1] - behind[0]) / period_den,
    }
