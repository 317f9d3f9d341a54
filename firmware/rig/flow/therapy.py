"""The therapy: what should flow at an instant, and which requests are granted.

Owns: the active program, the running bolus, the suspended spread bolus, lockouts, limits.
Rules: a bolus never changes the programmed base rate; one bolus runs at a time, a demand or single bolus
suspends a spread bolus; a refused request is an attempt and is told with its numbers; nothing here looks at
hardware.
Callers: delivery.py asks what to plan; session.py and the request button ask for boluses.
Units: nL/day, nL, steps, microseconds of Clock.
Leaves: rates over the day to pumpwire/program.py, steps to dosing.py, who may ask to session.py.
"""

from pumpwire import program as programs
from pumpwire.spec import KINDS
from pumpwire.terms import bolus_rate_nl_per_day

from rig.flow.dosing import BASAL, Overlay
from rig.refused import Refused

PERIODIC = KINDS.index("periodic")
DEMAND = KINDS.index("demand")
SINGLE = KINDS.index("single")
SPREAD = KINDS.index("spread")
PRIME = KINDS.index("prime")
BRIDGE = KINDS.index("bridge")
CALIBRATION = KINDS.index("calibration")
APART = (PRIME, CALIBRATION)  # only from stopped, and never part of the therapy
DAY_US = programs.DAY_US


