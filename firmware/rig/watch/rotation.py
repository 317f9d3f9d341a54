"""The rotor's angle against the counted steps: stall, over- and under-infusion, motion while stopped.

Owns: the unwrapped encoder angle and its reference.
Rules: compares the encoder with counted steps and with the commanded volume, never commanded with commanded
(SR-34); a sensor that does not answer is a fault, not a zero.
Callers: monitor.py.
Units: encoder counts, 4096 a revolution; steps.
Leaves: numbers to thresholds.py, what happens on an alarm to rig.py.
"""

from rig.watch import thresholds

COUNTS = 4096


class Rotation:
    """Judges encoder readings. steps_num / steps_den are the steps of a revolution."""

    def __init__(self, steps_num, steps_den):
        self._num = steps_num
        self._den = steps_den
        self._last = -1
        self._last_steps = 0
        self._angle = 0  # unwrapped
        self._missing = 0
        self._reference = None  # (angle, steps) at which both were last taken to agree
        self._window = None  # (now_us, angle, commanded steps)

    def counts_of(self, steps):
        """Encoder counts that so many steps turn the rotor by."""
        return steps * COUNTS * self._den // self._num

    def steps_of(self, counts):
        """Steps that turn the rotor by so many encoder counts."""
        return counts * self._num // (COUNTS * self._den)

    def sample_steps(self):
        """Steps between two samples."""
        return max(1, self.steps_of(thresholds.SAMPLE_COUNTS))

    def read(self, raw, expected_steps):
        """Take a raw angle, or None; returns False once the sensor counts as failed.

        Turns are unwrapped around what the steps since the last reading make likely, so that a fast rotor,
        which turns far between two readings, is followed too.
        """
        if raw is None:
            self._missing += 1
            self._reference = self._window = None
            self._last = -1
            return self._missing < thresholds.MISSING_READINGS
        self._missing = 0
        if self._last >= 0:
            likely = self.counts_of(expected_steps - self._last_steps)
            off = raw - self._last - likely
            self._angle += likely + (off + COUNTS // 2) % COUNTS - COUNTS // 2
        self._last = raw
        self._last_steps = expected_steps
        return True

    def restart_window(self):
        """The flow changed its course: the ratio is judged anew from here."""
        self._window = None

    def lost_counts(self, before_steps, after_steps):
        """Counts that the rotor is behind the steps (negative: ahead), since the reference.

        The steps were before_steps when the angle was asked for and after_steps when it had come: in between
        the benefit of the doubt.
        """
        if self._last < 0:
            return 0
        if self._reference is None:
            self._reference = (self._angle, (before_steps + after_steps) // 2)
        angle, steps = self._reference
        turned = self._angle - angle
        behind = self.counts_of(before_steps - steps) - turned
        ahead = self.counts_of(after_steps - steps) - turned
        if behind > 0:
            return behind
        return min(ahead, 0)

    def accept(self):
        """Take the present lag as given: it is booked or alarmed, the reference starts anew."""
        self._reference = self._window = None

    def ratio(self, commanded_steps, now_us):
        """ "over", "under" or "": measured against programmed rotation over the window of SR-02 and SR-03."""
        if self._last < 0:
            return ""
        if self._window is None:
            self._window = (now_us, self._angle, commanded_steps)
            return ""
        start_us, angle, steps = self._window
        programmed = self.counts_of(commanded_steps - steps)
        if now_us - start_us < thresholds.RATIO_WINDOW_US or programmed < thresholds.RATIO_COUNTS:
            return ""
        measured = self._angle - angle
        self._window = (now_us, self._angle, commanded_steps)
        if measured * 100 > programmed * (100 + thresholds.RATIO_PERCENT):
            return "over"
        if measured * 100 < programmed * (100 - thresholds.RATIO_PERCENT):
            return "under"
        return ""
