"""The step and count programs against the golden model, cycle by cycle."""

from __future__ import annotations

import pio_machine
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rigsim.stepmodel import Block, edges, edges_until_press

WORDS = st.lists(
    st.tuples(st.integers(0, 300), st.booleans()).map(lambda pair: pair[0] << 1 | pair[1]),
    min_size=1,
    max_size=16,
)
HIGH = st.integers(2, 250)
FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(WORDS, HIGH)
def test_every_edge_is_where_the_model_says(words: list[int], high: int) -> None:
    seen, last = pio_machine.run_step(words, high)
    assert seen == edges(words, high)
    assert last.clock == Block(words, high, 0).end


@FEW
@given(WORDS, HIGH, st.integers(0, 9_000))
@pytest.mark.requirement("SR-12")
@pytest.mark.requirement("SR-28")
def test_the_stop_button_ends_pulses_within_one(words: list[int], high: int, press: int) -> None:
    seen, last = pio_machine.run_step(words, high, stop_pressed_from=press)
    assert seen == edges_until_press(words, high, 0, press)
    assert sum(edge > press for edge in seen) <= 1
    if last.program_counter == pio_machine.HALT_AT:
        assert not last.pin_values >> pio_machine.STEP_PIN & 1


def test_a_pulse_that_has_begun_when_the_button_goes_down_is_completed() -> None:
    words = [100 << 1 | 1, 100 << 1 | 1]
    first = edges(words, 250)[0]
    seen, last = pio_machine.run_step(words, 250, stop_pressed_from=first)
    assert seen == [first]
    assert last.program_counter == pio_machine.HALT_AT
    assert last.clock >= first + 250


@FEW
@given(st.lists(st.tuples(st.integers(4, 60), st.integers(4, 60)), min_size=1, max_size=30))
@pytest.mark.requirement("SR-34")
def test_the_counter_counts_every_pulse_of_four_cycles_or_more(pulses: list[tuple[int, int]]) -> None:
    levels = [0] * 8
    for high, low in pulses:
        levels += [1] * high + [0] * low
    last = None
    for _before, after in pio_machine.run_follower(
        "count", lambda cycle: levels[cycle] if cycle < len(levels) else 0, len(levels) + 8
    ):
        last = after
    assert last is not None
    assert -last.x_register & 0xFFFFFFFF == len(pulses)


def test_all_programs_fit_one_pio_block() -> None:
    assert sum(len(program.words) for program in pio_machine.PROGRAMS.values()) <= 32


def test_the_clock_s_counter_goes_down_by_one_at_every_cycle_past_zero() -> None:
    seen: list[int] = []
    for _before, after in pio_machine.run_follower("cycles", lambda _cycle: 0, 40, x_register=20):
        seen.append(after.x_register & 0xFFFFFFFF)
    assert seen == [(20 - cycle) & 0xFFFFFFFF for cycle in range(1, len(seen) + 1)]
    assert len(seen) >= 39
