"""When a record is due although nothing happened: what a power cut between two records leaves unknown is bounded by it.

Owns: the interval of state records by volume and time, the record before each rise of the flow; the erase ahead.
Rules: the loss at a power cut is bounded by what can flow until the next record is due, so that many cuts in a row
cannot add up to more than flowed: after a boot records come soon, then ever more rarely. What is about to begin is
recorded as begun, shortly before its first step: no cut can let it begin anew. An erase is begun only where the queued
motion outlasts it.
Units: nL, nL/day, microseconds of Clock.
Leaves: records to journal.py, the bound of a loss to boot/loss.py.
"""

from pumpwire import program as programs
from pumpwire.program import DAY_US

from rig.clock import ERASE_US, TICK_US
from rig.flow.boluses import LEAD_US

INTERVAL_NL = 5_000  # a record at least every so much, or what flows in 10 s where that is more
FIRST_NL = 500  # of a bolus, the first interval; each may be as large as what it has given
FAST_INTERVAL_US = 10_000_000
INTERVAL_US = 600_000_000
SOON_US = 500_000  # the first interval after a boot; each may be as long as the time since then
LOOK_US = 1_000_000  # a volume is looked at no oftener than this
# By which a record may come late: it is looked for, and then made, in ticks that may be filled
SLACK_US = 150_000
DAY_S = 86_400


class Checkpoint:
    """The duty `journal`. `rig` gives the parts."""

    def __init__(self, rig):
        self._rig = rig
        self.at_us = self._at_nl = 0  # of the last record
        self._record_us = programs.NEVER_US  # when a record is due, as far as was seen at the last look
        self._told_until_us = 0  # up to where what comes has been recorded as begun
        self._bolus, self._done_steps = None, 0  # that flowed then, or was about to
        self._interval_nl = INTERVAL_NL  # until the next one; 0: to be worked out at the next look
        self._waits = False  # this tick is kept free for the duty, as far as that goes
        self._day_us = 0  # when the slot of the 24 h ends that the last checkpoint was in

    def recorded(self, now_us):
        """A record carries the state as it is now. What follows from that has time: the record fills its tick."""
        self.at_us = now_us
        self._told_until_us = now_us + LEAD_US
        self._at_nl = self._rig.dosing.delivered_nl()
        self._bolus = self._rig.therapy.coming(now_us)
        self._done_steps = self._bolus.done_steps if self._bolus else 0
        self._interval_nl = 0
        self._record_us = programs.NEVER_US

    def told(self, now_us):
        """What a checkpoint says of the last 24 h, as fields."""
        self._day_us = self._rig.cap.slot_end_us(now_us)
        return self._rig.cap.told(now_us, self._rig.requests.demands_us)

    def volume_nl(self, now_us, bolus, done_steps):
        """How much may flow from a record of the state at an instant to the next one."""
        rig = self._rig
        rate = self.base(now_us) + (bolus.rate_nl_per_day if bolus else 0)
        most_nl = max(INTERVAL_NL, rate * FAST_INTERVAL_US // DAY_US)
        return min(most_nl, max(FIRST_NL, rig.dosing.nl_of(done_steps))) if bolus else most_nl

    def base(self, now_us):
        """The highest base flow until a record tells of a change."""
        therapy, clock = self._rig.therapy, self._rig.clock
        highest = 0
        for at_us in (now_us, now_us + LEAD_US):
            if therapy.program is not None and therapy.mode == "running":
                utc_us = clock.utc_us(at_us)
                highest = max(
                    highest, programs.base_rate(therapy.program, therapy.elapsed_us(at_us), utc_us)[0]
                )
        return highest

    def run(self, now_us):
        """Erase ahead, look, and record what is due, each in a tick of its own; returns when to look again."""
        rig = self._rig
        if rig.loop.is_filled(now_us) and not self._waits:
            self._waits = True  # once: a record comes in time
            rig.loop.keep_next(rig.recording)
            return now_us + 1
        self._waits = False
        if rig.journal.look():
            return now_us
        self._prepare(now_us)
        due_us = now_us + TICK_US if rig.journal.wants_erase() else programs.NEVER_US
        if rig.therapy.program is None and rig.therapy.mode == "stopped":
            return due_us
        if now_us >= self._record_us:
            rig.log.tell(now_us)  # what it says of the day is what its state has counted
            rig.log.record("checkpoint", self.told(now_us))
            return now_us
        rig.delivery.book(now_us)
        if not self._interval_nl:
            self._interval_nl = self.volume_nl(self.at_us, self._bolus, self._done_steps)
            rig.cap.look_back(rig.requests.demands_us)
            return now_us
        interval_nl = self._interval_nl
        since_nl = rig.dosing.delivered_nl() - self._at_nl
        rise_us, change_us = self._changes_us(now_us)
        by_time_us = self.at_us + min(INTERVAL_US, max(SOON_US, self.at_us))
        self._record_us = min(by_time_us, self._day_us, rise_us - LEAD_US)
        if since_nl >= interval_nl:
            self._record_us = now_us
        if now_us >= self._record_us:
            return now_us
        rate = rig.flow_nl_per_day(now_us + LEAD_US)  # a rise that was told of just now has not come yet
        if rate:
            left_us = (interval_nl - since_nl) * DAY_US // rate
            due_us = min(due_us, now_us + max(LOOK_US, left_us))
        return min(due_us, self._record_us, change_us)

    def _changes_us(self, now_us):
        """(next rise that no record has told of, next change of the base flow: a fall hides what follows)."""
        after_us = max(now_us, self._told_until_us)
        utc_us = self._rig.clock.utc_us(after_us)
        _kind, _rate, change_us = self._rig.therapy.base(after_us, utc_us)
        return self._rig.therapy.next_rise_us(after_us, utc_us), change_us

    def _prepare(self, now_us):
        """Erase the next block of the log, when the queue outlasts that."""
        rig = self._rig
        if not rig.journal.wants_erase():
            return
        first, last = rig.journal.ahead()
        if first:
            rig.unread.keep(rig.log.record, first, last)
        if rig.delivery.ahead_us(now_us) >= ERASE_US:
            rig.journal.prepare()

    def days(self):
        """How many days the log holds at the active program's rate of records, rounded down."""
        program = self._rig.therapy.program
        daily_nl = programs.max_day_nl(program) if program else 0
        a_day = max(DAY_US // INTERVAL_US, daily_nl // INTERVAL_NL) + 1
        return self._rig.journal.capacity() // a_day
