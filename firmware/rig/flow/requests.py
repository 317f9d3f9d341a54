"""What was asked for and given: demand boluses, lockout and count, the rate of priming.

Owns: the demand boluses of the last 24 h, how many were asked for and given.
Rules: lockout and count go on through stops, programs and power cuts.
Units: nL/day, microseconds of Clock.
Leaves: granting and refusing to grants.py.
"""


class Requests:
    """What grants.py acts on: the therapy, what converts volumes, the cap, `need_fluid` of the reservoir."""

    def __init__(self, therapy, dosing, cap, need_fluid):
        self.therapy = therapy
        self.dosing = dosing
        self.cap = cap
        self.need_fluid = need_fluid
        self.prime_rate_nl_per_day = 0
        self.demands_us = []  # when demand boluses were given, the last 24 h
        self.asked = self.given = 0  # demand boluses since the boot
        self._rows = None  # of the program of which _nth counts them, for rounding
        self._nth = 0

    def next_steps(self, volume_nl):
        """Steps of the program's next demand bolus: what rounding takes from one, or adds to it, is carried on."""
        if self._rows is not self.therapy.boluses.rows:
            self._rows, self._nth = self.therapy.boluses.rows, 0
        self._nth += 1
        near = self.dosing.near_steps
        return max(1, near(self._nth * volume_nl) - near((self._nth - 1) * volume_nl))

    def wait_s(self, now_us):
        """Seconds until the lockout of the demand bolus has passed."""
        if not self.demands_us or self.therapy.program is None or not self.therapy.program["demand"]:
            return 0
        wait_us = self.demands_us[-1] + self.therapy.program["demand"][0][2] * 1_000_000 - now_us
        return max(0, -(-wait_us // 1_000_000))

    def restore(self, given_us, wait_s, now_us):
        """After a boot: the demand boluses of the last 24 h, of which the lockout has so much left."""
        if self.therapy.program is None or not self.therapy.program["demand"]:
            self.demands_us = given_us
            return
        last_us = now_us + wait_s * 1_000_000 - self.therapy.program["demand"][0][2] * 1_000_000
        if wait_s and not given_us:
            given_us = [last_us]
        self.demands_us = [min(at_us, last_us) for at_us in given_us]
