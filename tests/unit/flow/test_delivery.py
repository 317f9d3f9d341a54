"""rig.flow.delivery: how far ahead is queued, when it wants to be called, when it gives the tick back.

Owns: the queue's reach for slow and fast flows, its limits a tick, the end of a bolus, the angle map's pieces.
Rules: a delivery on a software stepper, without a rig; the figures are said once more here.
Units: microseconds, steps of 3 nL, nL a second.
Leaves: booking, cutting and braking to test_delivery_books.py and test_delivery_cuts.py, volume to test_dosing.py.
"""

from __future__ import annotations

import pytest
from fed import NL_A_SECOND, Fed, at, granted
from parts import NEVER_US, S_US, bolus
from pumpwire.spec import KINDS
from rig.flow import delivery as module

SINGLE = KINDS.index("single")
SLOW, FAST = (120 * S_US, 10 * S_US), (1_800_000, 1_200_000)


def test_the_figures_of_the_queue() -> None:
    assert (module.SLOW_AHEAD_US, module.SLOW_LOW_US) == SLOW
    assert (module.FAST_AHEAD_US, module.FAST_LOW_US) == FAST
    assert module.RAMP_US == 2 * 200_000
    assert module.SETTLE_US == 20_000
    assert module.SLOW_STEP_CYCLES == 125_000_000 // 50
    assert (module.STEPS_A_RUN, module.FILL_US) == (1_000, 3_000)
    assert (module.ENOUGH_US, module.FAST_ENOUGH_US) == (S_US, 60_000)
    assert (module.MOST_SPANS, module.SPANS_A_RUN) == (24, 3)
    assert set(module.ASKED) == {KINDS.index(name) for name in ("demand", "single", "spread")}


@pytest.mark.parametrize(
    ("nl_a_second", "reach"),
    [(0, SLOW), (10, SLOW), (150, SLOW), (150.001, FAST), (30_000, FAST)],
)
def test_a_flow_of_more_than_50_steps_a_second_is_queued_for_a_short_time(
    nl_a_second: float, reach: tuple[int, int]
) -> None:
    fed = Fed(**at(nl_a_second))
    assert fed.ahead_us == NEVER_US
    assert fed.delivery.open_us == -1
    for after_us in (0, 1, reach[0] - reach[1]):
        fed.time.us += after_us
        fed.pass_us(0)
        assert fed.ahead_us in (reach[0] - after_us % (reach[0] - reach[1]), reach[0])
        wanted = fed.ahead_us - reach[1]
        assert fed.run() == (wanted if wanted > 0 else reach[0] - reach[1])
    assert fed.delivery.open_us == 0


def test_a_bolus_and_the_base_flow_together_are_a_fast_flow() -> None:
    fed = Fed(**at(100))
    granted(fed, 100_000, 50)
    fed.run()
    assert fed.ahead_us == SLOW[0]
    fed = Fed(**at(100))
    granted(fed, 100_000, 50.1)
    fed.run()
    assert fed.ahead_us == FAST[0]


def test_the_queue_ends_where_the_flow_changes_and_goes_on_from_there() -> None:
    fed = Fed(phases=((60, 10 * NL_A_SECOND), (60, 0), (3_600, 20 * NL_A_SECOND)))
    fed.run()
    assert fed.ahead_us == SLOW[0]
    fed.pass_us(180 * S_US)
    assert fed.dosing.kind_steps[0] == (600 + 20 * 60) // 3
    assert fed.delivery.surplus_steps == 0


@pytest.mark.parametrize(("taken", "queued"), [(300, 1_200), (500, 1_000), (499, 1_497), (1_000, 1_000)])
def test_a_tick_queues_a_thousand_steps_and_the_rest_of_a_piece(taken: int, queued: int) -> None:
    fed = Fed(**at(30_000))
    fed.stepper.most_steps = taken
    assert fed.run() == 0, "there is more to queue"
    assert fed.stepper.appended_steps == queued
    fed.run()
    assert fed.stepper.appended_steps == 2 * queued


