"""The rotor's angle against the counted steps: stall, over- and under-infusion, motion while stopped.

Owns: the unwrapped encoder angle and its reference.
Rules: compares the encoder with counted steps and with the commanded volume, never commanded with commanded
(SR-34); a sensor that does not answer is a fault, not a zero. Rotation that is lost at once is a stall, what is lost
little by little is a slip: the rotor stood still over the last few degrees, or it turned, but less than it should.
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
        self._marks = []  # (angle, steps, commanded steps, now_us or -1) of the last few degrees, the oldest first
        self._windows = []  # (now_us, angle, commanded steps) where the ratio's windows begin, the oldest first
        self._rest = None  # (angle, steps) where it came to stand; None: it has not been read standing

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
            self.accept()
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
        self._windows = []
        self._marks = [(mark[0], mark[1], 0, -1) for mark in self._marks]

    def lost_counts(self, before_steps, after_steps):
        """Counts that the rotor is behind the steps (negative: ahead), since the reference; it is not at rest.

        The steps were before_steps when the angle was asked for and after_steps when it had come: in between
        the benefit of the doubt.
        """
        self._rest = None
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

    def rest(self, steps):
        """It stands, and what it lost before is judged: from here on it must not move without steps."""
        if self._last >= 0:
            self._rest = (self._angle, steps)

    def is_at_rest(self):
        """Whether it has been read standing, and not been taken as given since."""
        return self._rest is not None

    def moved_counts(self, steps):
        """Counts that it has moved since it came to rest, steps of a relief apart."""
        return self._angle - self._rest[0] - self.counts_of(steps - self._rest[1])

    def is_lost_at_once(self, steps, commanded_steps, now_us):
        """Whether the rotor has lost STALL_COUNTS within the last few degrees, where the steps are now at `steps`.

        A rotor that stands has; one whose coupling slips by less than half has not. The few degrees are STALL_COUNTS
        and a mark's or a sample's travel more.
        """
        marks = self._marks
        while len(marks) > 1 and self.counts_of(steps - marks[1][1]) >= thresholds.STALL_COUNTS:
            marks.pop(0)
        here = (self._angle, steps, commanded_steps, now_us)
        if not marks:
            marks.append(here)
            return False
        lost = self.counts_of(steps - marks[0][1]) - (self._angle - marks[0][0])
        if self.counts_of(steps - marks[-1][1]) >= thresholds.MARK_COUNTS:
            marks.append(here)
        return lost >= thresholds.STALL_COUNTS

    def take_lag(self, steps):
        """So many steps of lag are booked: the rest stays, and what is measured over windows goes on."""
        if self._reference is not None:
            self._reference = (self._reference[0], self._reference[1] + steps)

    def accept(self):
        """Take the present position as given: everything starts anew."""
        self._reference = self._rest = None
        self._marks = []
        self._windows = []

    def ratio(self):
        """ "over", "under" or "": measured against programmed rotation over the window of SR-02 and SR-03.

        A window begins with every quarter of one, and ends a few degrees back: what is lost within these may be a
        stall that is just coming on.
        """
        if not self._marks:
            return ""
        angle, _steps, commanded_steps, now_us = self._marks[0]
        if now_us < 0:
            return ""
        windows = self._windows
        if not windows or self._has_passed(windows[-1], commanded_steps, now_us, 4):
            windows.append((now_us, angle, commanded_steps))
        if not self._has_passed(windows[0], commanded_steps, now_us, 1):
            return ""
        _start_us, angle_then, commanded_then = windows.pop(0)
        programmed = self.counts_of(commanded_steps - commanded_then)
        measured = angle - angle_then
        if measured * 100 > programmed * (100 + thresholds.RATIO_PERCENT):
            return "over"
        if measured * 100 < programmed * (100 - thresholds.RATIO_PERCENT):
            return "under"
        return ""

    def _has_passed(self, window, commanded_steps, now_us, parts):
        """Whether a window, or one of so many parts of it, is over by time and by rotation."""
        programmed = self.counts_of(commanded_steps - window[2])
        return (
            now_us - window[0]
        ) * parts >= thresholds.RATIO_WINDOW_US and programmed * parts >= thresholds.RATIO_COUNTS
