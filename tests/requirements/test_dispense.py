"""One dose from a standing pump: given to the step, counted as a single bolus, and then the pump stands again."""

from __future__ import annotations

import pytest

from bench import Bench, program

DOSE = {"volume_nl": 20_000, "over_ms": 60_000}


def stopped(text: str = "", **options: int) -> Bench:
    """A rig that stands, with a program loaded where one is named."""
    bench = Bench(**options)
    if text:
        bench.load(text)
        bench.act("stop")
    return bench


@pytest.mark.parametrize("text", ["", program(basal=480_000)])
@pytest.mark.parametrize(
    ("asked", "rate"),
    [
        (DOSE, 28_800_000),
        ({"volume_nl": 20_000}, 28_800_000),
        ({"volume_nl": 20_000, "rate_nl_per_day": 57_600_000}, 57_600_000),
    ],
)
def test_a_dose_is_given_to_the_step_and_the_pump_stands_again(
    text: str, asked: dict[str, int], rate: int
) -> None:
    bench = stopped(text)
    before, hash_before = bench.kinds(), bench.status().get("therapy_hash")
    answer = bench.act("dispense", **asked)
    assert int(answer["rate_nl_per_day"]) == rate
    bench.run("10 s")
    assert (bench.status()["state"], bench.status()["mode"]) == ("bolus", "dispensing")
    bench.run("2 min")
    after = bench.kinds()
    assert after["single"] - before["single"] == int(answer["requested_steps"])
    assert {name: after[name] - before[name] for name in after if name != "single"} == dict.fromkeys(
        (name for name in after if name != "single"), 0
    )
    assert (bench.status()["mode"], bench.status().get("therapy_hash")) == ("stopped", hash_before)
    if text:
        bench.act("resume")
        assert bench.status()["mode"] == "running"


def test_what_the_limits_the_cap_and_the_reservoir_forbid_is_refused() -> None:
    bench = stopped(program(basal=480_000, hard_nl_per_day=2_000_000, cap_nl=500_000))
    limit = bench.refusal("dispense", **DOSE)
    assert (limit.name, limit.fields["limit_nl_per_day"]) == ("limit", "2000000")
    assert bench.refusal("dispense", volume_nl=30_000, over_ms=86_400_000).name == "cap"
    bench.act("dispense", volume_nl=10_000, over_ms=600_000)
    assert bench.refusal("dispense", **DOSE).name == "state"
    assert bench.refusal("resume").name == "busy"
    bench.run("11 min")
    assert bench.refusal("dispense", volume_nl=15_000, over_ms=86_400_000).name == "cap"
    assert bench.status()["mode"] == "stopped"


def test_a_dose_beyond_the_reservoir_on_a_running_pump_or_of_two_rates_is_refused() -> None:
    bench = stopped(reservoir_nl=100_000)
    assert bench.refusal("dispense", volume_nl=100_001, over_ms=60_000_000).name == "reservoir"
    for wrong in ({"over_ms": 60_000, "rate_nl_per_day": 480_000}, {"over_ms": 999}):
        assert bench.refusal("dispense", volume_nl=1_000, **wrong).name == "value"
    bench.load(program(basal=480_000))
    assert bench.refusal("dispense", volume_nl=1_000).name == "state"


@pytest.mark.parametrize("how", ["stop", "button"])
def test_a_stopped_dose_is_not_made_up_for(how: str) -> None:
    bench = stopped(program(basal=480_000))
    before = bench.kinds()["single"]
    asked = int(bench.act("dispense", **DOSE)["requested_steps"])
    bench.run("30 s")
    bench.act("stop") if how == "stop" else bench.happen("press_stop")
    bench.run("1 s")
    given = bench.kinds()["single"] - before
    assert asked // 3 < given < asked
    assert bench.status()["mode"] == "stopped"
    if how == "button":
        bench.act("ack")
    bench.act("resume")
    bench.run("10 min")
    assert bench.kinds()["single"] - before == given


@pytest.mark.requirement("SR-31")
@pytest.mark.parametrize("on_return", ["resume", "stop"])
def test_after_a_power_cut_a_dose_goes_on_as_the_program_says_never_to_more_than_was_asked(
    on_return: str,
) -> None:
    bench = stopped(program(basal=480_000, on_return=on_return))
    before = bench.kinds()["single"]
    asked = int(bench.act("dispense", **DOSE)["requested_steps"])
    bench.run("30 s")
    bench.happen("power_cut", **{"for": "10 s"})
    bench.run("20 s")
    assert bench.status()["mode"] == ("dispensing" if on_return == "resume" else "stopped")
    bench.run("2 min")
    status = bench.status()
    given = bench.kinds()["single"] - before
    assert status["mode"] == "stopped"
    assert bench.kinds()["basal"] == bench.records[-1][1]["basal_steps"]
    if on_return == "resume":
        assert asked - int(status["assumed_steps"]) <= given <= asked
    else:
        assert given < asked


def test_a_stall_that_a_running_program_tries_again_does_not_start_it_from_a_dose() -> None:
    bench = stopped(program(basal=480_000, on_stall="retry"))
    bench.act("dispense", **DOSE)
    bench.run("10 s")
    bench.happen("stall")
    bench.run("1 min")
    assert "stall" in bench.alarms()
    bench.happen("free")
    bench.run("10 min")
    assert bench.status()["mode"] == "stopped"
