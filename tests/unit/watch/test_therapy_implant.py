"""The implant that the rig stands for: its battery, its tube, the refill dates, the reservoir's rule, a held titration.

Owns: the properties of implant.py, titration.py and of the forecast's levels.
Rules: the very firmware on the simulated rig; long spans are given to the model, not waited for.
Units: J, hours, revolutions, nL, seconds.
Leaves: the pump's other alarms to tests/requirements.
"""

import pytest
from pumprig.therapy import program as programs
from rig.watch import implant_model

from bench import Bench, program

DAY_S = 86_400
HOUR = 240_000  # nL/day: 10 uL/h


def bench_with(**fields: object) -> Bench:
    bench = Bench()
    bench.load(program(**fields))
    bench.run("1 min")
    return bench


# --- battery


def test_the_battery_uses_what_the_model_s_inputs_say() -> None:
    bench = bench_with(basal=24_000_000)
    implant = bench.sim.rig.implant
    cells, cell_j, quiescent_uw, step_uj, line_uj = implant_model.BATTERY
    steps, lines, used = implant.turned_steps(), bench.sim.rig.link.answered, implant.used_j
    bench.run("65 min")
    bench.status()
    steps, lines = implant.turned_steps() - steps, bench.sim.rig.link.answered - lines
    expected_j = (65 * 60 * quiescent_uw + steps * step_uj + lines * line_uj) / 1e6
    assert implant.used_j - used == pytest.approx(expected_j, abs=1.5)
    assert implant.age_h == 1
    assert cells * cell_j <= 65_535, "a record keeps what is used in two bytes"


def test_a_power_cut_loses_less_than_a_joule_and_an_hour_and_never_gains() -> None:
    bench = bench_with(basal=24_000_000)
    bench.run("70 min")
    implant = bench.sim.rig.implant
    before = implant.used_j, implant.age_h
    bench.happen("power_cut", **{"for": "1 min"})
    bench.run("5 min")
    after = bench.sim.rig.implant.used_j, bench.sim.rig.implant.age_h
    assert all(old <= new <= old + 1 for old, new in zip(before, after, strict=True))


def test_eri_alarms_and_ninety_days_later_the_pump_stops_for_good_until_a_new_battery() -> None:
    bench = bench_with(basal=HOUR)
    implant = bench.sim.rig.implant
    implant.used_j = implant_model.BATTERY[0] * implant_model.BATTERY[1] * 91 // 100
    bench.run("2 min")
    assert bench.alarms() == ["eri"]
    assert bench.status()["rate_nl_per_day"] == HOUR
    assert bench.status()["eri_s"] == 0
    implant.eri_h = implant_model.ERI_TO_END_H
    bench.run("2 h")
    assert "end_of_service" in bench.alarms()
    assert bench.status()["rate_nl_per_day"] == 0
    bench.act("ack")
    assert bench.refusal("resume").fields["alarm"] == "end_of_service"
    bench.act("battery")
    bench.act("resume")
    bench.run("2 min")
    assert bench.status()["battery_percent"] == 100
    assert bench.alarms() == []


def test_a_battery_is_replaced_by_age_too_and_its_end_survives_a_power_cut() -> None:
    bench = bench_with(basal=HOUR)
    bench.sim.rig.implant.age_h = implant_model.ERI_H
    bench.run("2 min")
    bench.sim.rig.implant.eri_h = 24 * 50
    bench.run("11 min")
    bench.happen("power_cut", **{"for": "1 min"})
    bench.run("5 min")
    assert 24 * 50 <= bench.sim.rig.implant.eri_h <= 24 * 51 + 1
    assert "eri" in bench.alarms()


def test_the_forecast_of_the_eri_comes_sooner_at_a_higher_rate_and_never_after_seven_years() -> None:
    slow, fast = bench_with(basal=6_000).status(), bench_with(basal=24_000_000).status()
    assert slow["therapy_mode"] == "minimum"
    assert slow["eri_s"] == pytest.approx(implant_model.ERI_H * 3600, rel=0.01)
    _cells, cell_j, quiescent_uw, step_uj, _line_uj = implant_model.BATTERY
    daily_j = (DAY_S * quiescent_uw + 24_000_000 / fast["step_nl_num"] * fast["step_nl_den"] * step_uj) / 1e6
    assert fast["eri_s"] == pytest.approx(0.9 * cell_j / daily_j * DAY_S, rel=0.02)


