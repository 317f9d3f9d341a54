"""rig.flow.delivery: what is booked and told, what a cut and a ramp down leave.

Owns: steps by kind beside the cap, starts and ends in the order of time, cuts, ramps down, cancelled boluses.
Rules: a delivery on a software stepper, without a rig; every counted step belongs to one kind, whatever happened.
Units: microseconds, steps of 3 nL, nL a second.
Leaves: the reach of the queue to test_delivery.py, volume to test_dosing.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from fed import NL_A_SECOND, Fed
from parts import NEVER_US, S_US, bolus
from pumpwire.spec import KINDS

BASAL, SINGLE, SPREAD, PRIME, RELIEF, CALIBRATION = (
    KINDS.index(name) for name in ("basal", "single", "spread", "prime", "relief", "calibration")
)


def at(nl_a_second: float) -> Any:
    """A constant program."""
    return {"basal": ((0, int(nl_a_second * NL_A_SECOND)),)}


def granted(fed: Fed, steps: int, nl_a_second: float, kind: int = SINGLE) -> Any:
    """A bolus from now on."""
    overlay = bolus(kind, fed.clock.now_us(), steps)
    overlay.rate_nl_per_day = int(nl_a_second * NL_A_SECOND)
    if kind in (PRIME, CALIBRATION):
        fed.therapy.halt()
        fed.therapy.add_apart(overlay, "priming")
    else:
        fed.therapy.add(overlay)
    return overlay


def events(fed: Fed) -> list[str]:
    return [row[0] for row in fed.rows]


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


# --- cuts


def test_a_change_of_plan_gives_back_what_was_queued_and_not_counted() -> None:
    fed = Fed(**at(30))
    fed.run()
    fed.run(1_050_000)
    queued = fed.stepper.appended_steps
    now_us = fed.clock.now_us()
    fed.delivery.replan(now_us)
    assert queued > 1_000
    assert (fed.delivery.open_us, fed.delivery.due_us) == (-1, now_us)
    assert fed.stepper.appended_steps == fed.stepper.counted() == 10
    assert fed.delivery.commanded_nl(now_us) == 31
    assert fed.dosing.spans == []
    for _ in range(20):
        fed.run()
        fed.run(70_000)
        fed.delivery.replan(fed.clock.now_us())
    fed.run()
    fed.run(560_000)
    assert fed.stepper.counted() == 30, "3.01 s in twenty-two pieces"
    assert fed.delivery.surplus_steps == 0


def test_a_pump_that_stands_cuts_its_queue_and_waits_for_the_next_turn() -> None:
    fed = Fed(**at(30), periodic=((60, 300, 1_000, 0),))
    fed.run()
    fed.time.us += S_US
    fed.therapy.halt()
    assert fed.run() == 59 * S_US
    assert fed.delivery.open_us == -1
    assert fed.stepper.appended_steps == 10
    assert fed.ahead_us == NEVER_US
    assert fed.run(59 * S_US) == 60 * S_US
    assert events(fed) == ["missed"]


def test_a_bolus_that_is_cut_goes_on_with_its_rest() -> None:
    fed = Fed(**at(0))
    overlay = granted(fed, 100, 30)
    fed.run()
    fed.run(3_050_000)
    fed.delivery.replan(fed.clock.now_us())
    assert (overlay.done_steps, overlay.planned_steps, overlay.end_us) == (30, 30, 0)
    fed.run()
    fed.run(7 * S_US)
    assert overlay.done_steps == 100
    assert fed.dosing.kind_steps[SINGLE] == fed.stepper.counted() == 100


def test_cancelled_boluses_are_told_with_what_they_had_and_ask_for_nothing_more() -> None:
    fed = Fed(**at(0))
    begun, fresh = granted(fed, 100, 30), granted(fed, 50, 30, SPREAD)
    fed.run()
    fed.run(1_050_000)
    fed.therapy.stop()
    fed.delivery.replan(fed.clock.now_us())
    assert [(row[0], row[1]["kind"], row[1]["done_steps"]) for row in fed.rows] == [
        ("bolus_start", "single", 10),
        ("bolus_end", "single", 10),
        ("bolus_start", "spread", 0),
        ("bolus_end", "spread", 0),
    ]
    assert fed.therapy.cancelled == []
    assert begun.acc == fresh.acc == 0
    assert fed.delivery.commanded_nl(fed.clock.now_us()) == 30
    fed.delivery.end_cancelled()
    assert len(fed.rows) == 4


@pytest.mark.parametrize("why", ["stopped", "alarm occlusion"])
@pytest.mark.parametrize("flowed_us", [0, 20_000, 150_000])
def test_a_missed_turn_is_told_after_the_bolus_that_the_stop_cancelled(why: str, flowed_us: int) -> None:
    """The record of what was missed would hold steps of a bolus that no record has told of."""
    fed = Fed(**at(0), periodic=((60, 300, 60_000, 0),))
    fed.pass_us(60 * S_US - 10_000)
    overlay = granted(fed, 100, 30)
    fed.delivery.replan(fed.clock.now_us())
    fed.run()
    fed.time.us += 20_000 + flowed_us  # a turn falls due, and waits
    fed.therapy.pass_time(fed.clock.now_us())
    fed.therapy.stop(why)
    fed.delivery.settle(fed.clock.now_us())
    assert "missed" not in events(fed)
    fed.delivery.replan(fed.clock.now_us())
    told = events(fed)
    assert told == ["bolus_start", "bolus_end", "missed"]
    assert overlay.done_steps == fed.dosing.kind_steps[SINGLE] == fed.rows[1][1]["done_steps"]
    fed.delivery.settle(fed.clock.now_us())
    assert events(fed) == told, "each of them once"


# --- a ramp down


def test_a_pump_that_stands_has_stopped_at_once() -> None:
    fed = Fed(**at(30))
    stopped: list[int] = []
    fed.delivery.brake(7, stopped.append)
    assert stopped == [7]
    assert not fed.delivery.is_braking()
    fed.run()
    fed.delivery.relieving = True
    fed.stepper.ramp_ticks = 5
    fed.delivery.brake(9, stopped.append)
    assert stopped == [7, 9]


@pytest.mark.parametrize("ticks", [0, 1, 3])
def test_a_ramp_down_is_written_on_at_each_tick_until_the_motor_stands(ticks: int) -> None:
    fed = Fed(**at(30))
    fed.run()
    fed.time.us += 1_050_000
    stopped: list[int] = []
    fed.stepper.ramp_ticks = ticks
    fed.delivery.brake(fed.clock.now_us(), stopped.append)
    for _ in range(ticks):
        assert stopped == []
        assert fed.delivery.is_braking()
        assert fed.ahead_us == 0
        assert fed.delivery.due_us == fed.clock.now_us() + 20_000
        fed.therapy.mode = "stopped"
        fed.run(20_000)
    assert stopped == [fed.clock.now_us()]
    assert not fed.delivery.is_braking()
    assert fed.delivery.open_us == -1
    assert fed.delivery.due_us == fed.clock.now_us() + 1
    assert fed.dosing.kind_steps[BASAL] == fed.stepper.counted()
    assert fed.delivery.commanded_nl(fed.clock.now_us()) == 30 * fed.clock.now_us() // S_US
    assert fed.delivery.surplus_steps == 0


def test_the_steps_of_a_ramp_down_are_the_flow_s_that_was_under_way_and_no_surplus() -> None:
    fed = Fed(**at(0))
    overlay = granted(fed, 100, 30)
    fed.run()
    fed.time.us += 1_050_000
    fed.stepper.ramp_ticks = 2
    fed.delivery.brake(fed.clock.now_us(), lambda _now_us: None)
    assert events(fed) == ["bolus_start"]
    fed.stepper.cut()
    fed.stepper._count += 500  # more than was planned
    fed.run(20_000)
    assert fed.dosing.kind_steps[SINGLE] + fed.dosing.kind_steps[BASAL] == fed.stepper.counted()
    assert fed.delivery.surplus_steps == 0
    assert fed.dosing.kind_steps[BASAL] == 0
    assert events(fed) == ["bolus_start"], "its end is told when it stands"
    assert fed.delivery.settle(fed.clock.now_us()) == 0
    fed.run(20_000)
    fed.delivery.settle(fed.clock.now_us())
    assert events(fed) == ["bolus_start", "bolus_end"]
    assert overlay.done_steps == 100


def test_a_change_of_plan_ends_a_ramp_down_at_once_and_what_waited_for_its_end_is_told() -> None:
    fed = Fed(**at(30))
    fed.run()
    fed.time.us += 1_050_000
    stopped: list[int] = []
    fed.stepper.ramp_ticks = 9
    fed.delivery.brake(fed.clock.now_us(), stopped.append)
    assert fed.delivery.is_braking()
    fed.delivery.replan(fed.clock.now_us())
    assert stopped == [fed.clock.now_us()]
    assert not fed.delivery.is_braking()
    fed.delivery.replan(fed.clock.now_us())
    assert len(stopped) == 1


def test_what_was_planned_behind_a_ramp_down_is_taken_back() -> None:
    fed = Fed(**at(1), periodic=((60, 300, 1_000, 0),))
    fed.run(30 * S_US)
    planned = [overlay for overlay in fed.therapy.boluses.queue if overlay.row >= 0]
    assert planned, "two minutes ahead"
    fed.delivery.brake(fed.clock.now_us(), lambda _now_us: None)
    assert fed.therapy.boluses.queue == []
    assert events(fed) == []
