"""The one place where driver, motor and rates are chosen.

Owns: the choice, and what follows from it.
Rules: what cannot work is refused when this is checked at start, with the reason, and the motor stays off.
Callers: start.py hands it to Stepper and Rig; the simulator reads the same figures.
Units: microsteps per full step, steps/s, ns, ms.
Leaves: what a driver or motor can do to drivers.py, pin numbers to pins.py.
"""

from rig.board.drivers import Setup
from rig.board.pins import PINS

DRIVER = "tmc2209"  # one of drivers.DRIVERS
MOTOR = "nema17"  # one of drivers.MOTORS
MICROSTEPS = 16
HIGHEST_STEPS_PER_S = 40_000  # of priming, the fastest motion there is
THERAPY_STEPS_PER_S = 8_000  # of any other delivery: below the start/stop rate, so that it needs no ramps
PULSE_NS = 2_000  # a step pulse's high time: long enough for every driver of the table
JOURNAL = "flash"  # or "fram": a 128 kB FRAM on the I2C bus, in the place of the chip's flash
HOLD_STOPPED = True  # keep the coils on while stopped: the tube's pressure could turn a free rotor back
LIT_MS = 0  # coil drivers: a slow step's current goes off after so long; 0: it stays on
SELF_HOLDING = False  # True where the tube's pressure cannot turn the pump back without current: a gear, say
RELIEF_STEPS = 1_600  # of pressure relief, at most: half a revolution


def setup():
    """The Setup of the choice above; ValueError with the reason where it cannot work."""
    pins = [(row[0], row[1]) for row in PINS]
    return Setup(DRIVER, MOTOR, MICROSTEPS, HIGHEST_STEPS_PER_S, PULSE_NS, pins, LIT_MS, SELF_HOLDING)


_chosen = setup()
steps_num = _chosen.steps_num
steps_den = _chosen.steps_den
max_steps_per_s = THERAPY_STEPS_PER_S
prime_steps_per_s = HIGHEST_STEPS_PER_S
del _chosen
