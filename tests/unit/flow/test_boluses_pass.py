"""rig.flow.boluses and overlay as time goes by: what begins, what waits, what is missed, what ends.

Owns: rules 1 and 2 of docs/explanation/interrupted-therapy.md a microsecond before, at and after each instant.
Rules: a turn's instant is worked out here from the row: start + (first, or every) + n x every.
Units: steps of 3 nL, nL, microseconds.
Leaves: the plan to test_boluses.py, whole weeks to tests/oracle.
"""

from __future__ import annotations

import pytest
from parts import S_US, boluses_of, due_us, missed, near
from pumpwire.spec import KINDS
from rig.flow.overlay import Overlay

SINGLE, PERIODIC = KINDS.index("single"), KINDS.index("periodic")
HOURLY = (3_600, 3_000, 60_000, 0)
LATE = (3_600, 600, 60_000, 900)


# --- time goes by


def test_a_turn_has_begun_at_its_start_and_one_microsecond_before_it_has_not() -> None:
    boluses = boluses_of(HOURLY)
    at_us = due_us(HOURLY, 0)
    overlay = boluses.begin_turn(at_us)
    boluses.pass_time(at_us - 1, "")
    assert (overlay.begun, boluses.turns) == (False, [0])
    assert boluses.begun() == []
    boluses.pass_time(at_us, "")
    assert (overlay.begun, boluses.turns) == (True, [1])
    assert boluses.begun() == [overlay]
    boluses.pass_time(at_us + 1, "")
    assert boluses.turns == [1]
    assert missed(boluses) == []


@pytest.mark.parametrize("planned", [False, True])
def test_a_turn_is_announced_with_the_steps_that_it_will_have_whether_it_is_planned_or_not(planned) -> None:
    """Of 1 nL at 3 nL a step every third turn has one; one without a step is not announced, the next row's is."""
    tiny, other = (3_600, 1, 60_000, 0), (3_600, 2, 60_000, 0)
    boluses = boluses_of(tiny, other)
    for turn in range(30):
        at_us = due_us(tiny, turn)
        if planned:
            boluses.begin_turn(at_us)
        coming = boluses.coming_turn(at_us - 100_000, at_us)
        steps = [near((turn + 1) * nl) - near(turn * nl) for nl in (1, 2)]
        announced = None if coming is None else (coming.row, coming.steps)
        assert announced == next(((row, steps[row]) for row in (0, 1) if steps[row]), None)
        while boluses.begin_turn(at_us):
            pass
        boluses.pass_time(at_us, "")
        boluses.queue.clear()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_what_falls_due_while_nothing_may_flow_is_missed_at_its_instant_and_told_once(turns: int) -> None:
    boluses = boluses_of(HOURLY)
    for turn in range(turns):
        boluses.pass_time(due_us(HOURLY, turn) - 1, "stopped")
    boluses.missed.clear()
    boluses.turns[0] = 0
    boluses.pass_time(due_us(HOURLY, turns - 1) - 1, "stopped")
    told = missed(boluses)
    boluses.turns[0] = 0
    boluses.pass_time(due_us(HOURLY, turns - 1), "stopped")
    after = missed(boluses)
    assert sum(row.get("times", 1) for row in told) == turns - 1
    (row,) = after
    steps, nl = 1_000 * turns, 3_000 * turns
    wanted = {"event": "missed", "kind": "periodic", "nl": nl, "why": "stopped", "steps": steps}
    assert row == wanted | ({"times": turns} if turns > 1 else {})
    assert missed(boluses) == []
    assert boluses.begin_turn(due_us(HOURLY, turns - 1)) is None, "never given later"