@pytest.mark.parametrize(
    ("nl_a_second", "taken", "spends_us", "queued"),
    [
        (30, 5, 1_000, 4 * 5),  # half a second each: more than 3 ms after the fourth
        (30, 5, 1_001, 3 * 5),
        (30, 5, 4_000, 3 * 5),  # and more than a second is queued after the third
        (30, 10, 4_000, 2 * 10),
        (3_000, 20, 4_000, 20 * 4),  # fast: 20 ms each, more than 60 ms
        (3_000, 20, 3_000, 20 * 4),
    ],
)
def test_a_tick_is_given_back_after_3_ms_once_the_queue_lasts(
    nl_a_second: float, taken: int, spends_us: int, queued: int
) -> None:
    fed = Fed(**at(nl_a_second))
    fed.time.us = 7 * S_US
    fed.stepper.most_steps, fed.stepper.spends_us = taken, spends_us
    fed.run()
    assert fed.stepper.appended_steps == queued


def test_the_stream_began_with_its_cycle_0() -> None:
    fed = Fed()
    fed.time.us = 5_000
    assert fed.delivery.is_braking() is False
    fed.stepper.late_us = 700
    fed.run()
    assert fed.delivery.open_us == 5_700
    fed.stepper.late_us = 100_000
    fed.run()
    assert fed.delivery.open_us == 5_700, "once"


