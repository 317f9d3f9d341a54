"""Which alarms are active, what they do to the pump, when they sound.

Owns: the active alarms, their acknowledgement, the silence.
Rules: an alarm whose action is `stop` keeps the motor off until it is acknowledged; silence lasts 2 min and
never hides a new alarm; an alarm that tells of a lasting condition ends with the condition, one that tells of
an event ends when acknowledged.
Units: microseconds of Clock.
Leaves: the table (priority, action, tone) to pumpwire.spec, sound itself to board.py.
"""

from pumpwire import spec

from rig.clock import NEVER_US

SILENCE_US = 120_000_000
TONE_US = {"critical": 3_000_000, "notice": 1_000_000, "single": 1_000_000}
LOUDNESS = ("critical", "notice", "single")


class Alarms:
    """Active alarms by name. `log(event, fields)` records; `sound(tone or None)` is the buzzer."""

    def __init__(self, log, sound):
        self._log = log
        self._sound = sound
        self.active = {}  # name -> [since_us, utc_us, acknowledged, next tone, row of the table]
        self.held = []  # names that no acknowledgement ends: their cause lasts until the next start
        self._silent_until_us = 0
        self._tone_until_us = 0

    def raise_alarm(self, name, now_us, utc_us, fields=()):
        """Raise an alarm; returns True if it is new and its action is to stop the pump."""
        if name in self.active:
            return False
        row = spec.alarm(name)
        self.active[name] = [now_us, utc_us, False, now_us, row]
        self._silent_until_us = 0
        self._log("alarm", (("name", name),) + tuple(fields))
        return row[3] == "stop"

    def row(self, name):
        """The table's row of an alarm, at hand while it is active."""
        return self.active[name][4] if name in self.active else spec.alarm(name)

    def clear(self, name):
        """The condition is over."""
        if name in self.active:
            del self.active[name]
            self._log("alarm_end", (("name", name),))

    def restore(self, mask, acked, now_us):
        """Take up the alarms that were active before a boot, without logging them again."""
        for row in spec.alarms():
            if mask >> row[0] & 1:
                self.active[row[1]] = [now_us, 0, bool(acked >> row[0] & 1), now_us, row]

    def acknowledge(self):
        """A person has seen them: event alarms end, conditions stay without sound."""
        for name in sorted(self.active):  # sorted: the log's order is the same on every interpreter
            if self.active[name][4][6] == "cause" or name in self.held:
                self.active[name][2] = True
            else:
                self.clear(name)

    def silence(self, now_us):
        """No sound for two minutes, unless a new alarm comes."""
        self._silent_until_us = now_us + SILENCE_US

    def blocking(self):
        """The name of an alarm that forbids motion, the first of them in the table, or an empty text."""
        first = None
        for state in self.active.values():
            row = state[4]
            if row[3] == "stop" and (not state[2] or not row[7] or row[1] in self.held):
                if first is None or row[0] < first[0]:
                    first = row
        return first[1] if first else ""

    def masks(self):
        """(active, acknowledged) as bits of the table."""
        active = acked = 0
        for state in self.active.values():
            active |= 1 << state[4][0]
            if state[2]:
                acked |= 1 << state[4][0]
        return active, acked

    def rows(self):
        """(name, priority, since_us, utc_us, acknowledged) of each active alarm, highest priority first."""
        rows = []
        for priority in ("high", "medium", "low"):
            for name in sorted(self.active):
                since_us, utc_us, acked, _next, row = self.active[name]
                if row[2] == priority:
                    rows.append((name, priority, since_us, utc_us, acked))
        return rows

    def run(self, now_us):
        """Sound what is due; returns when it next has to be called."""
        due_us = NEVER_US
        tone = None
        for state in self.active.values():
            if state[2] or now_us < self._silent_until_us:
                continue
            if now_us >= state[3]:
                state[3] = now_us + state[4][5] * 1_000_000
                tone = _louder(tone, state[4][4])
            due_us = min(due_us, state[3])
        if self.active and self._silent_until_us > now_us:
            due_us = min(due_us, self._silent_until_us)
        if tone:
            self._sound(tone)
            self._tone_until_us = now_us + TONE_US[tone]
        elif self._tone_until_us and now_us >= self._tone_until_us:
            self._sound(None)
            self._tone_until_us = 0
        return min(due_us, self._tone_until_us) if self._tone_until_us else due_us


def _louder(one, other):
    return one if one and LOUDNESS.index(one) < LOUDNESS.index(other) else other
