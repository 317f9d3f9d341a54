"""rig.flow.boluses and overlay: the grid and the plan, one place for all boluses.

Owns: rules 1, 2 and 7 of docs/explanation/interrupted-therapy.md at their edges: a microsecond before, at and after.
Rules: a turn's instant is worked out here from the row: start + (first, or every) + n x every.
Units: steps of 3 nL, nL, microseconds.
Leaves: what passes by to test_boluses_pass.py, whole weeks to tests/oracle, what a rig does with them to
tests/requirements/test_interrupted.py.
"""

from __future__ import annotations

from random import Random

import pytest
from parts import NEVER_US, S_US, boluses_of, due_us, flow, missed, near
from pumpwire.spec import KINDS
from rig.flow import boluses as module
from rig.flow.boluses import Boluses
from rig.flow.overlay import Overlay

SINGLE, PERIODIC = KINDS.index("single"), KINDS.index("periodic")
HOURLY = (3_600, 3_000, 60_000, 0)
LATE = (3_600, 600, 60_000, 900)


def test_a_record_tells_of_a_bolus_as_begun_100_ms_before_it() -> None:
    assert module.LEAD_US == 100_000


# --- the grid


@pytest.mark.parametrize("seed", range(25))
def test_the_next_turn_is_the_first_of_any_row_that_has_not_fallen_due(seed: int) -> None:
    draw = Random(seed)
    rows = [
        (draw.randrange(1, 5_000), 3_000, 1_000, draw.choice([0, draw.randrange(1, 9_000)]))
        for _ in range(draw.randrange(1, 5))
    ]
    start_us = draw.randrange(-(10**10), 10**10)
    boluses = boluses_of(*rows, start_us=start_us, now_us=start_us)
    assert boluses.turns == [0] * len(rows)
    for _ in range(20):
        turn, row = draw.randrange(40), draw.choice(rows)
        for off in (-1, 0, 1):
            now_us = due_us(row, turn, start_us) + off
            coming = [
                next(at for n in range(9**9) if (at := due_us(each, n, start_us)) > now_us) for each in rows
            ]
            assert boluses.next_us(now_us) == min(coming)
            assert boluses.planned_due_us(now_us) == min(coming)
            assert boluses.waits_us(now_us) == [at - now_us for at in coming]
            again = boluses_of(*rows, start_us=start_us, now_us=now_us)
            fallen = [sum(due_us(each, n, start_us) <= now_us for n in range(99)) for each in rows]
            assert [min(99, turns) for turns in again.turns] == fallen
            assert [boluses.due_us(i, n) for i, n in enumerate(fallen) if n < 99] == [
                due_us(each, n, start_us) for each, n in zip(rows, fallen, strict=True) if n < 99
            ]


def test_new_boluses_hold_nothing() -> None:
    made = Boluses(None)
    assert made.start_us == 0
    assert made.rows == made.turns == made.queue == made.missed == []


def test_without_periodic_boluses_no_turn_ever_comes() -> None:
    boluses = boluses_of()
    assert boluses.next_us(5) == boluses.planned_due_us(5) == NEVER_US
    assert boluses.waits_us(5) == []
    assert boluses.begin_turn(5) is None
    assert boluses.at(5) is None


def test_a_turn_that_waits_or_has_passed_is_due_no_more() -> None:
    boluses = boluses_of(HOURLY)
    boluses.turns[0] = 3
    assert boluses.next_us(0) == due_us(HOURLY, 3)
    assert boluses.waits_us(due_us(HOURLY, 3) - 1) == [1]


# --- taken up after a boot


def test_of_what_fell_due_until_a_boot_the_waiting_rows_have_their_last_turn_left() -> None:
    now_us = due_us(HOURLY, 4)
    boluses = boluses_of(HOURLY, LATE, HOURLY, now_us=now_us, waiting=0b101)
    assert boluses.turns == [4, 5, 4]
    assert boluses.waiting(now_us, None) == 0b101
    overlay = boluses.begin_turn(now_us)
    assert (overlay.row, overlay.turn) == (0, 4)
    assert missed(boluses) == []


def test_after_a_boot_rounding_goes_on_as_if_every_turn_had_been_given() -> None:
    row = (3_600, 10, 1_000, 0)  # three steps and a third
    boluses = boluses_of(row, now_us=due_us(row, 6))
    steps = []
    for turn in range(7, 20):
        at_us = due_us(row, turn)
        overlay = boluses.begin_turn(at_us)
        boluses.pass_time(at_us, "")
        steps.append(overlay.steps)
        flow(overlay)
        boluses.finish()
    assert steps == [near(10 * (turn + 1)) - near(10 * turn) for turn in range(7, 20)]


# --- the plan


