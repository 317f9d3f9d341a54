"""Runs the firmware's own PIO programs on rp2040-pio-emulator, and says what left the pins.

Owns: the assembled programs and how each machine is configured.
Rules: asserts nothing itself; a run ends when the machine waits for a word that is not there, is halted, or at a limit.
Units: cycles of 8 ns.
Leaves: what ought to happen to rigsim.stepmodel.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from pioemu import ShiftRegister, State, emulate
from rigsim import shims

shims.install()

from rig.board import cycles_pio  # noqa: E402
from rig.step import coil_pio, pio  # noqa: E402

STEP_PIN, STOP_PIN = 2, 10
PROGRAMS = {
    program.name: program
    for program in (pio.step, pio.count, coil_pio.coils, coil_pio.coils_dark, cycles_pio.cycles)
}
HALT_AT = pio.HALT_AT


def run_step(
    words: list[int], high_cycles: int, stop_pressed_from: int | None = None, limit: int = 10_000_000
) -> tuple[list[int], State]:
    """(cycles of the rising edges, last state) of `step` fed with these words."""
    program = PROGRAMS["step"]

    def pins(state: State) -> int:
        # the synchroniser shows a level two cycles late
        pressed = stop_pressed_from is not None and state.clock >= stop_pressed_from + 2
        return 0 if pressed else 1 << STOP_PIN

    def over(_opcode: int, state: State) -> bool:
        starved = state.program_counter == 0 and not state.transmit_fifo
        return starved or state.program_counter == HALT_AT or state.clock > limit

    start = State(
        transmit_fifo=deque(words),
        input_shift_register=ShiftRegister(high_cycles - 2, 0),
        pin_directions=1 << STEP_PIN,
    )
    edges: list[int] = []
    last = start
    for before, after in _run(program, over, start, pins, side_set_base=STEP_PIN, jmp_pin=STOP_PIN):
        if after.pin_values >> STEP_PIN & 1 and not before.pin_values >> STEP_PIN & 1:
            edges.append(before.clock)
        last = after
    return edges, last


def run_follower(
    name: str, level: Callable[[int], int], cycles: int, **start: Any
) -> Iterator[tuple[State, State]]:
    """Steps of a program that follows the marker, which has level(cycle)."""
    program = PROGRAMS[name]

    def pins(state: State) -> int:
        return level(state.clock - 2) if state.clock >= 2 else 0

    def over(_opcode: int, state: State) -> bool:
        return state.clock >= cycles

    return _run(program, over, State(**start), pins, out_base=6, out_count=4, jmp_pin=0)


def _run(
    program: Any,
    over: Callable[[int, State], bool],
    start: State,
    pins: Callable[[State], int],
    **options: Any,
) -> Iterator[tuple[State, State]]:
    return emulate(
        program.words,
        stop_when=over,
        initial_state=start,
        input_source=pins,
        side_set_count=program.side_count,
        wrap_target=program.wrap_target,
        wrap_top=program.wrap_top,
        **options,
    )
