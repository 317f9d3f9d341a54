"""The one place where driver, motor and rates are chosen.

Owns: the choice, and what follows from it.
Rules: all of it is checked at start; what cannot work is refused with the reason, and the motor stays off.
Units: microsteps per full step, steps/s, ns, ms.
Leaves: what a driver or motor can do to drivers.py, pin numbers to pins.py.
"""

from rig.board import drivers
from rig.board.drivers import Setup
from rig.board.pins import PINS

DRIVER = "tmc2209"  # one of drivers.DRIVERS
MOTOR = "nema17"  # one of drivers.MOTORS
MICROSTEPS = 16
HIGHEST_STEPS_PER_S = (
    12_800  # of priming, the fastest motion there is: 4 turns/s, four times the load's torque
)
THERAPY_STEPS_PER_S = 8_000  # of any other delivery: below the start/stop rate, so that it needs no ramps
PULSE_NS = 2_000  # a step pulse's high time: long enough for every driver of the table
# a TMC2209 by its wire, else (None) by its pins and trimmer: (mA of a coil rms, % of it at a standstill, "stealth" or
# "spread", stall guard 0 to 255, mohm of the sense resistors), as (140, 50, "stealth", 0, 110)
UART = None
JOURNAL = "flash"  # or "fram": an FRAM on the I2C bus, in the place of the chip's flash
FRAM_KIB = 32  # of that FRAM, as its data sheet says: 32, 64 or 128
HOLD_STOPPED = True  # keep the coils on while stopped: a free rotor falls into the next full step
LIT_MS = 0  # coil drivers: a slow step's current goes off after so long; 0: it stays on
SELF_HOLDING = False  # True where the tube's pressure cannot turn the pump back without current: a gear, say
BUZZER_HZ = 4_000  # the buzzer's resonance; the lower tones are its odd parts, so that it sounds in each
PRESSURE_PA = 172_369  # the pressure sensor's range, absolute: 25 psi; 250_000 for one of 2.5 bar
RELIEF_HALVES = 1  # of pressure relief, at most so many half revolutions


def setup():
    """The Setup of the choice above; ValueError with the reason where it cannot work."""
    pins = [(row[0], row[1]) for row in PINS]
    made = Setup(DRIVER, MOTOR, MICROSTEPS, HIGHEST_STEPS_PER_S, PULSE_NS, pins, LIT_MS, SELF_HOLDING)
    drivers.check_torque(MOTOR, MICROSTEPS, HIGHEST_STEPS_PER_S)
    if not 1 <= THERAPY_STEPS_PER_S <= min(HIGHEST_STEPS_PER_S, made.start_hz):
        raise ValueError(
            "THERAPY_STEPS_PER_S has to be 1 to %d: therapy has no ramps"
            % min(HIGHEST_STEPS_PER_S, made.start_hz)
        )
    if UART is not None:
        if DRIVER != "tmc2209":
            raise ValueError("UART is for a tmc2209 alone")
        from rig import lend

        lend.get("rig.board.tmc2209").registers(UART, MICROSTEPS)
    if RELIEF_HALVES not in (1, 2):
        raise ValueError("RELIEF_HALVES has to be 1 or 2")
    drivers.check_journal(JOURNAL, FRAM_KIB)
    return made


_chosen = setup()
steps_num = _chosen.steps_num
steps_den = _chosen.steps_den
RELIEF_STEPS = RELIEF_HALVES * steps_num // (2 * steps_den)
max_steps_per_s = THERAPY_STEPS_PER_S
prime_steps_per_s = HIGHEST_STEPS_PER_S
del _chosen
