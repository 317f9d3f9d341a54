"""Interrupted therapy: the rules of docs/explanation/interrupted-therapy.md, one disturbance each.

Owns: what a stop, a power cut, an overlap or a tight cap does to boluses, bridge, grid and limits.
Rules: the very firmware in virtual time; what is right was written down from the rules, in volumes and instants, before
the firmware was asked.
Callers: pytest.
Units: nL, steps, microseconds.
Leaves: random weeks to tests/oracle, the examples at many instants to tests/faults.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from pumpwire import documents, records

from bench import Bench, program

H_US = 3_600_000_000
DAY = 240_000  # nL/day: 10 uL/h


def cut(bench: Bench, seconds: int = 60) -> None:
    """The supply goes and comes back."""
    bench.sim.power_off()
    bench.wire.reset()
    bench.sim.run_us(seconds * 1_000_000)
    bench.sim.power_on()


def steps(bench: Bench, volume_nl: int) -> int:
    """The steps nearest to a volume."""
    return int(bench.sim.rig.dosing.near_steps(volume_nl))


def times(bench: Bench, event: str) -> list[int]:
    """When the records of an event say it was, microseconds since that boot."""
    number = records.EVENTS.index(event)
    return [header["mono_us"] for header, _state, _text in bench.records if header["event"] == number]


def fields(text: str) -> dict[str, str]:
    """The words of a record."""
    return dict(word.split("=", 1) for word in text.split())


def missed(bench: Bench) -> list[tuple[str, int, str, int]]:
    """(kind, nL, why, how many) of what was missed."""
    rows = [fields(text) for text in bench.events("missed")]
    return [(row["kind"], int(row["nl"]), row["why"], int(row.get("times", 1))) for row in rows]


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


# --- 5: the 24 h are 24 h


def test_a_cap_with_room_outlives_a_cut_without_an_alarm() -> None:
    bench = Bench()
    bench.load(program(basal=DAY, cap_nl=300_000))
    bench.run("20 h")
    cut(bench)
    bench.run("30 h")
    assert bench.status()["state"] == "running"
    assert "cap" not in bench.alarms()


def test_a_cap_just_above_the_days_volume_never_stops_the_base_flow() -> None:
    bench = Bench()
    bench.load(program(basal=DAY, cap_nl=DAY))
    bench.run("26 h")
    assert bench.status()["state"] == "running"
    bench.load(program(basal=DAY, cap_nl=DAY))  # and the same again has room beside what flowed
    bench.run("26 h")
    assert bench.status()["state"] == "running"


def test_what_is_granted_fits_beside_the_base_flow_of_the_coming_day() -> None:
    bench = Bench()
    bench.load(program(basal=DAY, cap_nl=300_000))
    bench.run("1 h")
    bench.act("bolus", volume_nl=59_000, over_ms=600_000)
    refused = bench.refusal("bolus", volume_nl=2_000, over_ms=60_000)
    bench.run("1 h")
    refused = bench.refusal("bolus", volume_nl=2_000, over_ms=60_000)
    assert refused.name == "cap"
    wait_s = int(refused.fields["wait_s"])
    assert 22 * 3_600 < wait_s <= 23 * 3_600 + 1_200
    bench.sim.run_us(wait_s * 1_000_000)
    bench.act("bolus", volume_nl=2_000, over_ms=60_000)
    bench.run("26 h")
    assert bench.status()["state"] == "running"


WEEK = {
    "thu": ((0, 240_000), (43_200, 720_000)),
    "fri": ((0, 720_000), (43_200, 240_000)),
}


@pytest.mark.parametrize(
    "document",
    [
        {"basal": DAY, "periodic": ((4 * 3_600, 10_000, 300_000, 0),), "cap_nl": 260_000},
        {"basal": ((0, 240_000),), "cap_nl": 600_000, **WEEK},
        {"phases": ((43_200, 0), (43_200, 720_000), (86_400, 240_000)), "cap_nl": 400_000},
        {  # 02:00 to 03:00 comes twice on 25 October 2026
            "basal": ((0, 240_000), (7_200, 2_400_000), (10_800, 240_000)),
            "cap_nl": 400_000,
            "zone": ((1_774_746_000, 93_600), (1_792_890_000, 90_000)),
        },
        {"basal": DAY, "bridge": ((300_000, 480_000),), "cap_nl": 250_000},
    ],
)
def test_a_program_whose_own_24_h_exceed_its_cap_is_refused(document: dict[str, Any]) -> None:
    bench = Bench()
    refused = bench.refusal("stage", part=1, parts=1, text=program(**document))
    assert refused.name == "cap"
    assert int(refused.fields["daily_nl"]) > document["cap_nl"] >= int(refused.fields["cap_nl"])


@pytest.mark.parametrize(
    "document",
    [
        {"basal": DAY, "periodic": ((4 * 3_600, 10_000, 300_000, 0),), "cap_nl": 300_000},
        {"basal": ((0, 240_000),), "cap_nl": 720_000, **WEEK},
        {"phases": ((43_200, 0), (43_200, 720_000), (86_400, 240_000)), "cap_nl": 480_000},
    ],
)
def test_a_program_whose_own_24_h_are_its_cap_runs(document: dict[str, Any]) -> None:
    bench = Bench()
    bench.load(program(**document))
    for _ in range(8):
        bench.run("24 h")
        assert bench.status()["state"] in ("running", "bolus")


def test_a_lower_cap_is_taken_when_the_last_day_leaves_room_and_said_when() -> None:
    bench = Bench()
    bench.load(program(basal=DAY, cap_nl=300_000))
    bench.run("24 h")
    lower = program(basal=24_000, cap_nl=100_000)
    bench.act("stage", part=1, parts=1, text=lower)
    refused = bench.refusal("commit", hash=documents.digest(lower))
    assert refused.name == "cap"
    wait_s = int(refused.fields["wait_s"])
    bench.act("stop")
    bench.sim.run_us(wait_s * 1_000_000)
    bench.load(lower)
    bench.run("30 h")
    assert bench.status()["state"] == "running"
    assert "cap" not in bench.alarms()


def demand(bench: Bench) -> str:
    """Ask as the button does; `given`, or why not."""
    bench.act("ack")
    try:
        bench.act("demand")
    except Exception as refused:
        return str(getattr(refused, "name", refused))
    return "given"


def test_the_count_of_demand_boluses_and_the_cap_survive_a_cut() -> None:
    bench = Bench()
    bench.load(program(basal=DAY, cap_nl=250_000, demand=((5_000, 60_000, 3_600, 2),)))
    bench.run("1 h")
    assert demand(bench) == "given"
    bench.run("4 h")
    assert demand(bench) == "given"
    bench.run("13 h")
    cut(bench)
    assert demand(bench) == "count"
    assert bench.refusal("bolus", volume_nl=5_000, over_ms=60_000).name == "cap"
    bench.run("6 h")
    assert demand(bench) == "count"
    bench.run("90 min")  # 24 h of power, and the time since the last record, after the first
    assert demand(bench) == "given"


def test_a_lockout_that_has_passed_does_not_come_back_with_the_power() -> None:
    bench = Bench()
    bench.load(program(basal=DAY, demand=((5_000, 60_000, 7_200, 6),)))
    bench.run("1 h")
    assert demand(bench) == "given"
    bench.run("7 h")
    cut(bench)
    bench.run("30 min")
    assert demand(bench) == "given"
    bench.run("30 min")
    cut(bench)
    bench.run("1 min")
    assert demand(bench) == "lockout"
    bench.run("100 min")
    assert demand(bench) == "given"


# --- 6: `rate` changes the base flow alone


def test_a_typed_rate_keeps_limits_and_boluses() -> None:
    bench = Bench()
    rows = {"periodic": ((3_600, 1_000, 60_000, 0),), "demand": ((3_000, 60_000, 3_600, 2),)}
    kept = {"hard_nl_per_day": 6_000_000, "cap_nl": 1_200_000, "drug": "dye", "concentration": "1 mg/ml"}
    bench.load(program(basal=DAY, on_return="stop", catheter_nl=1_000, **rows, **kept))
    bench.wire.call("close")
    bench.type("terminal")
    assert "above the hard limit 6000000 nl/day" in bench.type("rate 20 ml/day")
    code = bench.type("rate 30 ul/h").split("commit ")[1].split()[0]
    bench.type(f"commit {code}")
    document = bench.sim.rig.therapy.program
    assert document["basal"] == ((0, 720_000),)
    assert {name: document[name] for name in {**rows, **kept}} == {**rows, **kept}
    assert document["on_return"] == "stop"


# --- 7: small boluses add up


@pytest.mark.parametrize("volume_nl", [1, 2, 5, 7])
def test_boluses_below_a_step_add_up(volume_nl: int) -> None:
    bench = Bench()
    bench.load(program(basal=24_000, periodic=((60, volume_nl, 10_000, 0),)))
    bench.run("1000 min")
    bench.run("30 s")
    assert abs(bench.kinds()["periodic"] - steps(bench, 1_000 * volume_nl)) <= 1


# --- what follows from them


def test_the_third_stall_in_a_row_is_told_by_its_own_name() -> None:
    bench = Bench()
    bench.load(program(basal=4_800_000))
    for _ in range(3):
        bench.run("1 min")
        bench.happen("stall")
        bench.run("1 min")
        bench.happen("free")
        bench.run("1 s")
        bench.act("ack")
        if "restarts" not in bench.alarms():
            bench.act("resume")
    names = [fields(text)["name"] for text in bench.events("alarm")]
    assert names.count("restarts") == 1


def test_a_ramp_of_sixty_steps_is_foreseen() -> None:
    bench = Bench()
    bench.load(program(ramp=((24_000, 24_000, 3_600, 1_464_000),), reservoir_nl=18_000_000, low_nl=1))
    bench.run("1 min")
    # the first 60 h bring sum(24000 * k) / 24 = 1830 * 1000 nL; the rest flows at the ceiling
    left_nl = 18_000_000 - 1_830_000
    days = 60 / 24 + left_nl / 1_464_000
    assert bench.status()["empty_s"] == pytest.approx(days * 86_400 - 60, rel=0.002)
