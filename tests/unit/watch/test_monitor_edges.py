"""rig.watch.monitor to the very count and microsecond: 5 degrees of lag, of lead and within a trial; what follows.

Owns: the count at which each of the three begins, that none is told twice, a relief that is ended, fast and slow flow.
Rules: the very firmware on the software board; the rotor is put to where it has lost so many counts by its own reading.
Units: encoder counts (4096 a turn), nL/day, microseconds of virtual time.
Leaves: what is told of each to test_monitor_rotor.py, noise to test_monitor.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from parts import SINGLE, bolus
from watched import AIR_PA, NL_A_SECOND, PROGRAM, S_US, Watched

FIVE_DEGREES = 57  # counts


def turning(tmp_path: Path, more: str = "") -> Watched:
    """A rotor that has turned a while and lost nothing."""
    rig = Watched(tmp_path, PROGRAM % 24_000_000 + more)
    rig.bench.run(30 * S_US)
    assert rig.active == set()
    return rig


def lose(rig: Watched, counts: int) -> None:
    """Put the rotor to where it is so many counts behind (negative: ahead) by its own reading, and look."""
    rig.run(0)
    at = rig.rig.dosing.position_steps()
    rig.ahead_counts -= counts - rig.rig.monitor._rotation.lost_counts(at, at)
    rig.run(0)


@pytest.mark.parametrize(("counts", "is_told"), [(FIVE_DEGREES - 1, False), (FIVE_DEGREES, True)])
def test_a_rotor_is_ahead_from_5_degrees_on_and_that_is_told_once(
    tmp_path: Path, counts: int, is_told: bool
) -> None:
    rig = turning(tmp_path)
    lose(rig, -counts)
    assert rig.alarms("over_infusion") == [f"name=over_infusion ahead_counts={counts}"] * is_told
    rig.rig.alarms.clear("over_infusion")
    if is_told:
        rig.change("resume")
        rig.bench.run(30 * S_US)
        assert rig.active == set(), "where it is now is taken as given"
        assert rig.rig.therapy.mode == "running"


@pytest.mark.parametrize(("counts", "is_booked"), [(FIVE_DEGREES - 1, False), (FIVE_DEGREES, True)])
def test_a_lag_is_booked_from_5_degrees_on(tmp_path: Path, counts: int, is_booked: bool) -> None:
    rig = turning(tmp_path)
    lose(rig, 30)
    rig.bench.run(30 * S_US)  # many degrees, in which nothing is lost: it is no stall
    assert (rig.active, rig.rig.dosing.lost_steps) == (set(), 0)
    lose(rig, counts)
    assert rig.active == set()
    lost = FIVE_DEGREES * 3_200 // 4_096 if is_booked else 0
    assert rig.rig.dosing.lost_steps == lost
    rig.rig.monitor._slips_told_us -= 900 * S_US
    rig.run(1_000)
    assert [text.split()[0] for text in rig.told("undelivered")] == [f"steps={lost}"] * is_booked


@pytest.mark.parametrize(("counts", "is_stall"), [(FIVE_DEGREES - 1, False), (FIVE_DEGREES, True)])
def test_within_60_degrees_of_a_trial_5_degrees_of_lead_are_the_stall_to_the_count(
    tmp_path: Path, counts: int, is_stall: bool
) -> None:
    rig = turning(tmp_path)
    rig.rig.monitor._tried_steps = rig.rig.dosing.position_steps() - 682 * 3_200 // 4_096
    lose(rig, -counts)
    assert rig.active == ({"stall"} if is_stall else set())
    (tmp_path / "later").mkdir()
    rig = turning(tmp_path / "later")
    rig.run(0)
    rig.rig.monitor._tried_steps = rig.rig.dosing.position_steps() - 683 * 3_200 // 4_096
    lose(rig, -counts)
    assert rig.active == ({"over_infusion"} if is_stall else set()), "60 degrees are over"


def test_what_a_stall_has_lost_is_lost_once(tmp_path: Path) -> None:
    """The rotor goes on from where it stood: no second stall and nothing more that was not delivered."""
    rig = turning(tmp_path)
    rig.bench.pump.stuck = True
    while "stall" not in rig.active:
        rig.bench.run(100_000)
    rig.bench.run(S_US)
    lost = rig.rig.dosing.lost_steps
    rig.bench.pump.stuck = False
    rig.change("ack")
    rig.change("resume")
    rig.bench.run(30 * S_US)
    assert (rig.rig.therapy.mode, rig.rig.dosing.lost_steps) == ("running", lost)
    assert len(rig.alarms("stall")) == 1


def test_a_relief_that_is_ended_stands_at_once_and_is_told_at_the_next_look(tmp_path: Path) -> None:
    rig = turning(tmp_path)
    rig.pressure_pa = AIR_PA + 60_000
    rig.run(1_000)
    assert rig.rig.delivery.relieving
    rig.run(20_000)
    stepper = rig.rig.board.stepper
    assert stepper.counted() < stepper.appended_steps, "it goes back"
    rig.rig.monitor.end_relief()
    assert stepper.counted() == stepper.appended_steps
    rig.run(20_000)
    assert not rig.rig.delivery.relieving
    assert rig.told("relief")[0].split()[0] == f"steps={rig.rig.dosing.kind_steps[7]}"
    assert rig.rig.dosing.kind_steps[7] < 16


def test_a_relief_that_ends_while_the_button_holds_the_motor_leaves_nothing_queued(tmp_path: Path) -> None:
    rig = turning(tmp_path)
    rig.pressure_pa = AIR_PA + 60_000
    rig.run(1_000)
    rig.run(20_000)
    rig.rig.board.stepper.halted = True
    rig.pressure_pa = AIR_PA
    rig.run(1_000)
    assert not rig.rig.delivery.relieving
    assert rig.rig.board.stepper.counted() == rig.rig.board.stepper.appended_steps


def test_where_nothing_is_relieved_there_is_nothing_to_end(tmp_path: Path) -> None:
    rig = turning(tmp_path)
    queued = rig.rig.board.stepper.appended_steps
    rig.rig.monitor.end_relief()
    assert rig.rig.board.stepper.appended_steps == queued > rig.rig.board.stepper.counted()


@pytest.mark.parametrize(("rate", "is_slow"), [(67_317_750, True), (67_317_751, False)])
def test_pressure_is_compared_where_looks_are_a_tenth_of_a_second_apart(
    tmp_path: Path, rate: int, is_slow: bool
) -> None:
    """25 steps of 9973/3200 nL at 250 a second: at a faster flow the rollers' pulses are as large as noise."""
    rig = turning(tmp_path)
    rig.rig.flow_nl_per_day = lambda _now_us: rate
    assert rig.rig.monitor._period_us(0) == (100_000 if is_slow else 99_999)
    for _ in range(20):
        rig.pressure_pa = 2 * AIR_PA + 10_000 - int(rig.pressure_pa or 0)
        rig.run(1_000)
    assert ("sensor" in rig.active) is is_slow


