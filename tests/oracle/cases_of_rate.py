"""Weeks with a `rate` in them, worked out on paper from rule 6: it changes the base flow alone.

Owns: what should have flowed of each kind, what is missed and refused.
Rules: as in test_by_rules.py, which runs them.
Units: seconds since the program's start, nL.
Leaves: the shape of a case to by_rules.py.
"""

from __future__ import annotations

from oracle.by_rules import DAY_S, TEN, TURNS, Case, flows
from oracle.program import Demand, Periodic

LONG_TURNS = flows(10, periodic=(Periodic(600, 3_000, 60_000),))
TO_20 = {"rate_nl_per_day": 20 * DAY_S}
CASES = {
    "a rate in the middle of a turn: the turn goes on, the next one comes when it was due": Case(
        LONG_TURNS,
        ((620, "rate", TO_20),),
        1_300,
        {"basal": 6_200 + 20 * 680, "periodic": 6_000},
    ),
    "a typed rate does just the same": Case(
        LONG_TURNS,
        ((618, "typed", TO_20),),
        1_300,
        {"basal": 6_200 + 20 * 680, "periodic": 6_000},
    ),
    "a rate in the middle of a bolus by hand": Case(
        TEN,
        ((100, "bolus", {"volume_nl": 6_000, "over_ms": 600_000}), (200, "rate", TO_20)),
        900,
        {"basal": 2_000 + 20 * 700, "single": 6_000},
    ),
    "a rate in the middle of a spread bolus that another one suspends": Case(
        TEN,
        (
            (100, "bolus", {"volume_nl": 6_000, "over_ms": 600_000, "spread": 1}),
            (200, "bolus", {"volume_nl": 6_000, "over_ms": 100_000}),
            (250, "rate", TO_20),
        ),
        1_000,
        {"basal": 2_500 + 20 * 750, "single": 6_000, "spread": 6_000},
    ),
    "a rate while the pump stands starts it; the turn that fell due before stays missed": Case(
        TURNS,
        ((590, "stop", {}), (650, "rate", TO_20)),
        1_300,
        {"basal": 5_900 + 20 * 650, "periodic": 3_000},
        missed=("stopped 1",),
    ),
    "a rate that would flow too fast together with the bolus under way is refused, and granted after it": Case(
        flows(10, hard_nl_per_day=30 * DAY_S),
        (
            (100, "bolus", {"volume_nl": 6_000, "over_ms": 600_000}),
            (200, "rate", {"rate_nl_per_day": 25 * DAY_S}),
            (800, "rate", {"rate_nl_per_day": 25 * DAY_S}),
        ),
        900,
        {"basal": 8_000 + 2_500, "single": 6_000},
        refused=(("commit", "limit"),),
    ),
    "a rate gives back no demand bolus": Case(
        flows(10, demand=Demand(1_000, 10_000, 0, 1)),
        ((100, "demand", {}), (200, "rate", TO_20), (300, "demand", {})),
        400,
        {"basal": 2_000 + 20 * 200, "demand": 1_000},
        refused=(("demand", "count"),),
    ),
    "a rate and a power cut: the grid is that of the program": Case(
        TURNS,
        ((300, "rate", TO_20), (400, "power_cut", {"for_ms": 100_000}), (510, "set_clock", {"by_ms": 0})),
        700,
        {"basal": None, "periodic": 3_000},
        alarms=("power_return",),
    ),
    "without power it is the rate before the loss that was not given": Case(
        TEN,
        (
            (299, "ack", {}),  # its record is the last one before the loss
            (300, "power_cut", {"for_ms": 100_000}),
            (410, "rate", TO_20),
            (450, "set_clock", {"by_ms": 0}),
        ),
        700,
        {"basal": None},
        alarms=("power_return",),
        not_given={"power": 1_010},
    ),
    "what is under way counts against the cap of a higher rate": Case(
        flows(10, cap_nl=1_000_000),
        (
            (100, "bolus", {"volume_nl": 60_000, "over_ms": 600_000}),
            (200, "rate", {"rate_nl_per_day": 950_000}),
        ),
        800,
        {"basal": 8_000, "single": 60_000},
        refused=(("commit", "cap"),),
    ),
}
