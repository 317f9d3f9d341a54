"""Ramps of the step engine on the simulated chip, and the configurations that it refuses."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rig.board.drivers import check_programs
from step_rig import CLOCK_HZ, QUANTUM, SMALL, StepRig, chosen, inc_of, small_motor


def ramp_rig() -> StepRig:
    rig = StepRig()
    rig.open()
    return rig


def put_ramp(rig: StepRig, hz: int, ms: int, leave_hz: int | None = None, acc: int = 0) -> tuple[int, int]:
    """Append a span as dosing does, telling the rest from the phase; (steps, phase at its end)."""
    inc, left, steps = inc_of(hz), ms * 125_000, 0
    leave = None if leave_hz is None else inc_of(leave_hz)
    while left > 0:
        taken, made, after = rig.stepper.append(acc, inc, QUANTUM, left, leave)
        left -= (after - acc + made * QUANTUM) // inc
        acc, steps = after, steps + made
        if not taken:
            rig.pass_us(10_000)
    return steps, acc


def gains(rig: StepRig) -> list[float]:
    """By how much the rate changes from one interval to the next, in stairs."""
    stair_hz = rig.stepper._brake._ramp.stair_hz
    rates = [CLOCK_HZ / (b - a) for a, b in pairwise(rig.edges)]
    return [abs(b - a) / stair_hz for a, b in pairwise(rates)]


@given(st.integers(10_000, 40_000), st.integers(300, 1_500))
@example(30_167, 1_251)
@example(32_896, 354)  # a stair that was cut where the queue was full: twice the gain in an interval
@settings(max_examples=8, deadline=None)
def test_ramps_lose_and_add_no_step_and_never_jump_beyond_the_start_rate(hz: int, ms: int) -> None:
    rig = ramp_rig()
    steps, _ = put_ramp(rig, hz, ms, 0)
    rig.run_out()
    assert steps == rig.stepper.counted() == inc_of(hz) * ms * 125_000 // QUANTUM
    edges = rig.edges
    start_hz = rig.stepper._brake._ramp.start_hz
    assert CLOCK_HZ / (edges[1] - edges[0]) <= start_hz * 1.01
    assert CLOCK_HZ / (edges[-1] - edges[-2]) <= start_hz * 1.01
    assert (
        max(gains(rig)) <= 1.05
    )  # an interval is a whole number of cycles: 2 % of a stair at 40 000 steps/s
    assert CLOCK_HZ / min(b - a for a, b in pairwise(edges)) <= hz * 1.001
    assert rig.stepper.starved() == 0


@given(st.lists(st.tuples(st.integers(9_700, 40_000), st.integers(300, 900)), min_size=2, max_size=4))
@example([(30_000, 800), (12_000, 800)])
@settings(max_examples=8, deadline=None)
def test_each_change_of_a_fast_rate_is_reached_by_a_ramp(spans: list[tuple[int, int]]) -> None:
    rig = ramp_rig()
    total = acc = 0
    for number, (hz, ms) in enumerate(spans):
        steps, acc = put_ramp(rig, hz, ms, 0 if number == len(spans) - 1 else None, acc)
        total += steps
    rig.run_out()
    assert rig.stepper.counted() == total == len(rig.edges)
    assert max(gains(rig)) <= 1.05
    assert rig.stepper.starved() == 0


@pytest.mark.requirement("SR-12")
@pytest.mark.parametrize("more_ms", [0, 7, 13, 19])
def test_a_stop_from_full_speed_ramps_down_in_200_ms_with_an_exact_count(more_ms: int) -> None:
    rig = ramp_rig()
    inc, acc = inc_of(40_000), 0
    for _ in range(50):
        while True:
            taken, _, acc = rig.stepper.append(acc, inc, QUANTUM, 125_000 * 30)
            if not taken:
                break
        rig.pass_us(20_000)
    rig.pass_us(more_ms * 1_000)
    begin = rig.chip.now - rig.zero
    ticks = 0
    while not rig.stepper.ramp_down():
        rig.pass_us(20_000)
        ticks += 1
        assert ticks < 20
    edges = rig.edges
    counted = rig.stepper.counted()
    assert counted == len(edges) == rig.stepper.appended_steps
    assert edges[-1] - begin <= 200 * 125_000
    rates = [CLOCK_HZ / (b - a) for a, b in pairwise(edges) if a > begin - 125_000]
    start, gain = rig.stepper._brake._ramp.start_hz, rig.stepper._brake._ramp.stair_hz
    assert rates[-1] <= start + gain
    assert max(abs(b - a) for a, b in pairwise(rates)) <= 1.05 * gain
    rig.pass_us(1_000_000)
    assert rig.stepper.counted() == counted


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pins": [("step", 2), ("dir", 2)]}, "GPIO 2 is given to step and to dir"),
        ({"pins": [("step", 31)]}, "no GPIO 31"),
        ({"driver": "drv8825", "pulse_ns": 1_000}, "needs 1900 ns"),
        ({"driver": "a4988", "microsteps": 32}, "does no 1/32 steps"),
        ({"max_steps_per_s": 70_000}, "beyond the motor"),
        ({"driver": "l298"}, "not known"),
        ({"motor": "nema99"}, "not known"),
        ({"pulse_ns": 100_000}, "no room"),
        ({"pulse_ns": 50, "driver": "tmc2209"}, "needs 100 ns"),
        ({**SMALL, "microsteps": 4}, "does no 1/4 steps"),
        ({"max_steps_per_s": 0}, "1 step/s or more"),
        ({"lit_ms": 20, "self_holding": True}, "only current holds the rotor"),
        ({**SMALL, "lit_ms": 20}, "needs SELF_HOLDING"),
        ({**SMALL, "lit_ms": 9, "self_holding": True}, "has to be 10 to 60000"),
        ({**SMALL, "lit_ms": 60_001, "self_holding": True}, "has to be 10 to 60000"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_with_the_reason_motor_off(
    changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        StepRig(chosen(**changes))


def test_more_programs_than_pio_memory_holds_are_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="PIO memory is full: 33 instructions, 32 fit"):
        check_programs([16, 9, 8])


def test_a_step_costs_the_copper_loss_while_the_coils_are_on() -> None:
    assert chosen().setup().hold_mw == 1_200  # 0.2 A in 30 ohm
    motor = StepRig(chosen()).stepper
    assert motor.step_uj(interval_us=1_000) == 1_200
    assert motor.step_uj(interval_us=60_000_000) == 72_000_000
    assert small_motor().setup().hold_mw == 1_000
    assert StepRig(small_motor()).stepper.step_uj(interval_us=60_000_000) == 60_000_000


def test_with_the_current_off_between_slow_steps_a_step_costs_no_more_than_its_own_time() -> None:
    coils = StepRig(small_motor(lit_ms=20, self_holding=True)).stepper
    assert coils.step_uj(interval_us=60_000_000) == coils.step_uj(interval_us=20_000) == 20_000
    assert coils.step_uj(interval_us=4_000) == 4_000


def test_a_28byj48_turn_is_a_ratio_of_integers() -> None:
    setup = small_motor().setup()
    assert Fraction(setup.steps_num, setup.steps_den) == Fraction(40_757_728, 10_000)
