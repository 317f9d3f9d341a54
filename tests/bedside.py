"""Requests with all that they look at, but without a rig: therapy, dosing of 3 nL a step, cap and reservoir.

Owns: class Bedside.
Rules: the very firmware; what is asked of the reservoir is only noted.
Units: steps of 3 nL, nL, nL/day, microseconds.
Leaves: what is granted and refused to tests/unit/flow.
"""

from __future__ import annotations

from typing import Any

from parts import dosing_of, program
from rig.flow import grants
from rig.flow.day_cap import DayCap
from rig.flow.requests import Requests
from rig.flow.therapy import Therapy
from rig.refused import Refused

RATE = 240_000
DEMANDED = ((900, 60_000, 1_800, 3),)  # nL, ms, s of lockout, times a day
MOTOR = 10**10


class Bedside:
    """Requests, and all that they look at."""

    def __init__(self, **fields: Any) -> None:
        self.dosing = dosing_of()
        self.therapy: Any = Therapy(self.dosing)
        self.therapy.max_rate_nl_per_day = MOTOR
        self.cap: Any = DayCap(self.dosing)
        self.needed: list[int] = []
        self.requests: Any = Requests(self.therapy, self.dosing, self.cap, self.needed.append)
        if fields.pop("loaded", True):
            self.load(**fields)
            self.therapy.run(0)

    def load(self, own_nl: int = RATE, **fields: Any) -> None:
        document = program(**{"basal": ((0, RATE),), "demand": DEMANDED, **fields})
        self.therapy.load(document, "", "", 0)
        self.cap.use(document["cap_nl"], own_nl, (), 0)

    def demand(self, now_us: int) -> Any:
        return outcome(lambda: grants.demand(self.requests, now_us), self)

    def bolus(self, volume_nl: int, over_ms: int = 60_000, spread: int = 0, now_us: int = 0) -> Any:
        return outcome(lambda: grants.bolus(self.requests, volume_nl, over_ms, spread, now_us), self)

    def end(self) -> None:
        """All boluses are over."""
        self.therapy.cancel()


def outcome(ask: Any, bedside: Bedside) -> Any:
    """The overlay that was granted, or why it was not."""
    before = bedside.therapy.overlays()
    try:
        return ask()
    except Refused as refused:
        assert bedside.therapy.overlays() == before
        return refused.args[0], dict(refused.args[1])
