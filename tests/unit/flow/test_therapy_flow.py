"""rig.flow.therapy: what flows at an instant, what is planned next, when it changes, when it rises.

Owns: the order of bolus, bridge, turn and spread bolus; the instants at which the flow changes, to the microsecond.
Rules: a therapy on real dosing, without a rig; each expectation follows from docs/explanation/interrupted-therapy.md.
Units: steps of 3 nL, nL/day, microseconds.
Leaves: programs and stops to test_therapy.py, the base flow that is remembered to test_base.py.
"""

from __future__ import annotations

import pytest
from parts import (
    BASE,
    BRIDGE,
    HOURLY,
    NEVER_US,
    PERIODIC,
    PHASES,
    PRIME,
    S_US,
    SINGLE,
    SPREAD,
    bolus,
    therapy_of,
)
from pumpwire.spec import KINDS

# --- what flows


def test_the_base_flow_is_the_program_s_while_it_runs_and_none_otherwise() -> None:
    therapy = therapy_of(**PHASES)
    for mode in ("stopped", "priming", "dispensing"):
        therapy.mode = mode
        assert therapy.base(5, 0) == (KINDS.index("basal"), 0, NEVER_US)
    therapy.mode = "running"
    assert therapy.base(5, 0) == (KINDS.index("basal"), 240_000, 600 * S_US)
    assert therapy.base(600 * S_US - 1, 0)[1] == 240_000
    assert therapy.base(600 * S_US, 0)[1:] == (480_000, 1_200 * S_US)
    assert therapy.base(5, 0)[1:] == (240_000, 600 * S_US), "asked back in time"


def test_a_bridge_stands_in_the_place_of_the_base_flow_until_its_last_step() -> None:
    therapy = therapy_of()
    therapy.bridge = bridge = bolus(BRIDGE, 0, 10)
    bridge.planned_steps = 9
    assert therapy.base(50, 0) == (KINDS.index("basal"), 0, NEVER_US)
    bridge.planned_steps, bridge.end_us = 10, 100
    assert therapy.base(99, 0) == (KINDS.index("basal"), 0, 100)
    assert therapy.base(100, 0)[1] == 240_000
    bridge.planned_steps = 9
    assert therapy.base(100, 0)[1:] == (0, 100)


def test_a_held_ramp_stands_and_its_time_falls_behind() -> None:
    therapy = therapy_of(ramp=((100_000, 10_000, 600, 400_000),))
    at_us = 650 * S_US
    assert therapy.base(at_us, 0)[1:] == (110_000, 1_200 * S_US)
    therapy.set_ramp(therapy.ramp_behind_us(at_us), True, at_us)
    assert therapy.ramp_held_us == at_us
    for later_us in (0, 10_000 * S_US):
        assert therapy.base(at_us + later_us, 0)[1:] == (110_000, NEVER_US)
        assert therapy.ramp_behind_us(at_us + later_us) == later_us
        assert therapy.elapsed_us(at_us + later_us) == at_us
    on_us = at_us + 1_000 * S_US
    therapy.set_ramp(therapy.ramp_behind_us(on_us), False, on_us)
    assert therapy.ramp_held_us == -1
    assert therapy.ramp_behind_us(on_us + 5) == 1_000 * S_US
    assert therapy.base(on_us, 0)[1:] == (110_000, on_us + 550 * S_US)
    therapy.set_ramp(0, True, 0)
    assert therapy.ramp_behind_us(7) == 7, "held since the very first instant"
    assert therapy.base(10**10, 0)[1:] == (100_000, NEVER_US)
    therapy.add_outage(500, 10)
    assert therapy.elapsed_us(10) == 0


def test_the_program_s_time_does_not_begin_before_the_program() -> None:
    therapy = therapy_of(100)
    assert [therapy.elapsed_us(at) for at in (50, 100, 101)] == [0, 0, 1]


def test_the_clock_that_is_set_is_heard_at_once() -> None:
    therapy = therapy_of(basal=((0, 240_000), (43_200, 480_000)))
    noon_us = 43_200 * S_US
    assert therapy.base(5, noon_us)[1] == 480_000
    assert therapy.base(6, noon_us + 1)[1] == 480_000
    assert therapy.base(6, 2 * noon_us)[1] == 240_000
    assert therapy.base(7, 0)[1] == 240_000


# --- the plan


