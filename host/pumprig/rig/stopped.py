"""What a confirmed stop says: the count, and how much was given of the bolus that it cancelled.

Owns: the class Stopped, its words and its JSON.
Rules: what the rig did not say is None and is not talked about; a volume in the answer is the rig's own figure at the
instant of the stop (a fast motor takes up to 0.2 s more to stand; the log has the exact count).
Units: steps, nL.
Leaves: sending a stop to stopping.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pumpwire import spec

from pumprig import quantities
from pumprig.rig.understood import understood


@dataclass(frozen=True)
class Cancelled:
    """Boluses, or a priming, that a stop has cut short: asked for and given until then. `kind`: of the first one."""

    kind: str
    asked_nl: int
    given_nl: int

    @property
    def not_given_nl(self) -> int:
        """What was left of it."""
        return self.asked_nl - self.given_nl


@dataclass(frozen=True)
class Stopped:
    """A confirmed stop: the rig's count when it confirmed, and what was under way."""

    delivered_steps: int | None
    cancelled: Cancelled | None = None

    @staticmethod
    def of(fields: Mapping[str, str]) -> Stopped:
        """From the fields of the rig's answer."""
        known = understood(fields, "stop")
        cancelled = None
        if {"cancelled_nl", "given_nl"} <= known.keys() and known.get("cancelled_kind") in spec.KINDS:
            cancelled = Cancelled(known["cancelled_kind"], int(known["cancelled_nl"]), int(known["given_nl"]))
        steps = known.get("delivered_steps")
        return Stopped(None if steps is None else int(steps), cancelled)

    def told(self, resume: str = "`pumprig resume`") -> str:
        """In one line for a person; `resume` is how the program is run again there."""
        steps = quantities.UNKNOWN if self.delivered_steps is None else self.delivered_steps
        line = f"stopped; {steps} steps counted so far. {resume} runs the program again."
        if self.cancelled is None:
            return line
        cut = self.cancelled
        asked, given, rest = (
            quantities.volume_text(nl) for nl in (cut.asked_nl, cut.given_nl, cut.not_given_nl)
        )
        name = NAMES.get(cut.kind, f"{cut.kind} bolus")
        return f"{line} The {name} was cancelled: {given} of {asked} given, {rest} not given."

    def document(self) -> dict[str, Any]:
        """As JSON."""
        cut = self.cancelled
        told = cut and {
            "kind": cut.kind,
            "asked_nl": cut.asked_nl,
            "given_nl": cut.given_nl,
            "not_given_nl": cut.not_given_nl,
        }
        return {"stopped": True, "delivered_steps": self.delivered_steps, "cancelled": told}


NAMES = {"single": "bolus", "prime": "priming", "calibration": "weighing's delivery"}
