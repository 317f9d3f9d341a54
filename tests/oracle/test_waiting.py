"""A program that waits for its time, by hand: what is granted in the tick in which it begins is on record before it.

Owns: sweeps of a request about the clock that is set beyond that time.
Rules: what is right comes from the model, and from the records alone.
Units: ms since the program's start.
Leaves: random weeks to test_aimed.py.
"""

import pytest
from oracle.drive import Drive
from oracle.judge import Judge
from oracle.program import Demand, Program
from oracle.scenario import Event, Scenario
from oracle.weeks import START_UTC_S

ASKS = {"bolus": {"volume_nl": 3_000, "over_ms": 20_000}, "press_bolus": {}, "demand": {}}
SET_MS = 1_300_000


@pytest.mark.parametrize("do", ASKS)
@pytest.mark.parametrize("off_ms", [-60, -20, 0, 20, 40, 60])
def test_what_is_granted_as_it_begins_is_given_or_told_as_cancelled(do, off_ms):
    """It is overdue: the power was gone at its time. A clock is set, and somebody asks for a bolus just then."""
    active, later = (
        Program("by hand", days={"": ((0, rate),)}, demand=Demand(2_000, 10_000, 0, 7))
        for rate in (240_000, 480_000)
    )
    events = [
        Event(60_000, "later", {"at_utc_s": START_UTC_S + 600}, later),
        Event(300_000, "power_cut", {"for_ms": 900_000}),
        *sorted(
            [Event(SET_MS, "set_clock", {"by_ms": 0}), Event(SET_MS + off_ms, do, ASKS[do])],
            key=lambda event: event.at_ms,
        ),
    ]
    scenario = Scenario(1, START_UTC_S * 1_000_000, active, tuple(events), SET_MS + 200_000)
    seen = Drive(scenario).run()
    assert not Judge(scenario, seen).run()
    begun = [row for row in seen.rows if row.event == "program" and row.fields.get("waited")]
    assert len(begun) == 1
    asked = next(row for row in seen.rows if row.fields.get("verb") == do or row.event == "request")
    assert asked.state["bolus_kind"], "a record tells of what it grants, not of what ends it"
    kind = "single" if do == "bolus" else "demand"
    given = seen.report["by_kind"][kind]
    cancelled = sum(row["nl"] for row in seen.report["not_given"] if row["why"] == "cancelled")
    assert given + cancelled == pytest.approx(3_000 if do == "bolus" else 2_000, abs=8)
