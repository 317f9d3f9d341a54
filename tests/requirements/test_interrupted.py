"""Interrupted therapy: the rules of docs/explanation/interrupted-therapy.md, one disturbance each.

Owns: what a stop, a power cut or an overlap does to boluses, bridge and grid (rules 1 to 4).
Rules: the very firmware in virtual time; what is right was written down from the rules, in volumes and instants, before
the firmware was asked.
Units: nL, steps, microseconds.
Leaves: random weeks to tests/oracle, the examples at many instants to tests/faults.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from interruptions import DAY, H_US, cut, fields, missed, steps, times

from bench import Bench, program

# --- 1: the grid goes on


def test_what_falls_due_during_a_stop_is_missed_and_logged_and_never_caught_up() -> None:
    bench = Bench()
    bench.load(program(basal=DAY, periodic=((3_600, 10_000, 60_000, 0),)))
    bench.run("90 min")
    bench.act("stop")
    bench.run("5 h")
    bench.act("resume")
    bench.run("61 min")  # 7 h 31: the turn of 7 h comes at its own time
    given = bench.kinds()["periodic"]
    assert abs(given - steps(bench, 20_000)) <= 1
    assert missed(bench) == [("periodic", 10_000, "stopped", 1)] * 5
    begun = times(bench, "bolus_start")
    assert abs(begun[1] - begun[0] - 6 * H_US) < 1_000_000


def test_a_stop_before_a_bolus_that_ends_before_it_takes_nothing_from_it() -> None:
    bench = Bench()
    bench.load(program(basal=DAY, periodic=((3_600, 10_000, 60_000, 0),)))
    bench.sim.run_us(H_US - 15_000_000)
    bench.act("stop")
    bench.run("5 s")
    bench.act("resume")
    bench.run("2 min")
    assert abs(bench.kinds()["periodic"] - steps(bench, 10_000)) <= 1
    assert missed(bench) == []


def test_the_outage_is_added_to_the_grid_when_the_clock_is_set() -> None:
    bench = Bench()
    bench.load(program(basal=DAY, periodic=((3_600, 10_000, 60_000, 0),)))
    bench.run("30 min")
    cut(bench, 4 * 3_600)
    bench.act("clock", utc_us=bench.world.utc_us())
    bench.run("100 ms")  # what a command brings about is on record some ticks after it
    assert missed(bench) == [("periodic", 40_000, "power", 4)]
    bench.run("31 min")  # the turn of 5 h
    assert abs(bench.kinds()["periodic"] - steps(bench, 10_000)) <= 1


# --- 2: one bolus at a time, to the cycle


def test_small_boluses_that_come_often_are_all_given() -> None:
    bench = Bench()
    bench.load(program(basal=24_000, periodic=((60, 1_000, 30_000, 0),)))
    bench.run("600 min")
    bench.run("45 s")
    assert bench.kinds()["periodic"] == steps(bench, 600_000)
    begun = times(bench, "bolus_start")
    gaps = {round((after - before) / 1000) for before, after in pairwise(begun)}
    assert min(gaps) >= 59_700
    assert max(gaps) <= 60_300


def test_of_two_due_together_the_second_begins_as_the_first_ends() -> None:
    bench = Bench()
    bench.load(program(basal=24_000, periodic=((3_600, 10_000, 60_000, 0), (3_600, 5_000, 60_000, 0))))
    bench.run("63 min")
    ended, begun = times(bench, "bolus_end"), times(bench, "bolus_start")
    assert len(ended) == len(begun) == 2
    step_us = 60_000_000 // steps(bench, 5_000)
    assert 0 <= begun[1] - ended[0] <= 2 * step_us
    assert abs(bench.kinds()["periodic"] - steps(bench, 15_000)) <= 1


def test_boluses_without_a_pause_between_them_are_exact() -> None:
    bench = Bench()
    bench.load(program(basal=24_000, periodic=((600, 10_000, 600_000, 0),)))
    bench.run("10 h")
    assert abs(bench.kinds()["periodic"] - steps(bench, 590_000)) <= 2
    assert missed(bench) == []


def test_one_that_still_waits_at_its_next_turn_is_missed() -> None:
    bench = Bench()
    bench.load(program(basal=24_000, periodic=((600, 1_000, 60_000, 0),)))
    bench.run("9 min")
    bench.act("bolus", volume_nl=30_000, over_ms=25 * 60_000)  # until 34 min
    bench.run("33 min")  # 42 min: turns of 10 and 20 min missed, the one of 30 min at 34, the one of 40 min
    assert missed(bench) == [("periodic", 1_000, "overlap", 1)] * 2
    assert abs(bench.kinds()["periodic"] - steps(bench, 2_000)) <= 1


def test_a_bolus_is_logged_at_its_first_step_and_at_its_last() -> None:
    bench = Bench()
    bench.load(program(basal=24_000, periodic=((420, 10_000, 10_000, 0),)))
    begin_us = bench.sim.rig.therapy.start_us
    bench.run("15 min")
    step_us = 10_000_000 // steps(bench, 10_000)
    for number, (first, last) in enumerate(
        zip(times(bench, "bolus_start"), times(bench, "bolus_end"), strict=True)
    ):
        due_us = begin_us + (number + 1) * 420_000_000
        assert due_us <= first <= due_us + 2 * step_us
        assert abs(last - due_us - 10_000_000) <= 2 * step_us


def test_a_bolus_that_has_not_begun_blocks_no_request() -> None:
    bench = Bench()
    bench.load(program(basal=DAY, periodic=((3_600, 10_000, 60_000, 0),)))
    bench.sim.run_us(H_US - 15_000_000)
    asked = int(bench.act("bolus", volume_nl=5_000, over_ms=30_000)["requested_steps"])
    bench.run("2 min")
    kinds = bench.kinds()
    assert kinds["single"] == asked
    assert abs(kinds["periodic"] - steps(bench, 10_000)) <= 1


# --- 3: cancelled is cancelled, but for the bridge


@pytest.mark.parametrize("interrupted", ["stop", "load", "cut"])
def test_a_bridge_keeps_its_rest_and_its_rate(interrupted: str) -> None:
    bench = Bench()
    bench.load(program(basal=960_000, bridge=((150_000, 250_000),)))
    bench.run("5 h")
    if interrupted == "stop":
        bench.act("stop")
        bench.run("1 h")
        bench.act("resume")
    elif interrupted == "load":
        bench.load(program(basal=480_000))
    else:
        cut(bench)
    bench.run("30 min")
    status = bench.status()
    assert (status["base_nl_per_day"], status["bolus_kind"]) == (0, "bridge")
    assert status["bolus_rate_nl_per_day"] == 250_000
    assert bench.refusal("bolus", volume_nl=1_000, over_ms=60_000).name == "busy"
    bench.run("10 h")
    kinds = bench.kinds()
    whole = steps(bench, 150_000)
    if interrupted == "cut":
        assert whole - bench.status()["assumed_steps"] <= kinds["bridge"] <= whole
    else:
        assert kinds["bridge"] == whole
    assert kinds["basal"] > 0
    assert bench.status()["base_nl_per_day"] in (960_000, 480_000)


# --- 4: never twice


@pytest.mark.parametrize("seconds", [0, 1, 30, 60, 150, 290, 299])
def test_a_bolus_under_way_at_a_cut_is_given_once(seconds: int) -> None:
    bench = Bench()
    bench.load(program(basal=48_000, periodic=((6 * 3_600, 10_000, 300_000, 0),)))
    bench.sim.run_us(6 * H_US + seconds * 1_000_000)
    before = bench.sim.pump.pulses_total
    cut(bench, 10)
    bench.run("1 h")
    status = bench.status()
    whole = steps(bench, 10_000)
    assert bench.kinds()["periodic"] <= whole
    assert whole - status["assumed_steps"] <= bench.kinds()["periodic"]
    assert bench.sim.pump.pulses_total - status["delivered_steps"] <= status["assumed_steps"]
    assert before > 0


def test_a_turn_that_waits_at_a_cut_goes_on_waiting() -> None:
    bench = Bench()
    bench.load(program(basal=48_000, periodic=((3_600, 10_000, 300_000, 0), (3_600, 5_000, 60_000, 0))))
    bench.run("61 min")
    cut(bench, 10)
    bench.run("30 min")
    given = bench.kinds()["periodic"]
    whole = steps(bench, 15_000)
    assert whole - bench.status()["assumed_steps"] <= given <= whole + 1
    assert len(bench.events("bolus_end")) == 2


def test_twenty_cuts_in_a_minute_assume_no_more_than_can_have_flowed() -> None:
    bench = Bench()
    bench.load(program(basal=48_000))
    bench.act("bolus", volume_nl=60_000, over_ms=600_000)
    bench.run("1 s")
    for _ in range(20):
        cut(bench, 1)
        bench.run("2 s")
    assumed_nl = bench.sim.rig.dosing.nl_of(bench.status()["assumed_steps"])
    assert assumed_nl <= 20 * 2.7 * 6_400 / 60  # as long as it ran, and the slack of each record
    bench.run("11 min")
    given = bench.kinds()["single"]
    whole = steps(bench, 60_000)
    assert whole - bench.status()["assumed_steps"] <= given <= whole
    assert given >= whole * 0.85


# --- 1, 7: what a second interruption must not forget


@pytest.mark.parametrize("because", ["power", "alarm"])
def test_why_the_pump_stands_outlives_further_cuts(because: str) -> None:
    bench = Bench()
    bench.load(program(basal=DAY, on_return="stop", periodic=((3_600, 10_000, 60_000, 0),)))
    bench.run("10 min")
    if because == "power":
        cut(bench, 10)
    else:
        bench.act("refill", volume_nl=1_000)
        bench.run("10 min")
        assert "empty" in bench.alarms()
    for _ in range(2):
        cut(bench, 10)
    bench.run("1 h")
    why = {"power": "power", "alarm": "alarm"}[because]
    assert [row[:3] for row in missed(bench)] == [("periodic", 10_000, why)]
    told = fields(bench.events("missed")[-1])
    assert told.get("name") == ("empty" if because == "alarm" else None)


def test_what_rounding_owes_goes_to_the_turns_that_are_given_whichever_are_missed() -> None:
    """Two turns fall due while a long bolus flows, of which the first always waits: every other one is missed."""
    bench = Bench()
    bench.load(program(basal=24_000))
    dosing = bench.sim.rig.dosing
    step_nl = Fraction(dosing.volume_num, dosing.volume_den)
    volume_nl = min(
        range(250, 400), key=lambda nl: abs(nl / step_nl % 1 - Fraction(1, 2))
    )  # half a step over
    rows = ((120, volume_nl, 30_000, 60), (240, 20_000, 200_000, 30))
    bench.load(program(basal=24_000, periodic=rows))
    bench.run("240 min")
    ends = [fields(text) for text in bench.events("bolus_end")]
    small = [int(row["asked_steps"]) for row in ends if int(row["asked_steps"]) < 200]
    assert len([row for row in missed(bench) if row[1] == volume_nl]) > 50
    assert abs(sum(small) - steps(bench, len(small) * volume_nl)) <= 1


def test_the_log_keeps_the_volume_of_a_request_whatever_its_number() -> None:
    bench = Bench()
    bench.load(program(basal=DAY))
    bench.sim.rig.session.last_seq = 4_000_000_000  # as after many years
    bench.wire.greet()
    bench.act("bolus", volume_nl=100_000, over_ms=86_400_000, spread=1)
    told = fields(bench.events("command")[-1])
    assert int(told["seq"]) > 4_000_000_000
    assert (told["volume_nl"], told["spread"]) == ("100000", "1")


@pytest.mark.parametrize("stopped_s", [53, 56, 58])
def test_a_missed_turn_is_told_at_its_time_after_a_stop_that_took_a_ramp(stopped_s: int) -> None:
    bench = Bench()
    bench.load(program(basal=DAY, periodic=((60, 300, 60_000, 0),), catheter_nl=2_000_000))
    bench.run("30 s")
    bench.act("stop")
    bench.act("prime")
    bench.sim.run_us((stopped_s - 30) * 1_000_000)
    bench.act("stop")
    due_us = bench.sim.rig.therapy.start_us + 60_000_000
    bench.run("9 s")
    (told_us,) = times(bench, "missed")
    assert 0 <= told_us - due_us <= 60_000


def test_a_refused_press_tells_one_reason_by_its_name() -> None:
    bench = Bench()
    bench.load(program(basal=DAY, demand=((8_000, 240_000, 3_600, 6),)))
    bench.act("bolus", volume_nl=20_000, over_ms=600_000)
    bench.happen("press_bolus")
    bench.run("2 s")
    (text,) = bench.events("refused")
    assert text.split() == ["what=request", "why=busy"]