def test_a_turn_that_waits_is_missed_when_its_own_next_one_is_due() -> None:
    boluses = boluses_of(HOURLY)
    boluses.pass_time(due_us(HOURLY, 1) - 1, "")
    assert missed(boluses) == []
    assert boluses.waiting(due_us(HOURLY, 1) - 1, None) == 1
    boluses.pass_time(due_us(HOURLY, 1), "")
    assert [row["why"] for row in missed(boluses)] == ["overlap"]
    assert boluses.turns == [1]
    assert boluses.begin_turn(due_us(HOURLY, 1)).turn == 1


def test_a_turn_that_begins_late_leaves_those_before_it_missed() -> None:
    boluses = boluses_of(HOURLY)
    at_us = due_us(HOURLY, 2) + 5
    boluses.begin_turn(at_us)
    boluses.pass_time(at_us, "")
    (row,) = missed(boluses)
    assert (row["why"], row["times"], row["steps"]) == ("overlap", 2, 2_000)
    assert boluses.turns == [3]


def test_an_alarm_s_name_stands_in_a_field_of_its_own() -> None:
    boluses = boluses_of(HOURLY)
    boluses.pass_time(due_us(HOURLY, 0), "alarm stall")
    (row,) = missed(boluses)
    assert (row["why"], row["name"]) == ("alarm", "stall")


def test_the_steps_of_what_was_missed_are_those_its_turns_would_have_had() -> None:
    row = (600, 10, 1_000, 0)
    boluses = boluses_of(row)
    for turns in ((0,), (1, 2), (3,), (4, 5, 6)):
        boluses.pass_time(due_us(row, turns[-1]), "stopped")
        (told,) = missed(boluses)
        assert told["steps"] == near(10 * (turns[-1] + 1)) - near(10 * turns[0])
        assert told["nl"] == 10 * len(turns)


def test_what_is_missed_is_planned_no_more() -> None:
    boluses = boluses_of(HOURLY, LATE)
    boluses.pass_time(due_us(HOURLY, 0), "stopped")
    missed(boluses)
    boluses.use((HOURLY, LATE), 0, 0)
    planned = boluses.begin_turn(due_us(LATE, 0))
    assert planned.row == 1
    boluses.pass_time(due_us(HOURLY, 3), "power")
    assert boluses._planned == boluses.turns == [4, 4]


@pytest.mark.parametrize("outage_s", [1, 599, 600, 601, 1_800])
def test_the_turns_of_the_time_without_power_are_one_missed_a_row(outage_s: int) -> None:
    row = (600, 30, 1_000, 0)
    boluses = boluses_of(row, (86_400, 30, 1_000, 0))
    now_us = 100 * S_US
    boluses.add_outage(outage_s * S_US, now_us)
    times = (100 + outage_s) // 600
    rows = missed(boluses)
    assert sum(one.get("times", 1) for one in rows) == times
    assert [one["why"] for one in rows] == ["power"] * bool(times)
    assert boluses.next_us(now_us) == (600 * (times + 1) - outage_s) * S_US


def test_a_turn_that_waited_at_the_cut_goes_with_the_turns_of_the_time_without_power() -> None:
    row = (600, 30, 1_000, 0)
    for outage_s, told in ((500, []), (600, [2])):
        boluses = boluses_of(row, now_us=610 * S_US, waiting=1)
        boluses.add_outage(outage_s * S_US, 610 * S_US)
        assert [one.get("times", 1) for one in missed(boluses)] == told


def test_a_turn_that_begins_as_the_clock_is_set_brings_back_none_that_the_time_without_power_took() -> None:
    now_us = 610 * S_US
    boluses = boluses_of((600, 30, 1_000, 0), now_us=now_us, waiting=1)
    assert boluses.begin_turn(now_us) is not None
    boluses.add_outage(86_400 * S_US, now_us)
    boluses.pass_time(now_us, "")
    assert [(one["why"], one["times"]) for one in missed(boluses)] == [("power", 145)]


# --- what waits, what flows


