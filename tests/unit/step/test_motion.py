"""The arithmetic of instants and ramps."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st
from rig.step.motion import STAIR_CYCLES, Ramp, inc_of_hz, step_cycle, steps_within
from step_rig import CLOCK_HZ  # also puts the firmware's modules in place

QUANTUM = st.integers(1, 1 << 90)
UNIT = st.integers(0, 1 << 30)


@given(QUANTUM, st.integers(1, 1 << 60), UNIT, st.integers(1, 1 << 20))
def test_a_step_falls_on_the_first_cycle_at_or_after_its_rational_instant(
    quantum: int, inc: int, part: int, step: int
) -> None:
    acc = quantum * part >> 30
    assert step_cycle(acc, inc, quantum, step) == ceil(Fraction(step * quantum - acc, inc))


@given(QUANTUM, st.integers(1, 1 << 60), UNIT, st.integers(0, 1 << 34))
def test_the_steps_of_a_span_are_those_whose_instant_lies_in_it(
    quantum: int, inc: int, part: int, cycles: int
) -> None:
    acc = quantum * part >> 30
    steps = steps_within(acc, inc, quantum, cycles)
    assert steps == floor(Fraction(acc + inc * cycles, quantum))
    assert not steps or step_cycle(acc, inc, quantum, steps) <= cycles
    assert step_cycle(acc, inc, quantum, steps + 1) > cycles


@given(
    st.integers(100, 20_000),
    st.integers(1_000, 2_000_000),
    st.integers(0, 100_000),
    st.integers(1, 100_000),
    st.integers(0, 100_000),
    st.integers(1, 5_000),
    st.integers(10**6, 1 << 60),
)
def test_a_ramp_uses_up_the_span_exactly_and_never_jumps(
    start_hz: int, accel: int, now_hz: int, hz: int, leave_hz: int, span_ms: int, scale: int
) -> None:
    quantum = scale * CLOCK_HZ
    ramp = Ramp(start_hz, accel)
    now, inc, leave = (inc_of_hz(value, quantum) for value in (now_hz, hz, min(leave_hz, hz)))
    start, stair = inc_of_hz(start_hz, quantum), inc_of_hz(ramp.stair_hz, quantum)
    left = volume = inc * span_ms * CLOCK_HZ // 1000
    done = 0
    for _ in range(100_000):
        flow, cycles = ramp.next_piece(now, inc, leave, quantum, left)
        if not cycles:
            break
        assert abs(flow - now) <= stair or max(flow, now) <= start
        assert flow <= max(inc, now)
        done += flow * cycles
        left -= flow * cycles
        now = flow
    assert done + left == volume
    assert 0 <= left < max(flow, 1)
    assert STAIR_CYCLES * 250 == CLOCK_HZ


@given(st.integers(100, 20_000), st.integers(20_001, 100_000), st.integers(50_000, 2_000_000))
def test_a_ramp_with_room_for_it_leaves_at_the_rate_asked_for(start_hz: int, hz: int, accel: int) -> None:
    quantum = CLOCK_HZ << 40
    ramp = Ramp(start_hz, accel)
    inc, start = inc_of_hz(hz, quantum), inc_of_hz(start_hz, quantum)
    now, top = 0, 0
    left = inc * 5 * CLOCK_HZ
    while True:
        flow, cycles = ramp.next_piece(now, inc, 0, quantum, left)
        if not cycles:
            break
        top = max(top, flow)
        left -= flow * cycles
        now = flow
    assert now <= start
    if hz * hz < accel * 5 * hz // 2:
        assert top == inc