# --- tube


def test_the_tube_counts_its_turns_and_alarms_past_its_life_until_a_new_one_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = bench_with(basal=24_000_000)
    bench.run("40 min")
    turns = bench.status()["tube_revolutions"]
    assert turns == bench.status()["delivered_steps"] // 3200
    answer = bench.act("tube")
    assert int(answer["revolutions"]) == turns
    assert bench.status()["tube_revolutions"] == 0
    assert bench.status()["tube_utc_s"] == bench.world.utc_us() // 1_000_000 // DAY_S * DAY_S
    monkeypatch.setattr(implant_model, "TUBE_REVOLUTIONS", 5)
    bench.run("5 min")
    assert bench.alarms() == ["tube"]
    bench.act("tube")
    assert bench.alarms() == []


def test_a_tube_ages_by_its_date_too_and_its_count_survives_a_power_cut() -> None:
    bench = bench_with(basal=24_000_000)
    bench.act("tube")
    bench.run("40 min")
    bench.happen("power_cut", **{"for": "1 min"})
    bench.run("5 min")
    assert bench.status()["tube_revolutions"] > 50
    bench.act("clock", utc_us=bench.world.utc_us() + implant_model.TUBE_DAYS * DAY_S * 1_000_000)
    bench.run("2 min")
    assert "tube" in bench.alarms()


# --- refill dates


@pytest.mark.requirement("SR-10")
def test_the_refill_is_due_sooner_if_every_demand_bolus_is_used_and_by_habit_in_between() -> None:
    bench = bench_with(basal=HOUR, demand=((10_000, 60_000, 3_600, 10),), low_nl=2_000_000)
    status = bench.status()
    assert status["habit_nl_per_day"] == 0
    assert status["habit_s"] == pytest.approx(status["low_s"], abs=2)
    left_nl = status["reservoir_nl"] - 2_000_000
    assert status["refill_s"] == pytest.approx(left_nl / (HOUR + 100_000) * DAY_S, rel=0.001)
    for _day in range(3):
        for _bolus in range(7):
            bench.act("demand")
            bench.run("2 h")
        bench.run("10 h")
    status = bench.status()
    assert status["habit_nl_per_day"] == 21 * 10_000 // 7
    left_nl = status["reservoir_nl"] - 2_000_000
    assert status["habit_s"] == pytest.approx(left_nl / (HOUR + 30_000) * DAY_S, rel=0.001)
    assert status["refill_s"] < status["habit_s"] < status["low_s"]
    bench.happen("power_cut", **{"for": "1 min"})
    bench.run("5 min")
    assert bench.status()["habit_nl_per_day"] == 30_000
    bench.run("8 d")
    assert bench.status()["habit_nl_per_day"] == 0


# --- the reservoir's rule


@pytest.mark.requirement("SR-11")
def test_what_the_reservoir_does_not_hold_is_refused_with_the_numbers() -> None:
    bench = bench_with(basal=HOUR, low_nl=0)
    bench.act("refill", volume_nl=100_000)
    for verb, fields in (
        ("bolus", {"volume_nl": 101_000, "over_ms": 3_600_000}),
        ("bolus", {"volume_nl": 101_000, "over_ms": 3_600_000, "spread": 1}),
    ):
        refused = bench.refusal(verb, **fields)
        assert refused.name == "reservoir"
        assert int(refused.fields["asked_nl"]) == 101_000
        assert int(refused.fields["left_nl"]) <= 100_000
    bench.act("bolus", volume_nl=60_000, over_ms=3_600_000, spread=1)
    assert bench.refusal("bolus", volume_nl=60_000, over_ms=60_000).name == "reservoir"
    bench.act("stop")
    assert bench.refusal("prime", volume_nl=200_000).name == "reservoir"
    assert bench.refusal("calibrate", volume_nl=200_000, rate_nl_per_day=4_000_000).name == "reservoir"


@pytest.mark.requirement("SR-11")
def test_nothing_starts_from_an_empty_reservoir() -> None:
    bench = bench_with(basal=24_000_000, low_nl=0)
    bench.act("refill", volume_nl=50_000)
    bench.run("10 min")
    assert "empty" in bench.alarms()
    bench.act("ack")
    assert bench.refusal("resume").name == "reservoir"
    assert bench.refusal("bolus", volume_nl=1_000, over_ms=60_000).name in ("alarm", "reservoir")
    bench.act("refill", volume_nl=18_000_000)
    bench.act("resume")
    bench.run("10 min")
    assert bench.alarms() == []


