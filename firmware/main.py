"""Power on: build the rig, boot it from its log, run its loop; the motor is off in every exit."""

import micropython
from rig.start import run

micropython.kbd_intr(-1)  # a Ctrl-C on the line must not leave pulses running
try:
    run()
finally:
    micropython.kbd_intr(3)
