"""Every tick is full, as while a host reads the log without a pause: all that is due still comes, and soon.

Owns: the bounds within which flow, boluses, stops, alarms and records come then.
Rules: the very firmware; only the loop's own clock of a tick is told that most of it is always used up.
Units: ms of virtual time.
Leaves: how full real ticks are to bench/commands.py.
"""

import pytest

from bench import Bench, program

FULL_US = 15_000  # of each tick


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench()
    monkeypatch.setattr(bench.sim.rig.loop, "_spent_us", lambda _start_us, _now_us: FULL_US)
    return bench


def pulses(bench: Bench) -> int:
    bench.sim.pump.true_nl()
    return bench.sim.pump.pulses_total


@pytest.mark.requirement("SR-34")
@pytest.mark.parametrize("nl_per_day", [4_800_000, 24_000_000, 240_000_000])
def test_a_program_flows_soon_after_its_commit_and_to_a_step(full: Bench, nl_per_day: int) -> None:
    before = pulses(full)
    full.load(program(basal=nl_per_day))
    full.run("400 ms")
    assert pulses(full) > before
    full.run("10 min")
    status = full.status()
    assert abs(status["delivered_nl"] - status["commanded_nl"]) <= 7
    assert full.alarms() == []


@pytest.mark.requirement("SR-34")
def test_a_bolus_begins_and_a_stop_stands_soon(full: Bench) -> None:
    full.load(program(basal=480_000))
    full.run("1 min")
    before = pulses(full)
    full.act("bolus", volume_nl=20_000, over_ms=60_000)
    full.run("400 ms")
    assert pulses(full) > before
    full.act("stop")
    full.run("100 ms")
    stood = pulses(full)
    full.run("1 min")
    assert pulses(full) == stood
    assert full.events("bolus_end")[-1].startswith("kind=single asked_steps=")


@pytest.mark.requirement("SR-16")
def test_a_stall_is_found(full: Bench) -> None:
    full.load(program(basal=24_000_000))
    full.run("1 min")
    full.happen("stall")
    full.run("10 s")
    assert "stall" in full.raised()


@pytest.mark.requirement("SR-34")
@pytest.mark.parametrize("after_ms", [60, 100, 140])
def test_an_alarm_as_priming_begins_is_recorded_and_the_queue_does_not_run_dry(
    full: Bench, after_ms: int
) -> None:
    full.act("prime", volume_nl=400_000)
    full.happen("sensor_fail", sensor="pressure", how="absent", after=f"{after_ms} ms")
    full.run("1 s")
    before = pulses(full)
    full.run("1 s")
    assert pulses(full) - before > 10_000, "it flows on at its rate"
    assert full.raised() == ["sensor"]
