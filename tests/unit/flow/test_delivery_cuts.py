"""rig.flow.delivery: what a cut and a ramp down leave, also of what leaves meanwhile.

Owns: cuts, ramps down, cancelled boluses, and what is booked and told of them.
Rules: a delivery on a software stepper, without a rig; every counted step belongs to one kind, whatever happened.
Units: microseconds, steps of 3 nL, nL a second.
Leaves: booking without a cut to test_delivery_books.py.
"""

from __future__ import annotations

import pytest
from fed import Fed, at, events, granted
from parts import NEVER_US, S_US, SINGLE, SPREAD, bolus
from pumpwire.spec import KINDS

BASAL, RELIEF = KINDS.index("basal"), KINDS.index("relief")


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


def test_a_step_that_leaves_while_the_queue_is_cut_is_booked_and_counts_for_the_day() -> None:
    fed = Fed(**at(30))
    fed.run()
    fed.run(1_050_000)
    fed.stepper.cut_us = 400_000
    fed.delivery.replan(fed.clock.now_us())
    assert fed.dosing.kind_steps[BASAL] == fed.stepper.counted() == 14
    assert fed.cap.own_steps == 14
    fed.run(1_000)
    fed.therapy.halt()
    fed.time.us += 1_000_000
    fed.run()
    assert fed.dosing.kind_steps[BASAL] == fed.cap.own_steps == fed.stepper.counted() > 24
    assert fed.delivery.surplus_steps == 0


@pytest.mark.parametrize(
    ("cut_at_us", "steps", "told"),
    [
        (50_000, 0, []),
        (99_000, 1, ["bolus_start"]),
        (960_000, 10, ["bolus_start", "bolus_end"]),
        (1_050_000, 10, ["bolus_start", "bolus_end"]),
    ],
)
def test_a_bolus_that_begins_or_ends_while_the_queue_is_cut_is_told_of_at_once(
    cut_at_us: int, steps: int, told: list[str]
) -> None:
    """The next record, whatever it is of, holds its steps."""
    fed = Fed(**at(0))
    overlay = granted(fed, 10, 30)
    fed.run()
    fed.run(cut_at_us)
    fed.stepper.cut_us = 49_000
    fed.delivery.replan(fed.clock.now_us())
    assert (overlay.done_steps, fed.cap.asked_steps, fed.stepper.counted()) == (steps, steps, steps)
    assert events(fed) == told
    assert fed.therapy.overlays() == ([] if steps == 10 else [overlay])
    assert fed.cap.pending_steps == 10 - steps


def test_what_flows_behind_a_bolus_that_ends_while_the_queue_is_cut_is_booked_too() -> None:
    fed = Fed(**at(30))
    overlay = granted(fed, 10, 30)
    fed.run()
    fed.run(900_000)
    fed.stepper.cut_us = 500_000
    fed.delivery.replan(fed.clock.now_us())
    assert (overlay.done_steps, fed.dosing.kind_steps[SINGLE]) == (10, 10)
    assert sum(fed.dosing.kind_steps) == fed.stepper.counted() >= 23
    assert fed.cap.own_steps + fed.cap.asked_steps == fed.stepper.counted()
    assert fed.delivery.commanded_nl(fed.clock.now_us()) == 30 + 30 * fed.clock.now_us() // S_US
    assert fed.delivery.surplus_steps == 0, "the plan explains them"


def test_what_goes_back_while_the_queue_is_cut_is_relief() -> None:
    fed = Fed(**at(0))
    fed.run()
    fed.delivery.relieving = True
    fed.stepper.reverse(100, 125_000)  # a step a millisecond
    fed.time.us += 10_000
    fed.stepper.cut_us = 5_000
    fed.delivery.replan(fed.clock.now_us())
    assert fed.dosing.kind_steps[RELIEF] == fed.stepper.counted() == 15
    assert sum(fed.dosing.kind_steps) == 15
    assert fed.cap.own_steps == fed.delivery.surplus_steps == 0


def test_a_change_of_plan_tells_of_an_end_before_a_step_of_what_follows_is_booked() -> None:
    fed = Fed(**at(0))
    granted(fed, 10, 30)
    granted(fed, 100, 30, SPREAD)
    fed.run()
    fed.time.us += 1_550_000
    spread: list[int] = []
    log = fed.delivery._log
    fed.delivery._log = lambda *row: (spread.append(fed.dosing.kind_steps[SPREAD]), log(*row))
    fed.delivery.replan(fed.clock.now_us())
    assert events(fed) == ["bolus_start", "bolus_end", "bolus_start"]
    assert spread == [0, 0, 5]
    assert (fed.cap.asked_steps, fed.cap.pending_steps) == (15, 95)


def test_what_flowed_since_a_bolus_ended_is_booked_with_its_end() -> None:
    fed = Fed(**at(30))
    granted(fed, 10, 30)
    fed.run()
    fed.run(500_000)
    assert events(fed) == ["bolus_start"]
    fed.time.us += 1_550_000
    assert fed.delivery.settle(fed.clock.now_us()) == 1
    assert events(fed) == ["bolus_start", "bolus_end"]
    assert sum(fed.dosing.kind_steps) == fed.stepper.counted() == fed.cap.own_steps + fed.cap.asked_steps


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
    fed.therapy.cancelled.append(bolus(SINGLE))
    fed.delivery.brake(9, stopped.append)
    assert stopped == [7, 9]
    assert (fed.delivery.open_us, fed.delivery.due_us) == (-1, 9)
    assert fed.stepper.appended_steps == fed.stepper.counted()
    assert events(fed) == ["bolus_start", "bolus_end"], "what was cancelled has been told of"


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