def test_a_turn_waits_from_its_instant_until_it_has_begun() -> None:
    boluses = boluses_of(HOURLY, LATE)
    at_us = due_us(LATE, 0)
    assert boluses.waiting(at_us - 1, None) == 0
    assert boluses.waiting(at_us, None) == 0b10
    planned = boluses.begin_turn(at_us)
    assert boluses.waiting(at_us, planned) == 0, "what is about to begin counts as begun"
    granted = Overlay(SINGLE, 5, 1_000, at_us)
    assert boluses.waiting(at_us, granted) == 0b10
    boluses.pass_time(at_us, "")
    assert boluses.waiting(at_us, None) == 0
    boluses.turns[1] = 0
    assert boluses.waiting(at_us, planned) == 0b10, "it flows, and its row's next one waits"


def test_eight_rows_may_wait() -> None:
    rows = [(3_600, 30, 1_000, 10 + k) for k in range(9)]
    boluses = boluses_of(*rows)
    assert boluses.waiting(100 * S_US, None) == 0xFF


def test_an_overlay_flows_from_its_start_to_its_last_step() -> None:
    overlay = Overlay(SINGLE, 10, 1_000, 100)
    assert [overlay.flows(at) for at in (99, 100, 10**9)] == [False, True, True]
    overlay.end_us = 200
    assert [overlay.flows(at) for at in (99, 100, 199, 200)] == [False, True, True, False]
    overlay.done_steps = 9
    assert overlay.left() == 1
    assert overlay.flows(150)
    overlay.done_steps = 10
    assert not overlay.flows(150)
    assert overlay.told() == (("kind", "single"), ("asked_steps", 10), ("done_steps", 10))


def test_a_new_overlay_has_nothing_planned_counted_told_or_begun() -> None:
    overlay = Overlay(SINGLE, 10, 1_000)
    assert vars(overlay) == {
        "kind": SINGLE,
        "steps": 10,
        "rate_nl_per_day": 1_000,
        "start_us": 0,
        "row": -1,
        "announced": False,
        "begun": False,
        "placed": False,
        **dict.fromkeys(
            ("done_steps", "planned_steps", "acc", "first_us", "first_cycles", "end_us", "turn"), 0
        ),
    }


def test_an_overlay_that_is_planned_anew_keeps_what_has_left() -> None:
    for planned, end_us, first_us, placed in (
        (0, 0, 0, False),
        (1, 0, 5, True),
        (9, 0, 5, True),
        (10, 9, 5, True),
    ):
        overlay = Overlay(SINGLE, 10, 1_000, 1)
        overlay.planned_steps, overlay.first_us, overlay.end_us, overlay.placed = planned, 5, 9, True
        overlay.unplan()
        assert (overlay.end_us, overlay.first_us, overlay.placed) == (end_us, first_us, placed)
    overlay = Overlay(PERIODIC, 10, 1_000, 1)
    overlay.begun = True
    overlay.unplan()
    assert overlay.placed, "a turn that has begun keeps its start"


def test_the_place_is_taken_while_a_bolus_flows_or_a_granted_one_waits_and_not_before_a_turn() -> None:
    boluses = boluses_of()
    overlay = Overlay(SINGLE, 10, 1_000, 100)
    overlay.end_us = 200
    boluses.queue.append(overlay)
    assert [boluses.is_taken(at) for at in (50, 99, 100, 199, 200)] == [True, True, True, True, False]
    assert [boluses.flowing(at) for at in (99, 100, 199, 200)] == [None, overlay, overlay, None]
    overlay.row = 0
    assert [boluses.is_taken(at) for at in (50, 99, 100, 199, 200)] == [False, False, True, True, False]
    behind = Overlay(SINGLE, 10, 1_000, 150)
    boluses.queue.append(behind)
    assert boluses.flowing(160) is overlay
    assert boluses.is_taken(149)
    assert boluses.flowing(250) is behind
    boluses.queue = [Overlay(SINGLE, 0, 1_000, 100)]
    assert not boluses.is_taken(100), "it has all its steps"