def test_an_alarm_that_stops_the_pump_is_on_record_at_once_with_the_state_that_it_leaves(
    tmp_path: Path,
) -> None:
    rig = turning(tmp_path)
    before = rig.rig.journal.next_number
    lose(rig, -FIVE_DEGREES)
    assert rig.active == {"over_infusion"}
    assert rig.rig.therapy.mode == "stopped"
    assert (rig.rig.journal.next_number, rig.rig.log.has_rest()) == (before + 2, False)
    assert len(rig.alarms("over_infusion")) == 1


def test_a_sensor_that_fails_stops_nothing_and_is_on_record_in_a_tick_of_its_own(tmp_path: Path) -> None:
    rig = turning(tmp_path)
    rig.answers = False
    for _ in range(3):
        before = rig.rig.journal.next_number
        rig.run(1_000)
    assert rig.active == {"sensor"}
    assert (rig.rig.journal.next_number, rig.rig.log.has_rest()) == (before, True)
    assert rig.alarms("sensor") == ["name=sensor sensor=encoder"]


@pytest.mark.parametrize("is_booked", [False, True])
def test_a_look_that_has_a_bolus_to_tell_of_leaves_the_rest_to_the_next_tick(
    tmp_path: Path, is_booked: bool
) -> None:
    """A record fills a tick; where the feed has told of it in this one, the look goes on."""
    rig = turning(tmp_path)
    single = bolus(SINGLE, rig.rig.clock.now_us(), 1_000)
    single.rate_nl_per_day = 300 * NL_A_SECOND
    rig.rig.therapy.add(single)
    rig.rig.flow_changed(rig.rig.clock.now_us())
    rig.rig.delivery.run(rig.rig.clock.now_us())
    rig.bench.time.us += S_US
    rig.rig.reservoir.base_nl = 0
    if is_booked:
        rig.rig.delivery.settle(rig.rig.clock.now_us())
    assert rig.rig.watching.waited == 0
    due_us = rig.run(0)
    assert len(rig.told("bolus_start")) == 1
    if is_booked:
        assert due_us > 1
        assert "empty" in rig.active
    else:
        assert due_us == 1
        assert rig.active == set(), "nothing was looked at"
        assert rig.rig.watching.waited == rig.rig.watching.waits > 0, "the next tick is kept for it"
        assert rig.run(20_000) > 1
        assert "empty" in rig.active
