"""The feed: keeps the stepper's queue filled with what the therapy wants, and books what was counted.

Owns: the open stream, how far ahead it is planned, cutting and planning anew.
Rules: the queue always outlasts the longest stall; a change of plan cuts what was queued and gives it back;
nothing is booked that was not counted; a bolus that has all its steps ends here.
Units: microseconds of Clock, PIO cycles from the stream's start, steps.
Leaves: rates to therapy.py, volumes to dosing.py, edges to stepper.py, alarms to monitor.py.
"""

from pumpwire.program import NEVER_US
from pumpwire.terms import CYCLES_PER_US

from rig.clock import TICK_US
from rig.flow.dosing import BASAL
from rig.flow.therapy import CALIBRATION, DEMAND, PRIME, SINGLE, SPREAD

# How far ahead a slow flow is queued: it can be cut between two steps at any time
SLOW_AHEAD_US = 120_000_000
SLOW_LOW_US = 10_000_000
FAST_AHEAD_US = 1_800_000
FAST_LOW_US = 1_200_000  # a commit, which may erase twice, wants a second
RAMP_US = 400_000  # twice the longest ramp
SETTLE_US = TICK_US  # a bolus is booked one tick after its first and its last step
SLOW_STEP_CYCLES = 2_500_000  # 50 steps/s
STEPS_A_RUN = 1_000  # then the next tick goes on: writing them takes the Pico 4 ms of its 20
FILL_US = 3_000  # and no further stretch is begun after so long
ENOUGH_US = 1_000_000  # once the queue lasts for so long
FAST_ENOUGH_US = 60_000  # a tick, a collection and a filling
MOST_SPANS = 24  # of the angle map's cells in the queue: 16 s at 50 steps/s
SPANS_A_RUN = 3  # and planned in one tick, once the queue outlasts a stall
ASKED = (DEMAND, SINGLE, SPREAD)  # what the cap has to find room for beside the program's own


