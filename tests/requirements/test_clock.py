"""The clock that times the steps: set at start, measured, told, and a wrong one keeps the motor off."""

from __future__ import annotations

import pytest
from rigsim.chip import CLOCK_FAULTS

from bench import Bench, program


def restarted(bench: Bench, **chip: object) -> None:
    """Power off and on, the chip being like that from now on."""
    for name, value in chip.items():
        setattr(bench.sim.chip, name, value)
    bench.happen("power_cut", **{"for": "10 s"})
    bench.run("11 s")


@pytest.mark.requirement("SR-23")
@pytest.mark.parametrize("hz", [48_000_000, 133_000_000, 150_000_000, 200_000_000])
def test_whatever_the_clock_was_left_at_it_is_set_and_told(hz: int) -> None:
    bench = Bench()
    bench.load(program(basal=4_800_000))
    restarted(bench, start_hz=hz)
    assert bench.status()["clock_hz"] == 125_000_000
    bench.run("10 min")
    assert bench.alarms() == ["power_return"]
    assert bench.status()["state"] == "running"


@pytest.mark.requirement("SR-23")
@pytest.mark.parametrize("fault", CLOCK_FAULTS)
def test_a_clock_that_is_not_right_keeps_the_motor_off_until_a_start_at_which_it_is(fault: str) -> None:
    bench = Bench()
    bench.load(program(basal=4_800_000))
    restarted(bench, start_hz=150_000_000, clock_fault=fault)
    assert bench.status()["clock_hz"] == 150_000_000
    assert "failed=clock" in bench.events("self_test")
    pulses = bench.sim.pump.pulses_total
    bench.act("ack")
    assert bench.refusal("resume").name == "alarm"
    bench.act("ack")
    bench.run("10 min")
    assert bench.sim.pump.pulses_total == pulses
    assert bench.refusal("prime", volume_nl=1_000).name == "alarm"
    restarted(bench, clock_fault="")
    assert bench.status()["clock_hz"] == 125_000_000
    bench.act("ack")
    bench.act("resume")
    bench.run("1 min")
    assert bench.sim.pump.pulses_total > pulses
