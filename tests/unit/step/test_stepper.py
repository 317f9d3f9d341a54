"""The step engine on the simulated chip: instants, counts, stops."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from step_rig import CLOCK_HZ, DIR_PIN, ENABLE_PIN, QUANTUM, STOP_PIN, StepRig, inc_of, put, rig_for

FEW = settings(max_examples=25, deadline=None)


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


@pytest.mark.parametrize("more", range(1, 14))
def test_a_step_just_after_a_span_s_end_is_as_exact_as_any(more: int) -> None:
    """The wait that ends a span has kept the pin low: the step after it owes the driver no low time once more."""
    rig = rig_for()
    inc = inc_of(19_421)
    third = -(-3 * QUANTUM // inc)
    _, acc = put(rig, 0, inc, third - more)
    put(rig, acc, inc, more)
    rig.run_out()
    assert_exact(rig.edges, 0, [(inc, third, QUANTUM)])


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
    put(rig, 0, inc_of(3_333), CLOCK_HZ)
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
    acc = taken = steps = 0
    while True:
        few, made, acc = rig.stepper.append(acc, inc_of(50_000), QUANTUM, CLOCK_HZ - taken)
        taken, steps = taken + few, steps + made
        assert made <= 1_400, "a tick's share, whatever room there is"
        if not few:
            break
    assert taken < CLOCK_HZ
    assert 4_000 < steps < 4_096
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