def test_a_bolus_goes_before_the_bridge_this_before_a_turn_and_a_turn_before_the_spread_bolus() -> None:
    therapy = therapy_of(**BASE, periodic=HOURLY)
    at_us = 3_600 * S_US
    single, bridge, spread = bolus(SINGLE), bolus(BRIDGE), bolus(SPREAD)
    therapy.boluses.queue.append(single)
    therapy.bridge, therapy.spread = bridge, spread
    assert therapy.plan_at(at_us) == (single, NEVER_US)
    single.planned_steps = single.steps
    assert therapy.plan_at(at_us) == (bridge, NEVER_US)
    bridge.planned_steps = bridge.steps
    turn, until_us = therapy.plan_at(at_us)
    assert (turn.kind, turn.row, until_us) == (PERIODIC, 0, NEVER_US)
    turn.planned_steps = turn.steps
    assert therapy.plan_at(at_us) == (spread, 7_200 * S_US), "until the next turn falls due"
    spread.planned_steps = spread.steps
    assert therapy.plan_at(at_us) == (None, 7_200 * S_US)


@pytest.mark.parametrize("mode", ["stopped", "priming"])
def test_while_the_program_does_not_run_only_what_was_begun_apart_is_planned(mode: str) -> None:
    therapy = therapy_of(**BASE, periodic=HOURLY)
    therapy.mode = mode
    therapy.bridge, therapy.spread = bolus(BRIDGE), bolus(SPREAD)
    assert therapy.plan_at(3_600 * S_US) == (None, NEVER_US)
    prime = bolus(PRIME)
    therapy.add_apart(prime, "priming")
    assert therapy.mode == "priming"
    assert therapy.flowing(5) is prime
    assert therapy.plan_at(3_600 * S_US) == (prime, NEVER_US)
    assert therapy.finish() == []
    assert therapy.mode == "priming"
    prime.done_steps = prime.steps
    assert therapy.flowing(5) is None, "bridge and spread bolus flow with the program only"
    assert therapy.finish() == [prime]
    assert therapy.mode == "stopped"


def test_what_flows_is_the_bolus_in_the_slot_else_the_bridge_else_the_spread_one() -> None:
    therapy = therapy_of()
    single, bridge, spread = bolus(SINGLE, 100), bolus(BRIDGE, 50), bolus(SPREAD, 10)
    therapy.add(single)
    therapy.bridge = bridge
    therapy.add(spread)
    assert [therapy.flowing(at) for at in (9, 10, 49, 50, 99, 100)] == [
        *(None, spread, spread, bridge, bridge, single)
    ]
    assert therapy.overlays() == [single, bridge, spread]
    assert therapy.under_way(99) is bridge
    assert therapy.under_way(100) is single
    therapy.bridge = None
    assert therapy.under_way(5) is spread, "suspended or not"
    assert therapy.overlays() == [single, spread]
    assert therapy.coming(0) is None or therapy.coming(0) is single
    therapy.spread = None
    assert therapy.under_way(5) is None


def test_a_bolus_is_coming_100_ms_before_its_start() -> None:
    therapy = therapy_of()
    single = bolus(SINGLE, 500_000)
    therapy.add(single)
    assert [therapy.coming(at) for at in (399_999, 400_000, 500_000)] == [None, single, single]
    first = bolus(SINGLE, 0)
    first.end_us = 450_000
    therapy.boluses.queue.insert(0, first)
    assert therapy.coming(449_999) is first


def test_a_turn_is_coming_100_ms_before_it_falls_due_where_it_may_flow_at_once() -> None:
    therapy = therapy_of(**BASE, periodic=HOURLY)
    due_us = 3_600 * S_US
    assert therapy.coming(due_us - 100_001) is None
    assert [therapy.coming(due_us - before).row for before in (100_000, 0)] == [0, 0]
    therapy.bridge = bolus(BRIDGE)
    therapy.bridge.start_us = due_us
    assert therapy.coming(due_us - 1) is None, "it waits behind a bridge"
    therapy.bridge = None
    therapy.mode = "stopped"
    assert therapy.coming(due_us - 1) is None, "it will be missed"


def test_what_is_planned_and_has_not_begun_is_taken_back_with_what_it_had_asked_for() -> None:
    therapy = therapy_of(**BASE, periodic=HOURLY)
    therapy.bridge, therapy.spread = bolus(BRIDGE), bolus(SPREAD)
    turn = therapy.boluses.begin_turn(3_600 * S_US)
    turn.acc = 7
    for overlay in (therapy.bridge, therapy.spread):
        overlay.planned_steps, overlay.end_us, overlay.first_us = 99, 5, 4
    units = therapy._dosing.commanded_units
    therapy.unplan()
    assert therapy.boluses.queue == []
    assert (turn.acc, therapy._dosing.commanded_units) == (0, units - 7)
    for overlay in (therapy.bridge, therapy.spread):
        assert (overlay.end_us, overlay.first_us) == (0, 4)


