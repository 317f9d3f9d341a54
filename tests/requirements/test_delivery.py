"""What is delivered: rates, boluses, their order, caps and forecasts, on the very firmware in virtual time."""

import pytest

from bench import Bench, program

DAY_STEP = ((0, 240_000), (28_800, 480_000))


@pytest.mark.requirement("SR-01")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_constant_rate_delivers_within_5_percent_over_72_h(seed: int) -> None:
    bench = Bench(seed)
    bench.load(program(basal=500_000))
    bench.run("1 h")  # the line fills its compliance
    before_nl, counted_nl = bench.sim.pump.true_nl(), bench.status()["delivered_nl"]
    bench.run("3 d")
    true_nl = bench.sim.pump.true_nl() - before_nl
    assert true_nl == pytest.approx(1_500_000, rel=0.05)
    assert abs(bench.status()["delivered_nl"] - counted_nl - 1_500_000) <= 8


@pytest.mark.parametrize("rate", [20_000_000, 60_000_000, 500_000_000, 900_000_000])
def test_a_fast_therapy_can_be_replaced_at_any_moment(rate: int) -> None:
    bench = Bench(reservoir_nl=90_000_000)
    for turn in range(25):
        bench.load(program(basal=rate + turn))
        bench.run(f"{1000 + 137 * turn % 800} ms")
    assert bench.status()["state"] == "running"
    assert bench.alarms() == []


@pytest.mark.requirement("SR-04")
def test_basal_and_bolus_together_never_exceed_the_hard_limit() -> None:
    bench = Bench()
    bench.load(program(basal=480_000, hard_nl_per_day=2_000_000))
    refused = bench.refusal("bolus", volume_nl=10_000, over_ms=60_000)
    assert refused.name == "limit"
    assert int(refused.fields["rate_nl_per_day"]) > int(refused.fields["limit_nl_per_day"]) == 2_000_000
    bench.act("bolus", volume_nl=10_000, over_ms=600_000)
    assert bench.status()["rate_nl_per_day"] == 480_000 + 1_440_000


@pytest.mark.requirement("SR-05")
def test_after_a_bolus_the_basal_goes_on_as_it_was() -> None:
    plain, disturbed = Bench(), Bench()
    for bench in (plain, disturbed):
        bench.load(program(basal=480_000))
        bench.run("10 min")
    disturbed.act("bolus", volume_nl=20_000, over_ms=600_000)
    for bench in (plain, disturbed):
        bench.run("1 h")
    assert abs(plain.kinds()["basal"] - disturbed.kinds()["basal"]) <= 1
    assert disturbed.status()["base_nl_per_day"] == 480_000


@pytest.mark.requirement("SR-06")
def test_a_demand_bolus_suspends_a_spread_bolus_which_then_goes_on() -> None:
    bench = Bench()
    bench.load(program(basal=240_000, demand=((5_000, 120_000, 0, 10),)))
    asked = int(bench.act("bolus", volume_nl=30_000, over_ms=3_600_000, spread=1)["requested_steps"])
    bench.run("20 min")
    assert bench.refusal("bolus", volume_nl=1_000, over_ms=60_000, spread=1).name == "busy"
    half = bench.kinds()["spread"]
    demanded = int(bench.act("demand")["requested_steps"])
    bench.run("2 min")
    kinds = bench.kinds()
    assert abs(kinds["spread"] - half) <= 1
    assert abs(kinds["demand"] - demanded) <= 1
    bench.run("41 min")
    kinds = bench.kinds()
    assert (kinds["demand"], kinds["spread"]) == (demanded, asked)


@pytest.mark.requirement("SR-06")
def test_a_spread_bolus_is_spread_evenly() -> None:
    bench = Bench()
    bench.load(program(basal=240_000))
    asked = int(bench.act("bolus", volume_nl=36_000, over_ms=3_600_000, spread=1)["requested_steps"])
    for tenth in range(1, 10):
        bench.run("6 min")
        assert abs(bench.kinds()["spread"] - asked * tenth / 10) <= 4


@pytest.mark.requirement("SR-09")
def test_the_cap_leaves_room_for_the_basal_and_refuses_a_bolus_early() -> None:
    bench = Bench()
    bench.load(program(basal=480_000, cap_nl=530_000))
    bench.act("bolus", volume_nl=40_000, over_ms=600_000)
    bench.run("20 min")
    refused = bench.refusal("bolus", volume_nl=20_000, over_ms=600_000)
    assert refused.name == "cap"
    assert 9_000 <= int(refused.fields["short_nl"]) <= 11_000
    bench.run("2 d")
    assert "cap" not in bench.alarms()
    assert bench.status()["state"] == "running"


@pytest.mark.requirement("SR-09")
def test_priming_is_accounted_apart_and_only_from_stopped() -> None:
    bench = Bench()
    bench.load(program(basal=480_000, catheter_nl=156_000))
    assert bench.refusal("prime").name == "state"
    bench.act("stop")
    primed = int(bench.act("prime")["requested_steps"])
    bench.run("5 min")
    kinds = bench.kinds()
    assert kinds["prime"] == primed
    assert bench.status()["state"] == "stopped"
    assert abs(primed * bench.status()["step_nl_num"] / bench.status()["step_nl_den"] - 156_000) <= 4


