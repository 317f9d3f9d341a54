"""The rig: builds the parts, boots from the log, runs the loop.

Owns: the wiring between the parts, stopping for an alarm.
Rules: after any reset the pump resumes exactly what ran, or stops and alarms, as the program says; it never
takes a default rate; each change of state is on flash before it takes effect.
Units: microseconds, nL, steps.
Leaves: everything else to the parts.
"""

import gc

from pumpwire import program as programs
from pumpwire import spec

from rig import lend
from rig.board.flashmap import LOG, SETTINGS
from rig.boot import snapshot
from rig.clock import Clock
from rig.flow.counted import CountedRate
from rig.flow.day_cap import DayCap
from rig.flow.delivery import Delivery
from rig.flow.dosing import Dosing
from rig.flow.forecast import Forecast
from rig.flow.requests import Requests
from rig.flow.therapy import Therapy
from rig.line.access import Access
from rig.line.buttons import Buttons
from rig.line.commands import Commands
from rig.line.link import Link
from rig.line.readings import Readings
from rig.line.session import Session
from rig.line.staging import Staging
from rig.log.checkpoint import Checkpoint
from rig.log.journal import Journal
from rig.log.logbook import Logbook
from rig.loop import Duty, Loop
from rig.refused import Refused
from rig.watch import thresholds
from rig.watch.alarms import Alarms
from rig.watch.implant import Implant
from rig.watch.kept_alarms import Unread
from rig.watch.monitor import Monitor
from rig.watch.pressure import Pressure
from rig.watch.reservoir import Reservoir
from rig.watch.rotation import Rotation

DAY_S = 86_400
FORESEEN = ("checkpoint", "bolus_start", "bolus_end")  # these change no forecast


