"""rig.flow.delivery: what is booked and told.

Owns: steps by kind beside the cap, starts and ends in the order of time.
Rules: a delivery on a software stepper, without a rig; every counted step belongs to one kind, whatever happened.
Units: microseconds, steps of 3 nL, nL a second.
Leaves: the reach of the queue to test_delivery.py, cuts to test_delivery_cuts.py, volume to test_dosing.py.
"""

from __future__ import annotations

import pytest
from fed import CALIBRATION, Fed, at, events, granted
from parts import NEVER_US, PRIME, S_US, SINGLE, SPREAD
from pumpwire.spec import KINDS

BASAL, RELIEF = KINDS.index("basal"), KINDS.index("relief")


def test_a_new_delivery_has_booked_nothing() -> None:
    delivery = Fed().delivery
    assert (delivery.open_us, delivery.due_us, delivery.surplus_steps) == (-1, NEVER_US, 0)
    assert not delivery.relieving
    assert not delivery.is_braking()
    assert delivery._brake_front_us == 0
    assert delivery.commanded_nl(10**9) == delivery.commanded_steps(10**9) == 0


def test_each_step_is_booked_once_by_its_kind_and_beside_the_cap() -> None:
    fed = Fed(**at(30))
    granted(fed, 50, 60)
    fed.run()
    for _ in range(40):
        fed.run(100_000)
    assert fed.dosing.kind_steps[SINGLE] == 50
    assert fed.dosing.kind_steps[BASAL] == 40
    assert (fed.cap.own_steps, fed.cap.asked_steps) == (40, 50)
    assert fed.delivery.surplus_steps == 0
    assert fed.delivery.commanded_nl(fed.clock.now_us()) == 30 * 4 + 150
    assert fed.delivery.commanded_steps(fed.clock.now_us()) == 90


@pytest.mark.parametrize("kind", [PRIME, CALIBRATION])
def test_what_flows_for_priming_or_a_calibration_is_none_of_the_day_s(kind: int) -> None:
    fed = Fed(**at(30))
    fed.pass_us(S_US)
    granted(fed, 50, 60, kind)
    fed.delivery.replan(fed.clock.now_us())
    fed.pass_us(5 * S_US)
    assert fed.dosing.kind_steps[kind] == 50
    assert (fed.cap.own_steps, fed.cap.asked_steps) == (10, 0)


def test_a_slot_of_the_day_that_passes_without_a_step_is_noticed() -> None:
    fed = Fed(**at(0))
    fed.run()
    fed.run(300 * S_US)
    fed.run(301 * S_US)
    assert not fed.cap.is_due(fed.clock.now_us())


def test_what_requested_boluses_have_left_is_pending_and_a_turn_is_not() -> None:
    fed = Fed(**at(1), periodic=((60, 300, 30_000, 0),))
    granted(fed, 100, 30)
    granted(fed, 500, 30, SPREAD)
    fed.run()
    assert fed.cap.pending_steps == 600
    fed.run(5 * S_US)
    assert 545 <= fed.cap.pending_steps <= 552
    fed.therapy.boluses.queue[0].done_steps = 100
    fed.run()
    assert fed.cap.pending_steps == 500
    fed.pass_us(60 * S_US)
    assert fed.therapy.spread is None or fed.cap.pending_steps == fed.therapy.spread.left()


def test_steps_that_no_plan_explains_are_base_flow_and_told_as_surplus() -> None:
    fed = Fed(**at(0))
    fed.run()
    fed.stepper._count += 7
    fed.run(1_000)
    assert fed.delivery.surplus_steps == 7
    assert fed.dosing.kind_steps[BASAL] == 7
    fed.run(1_000)
    assert fed.delivery.surplus_steps == 7


def test_starts_and_ends_are_told_once_in_the_order_of_time() -> None:
    fed = Fed(**at(0))
    one, other = granted(fed, 10, 30), granted(fed, 20, 30)
    fed.run()
    counted: list[int] = []
    log = fed.delivery._log
    fed.delivery._log = lambda *row: (counted.append(fed.dosing.kind_steps[SINGLE]), log(*row))
    fed.time.us += 1_550_000
    assert fed.delivery.settle(fed.clock.now_us()) == 3
    assert fed.delivery.settle(fed.clock.now_us()) == 0
    assert events(fed) == ["bolus_start", "bolus_end", "bolus_start"]
    assert counted == [10, 10, 15], "no record holds a step of what it has not told of"
    assert [row[2] for row in fed.rows] == [one.first_us, one.end_us, other.first_us]
    assert fed.rows[1][1]["done_steps"] == 10
    fed.run(5 * S_US)
    assert events(fed) == ["bolus_start", "bolus_end"] * 2
    assert fed.rows[3][1:] == ({"kind": "single", "asked_steps": 20, "done_steps": 20}, other.end_us)
    fed.run(S_US)
    assert len(fed.rows) == 4


def test_while_pressure_is_relieved_all_that_is_counted_is_relief_and_nothing_is_told_but_what_is_missed() -> (
    None
):
    fed = Fed(**at(0), periodic=((60, 300, 1_000, 0),))
    fed.run()
    fed.therapy.stop()
    fed.delivery.relieving = True
    fed.stepper._count += 16
    overlay = granted(fed, 5, 30)
    overlay.done_steps = 5
    fed.time.us += 60 * S_US
    assert fed.delivery.settle(fed.clock.now_us()) == 1
    assert fed.dosing.kind_steps[RELIEF] == 16
    assert fed.cap.own_steps == 0
    assert events(fed) == ["missed"]