def test_a_turn_begins_at_its_instant_and_not_before_with_its_volume_and_rate() -> None:
    boluses = boluses_of(HOURLY)
    at_us = due_us(HOURLY, 0)
    assert boluses.begin_turn(at_us - 1) is None
    overlay = boluses.begin_turn(at_us)
    assert (overlay.kind, overlay.row, overlay.turn) == (PERIODIC, 0, 0)
    assert (overlay.start_us, overlay.placed, overlay.begun) == (at_us, True, False)
    assert overlay.steps == 1_000
    assert overlay.rate_nl_per_day == 3_000 * 1_440
    assert boluses.at(at_us) is overlay
    assert boluses.planned_due_us(at_us) == due_us(HOURLY, 1)
    assert boluses.next_us(at_us - 1) == at_us, "it is planned and has not begun"
    overlay.planned_steps = 1_000
    assert boluses.at(at_us) is None
    assert boluses.begin_turn(at_us) is None, "once"


def test_of_those_that_wait_the_first_due_begins_first_and_of_two_together_the_first_named() -> None:
    rows = [(3_600, 600, 60_000, 1_000), (3_600, 600, 60_000, 999), (3_600, 600, 60_000, 1_000)]
    boluses = boluses_of(*rows)
    front_us = 1_001 * S_US
    assert [boluses.begin_turn(front_us).row for _ in range(3)] == [1, 0, 2]
    assert boluses.begin_turn(front_us) is None


def test_what_waits_at_the_plan_s_end_is_the_last_turn_of_a_row() -> None:
    boluses = boluses_of(HOURLY)
    overlay = boluses.begin_turn(due_us(HOURLY, 5) + 7)
    assert (overlay.turn, overlay.start_us) == (5, due_us(HOURLY, 5) + 7)


def test_a_granted_bolus_is_placed_at_the_plan_s_end_once() -> None:
    boluses = boluses_of()
    overlay = Overlay(SINGLE, 10, 1_000, 50)
    boluses.queue.append(overlay)
    assert boluses.at(70) is overlay
    assert (overlay.start_us, overlay.placed) == (70, True)
    assert boluses.at(90) is overlay
    assert overlay.start_us == 70
    other = Overlay(SINGLE, 10, 1_000, 500)
    boluses.queue.append(other)
    overlay.planned_steps = 10
    assert boluses.at(400) is other
    assert other.start_us == 500, "not before its own instant"
    other.planned_steps = 9
    assert boluses.at(600) is other
    other.planned_steps = 10
    assert boluses.at(600) is None


@pytest.mark.parametrize("volume_nl", [1, 2, 3, 4, 10, 7_001])
def test_small_boluses_add_up(volume_nl: int) -> None:
    """Rule 7; a turn of no step is passed over for the next row, and gone when it has begun."""
    row = (600, volume_nl, 1_000, 0)
    boluses = boluses_of(row)
    given = 0
    for turn in range(40):
        at_us = due_us(row, turn)
        overlay = boluses.begin_turn(at_us)
        boluses.pass_time(at_us, "")
        assert boluses.turns == [turn + 1]
        given += overlay.steps if overlay else 0
        assert given == near((turn + 1) * volume_nl)
        if overlay:
            flow(overlay)
            assert boluses.finish() == [overlay]
        else:
            assert boluses.finish() == []
        assert boluses.queue == []
    assert missed(boluses) == []


def test_a_turn_of_no_step_gives_its_place_to_the_row_behind_it() -> None:
    boluses = boluses_of((600, 1, 1_000, 0), (600, 600, 1_000, 0))
    overlay = boluses.begin_turn(600 * S_US)
    assert overlay.row == 1
    assert [one.steps for one in boluses.queue] == [0, 200]
    assert boluses.at(600 * S_US) is overlay
    assert boluses.begun() == []
    assert boluses.finish() == []
    assert [one.steps for one in boluses.queue] == [0, 200], "it is planned, and may be taken back"
    boluses.pass_time(600 * S_US, "")
    assert boluses.begun() == [overlay]
    assert boluses.finish() == []
    assert boluses.queue == [overlay]
    assert boluses.turns == [1, 1]


def test_what_is_planned_and_has_not_begun_is_taken_back_with_its_rounding() -> None:
    row = (600, 10, 1_000, 0)
    boluses = boluses_of(row)
    now_us = due_us(row, 0)
    first = boluses.begin_turn(now_us)
    boluses.pass_time(now_us, "")
    first.planned_steps = 2
    first.end_us = first.first_us = 77
    granted = Overlay(SINGLE, 5, 1_000, now_us)
    granted.placed = True
    boluses.queue.append(granted)
    second = boluses.begin_turn(due_us(row, 1))
    third = boluses.begin_turn(due_us(row, 2))
    assert boluses.unplan() == [second, third]
    assert boluses.queue == [first, granted]
    assert (first.end_us, first.first_us, first.placed) == (0, 77, True)
    assert (granted.placed, granted.first_us) == (False, 0)
    again = boluses.begin_turn(due_us(row, 1))
    assert (again.turn, again.steps) == (1, second.steps)
    assert boluses.unplan() == [again]
