"""The coils program brings out the library's own sequences, one pattern a pulse."""

from __future__ import annotations

import pio_machine
import pytest
from pioemu import ShiftRegister
from rig import step_coils
from step_rig import StepRig, chosen

COILS = (6, 7, 8, 9)


def patterns_of(sequence: list[int], phase: int, pulses: int) -> list[int]:
    """What the four coil pins show after each of so many pulses of the marker."""
    period, high = 120, 40
    word = step_coils.pack(sequence, phase)
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
    sequence = step_coils.record(microsteps, backwards)
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
        for pattern in step_coils.record(microsteps, backwards=False):
            motor.onestep(style=style)
            assert pattern == sum(int(bool(pin.value)) << bit for bit, pin in enumerate(pins))


@pytest.mark.parametrize("microsteps", [1, 2])
def test_one_sequence_is_the_other_backwards(microsteps: int) -> None:
    forward = step_coils.record(microsteps, backwards=False)
    backward = step_coils.record(microsteps, backwards=True)
    start = backward.index(forward[-1])
    assert [backward[(start + k) % 8] for k in range(8)] == [forward[7 - k] for k in range(8)]


def test_neighbouring_half_steps_differ_in_one_coil() -> None:
    sequence = step_coils.record(2, backwards=False)
    assert all((sequence[k] ^ sequence[k - 1]).bit_count() == 1 for k in range(8))


def test_the_same_engine_drives_coils_and_a_turn_goes_on_from_the_shown_pattern() -> None:
    rig = StepRig(chosen(driver="uln2003", motor="28byj48", microsteps=2, max_steps_per_s=1_000))
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
        StepRig(chosen(driver="uln2003", motor="28byj48", microsteps=2, max_steps_per_s=1_000))
