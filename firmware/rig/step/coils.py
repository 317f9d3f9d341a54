"""Coil drivers: the sequence comes from adafruit_motor, its place in time from the marker that the step machine makes.

Owns: the third state machine and the coil pins; the recorded sequences.
Rules: patterns are those of StepperMotor.onestep(), not ours; direction changes only while no pulse can come; the
phase follows the counted steps, so that no pattern is skipped.
Units: patterns of 4 bits, bit 0 is coil A+ (the first pin).
Leaves: when to stepper.py, instructions to coil_pio.py; what the marker cannot see (a driver that lost its
supply) to the encoder.
"""

import machine
import rp2

from rig.board.pins import gpio
from rig.step.coil_pio import coils, coils_dark

_PINS = ("coil_a1", "coil_b1", "coil_a2", "coil_b2")
_TAKE = rp2.asm_pio_encode("pull(noblock)", 0)
_KEEP_LIT = rp2.asm_pio_encode("mov(isr, osr)", 0)
_KEEP = rp2.asm_pio_encode("mov(y, osr)", 0)
_SHOW = rp2.asm_pio_encode("mov(pins, osr)", 0)
_DARK = rp2.asm_pio_encode("mov(pins, null)", 0)
_LOOPS_A_MS = 62_500  # of coils_dark


class _RecordingPin:
    """What StepperMotor takes for a digital output."""

    def __init__(self):
        self.value = False

    def switch_to_output(self, value=False):
        """The library makes its pins outputs."""
        self.value = value


def record(microsteps, backwards):
    """Eight patterns as adafruit_motor.stepper makes them: full steps (coils in pairs) or half steps (interleaved).

    ValueError where the library is missing.
    """
    try:
        from adafruit_motor import stepper as library
    except ImportError:
        raise ValueError("the coils driver needs the library adafruit_motor, which is missing") from None
    pins = [_RecordingPin() for _ in range(4)]
    # the library's order is a1, a2, b1, b2
    motor = library.StepperMotor(pins[0], pins[2], pins[1], pins[3], microsteps=None)
    style = library.DOUBLE if microsteps == 1 else library.INTERLEAVE
    direction = library.BACKWARD if backwards else library.FORWARD
    patterns = []
    for _ in range(8):
        motor.onestep(direction=direction, style=style)
        patterns.append(sum([1 << bit for bit in range(4) if pins[bit].value]))
    return patterns


def pack(patterns, phase):
    """The turn as a word that begins with pattern number `phase`: the lowest four bits come out first."""
    word = 0
    for index in range(8):
        word |= patterns[(phase + index) % 8] << 4 * index
    return word


class Coils:
    """The coil machine behind marker pin `marker`. lit_ms: how long a step leaves the current on, 0: for good."""

    def __init__(self, machine_id, marker, microsteps, lit_ms):
        self._forward = record(microsteps, False)
        self._backward = record(microsteps, True)
        program = coils_dark if lit_ms else coils
        self.length = len(program[0])
        self._lit_loops = lit_ms * _LOOPS_A_MS
        first = gpio(_PINS[0])
        for offset in range(4):
            if gpio(_PINS[offset]) != first + offset:
                raise ValueError("the coil pins have to be four in a row")
        self._machine = rp2.StateMachine(
            machine_id, program, in_base=marker, out_base=machine.Pin(first), jmp_pin=marker
        )
        self._sequence = self._forward
        self._phase = 0  # number of the next pattern at _since counted steps
        self._since = 0
        self._load(False)

    def turn(self, backwards, counted):
        """Go on from the present pattern in the other direction; only while no pulse can come."""
        shown = self._sequence[self._next(counted) - 1]
        self._sequence = self._backward if backwards else self._forward
        self._phase = (self._sequence.index(shown) + 1) % 8
        self._since = counted
        self._load(True)

    def hold(self, on, counted):
        """Show the present pattern, or switch the coils off; on only while no pulse can come."""
        if on:
            self._phase = self._next(counted)
            self._since = counted
            self._load(True)
        else:
            self._machine.exec(_DARK)

    def _next(self, counted):
        return (self._phase + counted - self._since) % 8

    def _load(self, show):
        """Restart the machine so that the next pulse brings pattern _phase; show the one before it."""
        sm = self._machine
        sm.active(0)
        sm.restart()
        for _ in range(4):
            sm.exec(_TAKE)
        sm.put(self._lit_loops)
        sm.exec(_TAKE)
        sm.exec(_KEEP_LIT)
        if show:
            sm.put(self._sequence[self._phase - 1])
            sm.exec(_TAKE)
            sm.exec(_SHOW)
        sm.put(pack(self._sequence, self._phase))
        sm.exec(_TAKE)
        sm.exec(_KEEP)
        sm.active(1)
