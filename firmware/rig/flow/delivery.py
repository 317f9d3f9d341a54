"""The feed: keeps the stepper's queue filled with what the therapy wants, and books what was counted.

Owns: the open stream, how far ahead it is planned, cutting and planning anew.
Rules: the queue always outlasts the longest stall; a change of plan cuts what was queued and gives it back;
nothing is booked that was not counted; a bolus that has all its steps ends here.
Callers: the loop (`run`), session.py through rig.py (`replan`, `stop`).
Units: microseconds of Clock, PIO cycles from the stream's start, steps.
Leaves: rates to therapy.py, volumes to dosing.py, edges to stepper.py, alarms to monitor.py.
"""

from pumpwire.program import NEVER_US

from rig.flow.dosing import BASAL, CYCLES_PER_US
from rig.flow.therapy import APART, CALIBRATION, PRIME

SLOW_AHEAD_US = (
    120_000_000  # how far ahead a slow flow is queued: it can be cut between two steps at any time
)
SLOW_LOW_US = 10_000_000
FAST_AHEAD_US = 1_800_000
FAST_LOW_US = 1_200_000  # a commit, which may erase twice, wants a second
RAMP_US = 400_000  # twice the longest ramp
SETTLE_US = 20_000  # a tick: a bolus is booked one tick after its last step
SLOW_STEP_CYCLES = 2_500_000  # 50 steps/s
STEPS_A_RUN = 1_000  # then the next tick goes on: writing them takes the Pico 4 ms of its 20
MOST_SPANS = 24  # of the angle map's cells in the queue: 16 s at 50 steps/s
SPANS_A_RUN = 3  # and planned in one tick, once the queue outlasts a stall


