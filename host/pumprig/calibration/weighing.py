"""A weighing: its readings, its metadata, and what was left out of them.

Owns: the Weighing record, the metadata keys, the refusal of a file.
Rules: readings are left out with a reason, never altered.
Units: t_s seconds, mass_g grams, temp_c deg C, rh_pct %, pressure_hpa hPa, steps counted; rows are lines from 1.
Leaves: files to files.py; jumps and stuck readings to screen.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pumprig.errors import PumpError

Floats = NDArray[Any]
COLUMNS = ("t_s", "mass_g", "temp_c", "rh_pct", "pressure_hpa", "steps", "asked_nl", "counted_nl")
NUMBER_KEYS = (
    "rate_nl_per_h",
    "balance_readability_g",
    "balance_linearity_g",
    "balance_drift_g_per_h",
    "balance_sensitivity_ppm",
    "balance_max_g",
    "evaporation_g_per_h",
    "u_evaporation_g_per_h",
    "density_g_per_ml",
    "steps_per_rev",
    "index_steps",
    "rollers",
    "roller_period_s",
    "run_from_s",
    "run_to_s",
    "tube_od_mm",
    "vessel_id_mm",
    "back_pressure_hpa",
    "nl_per_rev",
    "occluded_at_s",
    "alarm_at_s",
    "reopened_at_s",
    "alarm_pressure_hpa",
    "instrument_accuracy_pct",
    "evaporation_change_pct",
    "balance_repeatability_g",
)
MAX_REJECTED_SHARE = 0.05


class WeighingError(PumpError):
    """The weighing cannot be used; the message names the row."""


@dataclass(frozen=True)
class Rejection:
    """Rows (line numbers) that were left out, and why."""

    rows: tuple[int, ...]
    why: str


@dataclass
class Weighing:
    """Readings of one weighing in file order; `row[i]` is the line of reading i. Arrays have one shape (n,).

    `quantity`: "mass" in g; "volume" in mL in the same place; "flow": a sensor's readings in `flow_nl_per_h`, and their
    integral in mL. `falling`: the source was weighed, and `mass_g` is what left it, so that it grows.
    """

    name: str
    sha256: str
    row: NDArray[Any]
    t_s: Floats
    mass_g: Floats
    ambient: dict[str, Floats]
    steps: Floats | None
    numbers: dict[str, float]
    texts: dict[str, str]
    rows_of_keys: dict[str, int]
    rejected: list[Rejection] = field(default_factory=list[Rejection])
    warnings: list[str] = field(default_factory=list[str])
    quantity: str = "mass"
    falling: bool = False
    flow_nl_per_h: Floats | None = None

    def data_hash(self) -> str:
        """The hash of times and readings alone: the same data under another name or header have the same."""
        return hashlib.sha256(self.t_s.tobytes() + self.mass_g.tobytes()).hexdigest()

    def take(self, keep: NDArray[Any]) -> None:
        """Keep only the readings where `keep` (n,) is true."""
        self.row, self.t_s, self.mass_g = self.row[keep], self.t_s[keep], self.mass_g[keep]
        self.ambient = {name: values[keep] for name, values in self.ambient.items()}
        self.steps = None if self.steps is None else self.steps[keep]
        self.flow_nl_per_h = None if self.flow_nl_per_h is None else self.flow_nl_per_h[keep]

    def reject(self, bad: NDArray[Any], why: str) -> None:
        """Leave out the readings where `bad` (n,) is true and record the reason; nothing happens for none."""
        if not bad.any():
            return
        self.rejected.append(Rejection(tuple(int(r) for r in self.row[bad]), why))
        self.take(~bad)


def refuse(name: str, what: str, next_step: str) -> WeighingError:
    """The error for a file that is refused: nothing was computed from it."""
    return WeighingError(f"{name}: {what}", "Nothing was computed.", next_step)


def readability_g(weighing: Weighing) -> float:
    """The balance's readability in g: as stated, else the smallest decimal place that the readings use.

    Readings that were computed (a load cell's 15 digits) have no decimal place: there it is their smallest usual
    distance from one another.
    """
    stated = weighing.numbers.get("balance_readability_g")
    if stated:
        return stated
    sample = weighing.mass_g[:: max(1, len(weighing.mass_g) // 2000)]
    grid = next(
        (
            10.0**-digits
            for digits in range(9)
            if np.allclose(sample, np.round(sample, digits), rtol=0, atol=1e-10)
        ),
        0.0,
    )
    if grid >= 1e-6:
        return grid
    gaps = np.diff(np.unique(sample))
    gaps = gaps[gaps > max(1e-6 * float(np.ptp(sample)), 0.5 * grid, 1e-12)]
    step = float(np.quantile(gaps, 0.05)) if len(gaps) else 1e-9
    return step if step > 50.0 * grid or not grid else grid
