"""Interrupted therapy: the rules of docs/explanation/interrupted-therapy.md, one disturbance each.

Owns: what limits, `rate` and small boluses owe to an interrupted therapy (rules 5 to 7).
Rules: the very firmware in virtual time; what is right was written down from the rules, in volumes and instants, before
the firmware was asked.
Units: nL, steps, microseconds.
Leaves: random weeks to tests/oracle, the examples at many instants to tests/faults.
"""

from __future__ import annotations

from typing import Any

import pytest
from interruptions import DAY, cut, fields, steps
from pumpwire import documents

from bench import Bench, program

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


@pytest.mark.parametrize(
    ("bridge_rate", "too_much_nl", "fits_nl"),
    [
        (120_000, 26_000, 22_000),
        (480_000, 8_100, 8_000),
    ],  # a slow one leaves room for more than the cap beyond a day
)
def test_a_bridge_that_waits_leaves_a_dose_the_room_beside_it(
    bridge_rate: int, too_much_nl: int, fits_nl: int
) -> None:
    volume_nl = 20_000
    own_nl = max(
        DAY, volume_nl + DAY - DAY * volume_nl // bridge_rate
    )  # no base rate flows until it has left
    bench = Bench()
    bench.load(program(basal=DAY, bridge=((volume_nl, bridge_rate),), cap_nl=own_nl + 8_000))
    bench.run("10 min")
    bench.act("stop")
    assert bench.refusal("dispense", volume_nl=too_much_nl, over_ms=600_000).name == "cap"
    bench.act("dispense", volume_nl=fits_nl, over_ms=600_000)
    bench.run("11 min")
    bench.act("resume")
    given = [0]
    for _ in range(60):
        given.append(bench.status()["delivered_nl"])
        bench.run("1 h")
    assert bench.raised() == []
    days = [given[i + 24] - given[i] for i in range(len(given) - 24)]
    assert DAY <= max(days) <= own_nl + 8_000


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


@pytest.mark.parametrize("after", ["1 s", "40 s", "9 min", "11 min"])
def test_what_was_just_given_counts_after_a_cut_without_any_lockout(after: str) -> None:
    bench = Bench()
    bench.load(program(basal=DAY, demand=((2_000, 1_000, 0, 2),)))
    bench.run("3 h")
    assert demand(bench) == "given"
    bench.run("3 s")
    bench.happen("press_bolus")
    bench.run(after)
    for _ in range(2):
        cut(bench)
        bench.run("2 s")
        assert demand(bench) == "count"
    assert len(bench.events("request")) == 1
    assert demand(bench) == "count"
    bench.run("24 h")
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
    assert "basal, 20 ml/day is above the hard limit 250 ul/h" in bench.type("rate 20 ml/day")
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


def test_what_an_earlier_program_gave_counts_with_a_request_of_the_next_one() -> None:
    bench = Bench()
    bench.load(program(basal=960_000))
    bench.run("1 h")  # 40 uL, which are 24 h old only tomorrow
    bench.load(program(basal=DAY, cap_nl=300_000))  # 40 and 240 have room, with 20 to spare
    bench.run("1 h")
    assert bench.refusal("bolus", volume_nl=40_000, over_ms=60_000).name == "cap"
    bench.act("bolus", volume_nl=9_000, over_ms=60_000)
    bench.run("26 h")
    assert bench.raised() == []
    bench.act("bolus", volume_nl=40_000, over_ms=60_000)