# --- when it changes


def test_the_flow_next_changes_at_a_step_of_the_base_flow_or_where_a_bolus_begins_or_ends() -> None:
    therapy = therapy_of(**PHASES)
    assert therapy.next_change_us(0, 0) == 600 * S_US
    single = bolus(SINGLE, 100)
    single.end_us = 200
    therapy.add(single)
    assert [therapy.next_change_us(at, 0) for at in (99, 100, 199, 200)] == [100, 200, 200, 600 * S_US]
    single.end_us = 700 * S_US
    assert therapy.next_change_us(100, 0) == 600 * S_US


def test_the_flow_changes_where_a_turn_falls_due_while_the_program_runs() -> None:
    therapy = therapy_of(**BASE, periodic=HOURLY)
    at_us = 3_600 * S_US
    for next_us in (therapy.next_change_us, therapy.next_rise_us):
        assert [next_us(at, 0) for at in (at_us - 1, at_us)] == [at_us, 2 * at_us]
    therapy.stop()
    assert therapy.next_change_us(0, 0) == therapy.next_rise_us(0, 0) == NEVER_US


def test_the_flow_next_rises_where_the_base_flow_does_and_not_where_it_falls() -> None:
    therapy = therapy_of(**PHASES)
    assert therapy.next_rise_us(0, 0) == 600 * S_US
    assert therapy.next_rise_us(700 * S_US, 0) == NEVER_US
    flat = therapy_of(phases=((600, 240_000), (600, 240_000), (600, 240_001)))
    assert flat.next_rise_us(0, 0) == NEVER_US, "as far as the next step of the base flow"
    assert flat.next_rise_us(700 * S_US, 0) == 1_200 * S_US
    falling = therapy_of(basal=((0, 480_000), (43_200, 240_000)))
    noon_us = 43_200 * S_US
    assert falling.next_rise_us(5, noon_us + 5) == 5 + noon_us - 5
    assert falling.next_rise_us(5, 5) == NEVER_US
    assert falling.next_rise_us(5, 0) == NEVER_US
    rising = therapy_of(basal=((0, 240_000), (43_200, 480_000)))
    assert rising.next_rise_us(36_000 * S_US, 36_000 * S_US) == noon_us


def test_the_flow_rises_where_a_bolus_begins_and_where_one_ends_behind_which_another_waits() -> None:
    therapy = therapy_of()
    single = bolus(SINGLE, 100)
    single.end_us = 200
    therapy.add(single)
    assert [therapy.next_rise_us(at, 0) for at in (99, 100, 199)] == [100, NEVER_US, NEVER_US]
    therapy.spread = bolus(SPREAD, 10)
    assert [therapy.next_rise_us(at, 0) for at in (9, 99, 100, 199, 200)] == [10, 100, 200, 200, NEVER_US]
    therapy.spread = None
    therapy.bridge = single
    therapy.boluses.queue = []
    assert [therapy.next_rise_us(at, 0) for at in (99, 199, 200)] == [100, 200, NEVER_US], (
        "the base flow follows"
    )


def test_a_turn_that_waits_makes_the_end_of_the_bolus_before_it_a_rise() -> None:
    therapy = therapy_of(**BASE, periodic=HOURLY)
    at_us = 3_600 * S_US
    single = bolus(SINGLE, at_us - 50)
    single.end_us = at_us + 100
    therapy.add(single)
    assert therapy.next_rise_us(at_us - 1, 0) == at_us
    assert therapy.next_rise_us(at_us, 0) == at_us + 100


# --- ends


def test_what_has_all_its_steps_ends_and_the_program_runs_on() -> None:
    therapy = therapy_of()
    single, bridge, spread = bolus(SINGLE), bolus(BRIDGE), bolus(SPREAD)
    therapy.add(single)
    therapy.bridge, therapy.spread = bridge, spread
    for overlay in (single, bridge, spread):
        overlay.done_steps = 99
    assert therapy.finish() == []
    assert therapy.overlays() == [single, bridge, spread]
    for overlay in (spread, bridge, single):
        overlay.done_steps = 100
        assert therapy.finish() == [overlay]
    assert (therapy.bridge, therapy.spread, therapy.overlays()) == (None, None, [])
    assert therapy.mode == "running"
    therapy.mode = "priming"
    therapy.bridge = bolus(BRIDGE, 0, 0)
    therapy.finish()
    assert therapy.mode == "priming"
