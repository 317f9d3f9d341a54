"""Power on: build the rig, boot it from its log, run its loop; the motor is off in every exit."""

import micropython

micropython.kbd_intr(
    -1
)  # before anything is imported: a Ctrl-C on the line must not leave the rig at its prompt
try:
    from rig.start import run

    run()
finally:
    micropython.kbd_intr(3)
