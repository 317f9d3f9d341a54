"""When a record is due although nothing happened, and what a power cut between two records leaves unknown.

Owns: the interval of state records by volume, time and rise of the rate; the bound of the loss; the erase ahead.
Rules: the loss at a power cut is bounded by what these records let flow in between; an erase is begun only where
the queued motion outlasts it.
Callers: the loop runs it; rig.py tells it of each record; recovery.py asks for the bound.
Units: nL, nL/day, microseconds of Clock.
Leaves: records to journal.py, what counts as delivered after a cut to recovery.py.
"""

from pumpwire import program as programs

INTERVAL_NL = 5_000  # a record at least every so much, or what flows in 10 s where that is more
FAST_INTERVAL_S = 10
INTERVAL_US = 600_000_000
LOOK_US = 1_000_000  # a volume is looked at no oftener than this
ERASE_ROOM_US = 500_000
DAY_S = 86_400


class Checkpoint:
    """The duty `journal`. `rig` gives the parts."""

    def __init__(self, rig):
        self._rig = rig
        self._at_us = self._at_nl = self._at_rate = 0  # of the last record

    def recorded(self, now_us):
        """A record carries the state as it is now."""
        self._at_us = now_us
        self._at_nl = self._rig.dosing.delivered_nl()
        self._at_rate = self._rig.flow_nl_per_day(now_us)

    def loss_bound_nl(self, now_us):
        """The most that can have left since the last record, a bolus no more than is left of it."""
        rig = self._rig
        rate = rig.flow_nl_per_day(now_us)
        overlay = rig.therapy.flowing(now_us)
        over_rate = overlay.rate_nl_per_day if overlay else 0
        left_nl = rig.dosing.nl_of(overlay.steps - overlay.done_steps) + 1 if overlay else 0
        peak = programs.max_base_rate(rig.therapy.program) if rig.therapy.program else 0
        span_s = INTERVAL_US // 1_000_000
        by_volume = max(INTERVAL_NL, rate * FAST_INTERVAL_S // DAY_S) + rate * LOOK_US // 1_000_000 // DAY_S
        by_time = (rate - over_rate) * span_s // DAY_S + min(left_nl, over_rate * span_s // DAY_S)
        return min(by_volume, by_time) + peak // DAY_S + 1

    def run(self, now_us):
        """Erase ahead, record what is due; returns when to look again."""
        rig = self._rig
        self._prepare(now_us)
        due_us = now_us + 20_000 if rig.journal.wants_erase() else programs.NEVER_US
        _kind, _rate, change_us = rig.therapy.base(now_us, rig.clock.utc_us(now_us))
        _overlay, begins_us = rig.therapy.overlay(now_us)
        due_us = min(due_us, change_us, begins_us)
        rate = rig.flow_nl_per_day(now_us)
        if not rate:
            return due_us
        rig.delivery.settle(now_us)
        interval_nl = max(INTERVAL_NL, rate * FAST_INTERVAL_S // DAY_S)
        since_nl = rig.dosing.delivered_nl() - self._at_nl
        if rate > self._at_rate or since_nl >= interval_nl or now_us - self._at_us >= INTERVAL_US:
            rig.record("checkpoint", ())
            since_nl = 0
        left_us = (interval_nl - since_nl) * DAY_S * 1_000_000 // rate
        return min(due_us, self._at_us + INTERVAL_US, now_us + max(LOOK_US, left_us))

    def _prepare(self, now_us):
        """Erase the next block of the log, when the queue outlasts that."""
        rig = self._rig
        if not rig.journal.wants_erase():
            return
        first, last = rig.journal.ahead()
        if first:
            rig.unread.keep(rig.record, first, last)
        if rig.delivery.ahead_us(now_us) >= ERASE_ROOM_US:
            rig.journal.prepare()

    def days(self):
        """How many days the log holds at the active program's rate of records, rounded down."""
        program = self._rig.therapy.program
        daily_nl = programs.max_day_nl(program) if program else 0
        a_day = max(DAY_S * 1_000_000 // INTERVAL_US, daily_nl // INTERVAL_NL) + 1
        return self._rig.journal.capacity() // a_day
