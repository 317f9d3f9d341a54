"""The system clock that times the steps: set, read back and measured at power-on.

Owns: the one frequency that every PIO cycle of the firmware stands for, and the proof that the chip runs at it.
Rules: what a script or another MicroPython left in machine.freq does not count; the measurement rests on the
microsecond timer, which runs from the crystal whatever the system clock is; a clock that is not right is a failure
of the self test, and the motor stays off.
Units: Hz, microseconds.
Leaves: the instructions to cycles_pio.py, what a cycle is used for to step/.
"""

import time

import machine
import rp2
from pumpwire.terms import STEP_CLOCK_HZ, STEP_CLOCK_OFF_PPM

from rig.board.cycles_pio import cycles

MEASURE_US = 10_000
TRIES = 3  # an interrupt within the measurement makes it wrong once
BLOCK = 1  # the second of PIO, which the step engine leaves alone
MACHINES = (7, 6, 5, 4)  # of it; on a W board the radio may have one
_ZERO = rp2.asm_pio_encode("set(x, 0)", 0)
_COPY = rp2.asm_pio_encode("mov(isr, x)", 0)
_PUSH = rp2.asm_pio_encode("push(noblock)", 0)


def settle():
    """Set the clock. A chip that refuses shows when it is measured."""
    try:
        machine.freq(STEP_CLOCK_HZ)
    except ValueError:
        pass


def measured_hz():
    """Cycles of a state machine a second of the timer, nearest to what is wanted of three tries; 0: not measured."""
    counter = _free_machine()
    if counter is None:
        return 0
    counter.exec(_ZERO)
    counter.active(1)
    best_hz = 0
    for _ in range(TRIES):
        hz = _measure(counter)
        if abs(hz - STEP_CLOCK_HZ) < abs(best_hz - STEP_CLOCK_HZ):
            best_hz = hz
        if is_right(best_hz):
            break
    counter.active(0)
    rp2.PIO(BLOCK).remove_program(cycles)
    return best_hz


def _free_machine():
    for number in MACHINES:
        try:
            return rp2.StateMachine(number, cycles)
        except (OSError, ValueError):
            pass
    return None


def _measure(counter):
    begin_us = time.ticks_us()
    first = _count(counter)
    time.sleep_us(MEASURE_US)
    end_us = time.ticks_us()
    last = _count(counter)
    return ((first - last) & 0xFFFFFFFF) * 1_000_000 // time.ticks_diff(end_us, begin_us)


def _count(counter):
    counter.exec(_COPY)
    counter.exec(_PUSH)
    return counter.get() & 0xFFFFFFFF


def is_right(hz):
    """Whether the chip says that it runs at the clock, and was measured to."""
    off_hz = abs(hz - STEP_CLOCK_HZ)
    return machine.freq() == STEP_CLOCK_HZ and off_hz * 1_000_000 <= STEP_CLOCK_OFF_PPM * STEP_CLOCK_HZ
