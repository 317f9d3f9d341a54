"""The therapy: what should flow at an instant.

Owns: the active program, the mode, the bridge, the spread bolus.
Rules: a bolus never changes the programmed base rate; one bolus runs at a time, any of them suspends a spread bolus;
a bridge keeps its rest through everything but a program with a bridge of its own; a refused request is an attempt and
is told with its numbers; nothing here looks at hardware. The mode is set here only.
Units: nL/day, nL, steps, microseconds of Clock.
Leaves: rates over the day to pumpwire/program.py, the bolus slot to boluses.py, what is granted to requests.py,
steps to dosing.py.
"""

from pumpwire import program as programs
from pumpwire.program import NEVER_US
from pumpwire.spec import KINDS

from rig.flow.boluses import LEAD_US, Boluses
from rig.flow.dosing import BASAL
from rig.flow.overlay import Overlay
from rig.refused import Refused

DEMAND = KINDS.index("demand")
SINGLE = KINDS.index("single")
SPREAD = KINDS.index("spread")
PRIME = KINDS.index("prime")
BRIDGE = KINDS.index("bridge")
CALIBRATION = KINDS.index("calibration")
# Of the base flow, asked for several times a tick: (from_us, until_us, nL/day, UTC less the device's time, 0: unset).
NO_PIECE = (0, 0, 0, 0)


