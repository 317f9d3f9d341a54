"""What is granted: boluses that somebody asks for, priming, a dose from standing.

Owns: the demand boluses given, lockout and count, the rates of priming and of the motor.
Rules: a refused request is an attempt and is told with its numbers; one is granted only if the coming 24 h have room
for it beside the program's own; lockout and count go on through stops, programs and power cuts.
Units: nL/day, nL, steps, microseconds of Clock.
Leaves: what flows to therapy.py, the cap to day_cap.py, who may ask to the line.
"""

from pumpwire import program as programs
from pumpwire.program import DAY_US
from pumpwire.terms import bolus_rate_nl_per_day

from rig.flow.overlay import Overlay
from rig.flow.therapy import CALIBRATION, DEMAND, PRIME, SINGLE, SPREAD
from rig.refused import Refused


class Requests:
    """`therapy` carries out what is granted, `need_fluid` refuses what the reservoir does not hold."""

    def __init__(self, therapy, dosing, cap, need_fluid=None):
        self._therapy = therapy
        self._dosing = dosing
        self._cap = cap
        self._need_fluid = need_fluid
        self.prime_rate_nl_per_day = 0
        self.demands_us = []  # when demand boluses were given, the last 24 h
        self.asked = self.given = 0  # demand boluses since the boot
        self._program = None  # the one of which _nth counts them, for rounding
        self._nth = 0

    def bolus(self, volume_nl, over_ms, spread, now_us):
        """Start a single or spread bolus; returns the overlay. Raises Refused."""
        self._check_free(spread, now_us)
        self._check_bolus(volume_nl, over_ms, now_us)
        rate = bolus_rate_nl_per_day(volume_nl, over_ms)
        overlay = Overlay(SPREAD if spread else SINGLE, self._dosing.steps_of(volume_nl), rate, now_us)
        self._therapy.add(overlay)
        return overlay

    def demand(self, now_us):
        """Start the program's demand bolus; returns the overlay. Raises Refused; either way it was an attempt."""
        self.asked += 1
        if self._therapy.program is None or not self._therapy.program["demand"]:
            raise Refused("state", (("why", "the program has no demand bolus"),))
        volume_nl, over_ms, _lockout_s, most = self._therapy.program["demand"][0]
        wait_s = self.wait_s(now_us)
        if wait_s:
            raise Refused("lockout", (("wait_s", wait_s),))
        self.demands_us = [at for at in self.demands_us if now_us - at < DAY_US]
        if len(self.demands_us) >= most:
            fields = (("max_per_24h", most),)
            if most:
                wait_us = self.demands_us[len(self.demands_us) - most] + DAY_US - now_us
                fields += (("wait_s", -(-wait_us // 1_000_000)),)
            raise Refused("count", fields)
        self._check_free(0, now_us)
        self._check_bolus(volume_nl, over_ms, now_us)
        steps = self._next_steps(volume_nl)
        overlay = Overlay(DEMAND, steps, bolus_rate_nl_per_day(volume_nl, over_ms), now_us)
        self._therapy.add(overlay)
        self.demands_us.append(now_us)
        self.given += 1
        return overlay

    def _next_steps(self, volume_nl):
        """Steps of the program's next demand bolus: what rounding takes from one, or adds to it, is carried on."""
        if self._program is not self._therapy.program:
            self._program, self._nth = self._therapy.program, 0
        self._nth += 1
        near = self._dosing.near_steps
        return max(1, near(self._nth * volume_nl) - near((self._nth - 1) * volume_nl))

    def wait_s(self, now_us):
        """Seconds until the lockout of the demand bolus has passed."""
        if not self.demands_us or self._therapy.program is None or not self._therapy.program["demand"]:
            return 0
        wait_us = self.demands_us[-1] + self._therapy.program["demand"][0][2] * 1_000_000 - now_us
        return max(0, -(-wait_us // 1_000_000))

    def restore(self, given_us, wait_s, now_us):
        """After a boot: the demand boluses of the last 24 h, of which the lockout has so much left."""
        if self._therapy.program is None or not self._therapy.program["demand"]:
            self.demands_us = given_us
            return
        last_us = now_us + wait_s * 1_000_000 - self._therapy.program["demand"][0][2] * 1_000_000
        if wait_s and not given_us:
            given_us = [last_us]
        self.demands_us = [min(at_us, last_us) for at_us in given_us]

    def dispense(self, volume_nl, rate_nl_per_day, now_us):
        """One dose from a standing pump, which then stands again; returns the overlay. Raises Refused."""
        self._check_standing()
        hard = self._therapy.max_rate_nl_per_day
        if self._therapy.program is not None:
            hard = min(hard, self._therapy.program["hard_nl_per_day"])
        if rate_nl_per_day > hard:
            raise Refused("limit", (("rate_nl_per_day", rate_nl_per_day), ("limit_nl_per_day", hard)))
        if self._therapy.program is not None:
            self._check_cap(volume_nl, now_us)
        self._need(volume_nl)
        overlay = Overlay(SINGLE, self._dosing.steps_of(volume_nl), rate_nl_per_day, now_us)
        self._therapy.add_apart(overlay, "dispensing")
        return overlay

    def prime(self, volume_nl, now_us):
        """Start priming, from stopped only; volume 0 is the program's catheter volume. Returns the overlay."""
        return self._start_apart(PRIME, volume_nl, self.prime_rate_nl_per_day, now_us)

    def calibrate(self, rate_nl_per_day, volume_nl, now_us):
        """Deliver onto a balance, from stopped only. Returns the overlay. Raises Refused."""
        if rate_nl_per_day > self._therapy.max_rate_nl_per_day:
            raise Refused("limit", (("limit_nl_per_day", self._therapy.max_rate_nl_per_day),))
        return self._start_apart(CALIBRATION, volume_nl, rate_nl_per_day, now_us)

    def _start_apart(self, kind, volume_nl, rate_nl_per_day, now_us):
        self._check_standing()
        volume_nl = volume_nl or (self._therapy.program["catheter_nl"] if self._therapy.program else 0)
        if not volume_nl:
            raise Refused("value", (("why", "no catheter volume is stored: name one"),))
        self._need(volume_nl)
        overlay = Overlay(kind, self._dosing.steps_of(volume_nl), rate_nl_per_day, now_us)
        self._therapy.add_apart(overlay, "priming")
        return overlay

    def _check_standing(self):
        if self._therapy.mode != "stopped":
            raise Refused("state", (("why", "stop the pump first"),))

    def _check_cap(self, volume_nl, now_us):
        short_nl = self._cap.shortfall_nl(volume_nl, now_us)
        if short_nl > 0:
            fields = (("cap_nl", self._therapy.program["cap_nl"]), ("short_nl", short_nl))
            wait_s = self._cap.wait_s(volume_nl, now_us)
            raise Refused("cap", fields + ((("wait_s", wait_s),) if wait_s else ()))

    def _check_free(self, spread, now_us):
        if self._therapy.mode != "running":
            raise Refused("state", (("why", "the pump is not running"),))
        if self._therapy.bridge is not None:
            raise Refused("busy", (("why", "a bridge is under way"),))
        if spread and self._therapy.spread is not None:
            raise Refused("busy", (("why", "a spread bolus is under way"),))
        if not spread and self._therapy.boluses.is_taken(now_us):
            raise Refused("busy", (("why", "a bolus is under way"),))

    def _check_bolus(self, volume_nl, over_ms, now_us):
        rate = bolus_rate_nl_per_day(volume_nl, over_ms)
        hard = min(self._therapy.program["hard_nl_per_day"], self._therapy.max_rate_nl_per_day)
        peak = rate + programs.max_base_rate(self._therapy.program)
        if peak > hard:
            raise Refused("limit", (("rate_nl_per_day", peak), ("limit_nl_per_day", hard)))
        self._check_cap(volume_nl, now_us)
        self._need(volume_nl)

    def _need(self, volume_nl):
        if self._need_fluid is not None:
            self._need_fluid(volume_nl)