class Rig:
    """All parts of the rig. `motor` gives the steps of a revolution and the rates the motor can do."""

    def __init__(self, board, port, motor):
        from rig.log.blocks import find  # forgotten after the boot
        from rig.log.kept_documents import slots

        self.board = board
        self.digest = spec.digest()
        self.clock = Clock(board.ticks_us, board.ticks_diff)
        self.dosing = Dosing(motor.steps_num, motor.steps_den)
        self._motor = motor
        self.cap = DayCap(self.dosing)
        self.reservoir = Reservoir(self.dosing)
        self.journal = Journal(find(board.flash, LOG))
        self.log = Logbook(self.clock, self.journal, self.dosing, self._state, self._tell, self._recorded)
        self.alarms = Alarms(self.log.record, board.sound)
        self.unread = Unread()
        self.settings = slots(find(board.documents, SETTINGS))
        self.therapy = Therapy(self.dosing)
        self.requests = Requests(self.therapy, self.dosing, self.cap, self.need_fluid)
        parts = self.clock, board.stepper, self.dosing, self.therapy, self.cap
        self.delivery = Delivery(parts, self.log.record, board.angle, self._plan_known)
        self.monitor = Monitor(self, Rotation(motor.steps_num, motor.steps_den), Pressure())
        self.staging = Staging(self)
        self.commands = Commands(self)
        self.buttons = Buttons(board, self)
        self.access = Access(board.device_id, self.log.record, board.random)
        self.session = Session(Readings(self), self.commands, self.access)
        self.link = Link(port, self.session, self.clock.now_us)
        self.assumed_steps = 0
        self.collect_us = 0
        self.faults = 0  # in a row
        self._reserve = [0] * 256  # words that the record of a fault may take
        self.checkpoint = Checkpoint(self)
        counts = self.clock, self.dosing, self.therapy
        self.implant = Implant(counts, self.requests, lambda: self.link.answered, self.alarm_while)
        self.forecast = Forecast(counts, self.reservoir, self.implant)
        self._stops = []  # (alarm, when) of the stops in the last ten minutes
        self.counted = CountedRate(self.dosing)
        self.feeding = Duty("delivery", self.commands.feed, False, 2)  # a fast queue lasts for 100 ms
        self.watching = Duty("monitor", self._watch, False)
        self.sounding = Duty("alarms", self.alarms.run, False)
        self.recording = Duty("journal", self.checkpoint.run, False, 2)
        self.foreseeing = Duty("forecast", self.forecast.run, False, 50)  # nobody waits for it
        self.loop = Loop(
            self.clock,
            (
                Duty("buttons", self.buttons.poll, True),
                Duty("link", self._talk, True),
                self.feeding,
                self.watching,
                self.sounding,
                self.recording,
                self.foreseeing,
                Duty("housekeeping", self._keep_house, True),
            ),
            board.feed,
            self._late,
            board.flash,
            self.commands,
        )

    # --- boot

    def boot(self):
        """Resume from the log; returns False when this boot is for maintenance."""
        from rig.boot import recovery, selftest  # needed once: start.py drops them afterwards

        now_us = self.clock.now_us()
        maintenance = recovery.restore(self, now_us)
        self.journal.last = None  # a state of 42 fields, which nobody asks for any more
        recovery.access(self)
        self.counted.begin(now_us)
        self.log.record("boot", (("cause", self.board.reset_cause), ("maintenance", 1 if maintenance else 0)))
        failed = selftest.failures(self)
        self.log.record("self_test", (("failed", ",".join(failed) or "none"),))
        if failed:
            self.alarm("self_test", (("failed", ",".join(failed)),))
            self.alarms.held.append("self_test")  # the motor stays off until a start at which it passes
        self.link.say(
            "pumprig %s ready, protocol %d %s; type help" % (self.board.device_id, spec.PROTOCOL, self.digest)
        )
        return not maintenance

    def use_calibration(self, document):
        """Make a calibration the active one; the rates that the motor can do follow from it."""
        self.dosing.calibrate(
            document["id"],
            document["nl_num"],
            document["nl_den"],
            document["u_ppm"],
            [row[0] for row in document["angle_weights"]],
        )
        self.monitor.restart()
        per_step = self.dosing.volume_num * DAY_S
        self.therapy.max_rate_nl_per_day = self._motor.max_steps_per_s * per_step // self.dosing.volume_den
        self.requests.prime_rate_nl_per_day = (
            self._motor.prime_steps_per_s * per_step // self.dosing.volume_den
        )

    def use_program(self, document, text, digest, now_us, weighed, elapsed_us=None, waiting=0, alone=False):
        """Make a program the active one; motion follows. weighed: what rig.flow.weigh found; alone: its base flow."""
        if alone:
            self.therapy.set_base(document, text, digest)
        else:
            self.therapy.load(document, text, digest, now_us, elapsed_us, waiting)
        self.cap.use(document["cap_nl"], weighed[0], weighed[1], now_us)
        self.monitor.check_clock(now_us)

    # --- the flow

    def flow_changed(self, now_us):
        """What should flow has changed: cut, plan anew, and wake whoever depends on it. The only way to do so."""
        self.delivery.replan(now_us)
        self.feeding.wake()
        self._plan_known()
        self.forecast.renew()
        self.foreseeing.wake()

    def _plan_known(self):
        """When a bolus begins or ends has come to be known: who acts before it looks anew."""
        self.watching.wake()
        self.recording.wake()

    # --- state and log

    def _state(self, now_us):
        """What a record keeps of the rig, as far as it is booked."""
        return snapshot.state_of(self, now_us)

    def _tell(self, now_us):
        """A record of now is coming: tell what has begun or ended before it."""
        self.delivery.book(now_us)
        for overlay in self.therapy.overlays():
            if overlay.done_steps and not (overlay.announced and overlay.left()):
                self.delivery.settle(now_us)
                return

    def _recorded(self, event, fields, number, utc_us, now_us):
        """A record is in the log: who counts from it, and who foresees by what it changes."""
        if event == "alarm":
            self.unread.note(self.alarms.row(fields[0][1]), number, utc_us)
        self.checkpoint.recorded(now_us)
        self.recording.wake()
        if event not in FORESEEN:
            self.forecast.renew()
            self.foreseeing.wake()

    def alarm(self, name, fields):
        """Raise an alarm; stop the pump if that is its action."""
        now_us = self.clock.now_us()
        if self.alarms.raise_alarm(name, now_us, self.clock.utc_us(now_us), fields):
            was_running = self.therapy.mode != "stopped"
            self.stop(now_us, "alarm " + name if was_running else "")
            retried = name == "stall" and self.therapy.retries_stalls()
            if was_running and name != "restarts" and not retried:
                self._count_restart(name, now_us)
        self.sounding.wake()

    def alarm_while(self, condition, name, fields):
        """An alarm that lasts as long as its condition."""
        if condition:
            self.alarm(name, fields)
        else:
            self.alarms.clear(name)

    def supply_is_back(self):
        """The motor's supply had gone: a driver that is set by its wire is set again, or the motor stays off."""
        began = self.board.ticks_us()
        is_set = self.board.set_driver()
        self.loop.announce(self.board.ticks_diff(self.board.ticks_us(), began))  # the module is loaded for it
        if not is_set:
            self.alarm("self_test", (("failed", "driver"),))
            self.alarms.held.append("self_test")

    def _count_restart(self, name, now_us):
        """The same alarm, stop and start again and again: stop until someone looks (SR-33)."""
        self._stops = [row for row in self._stops if now_us - row[1] < thresholds.RESTARTS_US]
        self._stops.append((name, now_us))
        if len([row for row in self._stops if row[0] == name]) >= thresholds.RESTARTS:
            self._stops = []
            self.alarm("restarts", (("of", name),))

    def stop(self, now_us, halted_by=""):
        """Stop now, within one pulse: cut the queue, cancel boluses, keep the program loaded."""
        mode, was_open = self.therapy.mode, self.delivery.open_us >= 0
        self.delivery.settle(now_us)  # what has ended is told before what the stop cancels
        self.therapy.stop(halted_by)
        self.flow_changed(now_us)
        self._stopped(mode, was_open)

    def stop_gently(self, now_us):
        """Stop as a person asks for it: above the motor's start/stop rate by a ramp of at most 200 ms (SR-12)."""
        mode, was_open = self.therapy.mode, self.delivery.open_us >= 0
        # No call more on the way: a stop by command is the Pico's deepest, and its stack has 8 kB.
        self.delivery.brake(now_us, lambda _now_us: self._stopped(mode, was_open))
        self.feeding.waits = 0  # a ramp down is written on at each tick
        self.feeding.wake()

    def _stopped(self, mode, was_open):
        """The motor stands: cancel boluses and log the exact count."""
        self.monitor.end_relief()
        self.give_up_later("stop")
        self.therapy.stop()
        self.delivery.end_cancelled()
        if mode != "stopped" or was_open:
            self.log.record("stop", (("was", mode), ("delivered_steps", self.dosing.net_steps())))

    def need_fluid(self, volume_nl):
        """Refuse what the reservoir does not hold, by the estimate. Raises Refused."""
        left_nl = self.reservoir.volume_nl() - self.dosing.nl_of(self.cap.pending_steps)
        if volume_nl > left_nl:
            raise Refused("reservoir", (("asked_nl", volume_nl), ("left_nl", max(0, left_nl))))

    def need_ready(self):
        """Refuse what would start motion while it must not. Raises Refused."""
        blocking = self.alarms.blocking()
        if blocking:
            raise Refused("alarm", (("alarm", blocking),))
        if self.delivery.relieving:
            raise Refused("busy", (("why", "pressure is being relieved"),))
        if not self.dosing.quantum:
            raise Refused("state", (("why", "not calibrated: no volume can be delivered"),))

    # --- duties

    def tick(self):
        """One tick of the executive; returns the microsecond of the next one that is needed."""
        return self.loop.tick()

    def fail(self, error):
        """A tick has raised what none should, a MemoryError say: motor off, then begin anew from the log.

        The log is right as it is. It says why, unless a command was half done: then memory may be, too.
        """
        self._reserve = None
        lend.give_back()
        gc.collect()
        try:
            self.board.stepper.cut()
            if not self.log.is_holding():
                times = self.faults + 1 if self.clock.now_us() < thresholds.FAULTS_US else 1
                self.log.record("fault", (("times", times), ("error", type(error).__name__)))
        finally:  # whatever that may raise: the boot's record still says that there was a reset
            self.board.reset()

    def _talk(self, now_us):
        """Lines in and out, and what a command has left to do, whether its host reads on or not."""
        due_us = self.link.poll(now_us)
        self.commands.go_on(now_us)
        if self.buttons.go_on(now_us) or self.commands.is_acting or self.log.has_rest():
            return now_us + 1
        return due_us

    def _watch(self, now_us):
        due_us = self.monitor.run(now_us)
        self.staging.watch(now_us)
        if self.therapy.later[0]:
            due_us = min(due_us, self.staging.wait(now_us))
        if self.counted.look(now_us):
            self.monitor.check_clock(now_us)
            self.implant.minute(now_us)
        return due_us

    def give_up_later(self, why):
        """The program that waits is not to begin any more."""
        if self.therapy.later[0]:
            self.therapy.later = (0, 0)
            self.log.record("program", (("waited", 1), ("why", why)))

    def flow_nl_per_day(self, now_us):
        """The commanded rate now, all flows together."""
        overlay = self.therapy.flowing(now_us)
        _kind, rate, _until = self.therapy.base(now_us, self.clock.utc_us(now_us))
        return rate + (overlay.rate_nl_per_day if overlay else 0)

    def _keep_house(self, now_us):
        if self.loop.has_litter(now_us):
            took_us = self.board.collect()
            self.collect_us = max(self.collect_us, took_us)
            self.loop.collected(took_us)
            if now_us - self.session.used_us > lend.AFTER_US:
                lend.give_back()
        self.board.blink(self.loop.ticks)
        reset_us = self.commands.reset_us
        if reset_us and now_us >= reset_us:
            self.stop(now_us)
            self.log.record("maintenance", ())  # the last one before the boot, which looks for it
            self.board.reset()
        return now_us if self.monitor.watch_supply() else reset_us or programs.NEVER_US

    def _late(self, took_us):
        if self.loop.late_ticks in (1, 10, 100, 1000):
            self.log.record("late", (("took_us", took_us), ("times", self.loop.late_ticks)))
