"""What was delivered in the last 24 hours, for the rolling cap.

Owns: a ring of counted steps in slots of ten minutes.
Rules: never too little: a slot counts in full until it is wholly older than 24 h.
Callers: delivery.py adds what was settled; therapy.py asks before a bolus; monitor.py before the base flow
goes on.
Units: steps, nL, microseconds of Clock.
Leaves: what the cap is to the program, what happens at it to therapy.py and monitor.py.
"""

from array import array

SLOT_US = 600_000_000
SLOTS = 145  # 24 h and the slot that is filling


class Window:
    """Counted steps of the last 24 h: all but priming and calibration, and of those the ones beyond the base flow."""

    def __init__(self, dosing):
        self._dosing = dosing
        self._all = array("I", [0] * SLOTS)
        self._extra = array("I", [0] * SLOTS)
        self._slot = 0
        self.steps = 0
        self.extra_steps = 0
        self.cap_nl = 0
        self.base_day_nl = 0
        self.pending_steps = 0  # of boluses under way, not yet counted

    def use(self, cap_nl, base_day_nl):
        """The cap and the base flow's daily volume of the program that is now active."""
        self.cap_nl = cap_nl
        self.base_day_nl = base_day_nl

    def advance(self, now_us):
        """Drop the slots that are wholly older than 24 h."""
        slot = now_us // SLOT_US
        for number in range(max(self._slot + 1, slot - SLOTS + 1), slot + 1):
            i = number % SLOTS
            self.steps -= self._all[i]
            self.extra_steps -= self._extra[i]
            self._all[i] = self._extra[i] = 0
        self._slot = max(self._slot, slot)

    def add(self, now_us, steps, extra_steps):
        """Count steps settled now; extra_steps of them were beyond the base flow."""
        self.advance(now_us)
        i = self._slot % SLOTS
        self._all[i] += steps
        self._extra[i] += extra_steps
        self.steps += steps
        self.extra_steps += extra_steps

    def shortfall_nl(self, volume_nl):
        """By how much a bolus would break the cap if the base flow is to fit under it too; <= 0: it fits."""
        extra_nl = self._dosing.nl_of(self.extra_steps + self.pending_steps)
        return extra_nl + self.base_day_nl + volume_nl - self.cap_nl

    def is_full(self):
        """Whether the last 24 h have reached the cap."""
        return self._dosing.nl_of(self.steps) >= self.cap_nl
