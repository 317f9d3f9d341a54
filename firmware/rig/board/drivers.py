"""Motor drivers and motors: what their data sheets ask of a step pulse, and what a step costs.

Owns: the table of drivers and of motors with their torque, the load of a head, and the check that a choice can work.
Rules: a configuration that cannot work is refused with the reason before a pin moves; times are data sheet
minima rounded up to cycles; `coils` drivers get no step pulse, only a marker pin that nothing is connected to.
Units: nanoseconds as in the data sheets, cycles of 8 ns, mA, mohm, mW, uJ.
Leaves: pin numbers to pins.py, coil sequences to coils.py.
"""

from pumpwire.terms import STEP_CLOCK_HZ as CLOCK_HZ

from rig.board.pins import RESERVED

PIO_WORDS = 32
COUNTER_NS = 64  # the counting machine has to see a level this long
HIGHEST_RAMP_MS = 200  # SR-12
FRAM_KIB = (32, 64, 128)
LEAST_LIT_MS = 10  # after a step: a rotor comes to rest in a few ms
MOST_LIT_MS = 60_000

# kind, shortest high, shortest low, DIR and ENABLE before a step, DIR after it (ns); microsteps; source
DRIVERS = {
    "a4988": (
        "stepdir", 1_000, 1_000, 200, 200, (1, 2, 4, 8, 16),
        "Allegro A4988, timing requirements: tA, tB 1 us, tC, tD 200 ns; 1 ms after waking from sleep",
    ),
    "drv8825": (
        "stepdir", 1_900, 1_900, 650, 650, (1, 2, 4, 8, 16, 32),
        "TI DRV8825 SLVSA73, table 6.6: tWH, tWL 1.9 us, tSU, tH 650 ns, tENBL 650 ns",
    ),
    "tmc2209": (
        "stepdir", 100, 100, 20, 20, (8, 16, 32, 64),
        "Trinamic TMC2209, STEP/DIR: tSH, tSL max(tFILTSD, tCLK + 20 ns), about 100 ns; tDSU, tDSH 20 ns",
    ),
    "uln2003": ("coils", 0, 0, 0, 0, (1, 2), "TI ULN2003A: switches in 1 us; full steps and half steps"),
    "drv8833": ("coils", 0, 0, 0, 0, (1, 2), "TI DRV8833: dead time and rise below 1 us; full and half steps"),
}  # fmt: skip

# full steps of a revolution as num / den, start/stop and highest rate in full steps/s, acceleration in full steps/s2,
# current that the papers set, mA, coil resistance mohm, source
MOTORS = {
    "nema17": (
        200, 1, 600, 3_000, 20_000, 200, 30_000,
        "StepperOnline 17HS13-0404S: 1.8 deg, 30 ohm, 37 mH, holding torque 260 mN.m at its 0.4 A; set to half of it",
    ),
    "28byj48": (
        2037_8864, 10_000, 300, 500, 4_000, 100, 50_000,
        "28BYJ-48: 64 half steps x (31 x 32 x 26 x 22) / (11 x 10 x 9 x 9) = 4075.7728 half steps; 5 V, 50 ohm; "
        "guaranteed: starts at 600 half steps/s, runs at 1000, without load; 34.3 mN.m at 120",
    ),
}  # fmt: skip

# pull-out torque at the shaft: (full steps/s, mN.m), between them a straight line; of which supply, mV; where from
TORQUES = {
    "nema17": (
        ((0, 91), (350, 91), (400, 88), (500, 74), (600, 63), (800, 47), (1000, 37), (1250, 29), (1500, 23),
         (2000, 15), (2500, 9), (3000, 5)),
        12_000,
        "computed from resistance, inductance and back-EMF, at most 12 V and 0.2 A in a sine; losses apart",
    ),
    "28byj48": (
        ((0, 34), (60, 34), (500, 0)), 5_000,
        "a straight line between the maker's two guarantees: 34.3 mN.m at 60 full steps/s, none at 500",
    ),
}  # fmt: skip
LOAD_MNM = (
    12  # of a head: 4 to 12 mN.m, friction and squeezing of a tube of 0.5 mm; pressure adds 0.2 at 100 kPa
)
TORQUE_PERCENT = 200  # of the load, at the highest rate, at least