class Therapy:
    """Program, boluses and their rules. `dosing` converts volumes."""

    def __init__(self, dosing):
        self._dosing = dosing
        self.max_rate_nl_per_day = 0  # the motor's, by the calibration; 0 while uncalibrated
        self.mode = "stopped"  # of spec.MODES; a calibration delivers while priming
        self.halted_by = "stopped"  # what a turn that falls due while stopped is missed for; "alarm NAME"
        self.program = None
        self.program_text = ""
        self.program_hash = ""
        self.start_us = 0
        self.is_taken = False  # up from the log: the program began before this boot
        self.boluses = Boluses(dosing)
        self.spread = None
        self.bridge = None
        self.cancelled = []  # whose end is still to be told
        self._piece = NO_PIECE
        self.ramp_held_us = -1  # since when the ramp is held; -1: it goes on
        self._ramp_behind_us = 0  # by how much the ramp is behind the program's time
        self.was_held = False  # at a loss of power whose length no clock has told: then it stood still
        self.later = (0, 0)  # the program that waits: (number of its text, when it begins, UTC s); 0: none

    # --- program

    def load(self, program, text, digest, now_us, elapsed_us=None, waiting=0):
        """Make a program the active one, anew or so far into it. What was under way is cancelled."""
        self.boluses.pass_time(now_us, "program" if self.mode == "running" else self.halted_by)
        self.cancel()
        self._take(program, text, digest)
        self.start_us = now_us - (elapsed_us or 0)
        self.is_taken = elapsed_us is not None
        if program["bridge"] and elapsed_us is None:
            if self.bridge is not None:
                self.cancelled.append(self.bridge)
                self.bridge = None
            volume_nl, rate_nl_per_day = program["bridge"][0]
            if volume_nl:
                self.bridge = Overlay(BRIDGE, self._dosing.steps_of(volume_nl), rate_nl_per_day, now_us)
        self.boluses.use(program["periodic"], self.start_us, now_us, waiting)

    def set_base(self, program, text, digest):
        """Make a program the active one that changes its base flow alone: its grid and what is under way go on."""
        if self.mode != "running":
            self.cancel()  # what flows apart
        self._take(program, text, digest)

    def _take(self, program, text, digest):
        self.program = program
        self.program_text = text
        self.program_hash = digest
        self._piece = NO_PIECE
        self.ramp_held_us = -1
        self._ramp_behind_us = 0
        self.was_held = False

    def check(self, program, override, most_nl, going_on=()):
        """Refuse what pump or limits cannot carry; most_nl: the program's most in any 24 h; going_on: the boluses under
        way that it does not end. Raises Refused.
        """
        active = self.program
        if active and not program["bridge"]:
            for name in ("drug", "concentration"):
                if active[name] and active[name] != program[name]:
                    raise Refused("bridge", (("was", active[name]), ("new", program[name])))
        hard = min(program["hard_nl_per_day"], self.max_rate_nl_per_day)
        peak = programs.peak_rate(program)
        for overlay in going_on:
            peak = max(peak, programs.max_base_rate(program) + overlay.rate_nl_per_day)
        if peak > hard:
            raise Refused("limit", (("rate_nl_per_day", peak), ("limit_nl_per_day", hard)))
        if most_nl > program["cap_nl"]:
            raise Refused("cap", (("daily_nl", most_nl), ("cap_nl", program["cap_nl"])))
        if peak > program["soft_nl_per_day"] and not override:
            raise Refused(
                "soft_limit", (("rate_nl_per_day", peak), ("limit_nl_per_day", program["soft_nl_per_day"]))
            )

    def retries_stalls(self):
        """Whether a stall is tried again by itself: the program for a day in a magnet."""
        return self.program is not None and self.program["on_stall"] == "retry"

    def clock_fault(self, utc_us):
        """Why the clock cannot tell the program its time of the day, or an empty text."""
        if self.program is None or not programs.needs_clock(self.program):
            return ""
        if not utc_us:
            return "unset"
        return "" if programs.knows_zone(self.program["zone"], utc_us) else "zone"

    def add_outage(self, outage_us, now_us):
        """The clock says how long the program was without power: its grid has gone on meanwhile."""
        self.start_us -= outage_us
        self._piece = NO_PIECE
        if self.ramp_held_us >= 0 or self.was_held:
            self._ramp_behind_us += outage_us
        self.boluses.add_outage(outage_us, now_us)

    # --- mode

    def run(self, now_us):
        """The program flows from here on; what fell due before is missed."""
        self.boluses.pass_time(now_us, "" if self.mode == "running" else self.halted_by)
        self.mode = "running"
        self.halted_by = "stopped"

    def take_up(self, mode):
        """After a boot: the mode of the last record."""
        self.mode = mode

    def stop(self, halted_by=""):
        """Stop: boluses under way are cancelled. Program and bridge stay."""
        self.mode = "stopped"
        self.halted_by = halted_by or self.halted_by
        self.cancel()

    def begun(self):
        """What a stop would cancel: boluses and priming under way; a bridge keeps its rest."""
        return self.boluses.begun() + ([] if self.spread is None else [self.spread])

    def cancel(self):
        """Cancel the boluses under way; what they delivered is told once the queue is cut."""
        self.cancelled += self.boluses.cancel()
        if self.spread is not None:
            self.cancelled.append(self.spread)
            self.spread = None

    def halt(self):
        """Nothing flows any more; what was under way is cancelled by `stop` when its steps are counted."""
        self.mode = "stopped"

    def pass_time(self, now_us):
        """Note what has begun, and what passed by."""
        self.boluses.pass_time(now_us, "" if self.mode == "running" else self.halted_by)

    # --- what flows

    def base(self, at_us, utc_us):
        """(kind, nL/day, until_us) of the base flow at an instant."""
        if self.mode != "running" or self.program is None:
            return BASAL, 0, NEVER_US
        bridge = self.bridge
        if bridge is not None and (bridge.planned_steps < bridge.steps or at_us < bridge.end_us):
            return (
                BASAL,
                0,
                bridge.end_us or NEVER_US,
            )  # the old fluid leaves first; the program's rate follows
        from_us, until_us, rate, utc_less_us = self._piece
        if not from_us <= at_us < until_us or (utc_us and utc_us - at_us) != utc_less_us:
            rate, holds_us = programs.base_rate(self.program, self.elapsed_us(at_us), utc_us)
            if self.ramp_held_us >= 0:
                return BASAL, rate, NEVER_US
            until_us = at_us + holds_us
            self._piece = at_us, until_us, rate, utc_us and utc_us - at_us
        return BASAL, rate, until_us

    def elapsed_us(self, at_us):
        """The program's own time: since its start, but what its ramp is behind."""
        return max(0, at_us - self.start_us - self.ramp_behind_us(at_us))

    def ramp_behind_us(self, at_us):
        """By how much the ramp is behind the program's time; it grows while the ramp is held."""
        return self._ramp_behind_us + (at_us - self.ramp_held_us if self.ramp_held_us >= 0 else 0)

    def set_ramp(self, behind_us, held, now_us):
        """Put the ramp so far behind, held there or going on."""
        self._piece = NO_PIECE
        self._ramp_behind_us = behind_us
        self.ramp_held_us = now_us if held else -1

    def plan_at(self, front_us):
        """(overlay or None, until_us) to plan from here on: a bolus, the bridge, a due turn, the spread bolus."""
        overlay = self.boluses.at(front_us)
        if overlay is None and self.mode == "running":
            overlay = _unplanned(self.bridge)
            if overlay is None:
                overlay = self.boluses.begin_turn(front_us) or _unplanned(self.spread)
        if self.mode != "running" or overlay is not None and overlay is not self.spread:
            return overlay, NEVER_US
        return overlay, self.boluses.planned_due_us(front_us)

    def flowing(self, at_us):
        """The overlay whose steps leave at an instant, also when all of them are planned; or None."""
        overlay = self.boluses.flowing(at_us)
        if overlay is None and self.mode == "running":
            for overlay in (self.bridge, self.spread):
                if overlay is not None and overlay.flows(at_us):
                    return overlay
            overlay = None
        return overlay

    def overlays(self):
        """Every overlay that has steps left, in the order in which they flow."""
        return [o for o in self.boluses.queue + [self.bridge, self.spread] if o is not None]

    def under_way(self, now_us):
        """The bolus that is told of as such: in the slot, else the bridge, else the spread one, suspended or not."""
        return self.boluses.flowing(now_us) or self.bridge or self.spread

    def coming(self, now_us):
        """The bolus in the slot now, or the one that begins within LEAD_US, be it planned or not; or None."""
        until_us = now_us + LEAD_US
        found = self.boluses.flowing(now_us) or self.boluses.flowing(until_us)
        if found is None and self.mode == "running" and self.bridge is None:
            found = self.boluses.coming_turn(now_us, until_us)
        return found

    def unplan(self):
        """The plan's end is now: what was planned ahead and has not begun is taken back."""
        for overlay in self.boluses.unplan():
            self._dosing.forgo(overlay)
        for overlay in (self.bridge, self.spread):
            if overlay is not None:
                overlay.unplan()

    def next_change_us(self, now_us, utc_us):
        """The next instant at which the flow changes as far as it is planned: of the base flow, or of a bolus."""
        _kind, _rate, soonest_us = self.base(now_us, utc_us)
        for overlay in self.overlays():
            for at_us in (overlay.start_us, overlay.end_us):
                if at_us > now_us:
                    soonest_us = min(soonest_us, at_us)
        if self.mode == "running":
            soonest_us = min(soonest_us, self.boluses.next_us(now_us))
        return soonest_us

    def next_rise_us(self, after_us, utc_us):
        """The next instant, as far as it is planned, at which more may begin to flow than flowed before."""
        _kind, rate, soonest_us = self.base(after_us, utc_us)
        if (
            soonest_us < NEVER_US
            and self.base(soonest_us, utc_us and utc_us + soonest_us - after_us)[1] <= rate
        ):
            soonest_us = NEVER_US
        follows = self.spread is not None or self.boluses.waiting(after_us, None)
        for overlay in self.overlays():
            if overlay.start_us > after_us:
                soonest_us = min(soonest_us, overlay.start_us)
            if overlay.end_us > after_us and (follows or overlay is self.bridge):
                soonest_us = min(soonest_us, overlay.end_us)
        if self.mode == "running":
            soonest_us = min(soonest_us, self.boluses.next_us(after_us))
        return soonest_us

    # --- requests

    def add(self, overlay):
        """Begin a granted bolus."""
        if overlay.kind == SPREAD:
            self.spread = overlay
        else:
            self.boluses.add(overlay)

    def add_apart(self, overlay, mode):
        """Begin what flows while the program does not; it stands again afterwards."""
        self.boluses.queue.append(overlay)
        self.mode = mode

    # --- ends

    def finish(self):
        """Drop the overlays whose steps are all counted; returns them."""
        ended = self.boluses.finish()
        if ended and self.mode != "running":
            self.mode = "stopped"
        if self.bridge is not None and self.bridge.done_steps >= self.bridge.steps:
            ended.append(self.bridge)
            self.bridge = None
        if self.spread is not None and self.spread.done_steps >= self.spread.steps:
            ended.append(self.spread)
            self.spread = None
        return ended


def _unplanned(overlay):
    """The overlay if steps of it are still to be planned."""
    return overlay if overlay is not None and overlay.planned_steps < overlay.steps else None
