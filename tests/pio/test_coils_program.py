"""The coils program brings out the library's own sequences, one pattern a pulse."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise

import pio_machine
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pioemu import ShiftRegister
from rig.step import coils
from step_rig import CLOCK_HZ, StepRig, inc_of, put, small_motor

COILS = (6, 7, 8, 9)


HIGH = 40  # cycles of the marker's pulse in these tests


def shown_by(name: str, edges: list[int], end: int, lit_loops: int = 0) -> list[tuple[int, int]]:
    """(cycle, pattern) of each change of the coils behind a marker that rises at `edges`."""
    word = coils.pack(coils.record(2, backwards=False), 0)
    high = {cycle for edge in edges for cycle in range(edge, edge + HIGH)}
    runs = pio_machine.run_follower(
        name,
        lambda cycle: int(cycle in high),
        end,
        y_register=word,
        output_shift_register=ShiftRegister(word, 0),
        input_shift_register=ShiftRegister(lit_loops, 0),
        pin_directions=0b1111 << COILS[0],
    )
    changes: list[tuple[int, int]] = []
    for before, after in runs:
        pattern = after.pin_values >> COILS[0] & 0b1111
        if pattern != (changes[-1][1] if changes else 0):
            changes.append((before.clock, pattern))
    return changes


def patterns_of(sequence: list[int], phase: int, pulses: int) -> list[int]:
    """What the four coil pins show after each of so many pulses of the marker."""
    period, high = 120, 40
    word = coils.pack(sequence, phase)
    shown: list[int] = []
    runs = pio_machine.run_follower(
        "coils",
        lambda cycle: int(cycle % period >= period - high),
        period * pulses + 30,
        y_register=word,
        output_shift_register=ShiftRegister(word, 0),
        pin_directions=0b1111 << COILS[0],
    )
    for _before, after in runs:
        if after.clock % period == 20 and after.clock > period:
            shown.append(after.pin_values >> COILS[0] & 0b1111)
    return shown


@pytest.mark.parametrize("microsteps", [1, 2])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("phase", [0, 3])
def test_each_pulse_brings_the_next_pattern_of_the_library(
    microsteps: int, backwards: bool, phase: int
) -> None:
    sequence = coils.record(microsteps, backwards)
    shown = patterns_of(sequence, phase, 20)
    assert shown == [sequence[(phase + k) % 8] for k in range(len(shown))]
    assert len(shown) == 20


def test_the_sequences_are_those_of_adafruit_motor() -> None:
    from adafruit_motor import stepper as library

    class Pin:
        value = False

    a1, b1, a2, b2 = pins = [Pin() for _ in range(4)]
    motor = library.StepperMotor(a1, a2, b1, b2, microsteps=None)
    for microsteps, style in ((1, library.DOUBLE), (2, library.INTERLEAVE)):
        motor._current_microstep = 0
        for pattern in coils.record(microsteps, backwards=False):
            motor.onestep(style=style)
            assert pattern == sum(int(bool(pin.value)) << bit for bit, pin in enumerate(pins))


@given(st.lists(st.integers(80, 3_000), min_size=1, max_size=30), st.integers(30, 900))
@example([80, 80, 102], 30)  # the marker rises in the cycle in which the time is over
@settings(max_examples=40, deadline=None)
def test_slow_steps_leave_the_coils_dark_and_every_step_lights_its_pattern_when_it_comes(
    gaps: list[int], lit_loops: int
) -> None:
    edges = list(accumulate(gaps))
    end = edges[-1] + 3_000
    always = shown_by("coils", edges, end)
    dark = shown_by("coils_dark", edges, end, lit_loops)
    steps = [row for row in dark if row[1]]
    assert [pattern for _, pattern in steps] == [pattern for _, pattern in always]
    assert all(0 <= at - as_always <= 2 for (at, _), (as_always, _) in zip(steps, always, strict=True))
    lit_cycles = HIGH + 2 * lit_loops
    due = [edge for edge, after in pairwise([*edges, end]) if after - edge > lit_cycles + 10]
    nearly = [edge for edge, after in pairwise([*edges, end]) if after - edge > lit_cycles]
    offs = [at for at, pattern in dark if not pattern]
    assert len(due) <= len(offs) <= len(nearly)
    assert all(any(0 <= at - edge - lit_cycles <= 10 for edge in nearly) for at in offs)


def test_no_edge_of_the_marker_moves_when_the_current_goes_off_between_steps() -> None:
    seen = []
    for changes in ({}, {"lit_ms": 20, "self_holding": True}):
        rig = StepRig(small_motor(**changes))
        rig.open()
        acc = 0
        for rate in (Fraction(3, 10), 900, Fraction(7, 3)):
            _, acc = put(rig, acc, inc_of(rate), 4 * CLOCK_HZ)
        rig.run_out()
        seen.append(rig.edges)
    assert seen[0] == seen[1]
    assert len(seen[0]) > 3_600


def test_a_stop_brings_the_current_back_where_the_motor_is_held_while_stopped() -> None:
    for held in (True, False):
        made = small_motor(lit_ms=20, self_holding=True)
        made.HOLD_STOPPED = held
        rig = StepRig(made)
        rig.open()
        put(rig, 0, inc_of(2), 4 * CLOCK_HZ)
        rig.pass_us(2_250_000)
        assert rig.stepper.cut() == 4
        shown = rig.chip.peripherals["machines"][2].pattern
        assert shown == (coils.record(2, backwards=False)[3] if held else 0)


@pytest.mark.parametrize("microsteps", [1, 2])
def test_one_sequence_is_the_other_backwards(microsteps: int) -> None:
    forward = coils.record(microsteps, backwards=False)
    backward = coils.record(microsteps, backwards=True)
    start = backward.index(forward[-1])
    assert [backward[(start + k) % 8] for k in range(8)] == [forward[7 - k] for k in range(8)]


def test_neighbouring_half_steps_differ_in_one_coil() -> None:
    sequence = coils.record(2, backwards=False)
    assert all((sequence[k] ^ sequence[k - 1]).bit_count() == 1 for k in range(8))


def test_the_same_engine_drives_coils_and_a_turn_goes_on_from_the_shown_pattern() -> None:
    rig = StepRig(small_motor())
    rig.open()
    rig.stepper.append(0, 1, 1_250_000, 13 * 1_250_000)
    rig.run_out()
    assert rig.stepper.cut() == 13
    coils = rig.stepper._coils
    shown = coils._sequence[coils._next(13) - 1]
    assert shown == coils._forward[12 % 8]
    rig.stepper.reverse(5, 1_250_000)
    rig.pass_us(100_000)
    assert rig.stepper.cut() == 18
    assert rig.stepper.reversed_steps == 5
    assert coils._sequence[coils._next(18) - 1] == coils._forward[(12 - 5) % 8]


def test_coils_without_the_library_are_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "adafruit_motor", None)
    with pytest.raises(ValueError, match="adafruit_motor, which is missing"):
        StepRig(small_motor())
