"""Which model of a weighing is believed: with a door that was opened or without, with a steady flow or a changing one.

Owns: trying the models on the readings, and the warnings that say which was taken.
Rules: the plain model stands unless the readings clearly speak for more.
Units: as regression.py.
Leaves: the columns to regression.py, the comparison of parts to steady.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from pumprig.calibration import design as designs
from pumprig.calibration import steady
from pumprig.calibration.noise import Blocks, Estimate, estimate, make_blocks
from pumprig.calibration.regression import Design, design
from pumprig.calibration.weighing import Weighing

DOOR_EVIDENCE = 3.0  # so much more must the readings speak for an opened door, in log likelihood
BENDS = 6


@dataclass(frozen=True)
class Readings:
    """The readings as the regression takes them, and the models tried on them."""

    thin: designs.Thinned
    readability: float
    size: int

    def model(self, door: bool = False, bends: int = 0) -> tuple[Design, Blocks, Estimate]:
        """Fit one model."""
        thin = self.thin
        model = design(thin.weighing, thin.phase, thin.breaks, self.readability, door, bends)
        breaks = np.array(thin.breaks, dtype=np.int64)
        blocks = make_blocks(model.t_h, model.y, model.x, breaks, 100.0 * self.readability / sqrt(self.size))
        return model, blocks, estimate(blocks, model.prior_sd)

    def best(self, weighing: Weighing, phase: designs.Phases) -> tuple[Design, Blocks, Estimate]:
        """Without a door that was opened, or with it where a blank bends and the readings speak for it."""
        plain = self.model()
        if not phase.has_blank or not steady.blank_contrast(weighing, phase):
            return plain
        opened = self.model(door=True)
        if opened[2].log_evidence < plain[2].log_evidence + DOOR_EVIDENCE:
            return plain
        weighing.warnings.append(
            "the readings settle at the start of the record or of a blank, as after a door was opened; it is fitted"
        )
        return opened

    def bent(
        self,
        weighing: Weighing,
        model: Design,
        blocks: Blocks,
        found: Estimate,
        pulse_mg: float,
        mg_per_h: float,
    ) -> tuple[Design, Blocks, Estimate]:
        """The model with a flow that changes, where the parts of the run say that it does; with a warning."""
        at = model.flow_at
        curve = blocks.y - blocks.x @ found.beta + blocks.x[:, at] * found.beta[at]
        change = steady.flow_change(blocks.x[:, at], curve, found, pulse_mg)
        if not change.shares:
            return model, blocks, found
        unit = "mg/h" if weighing.quantity == "mass" else "µL/h"
        weighing.warnings.append(change.told(mg_per_h, unit))
        return self.model(door=model.door.stop > model.door.start, bends=BENDS)
