"""The order of the log: what a record counts of a bolus, a record before it has told of.

Owns: which kinds of bolus are under way by the log's own words.
Rules: from the contract's rule 2; no rule of the flow is known here.
Units: steps.
Leaves: instants and volumes to judge.py.
"""

from __future__ import annotations

from oracle.bolus import KINDS
from oracle.scenario import Row

BOLUSES = tuple(kind for kind in KINDS if kind not in ("basal", "relief"))


class Told:
    """The boluses of one walk over the log."""

    def __init__(self) -> None:
        self._open: dict[str, int] = dict.fromkeys(BOLUSES, 0)
        self._steps: dict[str, int] = dict.fromkeys(BOLUSES, 0)

    def fault(self, row: Row) -> str:
        """What this record counts and no start tells of; empty: nothing."""
        kind = row.fields.get("kind", "")
        if row.event == "bolus_start":
            self._open[kind] += 1
        untold = ""
        for name in BOLUSES:
            steps = row.state[f"{name}_steps"]
            if steps > self._steps[name] and not self._open[name]:
                untold = f"{steps - self._steps[name]} steps of a {name} bolus whose start is not told"
            self._steps[name] = steps
        if row.event == "bolus_end":
            self._open[kind] -= 1
        return untold
