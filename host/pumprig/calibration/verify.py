"""A therapy on a balance while it runs as programmed: asked, counted and weighed side by side, hour by hour.

Owns: the table of the hours and its sums, with U of what was weighed.
Rules: the therapy is only watched; a column that the record does not have is not filled in.
Units: nL, s; U with k = 2 for an hour, evaporation included.
Leaves: recording to cli/watching.py, mass to volume to gravimetry.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np

from pumprig.calibration import budget, gravimetry
from pumprig.calibration.regression import EVAPORATION_IN_RUN, UNKNOWN_EVAPORATION_MG_PER_H
from pumprig.calibration.weighing import Weighing, readability_g, refuse


@dataclass(frozen=True)
class Hour:
    """A stretch of the record: asked and counted are None where the record does not have them."""

    from_s: float
    to_s: float
    asked_nl: float | None
    counted_nl: float | None
    weighed_nl: float
    u_weighed_nl: float


@dataclass(frozen=True)
class Verified:
    """The hours, the whole, and whether weighed and counted agree within U over the whole."""

    hours: list[Hour]
    whole: Hour
    agrees: bool | None
    warnings: list[str]

    def as_json(self) -> dict[str, Any]:
        """The document of `calibrate verify --json`."""
        return asdict(self)


def verify(weighing: Weighing, asked_nl: Any, counted_nl: Any, every_s: float = 3600.0) -> Verified:
    """Compare a record's columns: asked_nl, counted_nl (n,) cumulative, or None. Raises WeighingError below 2 min."""
    t_s = weighing.t_s
    span_s = float(t_s[-1] - t_s[0])
    if span_s < 120.0:
        raise refuse(
            weighing.name, f"the record lasts {span_s:g} s; two minutes are the least.", "Record for longer."
        )
    ambient, notes = budget.ambient_of(weighing)
    density = weighing.numbers.get("density_g_per_ml")
    nl_per_g = 1e6 * gravimetry.z_ul_per_mg(ambient, 1000.0 * density if density else None)
    stated = weighing.numbers.get("evaporation_g_per_h")
    sign = -1.0 if weighing.falling else 1.0
    volume = (weighing.mass_g + sign * (stated or 0.0) * t_s / 3600.0) * nl_per_g
    u_lost = (
        EVAPORATION_IN_RUN * abs(stated)
        if stated is not None
        else UNKNOWN_EVAPORATION_MG_PER_H / 1e3 / sqrt(3.0)
    )
    if stated is None:
        notes.append("no `# evaporation_g_per_h`: up to 2 mg/h may have evaporated, and count as uncertainty")
    single_g = 1.4826 * float(np.median(np.abs(np.diff(weighing.mass_g)))) / sqrt(2.0)
    digit_g = readability_g(weighing)
    edges = [*np.arange(t_s[0], t_s[-1] - 0.5 * min(every_s, span_s), every_s), t_s[-1]]

    def part(a_s: float, b_s: float) -> Hour:
        hours = (b_s - a_s) / 3600.0
        first, last = (float(v) for v in np.interp((a_s, b_s), t_s, volume))
        u_g = sqrt(2.0 * max(single_g, 0.3 * digit_g) ** 2 + digit_g**2 / 3.0 + (u_lost * hours) ** 2)
        u = 2.0 * sqrt((u_g * nl_per_g) ** 2 + (6e-4 * (last - first)) ** 2)

        def grown(column: Any) -> float | None:
            if column is None:
                return None
            one, two = (float(v) for v in np.interp((a_s, b_s), t_s, column))
            return two - one

        return Hour(a_s, b_s, grown(asked_nl), grown(counted_nl), last - first, u)

    hours = [part(float(a), float(b)) for a, b in pairwise(edges)]
    whole = part(float(t_s[0]), float(t_s[-1]))
    agrees = (
        None if whole.counted_nl is None else abs(whole.weighed_nl - whole.counted_nl) <= whole.u_weighed_nl
    )
    return Verified(hours, whole, agrees, [*weighing.warnings, *notes])