class Delivery:
    """Therapy to stepper and back. `log(event, fields)` records starts and ends of boluses, `angle()` reads the
    rotor's encoder.
    """

    def __init__(self, clock, stepper, dosing, therapy, window, log, angle):
        self._clock = clock
        self._stepper = stepper
        self._dosing = dosing
        self._therapy = therapy
        self._window = window
        self._log = log
        self._angle = angle
        self.open_us = -1  # when the stream began; -1: none
        self.due_us = NEVER_US
        self._stopped = None  # to be called at the end of a ramp down
        self._brake_front_us = 0
        self.surplus_steps = 0  # counted, but in no plan
        self.relieving = False  # the motor goes back: what is counted is relief

    def ahead_us(self, now_us):
        """How much longer the queue lasts."""
        if self.open_us < 0:
            return NEVER_US
        return self._front_us() - now_us

    def commanded_nl(self, now_us):
        """Volume commanded until now."""
        return self._dosing.commanded_nl(self._planned_cycles(now_us))

    def commanded_steps(self, now_us):
        """Steps that the volume commanded until now asks of the rotor; for differences."""
        return self._dosing.commanded_steps(self._planned_cycles(now_us))

    def _planned_cycles(self, now_us):
        return max(0, self._front_us() - now_us) * CYCLES_PER_US if self.open_us >= 0 else 0

    def _front_us(self):
        return self.open_us + self._stepper.appended_cycles // CYCLES_PER_US

    def run(self, now_us):
        """Book, then fill; returns when it next has to be called."""
        if self._stopped is not None:
            return self._go_on_braking(now_us)
        self.settle(now_us)
        if self._wants_flow():
            self._fill(now_us)
        elif self.open_us >= 0:
            self._cut(now_us)
        else:
            self.due_us = NEVER_US
        return self.due_us

    def _wants_flow(self):
        therapy = self._therapy
        return (
            therapy.mode in ("priming", "dispensing")
            or therapy.mode == "running"
            and therapy.program is not None
        )

    def settle(self, now_us):
        """Book what was counted since the last time; begin and end boluses in the log."""
        if self.relieving:
            self._dosing.relieve(self._stepper.counted())
            return
        self.book(now_us)
        therapy = self._therapy
        pending = 0
        for overlay in (therapy.bolus, therapy.spread):
            if overlay is None:
                continue
            if not overlay.announced and now_us >= overlay.start_us:
                overlay.announced = True
                self._log("bolus_start", overlay.told())
            if overlay.kind not in APART:
                pending += overlay.steps - overlay.done_steps
        self._window.pending_steps = pending
        for overlay in therapy.finish():
            self._log("bolus_end", overlay.told())
            if therapy.mode != "running":  # priming, a calibration's delivery or a dose: it stands again
                therapy.mode = "stopped"

    def book(self, now_us):
        """Attribute what was counted until now; a record tells it. Not while the motor goes back or ramps down: those
        steps are in no plan.
        """
        if self.relieving or self._stopped is not None:
            return
        kinds = self._dosing.kind_steps
        basal = kinds[BASAL]
        apart = kinds[PRIME] + kinds[CALIBRATION]
        steps, surplus = self._dosing.settle(self._stepper.counted())
        self.surplus_steps += surplus
        if steps:
            steps -= kinds[PRIME] + kinds[CALIBRATION] - apart
            self._window.add(now_us, steps, steps - (kinds[BASAL] - basal))

    def _fill(self, now_us):
        fresh = self.open_us < 0
        if fresh:
            self._stepper.open()
            self.open_us = self._clock.now_us()
            self._dosing.align(self._angle())
        ahead_us, low_us = self._reach(now_us)
        goal_us = self._whole_end_us(now_us + ahead_us)
        queued_steps = self._stepper.appended_steps
        front_us = self._front_us()
        bites = SPANS_A_RUN
        while 0 <= front_us < goal_us:
            front_us = self._extend(front_us, goal_us)
            if fresh:  # cycle 0 came with the first words, which took the Pico a millisecond or more
                fresh = False
                self.open_us = self._clock.now_us() - self._stepper.age_us()
            if self._stepper.appended_steps - queued_steps >= STEPS_A_RUN:
                break
            if self._dosing.is_mapped():
                bites -= 1
                if len(self._dosing.spans) >= MOST_SPANS or bites <= 0 and front_us - now_us > FAST_LOW_US:
                    break
        self.due_us = min(max(now_us, self._front_us() - low_us), self._next_end_us(now_us))

    def _reach(self, now_us):
        """(how far to queue, when to queue again): shorter for fast flows, which need ramps to change."""
        overlay, _until = self._therapy.overlay(now_us)
        _kind, rate, _until = self._therapy.base(now_us, self._clock.utc_us(now_us))
        if overlay is not None:
            rate += overlay.rate_nl_per_day
        if 0 < self._dosing.step_cycles(rate) < SLOW_STEP_CYCLES:
            return FAST_AHEAD_US, FAST_LOW_US
        return SLOW_AHEAD_US, SLOW_LOW_US

    def _whole_end_us(self, goal_us):
        """The goal, moved so that a bolus is not left with an end too short to slow down in."""
        overlay, _until = self._therapy.overlay(self._front_us())
        if overlay is None:
            return goal_us
        left_cycles = (overlay.steps - overlay.planned_steps) * self._dosing.step_cycles(
            overlay.rate_nl_per_day
        )
        end_us = self._front_us() + left_cycles // CYCLES_PER_US
        return end_us + RAMP_US if goal_us < end_us < goal_us + RAMP_US else goal_us

    def _extend(self, front_us, goal_us):
        """Plan one stretch from front_us; returns the new front, or -1 where no more can be planned now."""
        therapy = self._therapy
        if therapy.next_periodic_us() <= front_us:
            _overlay, why = therapy.start_periodic(front_us)
            if why:
                self._log("refused", (("what", "periodic"), ("why", why)))
        overlay, over_until_us = therapy.overlay(front_us)
        kind, rate, base_until_us = therapy.base(front_us, self._clock.utc_us(front_us))
        if not rate and overlay is None and therapy.mode != "running":
            return -1
        until_us = min(goal_us, over_until_us, base_until_us)
        if therapy.next_periodic_us() > front_us:
            until_us = min(until_us, therapy.next_periodic_us())
        cycles = (until_us - self.open_us) * CYCLES_PER_US - self._stepper.appended_cycles
        if cycles <= 0:
            return front_us + 1
        if not self._dosing.plan(self._stepper.append, kind, rate, overlay, cycles):
            return -1
        front_us = self._front_us()
        if overlay is not None and overlay.planned_steps >= overlay.steps:
            overlay.end_us = front_us
        return front_us

    def _next_end_us(self, now_us):
        """When a bolus that is wholly queued will have had its last step; its end is booked then."""
        for overlay in (self._therapy.bolus, self._therapy.spread):
            if overlay is not None and overlay.planned_steps >= overlay.steps:
                return max(now_us + SETTLE_US, overlay.end_us + SETTLE_US)
        return NEVER_US

    def _cut(self, now_us):
        """End the stream: what is queued and not counted is given back."""
        front_us = self._front_us()
        counted = self._stepper.cut()
        ahead_us = max(0, front_us - self._clock.now_us())
        self._dosing.settle(counted)
        self._dosing.rewind(ahead_us * CYCLES_PER_US)
        self.open_us = -1
        self.due_us = NEVER_US

    def brake(self, now_us, stopped):
        """Stop as the motor can: `stopped(now_us)` is called when it stands, at once or within 200 ms."""
        if self.open_us < 0 or self.relieving:
            self.replan(now_us)
            stopped(now_us)
            return
        self.settle(now_us)
        self._brake_front_us = self._front_us()
        self._stopped = stopped
        self._go_on_braking(now_us)

    def _go_on_braking(self, now_us):
        overlay, _until = self._therapy.overlay(now_us)
        standing = self._stepper.ramp_down()
        # the ramp's steps are the flow's that was under way, whether they had been planned or not
        self._dosing.settle(self._stepper.counted(), overlay.kind if overlay else BASAL)
        self.due_us = now_us + SETTLE_US
        if standing:
            self._dosing.rewind(max(0, self._brake_front_us - self._clock.now_us()) * CYCLES_PER_US)
            self.open_us = -1
            self.due_us = NEVER_US
            stopped, self._stopped = self._stopped, None
            if stopped is not None:
                stopped(now_us)
        return self.due_us

    def replan(self, now_us):
        """The therapy has changed: cut, then plan from now on at the next run. A ramp down ends here at once."""
        stopped, self._stopped = self._stopped, None
        self.settle(now_us)
        if self.open_us >= 0:
            self._cut(now_us)
            self.settle(now_us)
        self.due_us = now_us
        if stopped is not None:
            stopped(now_us)
