"""From power-on to the running loop, and every way out of it.

Owns: the order of the start, the maintenance mode, the motor being off in every exit.
Rules: no watchdog in maintenance, so that files can be changed; an error at start leaves the motor off and
says why.
Units: none.
Leaves: the boot from the log to rig.py, the peripherals to board.py.
"""

import gc

from rig import lend

ROOM_BYTES = 40_960
BOOT_BYTES = 195_800  # what a boot with a program takes beside the room; a Pico W's heap has little more
# needed by the start alone
ONCE = ("rig.board.drivers", "rig.board.pins", "rig.board.sysclock", "rig.board.cycles_pio")
TIDY_BYTES = 32_768  # garbage is collected so often while modules are loaded


def run():
    """Run the rig until it is reset, or return to the prompt for maintenance.

    The room to work in is kept free at the heap's begin. After each collection MicroPython looks for room from there
    on: behind all that lives, each text and tuple would cost 0.4 ms. Where the heap is too small for room and boot, the
    boot comes first.
    """
    gc.collect()
    room = bytearray(max(0, min(ROOM_BYTES, gc.mem_free() - BOOT_BYTES)))
    gc.threshold(TIDY_BYTES)
    from rig.board import config
    from rig.step.stepper import Stepper

    _settle_clock()
    stepper = Stepper(config)  # first: its ring needs 16 kB in one piece, which a used heap may not have
    try:
        rig = _build(stepper)
        if rig is None:
            return
        del room
        gc.collect()
        gc.threshold(-1)  # from here on the loop collects
        rig.board.start_watchdog()
        while True:
            try:
                due_us = rig.tick()
            except Exception as error:
                rig.fail(error)
            rig.board.idle_until(due_us, rig.clock)
    finally:
        stepper.cut()


def _settle_clock():
    from rig.board import sysclock

    sysclock.settle()


def _build(stepper):
    """The booted rig, or None for maintenance.

    Loading modules leaves the heap in small pieces, so garbage is collected often, and what stays lies close together:
    a module on loan needs some kB in one piece.
    """
    from rig.board import config
    from rig.board.board import Board

    visit = lend.Visit()
    with visit:
        board = Board(stepper)
    if board.stop_held():
        print("pumprig: maintenance: the stop button was held; the motor is off")
        return None
    for name in ("drivers", "Setup", "PINS", "setup"):
        delattr(config, name)
    lend.forget(ONCE)
    from rig.line.link import Stdio
    from rig.rig import Rig

    gc.collect()
    with visit:  # what only the boot needs is forgotten with its end
        rig = Rig(board, Stdio(), config)
        boots = rig.boot()
    if not boots:
        print("pumprig: maintenance: reset to run again; the motor is off")
        return None
    lend.give_back()
    for owner in (rig, rig.board, stepper, rig.monitor, rig.session):
        lend.forget_makers(owner)
    return rig