class Delivery:
    """Therapy to stepper and back. `log(event, fields, at_us)` records starts and ends of boluses, `angle()` reads
    the rotor's encoder.
    """

    def __init__(self, parts, log, angle, planned):
        self._clock, self._stepper, self._dosing, self._therapy, self._cap = parts
        self._log = log
        self._angle = angle
        self._planned = planned  # told when the begin or the end of a bolus comes to be known
        self.open_us = -1  # when the stream began; -1: none
        self.settled_us = -1  # the tick in which it was last settled
        self.due_us = NEVER_US
        self._stopped = None  # to be called at the end of a ramp down
        self._brake_front_us = 0
        self.surplus_steps = 0  # counted, but in no plan
        self.relieving = False  # the motor goes back: what is counted is relief

    def is_braking(self):
        """Whether a ramp down runs, which is to be written on at each tick."""
        return self._stopped is not None

    def ahead_us(self, now_us):
        """How much longer the queue lasts."""
        if self._stopped is not None:
            return 0  # a ramp down is written on at each tick
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
        if self._stopped is None:
            self.settle(now_us)
        return self.go_on(now_us)

    def go_on(self, now_us):
        """Fill what was booked just now, or go on with a ramp down; returns as `run`."""
        if self._stopped is not None:
            return self._go_on_braking(now_us)
        if self.wants_flow():
            self._fill(now_us)
        else:
            if self.open_us >= 0:
                self._cut(now_us)
                self._therapy.unplan()
            self.due_us = self._therapy.boluses.next_us(now_us)
        return self.due_us

    def wants_flow(self):
        """Whether the queue is to be filled."""
        therapy = self._therapy
        return (
            therapy.mode in ("priming", "dispensing")
            or therapy.mode == "running"
            and therapy.program is not None
        )

    def settle(self, now_us):
        """Book what was counted since the last time; tell of the boluses that began, ended or were missed.

        Returns how many records that took.
        """
        self.settled_us = now_us
        count = 0
        while True:  # up to the end of each bolus: no record holds a step of what it has not told of
            told = self._untold(now_us)
            ended = False
            for event, fields, at_us in told:
                self._log(event, fields, at_us)
                ended = ended or event == "bolus_end"
            count += len(told)
            if not ended:
                # What was cancelled may have steps that no record tells of yet: it comes first, see end_cancelled
                if not self._therapy.cancelled:
                    count += self._therapy.boluses.tell_missed(self._log)
                return count

    def _untold(self, now_us):
        """Book; -> (event, fields, when) of the boluses that began or ended since the last time, in that order."""
        self.book(now_us)
        therapy = self._therapy
        therapy.pass_time(now_us)
        if self._stopped is not None or self.relieving:
            return []  # a ramp down tells of them when it stands
        pending = 0
        told = []  # in the order of time: one may end as the next begins
        for overlay in therapy.overlays():
            if not overlay.announced and overlay.done_steps:
                overlay.announced = True
                told.append(("bolus_start", overlay.told(), overlay.first_us))
            if overlay.kind in ASKED:
                pending += overlay.left()
            if overlay.steps and not overlay.left():
                told.append(("bolus_end", overlay.told(), overlay.end_us))
        self._cap.pending_steps = pending
        therapy.finish()
        return sorted(told, key=lambda row: row[2])

    def book(self, now_us, wholly=False):
        """Attribute what was counted until now, or until the end of a bolus, which is told of first.

        A ramp down's steps are the flow's that was under way, whether they had been planned or not.
        """
        counted = self._stepper.counted()
        if self.relieving:
            self._dosing.relieve(counted)
            return
        if counted == self._dosing.seen_steps and not self._cap.is_due(now_us):
            return  # as at most of the several calls of a tick
        overlay = self._therapy.flowing(now_us) if self._stopped is not None else None
        kinds = self._dosing.kind_steps
        # written out: a list of them takes the Pico 0.2 ms
        asked = kinds[DEMAND] + kinds[SINGLE] + kinds[SPREAD]
        apart = kinds[PRIME] + kinds[CALIBRATION]
        steps, surplus = self._dosing.settle(counted, overlay.kind if overlay else BASAL, wholly)
        if self._stopped is None:
            self.surplus_steps += surplus
        if steps or self._cap.is_due(now_us):
            steps -= kinds[PRIME] + kinds[CALIBRATION] - apart
            asked = kinds[DEMAND] + kinds[SINGLE] + kinds[SPREAD] - asked
            self._cap.add(now_us, steps - asked, asked)

    def _fill(self, now_us):
        began_us = self._clock.now_us()
        fresh = self.open_us < 0
        if fresh:
            self._stepper.open()
            self.open_us = self._clock.now_us()
            self._dosing.align(self._angle())
        ahead_us, low_us = self._reach(now_us)
        enough_us = ENOUGH_US if ahead_us > FAST_AHEAD_US else FAST_ENOUGH_US
        front_us = self._front_us()
        planned = self._therapy.plan_at(front_us)
        goal_us = self._whole_end_us(now_us + ahead_us, front_us, planned[0])
        queued_steps = self._stepper.appended_steps
        bites = SPANS_A_RUN  # of the angle map
        while 0 <= front_us < goal_us:
            front_us = self._extend(front_us, goal_us, planned)
            planned = None
            if fresh:  # cycle 0 came with the first words, which took the Pico a millisecond or more
                fresh = False
                self.open_us = self._clock.now_us() - self._stepper.age_us()
            if self._stepper.appended_steps - queued_steps >= STEPS_A_RUN:
                break
            if front_us - now_us > enough_us and self._clock.now_us() - began_us > FILL_US:
                break
            if self._dosing.is_mapped():
                bites -= 1
                if len(self._dosing.spans) >= MOST_SPANS or bites <= 0 and front_us - now_us > FAST_LOW_US:
                    break
        self.due_us = max(now_us, self._front_us() - low_us)
        if self.due_us > now_us:  # nothing comes before the next tick
            self.due_us = min(self.due_us, self._next_event_us(now_us))

    def _reach(self, now_us):
        """(how far to queue, when to queue again): shorter for fast flows, which need ramps to change."""
        overlay = self._therapy.flowing(now_us)
        _kind, rate, _until = self._therapy.base(now_us, self._clock.utc_us(now_us))
        if overlay is not None:
            rate += overlay.rate_nl_per_day
        if 0 < self._dosing.step_cycles(rate) < SLOW_STEP_CYCLES:
            return FAST_AHEAD_US, FAST_LOW_US
        return SLOW_AHEAD_US, SLOW_LOW_US

    def _whole_end_us(self, goal_us, front_us, overlay):
        """The goal, moved so that a bolus is not left with an end too short to slow down in."""
        if overlay is None:
            return goal_us
        left_cycles = (overlay.steps - overlay.planned_steps) * self._dosing.step_cycles(
            overlay.rate_nl_per_day
        )
        end_us = front_us + left_cycles // CYCLES_PER_US
        return end_us + RAMP_US if goal_us < end_us < goal_us + RAMP_US else goal_us

    def _extend(self, front_us, goal_us, planned):
        """Plan one stretch from front_us; returns the new front, or -1 where no more can be planned now.

        planned: what therapy.plan_at gave for it, if it was asked.
        """
        therapy = self._therapy
        overlay, over_until_us = planned or therapy.plan_at(front_us)
        kind, rate, base_until_us = therapy.base(front_us, self._clock.utc_us(front_us))
        if not rate and overlay is None and therapy.mode != "running":
            return -1
        until_us = min(goal_us, over_until_us, base_until_us)
        begin_cycles = self._stepper.appended_cycles
        cycles = (until_us - self.open_us) * CYCLES_PER_US - self._stepper.appended_cycles
        if cycles <= 0:
            return front_us + 1
        if not self._dosing.plan(self._stepper.append, kind, rate, overlay, cycles):
            return -1
        front_us = self._front_us()
        if overlay is not None:
            if overlay.planned_steps and not overlay.first_us:
                first_cycles = begin_cycles + overlay.first_cycles
                overlay.first_us = self.open_us + -(-first_cycles // CYCLES_PER_US)
                self._planned()
            if overlay.planned_steps >= overlay.steps:
                overlay.end_us = self.open_us + -(-self._stepper.appended_cycles // CYCLES_PER_US)
                self._planned()
        return front_us

    def _next_event_us(self, now_us):
        """When a queued bolus has had its first or its last step, or a turn falls due: it is booked then."""
        soonest_us = self._therapy.boluses.next_us(now_us)
        for overlay in self._therapy.overlays():
            at_us = overlay.end_us if overlay.announced else overlay.first_us
            if at_us:
                soonest_us = min(soonest_us, max(now_us, at_us) + SETTLE_US)
        return soonest_us

    def _cut(self, now_us):
        """End the stream: a step that left until then is booked, what is queued and not counted is given back."""
        front_us = self._front_us()
        self._stepper.cut()
        ahead_us = max(0, front_us - self._clock.now_us())
        self.book(now_us, True)
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
        self._go_on_braking(now_us, True)

    def _go_on_braking(self, now_us, is_booked=False):
        standing = self._stepper.ramp_down()
        if standing or not is_booked:
            self.book(now_us, True)
        self.due_us = now_us + SETTLE_US
        if standing:
            self._dosing.rewind(max(0, self._brake_front_us - self._clock.now_us()) * CYCLES_PER_US)
            self._therapy.unplan()
            self.open_us = -1
            self.due_us = now_us + 1  # what falls due while it stands is told in time
            stopped, self._stopped = self._stopped, None
            if stopped is not None:
                stopped(now_us)
        return self.due_us

    def replan(self, now_us):
        """The therapy has changed: cut, then plan from now on at the next run. A ramp down ends here at once."""
        self.settle(now_us)
        is_open = self.open_us >= 0
        if is_open:
            self._cut(now_us)
        stopped, self._stopped = self._stopped, None
        if is_open:
            self.settle(now_us)
        self._therapy.unplan()
        self.end_cancelled()
        self.due_us = now_us
        if stopped is not None:
            stopped(now_us)

    def end_cancelled(self):
        """Tell of the boluses that were cancelled, now that nothing of them is queued."""
        rows, self._therapy.cancelled = self._therapy.cancelled, []
        for overlay in rows:
            self._dosing.forgo(overlay)
            if not overlay.announced:  # it was under way, if it had no step yet or one of the last tick
                self._log("bolus_start", overlay.told())
            self._log("bolus_end", overlay.told())
        self._therapy.boluses.tell_missed(self._log)
