"""The watcher: what was counted against what was planned, the reservoir, the cap.

Owns: the checks that raise alarms.
Rules: separate from delivery: it reads the independent step count and the sensors, not the commanded rate
alone (SR-34); it never starts motion, it only stops it.
Units: nL, steps, microseconds of Clock.
Leaves: rotation to rotation.py, pressure to pressure.py, numbers to thresholds.py, stopping itself to rig.py.
"""

from pumpwire.terms import CYCLES_PER_US

from rig.clock import NEVER_US
from rig.flow.dosing import BASAL, RELIEF
from rig.watch import thresholds
from rig.watch.rotation import COUNTS


class Monitor:
    """Runs the checks in a fixed order; each raises or clears through `rig`."""

    def __init__(self, rig, rotation, pressure):
        self._rig = rig
        self._rotation = rotation
        self.pressure = pressure
        self._starved = 0
        self._mode = ""
        self._mode_us = 0
        self._flowed = BASAL  # the kind that flowed when it was last looked at
        self._retry_us = NEVER_US
        self._tried_steps = -1  # where the motor stood when a stall was tried again
        self._failed = []  # sensors that do not work
        self._owed = {"encoder": thresholds.SOUND_READINGS, "pressure": thresholds.SOUND_READINGS}
        self._slipped = 0  # steps that were lost little by little and are not yet in the log
        self._slips_told_us = 0
        self._fell = False  # it was away: a driver that is set by its wire has forgotten all
        self._sags = 0  # readings of the supply in a row that were too low for the motor
        self._rough_us = 0  # when the flow was last too fast for readings of the pressure to be compared
        self._calm = thresholds.CALM_READINGS  # so many since then that can be

    def run(self, now_us):
        """Check; returns when to check again."""
        rig = self._rig
        # What is counted is to be as new as the angle, even where the feed has settled in this tick
        if rig.delivery.settled_us == now_us:
            rig.delivery.book(now_us)
        elif rig.delivery.settle(now_us):  # a record has filled this tick
            rig.loop.keep_next(rig.watching)
            return now_us + 1
        self.check_reservoir()
        self._check_count()
        if rig.therapy.mode != self._mode:
            self._mode = rig.therapy.mode
            self._mode_us = now_us
            self._rotation.restart_window()
        left_stopped = self._mode == "stopped" and now_us - self._mode_us >= thresholds.STOPPED_REMIND_US
        rig.alarm_while(left_stopped and rig.therapy.program is not None, "stopped_loaded", ())
        self._check_rotation(now_us)
        period_us = self._period_us(now_us)
        self._check_pressure(now_us, period_us)
        if rig.therapy.mode == "running" and rig.cap.is_full(now_us):
            rig.alarm("cap", ())
        if now_us >= self._retry_us:
            self._retry(now_us)
        if rig.therapy.mode != self._mode or rig.delivery.relieving:
            period_us = self._period_us(now_us)
        return min(self._retry_us, self._remind_us(now_us), now_us + period_us, self._next_change_us(now_us))

    def _remind_us(self, now_us):
        """When a pump that was left stopped is told of."""
        remind_us = self._mode_us + thresholds.STOPPED_REMIND_US
        return remind_us if self._mode == "stopped" and remind_us > now_us else NEVER_US

    def _period_us(self, now_us):
        """A sample for every SAMPLE_COUNTS of rotation, within bounds; quick while pressure is relieved."""
        if self._rig.delivery.relieving:
            return thresholds.SAMPLE_MIN_US
        rate = self._rig.flow_nl_per_day(now_us)
        if not rate:
            return thresholds.STOPPED_SAMPLE_US
        period_us = self._rotation.sample_steps() * self._rig.dosing.step_cycles(rate) // CYCLES_PER_US
        return min(thresholds.SAMPLE_MAX_US, max(thresholds.SAMPLE_MIN_US, period_us))

    def _next_change_us(self, now_us):
        """When the flow next changes by itself, or before: a step of the base flow, a bolus that begins or ends."""
        utc_us = self._rig.clock.utc_us(now_us)
        return max(now_us + 1, self._rig.therapy.next_change_us(now_us, utc_us))

    def check_reservoir(self):
        """Low below the program's level, empty at zero; both end with a refill."""
        program = self._rig.therapy.program
        if program is None:
            return
        volume_nl = self._rig.reservoir.volume_nl()
        self._rig.alarm_while(volume_nl == 0, "empty", ())
        self._rig.alarm_while(volume_nl < program["low_nl"], "low", (("reservoir_nl", volume_nl),))

    def check_clock(self, now_us):
        """The program needs a time of the day that the clock, or its zone's list of changes, does not tell."""
        why = self._rig.therapy.clock_fault(self._rig.clock.utc_us(now_us))
        self._rig.alarm_while(bool(why), "clock", (("why", why),))

    def _check_count(self):
        delivery = self._rig.delivery
        if delivery.surplus_steps:
            surplus, delivery.surplus_steps = delivery.surplus_steps, 0
            self._rig.alarm("count_mismatch", (("surplus_steps", surplus),))
        starved = self._rig.board.stepper.starved()
        if starved != self._starved:
            self._rig.alarm("starved", (("times", starved - self._starved),))
            self._starved = starved

    def watch_supply(self):
        """At every tick: low alarms, too low for the motor stops it. Whether the next tick must look again."""
        supply_mv = self._rig.board.supply_mv()
        if supply_mv >= thresholds.SUPPLY_GOOD_MV:
            self._sags = 0
            self._rig.alarms.clear("supply")
            if self._fell:
                self._fell = False
                self._rig.supply_is_back()
            return False
        self._sags = self._sags + 1 if supply_mv < thresholds.SUPPLY_STOP_MV else 0
        if self._sags >= thresholds.SUPPLY_READINGS:
            self._fell = True
            self._raise("supply_stop", supply_mv)
        if supply_mv < thresholds.SUPPLY_LOW_MV:
            self._raise("supply", supply_mv)
        return 0 < self._sags < thresholds.SUPPLY_READINGS

    def _raise(self, name, supply_mv):
        if name not in self._rig.alarms.active:
            self._rig.alarm(name, (("supply_mv", supply_mv),))

    def _judge(self, sensor, works):
        """A sensor that fails alarms, another one anew; the alarm ends when all have worked for a while."""
        alarms = self._rig.alarms
        if not works:
            self._owed[sensor] = thresholds.SOUND_READINGS
            if sensor not in self._failed:
                self._failed.append(sensor)
                self._rig.log.owe(self._tell_failed)  # it stops nothing: its records are a tick each
        elif self._owed[sensor]:
            self._owed[sensor] -= 1
            if not self._owed[sensor] and sensor in self._failed:
                self._failed.remove(sensor)
            if not any(self._owed.values()):
                alarms.clear("sensor")

    def _tell_failed(self):
        self._rig.alarms.clear("sensor")
        self._rig.alarm("sensor", (("sensor", ",".join(self._failed)),))

    def _check_rotation(self, now_us):
        rig = self._rig
        before = rig.dosing.position_steps()
        raw = rig.board.angle()
        rig.delivery.book(now_us)
        after = rig.dosing.position_steps()
        works = self._rotation.read(raw, (before + after) // 2)
        self._judge("encoder", works)
        if not works:
            return
        if self._retry_us != NEVER_US:
            self._rotation.accept()  # held in a field, which shakes the encoder too
            return
        if rig.therapy.mode == "stopped" and self._rotation.is_at_rest():
            moved = self._rotation.moved_counts(after)
            if abs(moved) >= thresholds.MOVED_COUNTS and not rig.delivery.relieving:
                self._rotation.accept()
                rig.alarm("moved_stopped", (("counts", moved),))
            return
        self._judge_flow(before, after, now_us)
        if rig.therapy.mode == "stopped":
            self._rotation.rest(after)

    def _judge_flow(self, before, after, now_us):
        """What the rotor has lost, or gained, while steps were made; also once more when a stop has ended them."""
        rig = self._rig
        overlay = rig.therapy.flowing(now_us)
        if rig.therapy.mode != "stopped":
            self._flowed = overlay.kind if overlay else BASAL
        lost = self._rotation.lost_counts(before, after)
        trying = self._tried_steps >= 0 and after - self._tried_steps < self._rotation.steps_of(
            thresholds.TRIAL_COUNTS
        )
        at_once = self._rotation.is_lost_at_once(before, rig.delivery.commanded_steps(now_us), now_us)
        if at_once or trying and abs(lost) >= thresholds.STALL_COUNTS:
            self._stalled(max(0, lost), now_us)
        elif lost >= thresholds.STALL_COUNTS:
            steps = self._book_lost(lost)
            self._slipped += steps
            self._rotation.take_lag(steps)
        elif -lost >= thresholds.STALL_COUNTS:
            self._rotation.accept()
            rig.alarm("over_infusion", (("ahead_counts", -lost),))
        ratio = self._rotation.ratio()
        if ratio:
            rig.alarm(ratio + "_infusion", ())
        if self._slipped and now_us - self._slips_told_us >= thresholds.RATIO_WINDOW_US:
            self._tell_slips(now_us)

    def accept_rotor(self):
        """A person has seen to the rotor: where it stands now is right, if the pump stands."""
        if self._rig.therapy.mode == "stopped":
            self._rotation.accept()

    def restart(self):
        """What is commanded is counted anew: rotation is judged from here."""
        self._rotation.restart_window()

    def _stalled(self, lost, now_us):
        """Book what was not delivered at once; stop, and with on_stall = retry try again later without catching up."""
        rig = self._rig
        self._tell_slips(now_us)
        steps = self._book_lost(lost)
        self._rotation.accept()
        self._tell_undelivered(steps)
        runs = rig.therapy.mode == "running"
        rig.alarm("stall", (("steps", steps),))
        if runs and rig.therapy.retries_stalls():
            self._retry_us = now_us + thresholds.STALL_RETRY_US

    def _book_lost(self, lost):
        """Counts that the rotor did not turn are no delivery; -> their steps."""
        steps = self._rotation.steps_of(lost)
        self._rig.dosing.lose(steps, self._flowed)
        return steps

    def _tell_slips(self, now_us):
        """What a coupling that slips has cost goes into the log every so often, not at every slip."""
        self._slips_told_us = now_us
        if self._slipped:
            steps, self._slipped = self._slipped, 0
            self._tell_undelivered(steps)

    def _tell_undelivered(self, steps):
        self._rig.log.record("undelivered", (("steps", steps), ("nl", self._rig.dosing.nl_of(steps))))

    def _retry(self, now_us):
        """Run again after a stall; if the rotor still does not follow, the next sample stops it again."""
        self._retry_us = NEVER_US
        rig = self._rig
        if "stall" not in rig.alarms.active or rig.therapy.mode != "stopped":
            return
        rig.alarms.clear("stall")
        if not rig.alarms.blocking():
            rig.log.record("stall_end", ())
            self._tried_steps = rig.dosing.position_steps()
            rig.therapy.run(now_us)
            rig.flow_changed(now_us)

    def _check_pressure(self, now_us, period_us):
        rig = self._rig
        if period_us < thresholds.SMOOTH_US:
            self._rough_us = now_us
            self._calm = 0
        elif now_us - self._rough_us >= thresholds.CALM_US:
            self._calm = min(self._calm + 1, thresholds.CALM_READINGS)
        smooth = self._calm >= thresholds.CALM_READINGS
        relieving = rig.delivery.relieving
        standing = rig.therapy.mode == "stopped" and not relieving
        self._judge("pressure", self.pressure.read(rig.board.pressure_pa(), standing, smooth))
        is_fast = not standing and rig.flow_nl_per_day(now_us) >= thresholds.BACKWARDS_NL_PER_DAY
        if relieving:
            self._relieve(now_us)
        elif self.pressure.is_drawn(is_fast):
            rig.alarm("backwards", (("pressure_pa", self.pressure.now_pa),))
        elif self.pressure.is_occluded() and "occlusion" not in rig.alarms.active:
            rig.alarm("occlusion", (("pressure_pa", self.pressure.now_pa),))
            self.pressure.begin_relief(self._rotation.steps_of(COUNTS))
            rig.delivery.relieving = True

    def end_relief(self):
        """The pump is stopped while pressure is relieved: the motor stands at once; the next sample tells of it."""
        if self._rig.delivery.relieving:
            self.pressure.relief_left_steps = 0
            self._rig.board.stepper.cut()

    def _relieve(self, now_us):
        """Go back a little at each sample until the pressure has gone or the bound is reached."""
        rig = self._rig
        stepper = rig.board.stepper
        if stepper.counted() < stepper.appended_steps and not stepper.halted:
            return  # the last of it is still under way
        turn_steps = self._rotation.steps_of(COUNTS)
        steps = self.pressure.relief_steps(max(1, turn_steps // thresholds.RELIEF_CHUNKS))
        if steps:
            stepper.reverse(steps, thresholds.RELIEF_TURN_US * CYCLES_PER_US // turn_steps)
            return
        stepper.cut()
        rig.delivery.settle(now_us)
        rig.delivery.relieving = False
        kinds = rig.dosing.kind_steps
        moved = self._rotation.moved_counts(rig.dosing.position_steps()) if self._rotation.is_at_rest() else 0
        stuck = min(kinds[RELIEF], self._rotation.steps_of(moved)) if moved >= thresholds.MOVED_COUNTS else 0
        kinds[RELIEF] -= stuck  # the rotor did not go back with the motor
        rig.log.record("relief", (("steps", kinds[RELIEF]), ("pressure_pa", self.pressure.now_pa)))
        if stuck:
            self._rotation.accept()
            rig.alarm("stall", (("steps", stuck),))
