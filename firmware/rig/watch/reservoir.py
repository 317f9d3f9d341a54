"""What the reservoir holds, by counting.

Owns: the estimate and its uncertainty.
Rules: what was filled in minus what was counted since; never below zero; what may have left uncounted is taken as gone.
Units: nL; uncertainties are k = 2.
Leaves: alarms to monitor.py, refusals to rig.py.
"""

COUNT_UNCERTAINTY_NL = 1_000  # of a fill as measured by a person, at least
MOST_ASSUMED_NL = 0xFFFFFF


class Reservoir:
    """Estimate by counting: what was filled in minus what was delivered since."""

    def __init__(self, dosing):
        self._dosing = dosing
        self.base_nl = 0
        self.base_delivered_nl = 0
        self.assumed_nl = 0  # since the fill, as far as a record has room; base_nl is less by it
        self.u_base_nl = 0

    def fill(self, volume_nl):
        """The reservoir now holds volume_nl."""
        self.base_nl = volume_nl
        self.base_delivered_nl = self._dosing.delivered_nl()
        self.assumed_nl = 0
        self.u_base_nl = max(COUNT_UNCERTAINTY_NL, volume_nl // 200)

    def volume_nl(self):
        """Estimated volume, never below zero."""
        return max(0, self.base_nl - (self._dosing.delivered_nl() - self.base_delivered_nl))

    def told(self):
        """What a correction of the calibration is computed from; nothing where that changed since the fill."""
        dosing = self._dosing
        if dosing.base_nl > self.base_delivered_nl:
            return ()
        used_nl = dosing.delivered_nl() - self.base_delivered_nl
        return (("used_nl", used_nl), ("u_base_nl", self.u_base_nl)) + dosing.revolution_volume()

    def assume(self, volume_nl):
        """Up to volume_nl may have left uncounted: the estimate takes it as gone."""
        self.base_nl = max(0, self.base_nl - volume_nl)
        self.assumed_nl = min(MOST_ASSUMED_NL, self.assumed_nl + volume_nl)
        self.u_base_nl += volume_nl

    def u_nl(self):
        """Expanded uncertainty (k = 2) of the estimate: of the fill and of the calibration, combined."""
        used_nl = self._dosing.delivered_nl() - self.base_delivered_nl
        counted = used_nl * self._dosing.u_ppm // 1_000_000
        return _root(self.u_base_nl * self.u_base_nl + counted * counted)


def _root(value):
    """Integer square root, rounded up (Newton)."""
    if not value:
        return 0
    guess = value
    while True:
        better = (guess + value // guess) // 2
        if better >= guess:
            return guess if guess * guess == value else guess + 1
        guess = better
