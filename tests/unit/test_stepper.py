"""The step engine on the simulated chip: instants, counts, stops."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from step_rig import CLOCK_HZ, DIR_PIN, ENABLE_PIN, STOP_PIN, StepRig, chosen

QUANTUM = 9973 * 86_400 * CLOCK_HZ
FEW = settings(max_examples=25, deadline=None)


def inc_of(rate_steps_per_s: Fraction | float) -> int:
    return int(QUANTUM * Fraction(rate_steps_per_s) / CLOCK_HZ)


def rig_for(highest: int = 100_000, **changes: object) -> StepRig:
    """A rig that may start at any rate of these tests, so that no ramp comes in."""
    rig = StepRig(
        chosen(max_steps_per_s=20_000, microsteps=64, **changes) if highest <= 38_400 else fast_rig()
    )
    rig.open()
    return rig


def fast_rig() -> object:
    made = chosen(microsteps=64, max_steps_per_s=100_000)
    setup = made.setup()
    setup.start_hz = 200_000
    made.setup = lambda: setup
    return made


def put(rig: StepRig, acc: int, inc: int, cycles: int, quantum: int = QUANTUM) -> tuple[int, int]:
    """Append all of a span, letting time pass while the queue is full; (steps, acc)."""
    steps = 0
    while cycles:
        taken, made, acc = rig.stepper.append(acc, inc, quantum, cycles)
        steps += made
        cycles -= taken
        if cycles:
            rig.pass_us(2_000)
    return steps, acc


def assert_exact(edges: list[int], acc: int, spans: list[tuple[int, int, int]]) -> None:
    """Each edge is less than a cycle from its exact rational instant."""
    at, index = 0, 0
    for inc, cycles, quantum in spans:
        number = 1
        while inc and (number * quantum - acc) <= inc * cycles:
            ideal = at + Fraction(number * quantum - acc, inc)
            assert -Fraction(1, 1000) < edges[index] - ideal <= 1, (index, edges[index], float(ideal))
            index += 1
            number += 1
        acc += inc * cycles - (number - 1) * quantum
        at += cycles
    assert index == len(edges)


RATES = st.one_of(
    st.just(Fraction(0)),
    st.fractions(Fraction(1, 100), 50, max_denominator=10_000),
    st.fractions(1, 90_000, max_denominator=10_000),
)


@FEW
@given(st.lists(st.tuples(RATES, st.integers(1, 20_000)), min_size=1, max_size=12), st.integers(0, 999))
def test_every_step_of_any_mix_of_rates_is_within_a_cycle_of_its_exact_instant(
    spans: list[tuple[Fraction, int]], phase: int
) -> None:
    rig = rig_for()
    acc = first = QUANTUM * phase // 1000
    want = 0
    exact = []
    for rate, ms in spans:
        inc, cycles = inc_of(rate), min(ms, max(1, int(2_000_000 / max(rate, 1)))) * 125_000 + phase
        steps, acc = put(rig, acc, inc, cycles)
        want += steps
        exact.append((inc, cycles, QUANTUM))
    rig.run_out()
    assert rig.stepper.counted() == want == rig.stepper.appended_steps == len(rig.edges)
    assert rig.stepper.starved() == 0
    assert rig.stepper.appended_cycles == sum(cycles for _, cycles, _ in exact)
    assert_exact(rig.edges, first, exact)


@given(st.lists(st.integers(1, 300_000), min_size=2, max_size=40), st.integers(100, 20_000))
@FEW
def test_how_a_constant_flow_is_cut_into_spans_moves_no_edge(parts: list[int], hz: int) -> None:
    rig = rig_for()
    inc, acc = inc_of(hz), 0
    for cycles in parts:
        _, acc = put(rig, acc, inc, cycles)
    rig.run_out()
    assert_exact(rig.edges, 0, [(inc, sum(parts), QUANTUM)])


def test_intervals_beyond_a_word_of_17_s_are_exact() -> None:
    rig = rig_for()
    inc = inc_of(Fraction(1, 73))  # 0.0137 steps/s
    acc = done = 0
    while done < 400 * CLOCK_HZ:
        taken, _, acc = rig.stepper.append(acc, inc, QUANTUM, 400 * CLOCK_HZ - done)
        done += taken
    rig.run_out()
    assert len(rig.edges) == 5
    assert_exact(rig.edges, 0, [(inc, 400 * CLOCK_HZ, QUANTUM)])


def test_no_drift_over_a_million_steps_at_19997_per_s() -> None:
    rig = rig_for()
    rig.unit.listener = None
    seen: list[int] = []
    rig.unit.listener = lambda edges: seen.extend(edges[-1:])
    inc, acc, end = inc_of(19_997), 0, 0
    while rig.stepper.appended_steps < 1_000_000:
        _, acc = put(rig, acc, inc, 12_345_678)
        end += 12_345_678
    rig.run_out()
    last = rig.stepper.counted()
    assert last >= 1_000_000
    assert seen[-1] - rig.zero - Fraction(last * QUANTUM, inc) == pytest.approx(0.5, abs=0.51)


def test_a_calibration_may_change_between_spans() -> None:
    rig = rig_for()
    spans, acc = [], 0
    for quantum in (QUANTUM, QUANTUM * 11 // 10, QUANTUM * 13 // 12):
        _, acc = put(rig, acc, inc_of(777), 40_000_000, quantum)
        spans.append((inc_of(777), 40_000_000, quantum))
    rig.run_out()
    assert_exact(rig.edges, 0, spans)


@pytest.mark.requirement("SR-12")
def test_the_count_is_exact_after_ten_thousand_cuts_at_random_moments() -> None:
    rig = rig_for()
    chance = random.Random(12)
    total = 0
    for _ in range(10_000):
        rig.open()
        inc = inc_of(chance.choice((0.7, 17.3, 333.3, 7_777, 19_997)))
        rig.stepper.append(chance.randrange(QUANTUM), inc, QUANTUM, chance.randrange(1, 300_000))
        rig.pass_cycles(chance.randrange(350_000))
        before = rig.stepper.counted()
        counted = rig.stepper.cut()
        assert counted == before == rig.stepper.appended_steps
        total = rig.edge_count
        assert total == counted
        rig.pass_us(50_000)
        assert rig.stepper.counted() == counted
    assert total > 30_000


@pytest.mark.requirement("SR-12")
def test_a_stop_and_a_new_start_bring_no_pulse_from_before() -> None:
    rig = rig_for()
    rig.stepper.append(0, inc_of(1_000), QUANTUM, CLOCK_HZ)
    rig.pass_us(100_500)
    counted = rig.stepper.cut()
    rig.open()
    rig.pass_us(1_000_000)
    assert rig.stepper.counted() == counted == 100
    _, steps, _ = rig.stepper.append(0, inc_of(100), QUANTUM, CLOCK_HZ // 10)
    rig.pass_us(200_000)
    assert steps == 10
    assert rig.stepper.counted() == counted + 10


@pytest.mark.requirement("SR-28")
@given(st.integers(0, 120_000_000))
@FEW
def test_the_stop_button_halts_within_a_pulse_and_stays_halted_until_cut(press: int) -> None:
    rig = rig_for()
    rig.stepper.append(0, inc_of(3_333), QUANTUM, CLOCK_HZ)
    rig.pass_cycles(press)
    pressed = rig.chip.now - rig.zero
    rig.chip.drive(STOP_PIN, 0)
    rig.pass_us(100_000)
    rig.chip.drive(STOP_PIN, 1)
    rig.pass_us(2_000_000)
    assert rig.stepper.halted
    assert sum(edge > pressed for edge in rig.edges) <= 1
    assert rig.stepper.append(0, inc_of(10), QUANTUM, CLOCK_HZ)[1] >= 0
    counted = rig.stepper.cut()
    assert counted == len(rig.edges)
    assert not rig.stepper.halted
    assert rig.stepper.starved() == 0


def test_running_dry_is_counted_and_stream_time_goes_on() -> None:
    rig = rig_for()
    inc = inc_of(100)
    rig.stepper.append(0, inc, QUANTUM, CLOCK_HZ)
    rig.pass_us(3_000_000)
    assert rig.stepper.counted() == 100
    rig.stepper.append(0, inc, QUANTUM, CLOCK_HZ)
    assert rig.stepper.starved() == 1
    assert rig.stepper.appended_cycles == pytest.approx(4 * CLOCK_HZ, abs=200)
    rig.pass_us(500_000)
    rig.stepper.append(0, inc, QUANTUM, CLOCK_HZ)
    assert rig.stepper.starved() == 1
    rig.run_out()
    assert rig.stepper.counted() == 300


def test_a_full_queue_takes_what_fits_and_nothing_is_lost() -> None:
    rig = rig_for()
    acc = 0
    taken, steps, acc = rig.stepper.append(acc, inc_of(50_000), QUANTUM, CLOCK_HZ)
    assert taken < CLOCK_HZ
    assert 4_000 < steps < 4_096
    while True:
        few, made, acc = rig.stepper.append(acc, inc_of(50_000), QUANTUM, CLOCK_HZ - taken)
        taken, steps = taken + few, steps + made
        if not few:
            break
    assert steps < 4_096
    more, _ = put(rig, acc, inc_of(50_000), CLOCK_HZ - taken)
    rig.run_out()
    assert rig.stepper.counted() == steps + more
    assert_exact(rig.edges, 0, [(inc_of(50_000), CLOCK_HZ, QUANTUM)])


def test_relief_turns_back_by_the_steps_asked_for_and_is_bounded() -> None:
    rig = StepRig()
    rig.open()
    rig.stepper.append(0, inc_of(1_000), QUANTUM, CLOCK_HZ)
    rig.pass_us(500_000)
    rig.stepper.reverse(200, 125_000)
    assert rig.chip.level(DIR_PIN) == 1
    forward = rig.stepper.counted()
    rig.pass_us(300_000)
    assert rig.stepper.cut() == forward + 200
    assert rig.stepper.reversed_steps == 200
    assert rig.chip.level(DIR_PIN) == 0
    with pytest.raises(ValueError, match="limited"):
        rig.stepper.reverse(100_000, 125_000)
    with pytest.raises(ValueError, match="start/stop"):
        rig.stepper.reverse(100, 1_000)
    assert rig.stepper.counted() == forward + 200


def test_the_motor_is_off_until_something_has_moved() -> None:
    rig = StepRig()
    assert rig.chip.level(ENABLE_PIN) == 1
    rig.open()
    assert rig.chip.level(ENABLE_PIN) == 0
    rig.stepper.cut()
    assert rig.chip.level(ENABLE_PIN) == 1


def test_a_rate_beyond_the_motor_is_refused_with_nothing_queued() -> None:
    rig = rig_for()
    with pytest.raises(ValueError, match="beyond the motor"):
        rig.stepper.append(0, inc_of(500_000), QUANTUM, CLOCK_HZ)
    rig.pass_us(1_000_000)
    assert rig.stepper.cut() == 0


def ramp_rig() -> StepRig:
    rig = StepRig()
    rig.open()
    return rig


def put_ramp(rig: StepRig, hz: int, ms: int, leave_hz: int | None = None) -> int:
    """Append a span as dosing does, telling the rest from the phase; its steps."""
    inc, left, acc, steps = inc_of(hz), ms * 125_000, 0, 0
    leave = None if leave_hz is None else inc_of(leave_hz)
    while left > 0:
        taken, made, after = rig.stepper.append(acc, inc, QUANTUM, left, leave)
        left -= (after - acc + made * QUANTUM) // inc
        acc, steps = after, steps + made
        if not taken:
            rig.pass_us(10_000)
    return steps


@given(st.integers(10_000, 40_000), st.integers(300, 1_500))
@settings(max_examples=8, deadline=None)
def test_ramps_lose_and_add_no_step_and_never_jump_beyond_the_start_rate(hz: int, ms: int) -> None:
    rig = ramp_rig()
    steps = put_ramp(rig, hz, ms, 0)
    rig.run_out()
    assert steps == rig.stepper.counted() == inc_of(hz) * ms * 125_000 // QUANTUM
    edges = rig.edges
    start = rig.stepper._setup.start_hz
    gain = rig.stepper._setup.accel_hz_per_s // 500
    rates = [CLOCK_HZ / (b - a) for a, b in pairwise(edges)]
    assert rates[0] <= start * 1.01
    assert rates[-1] <= start + gain
    assert max(abs(b - a) for a, b in pairwise(rates)) <= gain * 1.05
    assert max(rates) <= hz * 1.02
    assert rig.stepper.starved() == 0


def test_a_slower_span_after_a_fast_one_is_reached_by_a_ramp() -> None:
    rig = ramp_rig()
    total = put_ramp(rig, 30_000, 800) + put_ramp(rig, 12_000, 800, 0)
    rig.run_out()
    assert rig.stepper.counted() == total == len(rig.edges)
    rates = [CLOCK_HZ / (b - a) for a, b in pairwise(rig.edges)]
    gain = rig.stepper._setup.accel_hz_per_s // 500
    assert max(abs(b - a) for a, b in pairwise(rates)) <= gain * 1.05


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
    start, gain = rig.stepper._setup.start_hz, rig.stepper._setup.accel_hz_per_s // 500
    assert rates[-1] <= start + gain
    assert max(abs(b - a) for a, b in pairwise(rates)) <= 2.1 * gain
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
    ],
)
def test_a_configuration_that_cannot_work_is_refused_with_the_reason_motor_off(
    changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        StepRig(chosen(**changes))


def test_a_28byj48_turn_is_a_ratio_of_integers() -> None:
    setup = chosen(driver="uln2003", motor="28byj48", microsteps=2, max_steps_per_s=1_000).setup()
    assert Fraction(setup.steps_num, setup.steps_den) == Fraction(40_757_728, 10_000)
