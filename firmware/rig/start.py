"""From power-on to the running loop, and every way out of it.

Owns: the order of the start, the maintenance mode, the motor being off in every exit.
Rules: no watchdog in maintenance, so that files can be changed; an error at start leaves the motor off and
says why.
Units: none.
Leaves: the boot from the log to rig.py, the peripherals to board.py.
"""

import gc

from rig import lend
from rig.board import config, sysclock
from rig.step.stepper import Stepper

WHOLE_BYTES = 24_576
TIDY_BYTES = 16_384


def run():
    """Run the rig until it is reset, or return to the prompt for maintenance."""
    sysclock.settle()
    stepper = Stepper(config)  # first: its ring needs 16 kB in one piece, which a used heap may not have
    try:
        rig = _build(stepper)
        if rig is None:
            return
        rig.board.start_watchdog()
        while True:
            try:
                due_us = rig.tick()
            except Exception as error:
                rig.fail(error)
            rig.board.idle_until(due_us, rig.clock)
    finally:
        stepper.cut()


def _build(stepper):
    """The booted rig, or None for maintenance.

    Loading modules leaves the heap in small pieces. A block held meanwhile keeps the rest of it whole, and garbage is
    collected often, so that what stays lies close together: a module on loan needs some kB in one piece.
    """
    gc.collect()
    gc.threshold(TIDY_BYTES)
    whole = bytearray(WHOLE_BYTES)
    from rig.board.board import Board

    visit = lend.Visit()
    with visit:
        board = Board(stepper)
    if board.stop_held():
        print("pumprig: maintenance: the stop button was held; the motor is off")
        return None
    from rig.line.link import Stdio
    from rig.rig import Rig

    del whole  # given back in one piece
    gc.collect()
    with visit:  # what only the boot needs is forgotten with its end
        rig = Rig(board, Stdio(), config)
        boots = rig.boot()
    if not boots:
        print("pumprig: maintenance: reset to run again; the motor is off")
        return None
    for name in ("Setup", "PINS"):
        delattr(config, name)  # with them go the tables of drivers and pins
    lend.give_back()
    gc.collect()
    gc.threshold(-1)
    return rig
