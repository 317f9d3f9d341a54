"""The three buttons of the rig: stop, request, silence.

Owns: debouncing, what a press does, stuck keys.
Rules: stop needs no link, host or session, and PIO has cut the pulses before this looks: where it has, the pump is
stopped, however short the press was, and whatever started while the button was down; contact bounce never
makes two requests; any other button held at power-on does nothing until it was released once.
Units: microseconds of Clock.
Leaves: the lockout to therapy.py, the cut to delivery.py through rig.py.
"""

from rig import lend
from rig.clock import NEVER_US
from rig.refused import Refused

STEADY_US = 40_000  # a level counts once it has held for this long
STUCK_US = 60_000_000
STOP, REQUEST, SILENCE = 1, 2, 4


class Buttons:
    """Polls `board.buttons()` and acts on `rig`."""

    def __init__(self, board, rig):
        self._board = board
        self._rig = rig
        self._raw = self._steady = board.buttons()
        self._changed_us = 0
        self._pressed_us = 0
        self._asks = False  # for a demand bolus, while what grants it is being loaded and weighed
        self._pieces = None  # of that

    def poll(self, now_us):
        """Look at the buttons; returns when to look again even if nothing moves."""
        raw = self._board.buttons()
        if raw != self._raw:
            self._raw = raw
            self._changed_us = now_us
        if (self._rig.therapy.mode != "stopped" or self._rig.monitor.pressure.relief_left_steps) and (
            raw & STOP and not self._steady & STOP or self._board.stepper.halted
        ):
            self._stop(now_us)  # a stop does not wait for the contact to settle
        if raw != self._steady:
            if now_us - self._changed_us < STEADY_US:
                return self._changed_us + STEADY_US
            self._settle(raw, now_us)
        if not self._steady:
            return NEVER_US
        due_us = self._pressed_us + STUCK_US
        if now_us >= due_us:
            self._rig.alarm("stuck_key", (("keys", self._steady),))
            due_us = NEVER_US
        return now_us + 1 if self._steady & STOP else due_us

    def go_on(self, now_us):
        """Once the line has been read: the next piece of a request, in a tick that has room; whether there is more."""
        while self._asks and not self._rig.commands.is_acting and self._rig.loop.has_room():
            if not self._prepares() and not self._rig.delivery.settle(now_us):
                self._asks = False
                self._request(now_us)
        return self._asks

    def _settle(self, raw, now_us):
        pressed = raw & ~self._steady
        self._steady = raw
        if not raw:
            self._rig.alarms.clear("stuck_key")
        if pressed:
            self._pressed_us = now_us
        if pressed & REQUEST:
            self._asks = True
        if pressed & SILENCE:
            self._rig.alarms.silence(now_us)
            self._rig.sounding.wake()

    def _prepares(self):
        """Do the next piece of what a request takes before it is judged; False once there is no more."""
        if lend.fetch("rig.flow.grants"):
            return True
        if self._pieces is None:
            self._pieces = lend.get("rig.flow.grants").demand_weighing(self._rig.requests, self._rig.clock)
        for _piece in self._pieces:
            return True
        self._pieces = None
        return False

    def _stop(self, now_us):
        """The pump stands at once; the records of it, three at most, are a tick each, as after a command."""

        def act():
            self._rig.stop(now_us)
            self._rig.alarm("stop_button", ())

        self._rig.log.owe(act)

    def _request(self, now_us):
        """As a command: what it gives is on record, in a tick of its own, before it flows."""
        rig = self._rig

        def act():
            try:
                rig.need_ready()
                overlay = lend.get("rig.flow.grants").demand(rig.requests, now_us)
            except Refused as refused:
                words = [field for field in refused.args[1] if field[0] != "why"]  # the reason has its name
                rig.log.record("refused", (("what", "request"), ("why", refused.args[0])) + tuple(words))
                return
            rig.log.record("request", (("steps", overlay.steps),))
            rig.commands.follow()

        rig.log.owe(act)