# --- titration


RAMP = ((240_000, 120_000, 3_600, 960_000),)  # 10 uL/h, + 5 every hour, to 40


def test_a_held_ramp_stays_goes_back_a_step_and_goes_on_from_where_it_was() -> None:
    bench = bench_with(ramp=RAMP)
    bench.run("150 min")
    assert bench.act("ramp", do="hold")["rate_nl_per_day"] == "480000"
    bench.run("5 h")
    assert bench.status()["rate_nl_per_day"] == 480_000
    assert bench.act("ramp", do="back")["rate_nl_per_day"] == "360000"
    bench.run("5 h")
    assert bench.status()["rate_nl_per_day"] == 360_000
    bench.act("ramp", do="go")
    bench.run("61 min")
    assert bench.status()["rate_nl_per_day"] == 480_000
    assert [text.split()[2] for text in bench.events("command") if "verb=ramp" in text] == [
        "do=hold",
        "do=back",
        "do=go",
    ]


def test_back_from_the_ceiling_is_one_step_below_it_however_long_ago_it_was_reached() -> None:
    bench = bench_with(ramp=((240_000, 120_000, 600, 960_000),))
    bench.run("9 h")
    assert bench.status()["rate_nl_per_day"] == 960_000
    assert bench.act("ramp", do="back")["rate_nl_per_day"] == "840000"
    bench.act("ramp", do="go")
    bench.run("11 min")
    assert bench.status()["rate_nl_per_day"] == 960_000


@pytest.mark.requirement("SR-13")
@pytest.mark.parametrize("do", ["hold", "back"])
def test_a_held_ramp_is_held_after_a_power_cut(do: str) -> None:
    bench = bench_with(ramp=RAMP)
    bench.run("150 min")
    rate = int(bench.act("ramp", do=do)["rate_nl_per_day"])
    bench.run("2 h")
    bench.happen("power_cut", **{"for": "1 min"})
    bench.run("3 h")
    status = bench.status()
    assert (status["rate_nl_per_day"], status["ramp_held"]) == (rate, 1)
    bench.act("ramp", do="go")
    bench.run("61 min")
    assert bench.status()["rate_nl_per_day"] == rate + 120_000


def test_a_ramp_is_not_stepped_below_its_first_nor_another_program_held() -> None:
    bench = bench_with(ramp=RAMP)
    assert bench.refusal("ramp", do="back").name == "state"
    assert bench.refusal("ramp", do="up").name == "value"
    bench.load(program(basal=HOUR))
    assert bench.refusal("ramp", do="hold").name == "state"


# --- the rest


@pytest.mark.requirement("SR-02")
def test_a_rotor_that_snaps_when_it_is_freed_after_the_acknowledgement_of_a_stall_is_taken_as_it_stands() -> (
    None
):
    bench = bench_with(basal=24_000_000)
    bench.happen("stall")
    bench.run("2 min")
    assert "stall" in bench.alarms()
    bench.happen("free")
    bench.run("1 s")
    bench.act("ack")
    bench.run("10 min")
    assert "moved_stopped" not in bench.alarms()


@pytest.mark.requirement("SR-10")
def test_a_refill_far_off_the_estimate_tells_what_a_correction_needs_and_one_close_to_it_does_not() -> None:
    bench = bench_with(basal=24_000_000)
    bench.run("20 min")
    left_nl = bench.status()["reservoir_nl"]
    answer = bench.act("refill", volume_nl=18_000_000, removed_nl=left_nl + 5_000)
    assert "used_nl" not in answer
    bench.run("1 h")
    left_nl = bench.status()["reservoir_nl"]
    answer = bench.act("refill", volume_nl=18_000_000, removed_nl=left_nl + 200_000)
    assert int(answer["used_nl"]) == pytest.approx(1_000_000, rel=0.01)
    status = bench.status()
    assert int(answer["nl_num"]) * status["step_nl_den"] == pytest.approx(
        3200 * int(answer["nl_den"]) * status["step_nl_num"]
    )
    assert "discrepancy" in bench.alarms()


def test_host_and_rig_have_one_minimum_rate() -> None:
    assert (
        programs.minimum_nl_per_day()
        == implant_model.MINIMUM_NL_PER_DAY
        == bench_with(basal=HOUR).status()["minimum_nl_per_day"]
    )