@pytest.mark.requirement("SR-12")
def test_what_a_stop_of_a_fast_delivery_leaves_undelivered_is_not_commanded() -> None:
    bench = Bench()
    bench.load(program(basal=480_000))
    bench.act("stop")
    for ms in (40, 170, 700, 2_000, 3_330):
        bench.act("prime", volume_nl=1_000_000)
        bench.run(f"{ms} ms")
        bench.act("stop")
        bench.run("1 s")
        status = bench.status()
        assert abs(status["delivered_nl"] - status["commanded_nl"]) <= 8


@pytest.mark.requirement("SR-09")
def test_a_calibration_delivers_exactly_its_steps_and_never_counts_as_therapy() -> None:
    bench = Bench()
    bench.load(program(basal=480_000, cap_nl=530_000))
    values = {"rate_nl_per_day": 4_800_000, "volume_nl": 600_000}
    assert bench.refusal("calibrate", **values).name == "state"
    bench.act("stop")
    assert bench.refusal("calibrate", rate_nl_per_day=14_400_000_000, volume_nl=1).name == "limit"
    before = bench.status()
    asked = int(bench.act("calibrate", **values)["requested_steps"])
    assert bench.refusal("resume").name == "busy"
    bench.run("90 min")
    midway = bench.status()
    assert (midway["state"], midway["bolus_kind"]) == ("priming", "calibration")
    assert midway["calibration_steps"] == pytest.approx(asked / 2, rel=1e-3)
    bench.run("91 min")
    after = bench.status()
    assert (after["state"], after["calibration_steps"]) == ("stopped", asked)
    assert after["reservoir_nl"] == pytest.approx(before["reservoir_nl"] - 600_000, abs=20)
    assert f"kind=calibration asked_steps={asked} done_steps={asked}" in bench.events("bolus_end")
    bench.act("resume")
    bench.run("1 h")
    assert "cap" not in bench.alarms()
    bench.act("bolus", volume_nl=40_000, over_ms=600_000)


@pytest.mark.requirement("SR-13")
@pytest.mark.parametrize("end", ["stop", "power cut"])
def test_a_calibration_ends_with_stop_or_power_and_does_not_go_on_by_itself(end: str) -> None:
    bench = Bench()
    bench.load(program(basal=480_000))
    bench.act("stop")
    asked = int(bench.act("calibrate", rate_nl_per_day=4_800_000, volume_nl=100_000)["requested_steps"])
    bench.run("10 min")
    if end == "stop":
        bench.act("stop")
    else:
        bench.sim.power_off()
        bench.sim.power_on()
        bench.wire.reset()
        bench.wire.greet()
    bench.run("1 h")
    status = bench.status()
    assert status["mode"] == "stopped"
    assert 0 < status["calibration_steps"] < asked
    assert "kind=calibration" in bench.events("bolus_end")[-1]


@pytest.mark.requirement("SR-10")
@pytest.mark.parametrize("reservoir_nl", [2_300_000, 4_000_000])
@pytest.mark.parametrize(
    "fields",
    [
        {"basal": 500_000},
        {"basal": DAY_STEP},
        {"basal": DAY_STEP, "periodic": ((21_600, 10_000, 300_000, 0),)},
    ],
)
def test_the_time_to_low_is_known_before_to_3_min_or_1_percent(reservoir_nl: int, fields: dict) -> None:
    bench = Bench(reservoir_nl=reservoir_nl)
    bench.load(program(low_nl=2_000_000, **fields))
    bench.run("1 min")
    low_s = bench.status()["low_s"]
    bench.sim.run_us(int((low_s - max(180, low_s // 100)) * 1e6))
    assert "low" not in bench.alarms()
    bench.sim.run_us(int(2 * max(180, low_s // 100) * 1e6))
    assert "low" in bench.alarms()


@pytest.mark.requirement("SR-32")
def test_a_day_program_follows_the_wall_clock_across_sets_and_summer_time() -> None:
    bench = Bench()
    spring = 1_774_746_000  # 2026-03-29 01:00 UTC, Zurich goes from +1 h to +2 h
    zone = ((0, 3_600 + 86_400), (spring, 7_200 + 86_400))
    bench.load(program(basal=((0, 240_000), (10_800, 480_000)), zone=zone))
    bench.act("clock", utc_us=(spring - 600) * 1_000_000)  # 01:50 local
    assert bench.status()["rate_nl_per_day"] == 240_000
    bench.run("11 min")  # 03:01 local: the hour from 2 to 3 does not exist
    assert bench.status()["rate_nl_per_day"] == 480_000
    before = bench.status()["delivered_nl"]
    bench.run("1 h")
    assert abs(bench.status()["delivered_nl"] - before - 20_000) <= 4
    bench.act("clock", utc_us=(spring - 600) * 1_000_000)
    assert bench.status()["rate_nl_per_day"] == 240_000
    assert len([text for text in bench.events("clock") if "moved_us" in text]) >= 2


@pytest.mark.requirement("SR-32")
def test_setting_the_clock_neither_skips_nor_doubles_a_periodic_bolus() -> None:
    bench = Bench()
    bench.load(program(basal=240_000, periodic=((3_600, 5_000, 60_000, 0),)))
    utc_us = bench.status()["utc_us"]
    for hour in range(1, 6):
        bench.run("30 min")
        bench.act("clock", utc_us=utc_us + (1 if hour % 2 else -1) * 7_200_000_000)
        bench.run("30 min")
    bench.run("5 min")
    assert len([text for text in bench.events("bolus_end") if "kind=periodic" in text]) == 5
