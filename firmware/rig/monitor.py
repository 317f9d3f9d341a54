"""The watcher: what was counted against what was planned, the reservoir, the cap.

Owns: the reservoir estimate and the checks that raise alarms.
Rules: separate from delivery: it reads the independent step count and the sensors, not the commanded rate alone (SR-34); it
never starts motion, it only stops it.
Callers: the loop.
Units: nL, steps, microseconds of Clock.
Leaves: what an alarm does to alarms.py, stopping itself to rig.py.
"""

PERIOD_US = 10_000_000
COUNT_UNCERTAINTY_NL = 1_000  # of a fill as measured by a person, at least


class Reservoir:
    """Estimate by counting: what was filled in minus what was delivered since."""

    def __init__(self, dosing):
        self._dosing = dosing
        self.base_nl = 0
        self.base_delivered_nl = 0
        self.u_base_nl = 0

    def fill(self, volume_nl):
        """The reservoir now holds volume_nl."""
        self.base_nl = volume_nl
        self.base_delivered_nl = self._dosing.delivered_nl()
        self.u_base_nl = max(COUNT_UNCERTAINTY_NL, volume_nl // 200)

    def volume_nl(self):
        """Estimated volume, never below zero."""
        return max(0, self.base_nl - (self._dosing.delivered_nl() - self.base_delivered_nl))

    def assume(self, volume_nl):
        """Up to volume_nl may have left uncounted: the estimate takes it as gone (a loss counts towards more delivered)."""
        self.base_nl = max(0, self.base_nl - volume_nl)
        self.u_base_nl += volume_nl

    def u_nl(self):
        """Expanded uncertainty (k = 2) of the estimate: of the fill and of the calibration, combined."""
        used_nl = self._dosing.delivered_nl() - self.base_delivered_nl
        counted = used_nl * self._dosing.u_ppm // 1_000_000
        return _root(self.u_base_nl * self.u_base_nl + counted * counted)


class Monitor:
    """`alarm(name, fields)` raises, `clear(name)` ends a condition."""

    def __init__(self, stepper, therapy, delivery, reservoir, window, alarm, clear):
        self._stepper = stepper
        self._therapy = therapy
        self._delivery = delivery
        self._reservoir = reservoir
        self._window = window
        self._alarm = alarm
        self._clear = clear
        self._starved = 0

    def run(self, now_us):
        """Check; returns when to check again."""
        self._delivery.settle(now_us)
        self._window.advance(now_us)
        self.check_reservoir()
        self._check_count()
        if self._therapy.mode == "running" and self._window.is_full():
            self._alarm("cap", ())
        return now_us + PERIOD_US

    def check_reservoir(self):
        """Low below the program's level, empty at zero; both end with a refill."""
        program = self._therapy.program
        if program is None:
            return
        volume_nl = self._reservoir.volume_nl()
        if volume_nl == 0:
            self._alarm("empty", ())
        else:
            self._clear("empty")
        if volume_nl < program["low_nl"]:
            self._alarm("low", (("reservoir_nl", volume_nl),))
        else:
            self._clear("low")

    def _check_count(self):
        if self._delivery.surplus_steps:
            self._alarm("count_mismatch", (("surplus_steps", self._delivery.surplus_steps),))
            self._delivery.surplus_steps = 0
        starved = self._stepper.starved()
        if starved != self._starved:
            self._alarm("starved", (("times", starved - self._starved),))
            self._starved = starved


def _root(value):
    """Integer square root, rounded up (Newton)."""
    if value < 2:
        return value
    guess = 1 << (_bits(value) + 1) // 2
    while True:
        better = (guess + value // guess) // 2
        if better >= guess:
            return guess if guess * guess == value else guess + 1
        guess = better


def _bits(value):
    count = 0
    while value:
        value >>= 1
        count += 1
    return count
