"""The outlet pressure: occlusion, and its relief.

Owns: the pressure baseline, whether the sensor can be believed, and the course of a relief.
Rules: relief runs backwards, a bounded number of steps, counted; it ends at a pressure or at its bound, never
by time alone. A sensor that is absent, stuck or noisy has failed; real readings are neither equal nor wild.
Units: pascal (absolute as read; differences to the baseline), steps.
Leaves: numbers to thresholds.py, the motor to stepper.py.
"""

from rig.watch import thresholds

BASE_WEIGHT = 64  # of the weather
SUNK_WEIGHT = 8  # where the line was under pressure when its baseline was taken


class Pressure:
    """Judges pressure readings in Pa."""

    def __init__(self):
        self._base_pa = None  # of a relieved line
        self._sunk_pa = 0  # by how much it was below that before a fast flow
        self._missing = 0
        self._last_pa = self._slope_pa = None
        self._equal = 0
        self._noise = 0
        self._drawn = 0  # readings in a row below standing, in a fast flow
        self.now_pa = None
        self.peak_pa = 0
        self.relief_left_steps = 0

    def read(self, absolute_pa, standing, smooth):
        """Take a reading or None. False once the sensor has failed.

        standing: no flow, nothing to relieve; smooth: the flow has no pulses between two readings.
        """
        if absolute_pa is None or absolute_pa < thresholds.LOWEST_PA:
            self._missing += 1
            self.now_pa = None
            return self._missing < thresholds.MISSING_READINGS
        self._missing = 0
        if self._base_pa is None:  # a line may be under pressure at power-on, the air is never above this
            self._base_pa = min(absolute_pa, thresholds.HIGHEST_AIR_PA)
        elif standing and absolute_pa - self._base_pa < thresholds.RELIEVED_PA:
            sunk = absolute_pa < self._base_pa - thresholds.NOISE_PA
            self._base_pa += (absolute_pa - self._base_pa) // (SUNK_WEIGHT if sunk else BASE_WEIGHT)
        self.now_pa = absolute_pa - self._base_pa
        self.peak_pa = max(self.peak_pa, self.now_pa)
        self._compare(absolute_pa, smooth)
        return self._equal < thresholds.STUCK_READINGS and self._noise < thresholds.NOISE_SCORE

    def _compare(self, absolute_pa, smooth):
        """Neighbours: how many were equal, and how often they jumped to and fro."""
        slope_pa = None
        if self._last_pa is not None:
            slope_pa = absolute_pa - self._last_pa
            is_stuck = slope_pa == 0 and absolute_pa < thresholds.RANGE_PA  # beyond it all readings are equal
            self._equal = min(self._equal + 1, thresholds.STUCK_READINGS) if is_stuck else 0
        if slope_pa is not None and self._slope_pa is not None:
            if smooth and abs(slope_pa - self._slope_pa) > thresholds.NOISE_PA:
                self._noise = min(self._noise + 2, 2 * thresholds.NOISE_SCORE)
            else:
                self._noise = max(0, self._noise - 1)
        self._last_pa = absolute_pa
        self._slope_pa = slope_pa

    def is_occluded(self):
        """Whether the line counts as blocked."""
        return self.now_pa is not None and self.now_pa >= thresholds.OCCLUSION_PA

    def is_drawn(self, is_fast):
        """Whether a fast flow draws from the outlet instead of pushing into it: by the sign of what it does to the
        pressure that the line had before it; that at power-on may have been any.

        Encoder and step count agree where a coil and the encoder are both reversed: nothing else tells.
        """
        if not is_fast and self.now_pa is not None:
            self._sunk_pa = max(0, -self.now_pa)
        below = is_fast and self.now_pa is not None and self.now_pa + self._sunk_pa <= thresholds.BACKWARDS_PA
        self._drawn = self._drawn + 1 if below else 0
        return self._drawn >= thresholds.BACKWARDS_READINGS

    def begin_relief(self, steps_of_revolution):
        """Allow a relief of at most a part of a revolution."""
        self.relief_left_steps = steps_of_revolution * thresholds.RELIEF_REVOLUTIONS_PERCENT // 100

    def relief_steps(self, most):
        """How many steps to go back now: 0 once the pressure is relieved, unknown, or the bound is reached."""
        if not self.relief_left_steps:
            return 0
        if self.now_pa is None or self.now_pa <= thresholds.RELIEVED_PA:
            self.relief_left_steps = 0
            return 0
        steps = min(most, self.relief_left_steps)
        self.relief_left_steps -= steps
        return steps