@pytest.mark.parametrize("left_steps", [0, 1])
def test_a_turn_that_falls_due_between_a_grant_and_its_plan_waits_unless_a_step_of_it_has_left(
    left_steps: int,
) -> None:
    boluses = boluses_of(HOURLY, LATE)
    first_us, at_us = due_us(LATE, 0), due_us(HOURLY, 0)
    begun = boluses.begin_turn(first_us)
    boluses.pass_time(first_us, "")
    turn = boluses.begin_turn(at_us)
    turn.planned_steps = turn.steps
    granted = Overlay(SINGLE, 10, 1_000, at_us - 20_000)
    boluses.add(granted)
    assert boluses.queue == [begun, granted, turn]
    turn.done_steps = left_steps  # of the turn, before the next plan
    boluses.pass_time(at_us, "")
    assert turn.begun == bool(left_steps)
    assert boluses.queue == ([begun, turn, granted] if left_steps else [begun, granted, turn])
    assert boluses.waiting(at_us, None) & 1 == 1 - left_steps
    assert boluses.unplan() == ([] if left_steps else [turn])
    begun.planned_steps, turn.planned_steps = begun.steps, left_steps  # as a cut leaves them
    assert boluses.at(at_us) is (turn if left_steps else granted)
    assert missed(boluses) == []


def test_a_granted_bolus_goes_before_each_turn_that_has_not_begun_and_behind_all_else() -> None:
    boluses = boluses_of(HOURLY)
    turn = boluses.begin_turn(due_us(HOURLY, 0))
    granted = [Overlay(SINGLE, 10, 1_000, due_us(HOURLY, 0) + k) for k in range(2)]
    boluses.add(granted[0])
    assert boluses.queue == [granted[0], turn]
    boluses.add(granted[1])
    assert boluses.queue == [*granted, turn]
    boluses.queue = [turn]
    boluses.pass_time(due_us(HOURLY, 0), "")
    boluses.add(granted[0])
    assert boluses.queue == [turn, granted[0]]


def test_the_turn_that_comes_is_the_last_one_due_and_of_two_together_the_first_named() -> None:
    boluses = boluses_of(HOURLY, HOURLY)
    now_us = due_us(HOURLY, 5)
    coming = boluses.coming_turn(now_us + 7, now_us + 100_007)
    assert (coming.row, coming.turn, coming.start_us) == (0, 5, now_us + 7)
    boluses.turns = [6, 6]
    until_us = due_us(HOURLY, 6)
    assert boluses.coming_turn(until_us - 100_000, until_us - 1) is None
    coming = boluses.coming_turn(until_us - 100_000, until_us)
    assert (coming.row, coming.turn, coming.start_us) == (0, 6, until_us)


def test_a_cancel_drops_all_and_tells_of_what_had_begun() -> None:
    boluses = boluses_of(HOURLY, LATE)
    at_us = due_us(LATE, 0)
    begun = boluses.begin_turn(at_us)
    boluses.pass_time(at_us, "")
    granted = Overlay(SINGLE, 10, 1_000, at_us + 10**9)
    boluses.queue.append(granted)
    coming = boluses.begin_turn(due_us(HOURLY, 0))
    assert coming.row == 0
    assert boluses.cancel() == [begun, granted]
    assert boluses.queue == []
    assert boluses.planned_due_us(0) == due_us(HOURLY, 0), "what had not begun is still to come"
    assert boluses.begin_turn(due_us(HOURLY, 0)).steps == coming.steps


def test_what_is_finished_has_all_its_steps() -> None:
    boluses = boluses_of()
    rows = [Overlay(SINGLE, 10, 1_000, k) for k in range(3)]
    boluses.queue = list(rows)
    rows[0].done_steps, rows[1].done_steps, rows[2].done_steps = 9, 10, 11
    assert boluses.finish() == rows[1:]
    assert boluses.queue == rows[:1]
    assert boluses.finish() == []
    assert boluses.queue == rows[:1]