@pytest.mark.parametrize(
    ("lasts_us", "ahead_us"),
    [
        (1_790_000, 1_800_000),
        (1_800_000, 1_800_000),
        (1_810_000, 1_810_000 + 400_000),
        (2_190_000, 2_190_000 + 400_000),
        (2_200_000, 1_800_000),
        (9_000_000, 1_800_000),
    ],
)
def test_a_bolus_is_not_left_with_an_end_too_short_to_slow_down_in(lasts_us: int, ahead_us: int) -> None:
    fed = Fed(**at(0))
    fed.time.us = 3 * S_US
    granted(fed, lasts_us // 10_000, 300)  # a step every 10 ms
    fed.run()
    assert fed.ahead_us == ahead_us


def test_also_where_a_part_of_the_bolus_was_planned_before() -> None:
    fed = Fed(**at(0))
    granted(fed, 500, 300)
    for after_us in (0, 1_000_000, 1_000_000, 500_000):
        fed.run(after_us)
        assert fed.ahead_us <= 1_800_000
    fed.run(400_000)
    assert fed.ahead_us == 5_400_000 - 2_900_000


def test_nothing_is_queued_where_the_stepper_takes_nothing() -> None:
    fed = Fed()
    append = fed.stepper.append
    fed.stepper.append = lambda acc, _inc, _quantum, _cycles, _leave_inc: (0, 0, acc)
    assert fed.run() == 0
    assert fed.stepper.appended_cycles == 0
    assert fed.dosing.spans == []
    fed.stepper.append = append
    fed.run()
    assert fed.ahead_us == SLOW[0]


def test_the_first_step_of_a_slow_bolus_is_known_once_it_is_planned() -> None:
    fed = Fed(**at(0))
    overlay = granted(fed, 2, 0.01)  # a step in 300 s
    fed.run()
    assert (overlay.planned_steps, overlay.first_us, fed.known) == (0, 0, 0)
    fed.pass_us(200 * S_US)
    assert (overlay.planned_steps, overlay.first_us) == (1, 300 * S_US)
    assert fed.known == 1
    fed.pass_us(300 * S_US)
    assert (overlay.planned_steps, overlay.end_us, fed.known) == (2, 600 * S_US, 2)


def test_a_bolus_s_first_and_last_step_are_known_to_the_microsecond_and_told_a_tick_later() -> None:
    fed = Fed(**at(0))
    fed.time.us = 1_000
    overlay = granted(fed, 7, 3.5)  # 6/7 s a step
    assert fed.run() == 857_143 + 20_000, "rounded up to a whole microsecond"
    assert (overlay.first_us, overlay.end_us) == (1_000 + 857_143, 1_000 + 6_000_000)
    assert fed.known == 2
    assert fed.run(857_142) == 20_001
    assert fed.rows == []
    assert fed.run(20_001) == 6_000_000 - 857_143
    assert fed.rows[0][0] == "bolus_start"
    assert fed.rows[0][2] == overlay.first_us
    assert fed.known == 2
    fed.run(6_000_000 - 857_143)
    assert [row[0] for row in fed.rows] == ["bolus_start", "bolus_end"]
    assert fed.rows[1][1:] == ({"kind": "single", "asked_steps": 7, "done_steps": 7}, overlay.end_us)


def test_an_event_that_was_due_before_is_booked_a_tick_from_now() -> None:
    fed = Fed(**at(0))
    granted(fed, 7, 3.5)
    fed.run()
    fed.therapy.overlays()[0].first_us = 1
    fed.therapy.overlays()[0].done_steps = 0
    assert fed.delivery._next_event_us(500_000) == 520_000


def test_a_turn_that_falls_due_is_an_event() -> None:
    fed = Fed(**at(1), periodic=((60, 300, 1_000, 0),))
    assert fed.run() == 60 * S_US + 1_000_000 // 100 + 20_000 or fed.run() == 60 * S_US


def test_a_dose_apart_ends_the_queue_with_its_last_step() -> None:
    fed = Fed(**at(10))
    fed.therapy.halt()
    overlay = bolus(SINGLE, 0, 100)
    overlay.rate_nl_per_day = 30 * NL_A_SECOND
    fed.therapy.add_apart(overlay, "dispensing")
    fed.run()
    assert fed.ahead_us == 10 * S_US
    fed.pass_us(11 * S_US)
    assert fed.dosing.kind_steps[SINGLE] == 100
    assert fed.therapy.mode == "stopped"
    assert fed.delivery.open_us == -1
    assert fed.run() == NEVER_US - fed.clock.now_us()


@pytest.mark.parametrize("mode", ["running", "priming", "dispensing", "stopped"])
def test_a_rig_without_a_program_queues_only_what_flows_apart(mode: str) -> None:
    fed = Fed()
    fed.therapy.program = None
    fed.therapy.mode = mode
    fed.run()
    assert (fed.delivery.open_us >= 0) is (mode in ("priming", "dispensing"))
    assert fed.stepper.appended_steps == 0


# --- by the angle map


WEIGHTS = tuple([900, 1_100] * 48)


def test_by_the_map_three_cells_are_planned_a_tick_and_24_at_the_most() -> None:
    fed = Fed(WEIGHTS, **at(150))  # 0.67 s a cell
    assert fed.run() == 0
    assert len(fed.dosing.spans) == 3
    for count in (6, 9, 12, 15, 18, 21, 24):
        fed.run()
        assert len(fed.dosing.spans) == count
    fed.run()
    assert len(fed.dosing.spans) == 25, "one more to look at it"
    fed.run(S_US)
    assert fed.dosing.spans


def test_by_the_map_a_fast_flow_goes_on_until_the_queue_outlasts_a_stall() -> None:
    fed = Fed(WEIGHTS, **at(290))  # 0.34 s a cell
    fed.time.us = 7 * S_US
    fed.run()
    assert 3 < len(fed.dosing.spans) <= 5
    assert fed.ahead_us > 1_200_000


def test_without_a_reading_of_the_angle_the_map_is_not_used() -> None:
    fed = Fed(WEIGHTS, **at(150))
    fed.delivery._angle = lambda: None
    fed.run()
    assert len(fed.dosing.spans) == 1
    assert not fed.dosing.is_mapped()