class Therapy:
    """Program, boluses and their rules. `dosing` converts volumes, `window` knows the last 24 h."""

    def __init__(self, dosing, window, need_fluid=None):
        self._dosing = dosing
        self._need_fluid = need_fluid  # refuses a volume that the reservoir does not hold
        self._window = window
        self.max_rate_nl_per_day = 0  # the motor's, by the calibration; 0 while uncalibrated
        self.prime_rate_nl_per_day = 0
        self.mode = "stopped"  # of spec.MODES; a calibration delivers while priming
        self.program = None
        self.program_text = ""
        self.program_hash = ""
        self.start_us = 0
        self.bolus = None
        self.spread = None
        self.periodic_next_us = []
        self.demands_us = []  # when demand boluses were given, the last 24 h
        self.demand_asked = self.demand_given = 0
        self.ramp_held_us = -1  # since when the ramp is held; -1: it goes on
        self._ramp_behind_us = 0  # by how much the ramp is behind the program's time
        self.later = (0, 0)  # the program that waits: (number of its text, when it begins, UTC s); 0: none

    # --- program

    def load(self, program, text, digest, now_us, elapsed_us=0):
        """Make a program the active one; its elapsed time starts at elapsed_us. Boluses under way are dropped."""
        self.program = program
        self.program_text = text
        self.program_hash = digest
        self.start_us = now_us - elapsed_us
        self.ramp_held_us = -1
        self._ramp_behind_us = 0
        self.bolus = self.spread = None
        for volume_nl, rate_nl_per_day in program["bridge"]:
            if volume_nl and not elapsed_us:
                self.bolus = Overlay(BRIDGE, self._dosing.steps_of(volume_nl), rate_nl_per_day, now_us)
        self.periodic_next_us = []
        for every_s, _volume, _over, first_s in program["periodic"]:
            every_us = every_s * 1_000_000
            first_us = (first_s or every_s) * 1_000_000
            turns = max(0, -(-(elapsed_us - first_us) // every_us))
            self.periodic_next_us.append(self.start_us + first_us + turns * every_us)

    def check(self, program, override):
        """Refuse a program that the pump or its own limits cannot carry. Raises Refused."""
        active = self.program
        if active and not program["bridge"]:
            for name in ("drug", "concentration"):
                if active[name] and active[name] != program[name]:
                    raise Refused("bridge", (("was", active[name]), ("new", program[name])))
        base = programs.max_base_rate(program)
        hard = min(program["hard_nl_per_day"], self.max_rate_nl_per_day)
        peak = base
        for _every, volume_nl, over_ms, _first in program["periodic"]:
            peak = max(peak, base + bolus_rate_nl_per_day(volume_nl, over_ms))
        for volume_nl, over_ms, _lockout, _count in program["demand"]:
            peak = max(peak, base + bolus_rate_nl_per_day(volume_nl, over_ms))
        if peak > hard:
            raise Refused("limit", (("rate_nl_per_day", peak), ("limit_nl_per_day", hard)))
        if programs.max_day_nl(program) > program["cap_nl"]:
            raise Refused("cap", (("daily_nl", programs.max_day_nl(program)), ("cap_nl", program["cap_nl"])))
        if peak > program["soft_nl_per_day"] and not override:
            raise Refused(
                "soft_limit", (("rate_nl_per_day", peak), ("limit_nl_per_day", program["soft_nl_per_day"]))
            )

    def retries_stalls(self):
        """Whether a stall is tried again by itself: the program for a day in a magnet."""
        return self.program is not None and self.program["on_stall"] == "retry"

    # --- what flows

    def base(self, at_us, utc_us):
        """(kind, nL/day, until_us) of the base flow at an instant."""
        if self.mode != "running" or self.program is None:
            return BASAL, 0, programs.NEVER_US
        if (
            self.bolus is not None
            and self.bolus.kind == BRIDGE
            and self.bolus.planned_steps < self.bolus.steps
        ):
            return BASAL, 0, programs.NEVER_US  # the old fluid leaves first; the program's rate follows
        rate, holds_us = programs.base_rate(self.program, self.elapsed_us(at_us), utc_us)
        return BASAL, rate, at_us + holds_us if self.ramp_held_us < 0 else programs.NEVER_US

    def elapsed_us(self, at_us):
        """The program's own time: since its start, but what its ramp is behind."""
        return max(0, at_us - self.start_us - self.ramp_behind_us(at_us))

    def ramp_behind_us(self, at_us):
        """By how much the ramp is behind the program's time; it grows while the ramp is held."""
        return self._ramp_behind_us + (at_us - self.ramp_held_us if self.ramp_held_us >= 0 else 0)

    def set_ramp(self, behind_us, held, now_us):
        """Put the ramp so far behind, held there or going on."""
        self._ramp_behind_us = behind_us
        self.ramp_held_us = now_us if held else -1

    def overlay(self, at_us):
        """(overlay or None, until_us) at an instant: the bolus, else the spread bolus."""
        until_us = programs.NEVER_US
        for overlay in (self.bolus, self.spread):
            if overlay is None or overlay.planned_steps >= overlay.steps:
                continue
            if overlay.start_us <= at_us:
                return overlay, until_us
            until_us = min(until_us, overlay.start_us)
        return None, until_us

    def flowing(self, at_us):
        """The overlay whose steps leave at an instant, also when all of them are planned; or None."""
        for overlay in (self.bolus, self.spread):
            if overlay is not None and overlay.start_us <= at_us and overlay.done_steps < overlay.steps:
                return overlay
        return None

    def next_periodic_us(self):
        """When the next periodic bolus is due."""
        if self.mode != "running" or not self.periodic_next_us:
            return programs.NEVER_US
        return min(self.periodic_next_us)

    def start_periodic(self, front_us):
        """Begin the periodic bolus that is due at the plan's front; -> (overlay or None, why it was left out)."""
        for i in range(len(self.periodic_next_us)):
            due_us = self.periodic_next_us[i]
            if due_us > front_us:
                continue
            every_s, volume_nl, over_ms, _first = self.program["periodic"][i]
            if (
                self.bolus is not None
                and self.bolus.kind == PERIODIC
                and self.bolus.planned_steps < self.bolus.steps
            ):
                return None, ""  # waits for the one before
            if self.bolus is not None and self.bolus.done_steps < self.bolus.steps:
                return None, ""
            self.periodic_next_us[i] = due_us + every_s * 1_000_000
            short_nl = self._window.shortfall_nl(volume_nl)
            if short_nl > 0:
                return None, "cap"
            self.bolus = self._overlay(PERIODIC, volume_nl, over_ms, max(due_us, front_us))
            return self.bolus, ""
        return None, ""

    def _overlay(self, kind, volume_nl, over_ms, start_us):
        return Overlay(
            kind, self._dosing.steps_of(volume_nl), bolus_rate_nl_per_day(volume_nl, over_ms), start_us
        )

    # --- requests

    def request_bolus(self, volume_nl, over_ms, spread, now_us):
        """Start a single or spread bolus; returns the overlay. Raises Refused."""
        self._check_free(spread)
        self._check_bolus(volume_nl, over_ms, now_us)
        overlay = self._overlay(SPREAD if spread else SINGLE, volume_nl, over_ms, now_us)
        if spread:
            self.spread = overlay
        else:
            self.bolus = overlay
        return overlay

    def request_demand(self, now_us):
        """Start the program's demand bolus; returns the overlay. Raises Refused; either way it was an attempt."""
        self.demand_asked += 1
        if self.program is None or not self.program["demand"]:
            raise Refused("state", (("why", "the program has no demand bolus"),))
        volume_nl, over_ms, lockout_s, most = self.program["demand"][0]
        self.demands_us = [at for at in self.demands_us if now_us - at < DAY_US]
        if self.demands_us and now_us - self.demands_us[-1] < lockout_s * 1_000_000:
            raise Refused(
                "lockout", (("wait_s", -((now_us - self.demands_us[-1]) // 1_000_000) + lockout_s),)
            )
        if len(self.demands_us) >= most:
            wait_us = self.demands_us[0] + DAY_US - now_us if self.demands_us else DAY_US
            raise Refused("count", (("max_per_24h", most), ("wait_s", -(-wait_us // 1_000_000))))
        self._check_free(0)
        self._check_bolus(volume_nl, over_ms, now_us)
        self.bolus = self._overlay(DEMAND, volume_nl, over_ms, now_us)
        self.demands_us.append(now_us)
        self.demand_given += 1
        return self.bolus

    def demand_wait_s(self, now_us):
        """Seconds until the lockout of the demand bolus has passed."""
        if not self.demands_us or self.program is None or not self.program["demand"]:
            return 0
        wait_us = self.demands_us[-1] + self.program["demand"][0][2] * 1_000_000 - now_us
        return max(0, -(-wait_us // 1_000_000))

    def restore_demand(self, wait_s, now_us):
        """After a boot the lockout goes on with what was left of it at the last record."""
        if wait_s:
            lockout_us = self.program["demand"][0][2] * 1_000_000
            self.demands_us.append(now_us + wait_s * 1_000_000 - lockout_us)

    def request_dispense(self, volume_nl, rate_nl_per_day, now_us):
        """One dose from a standing pump, which then stands again; returns the overlay. Raises Refused."""
        self._check_standing()
        hard = self.max_rate_nl_per_day
        if self.program is not None:
            hard = min(hard, self.program["hard_nl_per_day"])
        if rate_nl_per_day > hard:
            raise Refused("limit", (("rate_nl_per_day", rate_nl_per_day), ("limit_nl_per_day", hard)))
        if self.program is not None:
            self._check_cap(volume_nl)
        self._need(volume_nl)
        self.bolus = Overlay(SINGLE, self._dosing.steps_of(volume_nl), rate_nl_per_day, now_us)
        self.mode = "dispensing"
        return self.bolus

    def request_prime(self, volume_nl):
        """Start priming, from stopped only; volume 0 is the program's catheter volume. Returns the overlay."""
        return self._start_apart(PRIME, volume_nl, self.prime_rate_nl_per_day)

    def request_calibration(self, rate_nl_per_day, volume_nl):
        """Deliver onto a balance, from stopped only. Returns the overlay. Raises Refused."""
        if rate_nl_per_day > self.max_rate_nl_per_day:
            raise Refused("limit", (("limit_nl_per_day", self.max_rate_nl_per_day),))
        return self._start_apart(CALIBRATION, volume_nl, rate_nl_per_day)

    def _start_apart(self, kind, volume_nl, rate_nl_per_day):
        self._check_standing()
        volume_nl = volume_nl or (self.program["catheter_nl"] if self.program else 0)
        if not volume_nl:
            raise Refused("argument", (("why", "no catheter volume is stored: name one"),))
        self._need(volume_nl)
        self.bolus = Overlay(kind, self._dosing.steps_of(volume_nl), rate_nl_per_day)
        self.mode = "priming"
        return self.bolus

    def _check_standing(self):
        if self.mode != "stopped":
            raise Refused("state", (("why", "stop the pump first"),))

    def _check_cap(self, volume_nl):
        short_nl = self._window.shortfall_nl(volume_nl)
        if short_nl > 0:
            raise Refused("cap", (("cap_nl", self.program["cap_nl"]), ("short_nl", short_nl)))

    def _check_free(self, spread):
        if self.mode != "running":
            raise Refused("state", (("why", "the pump is not running"),))
        if spread and self.spread is not None:
            raise Refused("busy", (("why", "a spread bolus is under way"),))
        if not spread and self.bolus is not None:
            raise Refused("busy", (("why", "a bolus is under way"),))

    def _check_bolus(self, volume_nl, over_ms, now_us):
        rate = bolus_rate_nl_per_day(volume_nl, over_ms)
        hard = min(self.program["hard_nl_per_day"], self.max_rate_nl_per_day)
        peak = rate + programs.max_base_rate(self.program)
        if peak > hard:
            raise Refused("limit", (("rate_nl_per_day", peak), ("limit_nl_per_day", hard)))
        self._check_cap(volume_nl)
        self._need(volume_nl)

    def _need(self, volume_nl):
        if self._need_fluid is not None:
            self._need_fluid(volume_nl)

    # --- ends

    def finish(self):
        """Drop the overlays whose steps are all counted; returns them."""
        ended = []
        if self.bolus is not None and self.bolus.done_steps >= self.bolus.steps:
            ended.append(self.bolus)
            self.bolus = None
        if self.spread is not None and self.spread.done_steps >= self.spread.steps:
            ended.append(self.spread)
            self.spread = None
        return ended

    def stop(self):
        """Stop: boluses under way are cancelled; returns them with what they delivered. The program stays loaded."""
        ended = [overlay for overlay in (self.bolus, self.spread) if overlay is not None]
        self.bolus = self.spread = None
        self.mode = "stopped"
        return ended
