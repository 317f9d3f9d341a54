"""The result of a fitted weighing, as the commands print it and as a calibration keeps it.

Owns: the Fit record and its JSON document.
Rules: no figure leaves without its uncertainty, its k and its degrees of freedom.
Units: nL, nL/h, nL/rev, g/h, uL/mg; `u_` values are expanded with `k`.
Leaves: computing it to fit.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf
from typing import Any

from pumprig.calibration import budget
from pumprig.calibration.weighing import Floats, Weighing


@dataclass(frozen=True)
class Fit:
    """A fitted weighing. `curve_t_h`, `curve_residual_mg` (m,) are block means for the plots."""

    weighing: Weighing
    result: budget.Result
    nl_per_rev: float | None
    u_nl_per_rev: float | None
    evaporation_g_per_h: float
    white_sd_mg: float
    wander_sd_mg: float
    memory_h: float
    run_h: float
    curve_t_h: Floats
    curve_mass_mg: Floats
    curve_residual_mg: Floats

    def as_json(self) -> dict[str, Any]:
        """The document of `calibrate fit --json`."""
        result = self.result
        document: dict[str, Any] = {
            "volume_nl": result.volume_nl,
            "u_volume_nl": result.u_volume_nl,
            "flow_nl_per_h": result.flow_nl_per_h,
            "u_flow_nl_per_h": result.u_flow_nl_per_h,
            "k": result.k,
            "dof": None if isinf(result.dof) else result.dof,
            "evaporation_g_per_h": self.evaporation_g_per_h,
            "z_ul_per_mg": result.z_ul_per_mg,
            "budget": [
                {"source": t.source, "u_nl_per_h": t.u_nl_per_h, "dof": None if isinf(t.dof) else t.dof}
                for t in result.terms
            ],
            "noise": {
                "white_sd_mg": self.white_sd_mg,
                "wander_sd_mg": self.wander_sd_mg,
                "memory_h": self.memory_h if self.wander_sd_mg else None,
            },
            "run_h": self.run_h,
            "readings": len(self.weighing.t_s),
            "rejected": [{"rows": list(r.rows), "why": r.why} for r in self.weighing.rejected],
            "warnings": list(self.weighing.warnings),
            "sha256": self.weighing.sha256,
        }
        if self.nl_per_rev is not None:
            document["nl_per_rev"] = self.nl_per_rev
            document["u_nl_per_rev"] = self.u_nl_per_rev
        return document