def torque_mnm(motor, full_steps_per_s):
    """Pull-out torque of a motor at its supply, rounded down."""
    curve = TORQUES[motor][0]
    for k in range(1, len(curve)):
        (low, high_mnm), (high, low_mnm) = curve[k - 1], curve[k]
        if full_steps_per_s <= high:
            return high_mnm - -(-(high_mnm - low_mnm) * (full_steps_per_s - low) // (high - low))
    return 0


def cycles_of_ns(time_ns):
    """Cycles that last at least time_ns."""
    return -(-time_ns // 8)


class Setup:
    """A driver with a motor: everything that stepper.py needs. ValueError with the reason where it cannot work."""

    def __init__(
        self, driver, motor, microsteps, max_steps_per_s, pulse_ns, pins, lit_ms=0, self_holding=False
    ):
        if driver not in DRIVERS:
            raise ValueError("driver %s is not known: %s" % (driver, ", ".join(sorted(DRIVERS))))
        if motor not in MOTORS:
            raise ValueError("motor %s is not known: %s" % (motor, ", ".join(sorted(MOTORS))))
        self.kind, high_ns, low_ns, setup_ns, hold_ns, known, _source = DRIVERS[driver]
        num, den, start, highest, gain, current_ma, coil_mohm, _source = MOTORS[motor]
        if microsteps not in known:
            raise ValueError(
                "%s does no 1/%s steps: %s" % (driver, microsteps, ", ".join(["1/%d" % n for n in known]))
            )
        if max_steps_per_s > highest * microsteps:
            raise ValueError(
                "%d steps/s is beyond the motor: %s does %d" % (max_steps_per_s, motor, highest * microsteps)
            )
        if max_steps_per_s < 1:
            raise ValueError("the highest rate has to be 1 step/s or more")
        if pulse_ns < max(high_ns, COUNTER_NS):
            raise ValueError(
                "a pulse of %d ns is too short: %s needs %d ns" % (pulse_ns, driver, max(high_ns, COUNTER_NS))
            )
        self.high_cycles = max(4, cycles_of_ns(pulse_ns))
        self.low_cycles = max(12, cycles_of_ns(low_ns))
        self.setup_us = max(setup_ns, hold_ns) // 1000 + 1
        if (self.high_cycles + self.low_cycles) * max_steps_per_s > CLOCK_HZ:
            raise ValueError(
                "%d steps/s leave no room for a pulse of %d ns and a pause" % (max_steps_per_s, pulse_ns)
            )
        check_pins(pins)
        if lit_ms:
            check_lit(self.kind, lit_ms, self_holding)
        self.driver = driver
        self.microsteps = microsteps
        self.steps_num = num * microsteps
        self.steps_den = den
        self.start_hz = start * microsteps
        self.max_hz = max_steps_per_s
        # down from the highest rate in 200 ms, whatever the motor would like: SR-12
        self.accel_hz_per_s = max(
            gain * microsteps, (self.max_hz - self.start_hz) * 1000 // (HIGHEST_RAMP_MS - 20)
        )
        self.hold_mw = hold_mw(self.kind, current_ma, coil_mohm)
        self.lit_ms = lit_ms


def check_pins(pins):
    """Refuse a GPIO that two names share, or that is not free on some board. pins: (name, gpio) pairs."""
    seen = {}
    for name, number in pins:
        if not 0 <= number <= 29:
            raise ValueError("pin %s: the chip has no GPIO %d on its pins" % (name, number))
        if number in RESERVED:
            raise ValueError("pin %s: GPIO %d is the board's own" % (name, number))
        if number in seen:
            raise ValueError("GPIO %d is given to %s and to %s" % (number, seen[number], name))
        seen[number] = name


def check_torque(motor, microsteps, max_steps_per_s):
    """Refuse a highest rate at which the motor has less torque than the head's load asks for, with the margin."""
    torque = torque_mnm(motor, -(-max_steps_per_s // microsteps))
    if torque * 100 < LOAD_MNM * TORQUE_PERCENT:
        raise ValueError(
            "HIGHEST_STEPS_PER_S %d: the %s has %d mN.m left there, a head needs %d with its margin"
            % (max_steps_per_s, motor, torque, LOAD_MNM * TORQUE_PERCENT // 100)
        )


def check_journal(journal, fram_kib):
    """Refuse a place of the journal that there is not."""
    if journal not in ("flash", "fram"):
        raise ValueError("JOURNAL has to be flash or fram, not %s" % journal)
    if journal == "fram" and fram_kib not in FRAM_KIB:
        raise ValueError("FRAM_KIB has to be one of %s" % (FRAM_KIB,))


def check_lit(kind, lit_ms, self_holding):
    """Refuse to switch the current off between steps where the rotor would not stay."""
    if kind != "coils":
        raise ValueError("LIT_MS: between micro-steps only current holds the rotor; coil drivers alone can")
    if not self_holding:
        raise ValueError("LIT_MS needs SELF_HOLDING: a pump that pressure cannot turn back")
    if not LEAST_LIT_MS <= lit_ms <= MOST_LIT_MS:
        raise ValueError("LIT_MS has to be %d to %d" % (LEAST_LIT_MS, MOST_LIT_MS))


def check_programs(lengths):
    """Refuse more instructions than one PIO block holds."""
    if sum(lengths) > PIO_WORDS:
        raise ValueError("PIO memory is full: %d instructions, %d fit" % (sum(lengths), PIO_WORDS))


def hold_mw(kind, current_ma, coil_mohm):
    """Copper loss of energised coils, mW: I2R of each of two; a step/direction driver shares one I2R between them, as
    sine and cosine.
    """
    return (1 if kind == "stepdir" else 2) * current_ma * current_ma * coil_mohm // 1_000_000
