"""What was delivered in the last 24 hours of power, for the rolling cap.

Owns: a ring of counted steps in slots of ten minutes, those of requests apart; how a record carries it.
Rules: for a request never too little: its boluses count until their slot is wholly older than 24 h; for the alarm
never too much: only slots wholly inside the last 24 h count. Time without power is no time. The ring outlives a power
cut: each checkpoint carries the newest slots and a few older ones, in turn (boot/replay.py reads them).
Units: steps, nL, microseconds of Clock.
Leaves: what the cap is to the program, whether a program fits to weigh.py, the alarm to monitor.py.

In a record's text: `day=92.1f4:2b,3c.a,0 old=57:3c,3c`: 0x1f4 s into slot 0x92, the newest slots back from it,
then older slots on from 0x57. Of a slot: hexadecimal steps of the program's own, after a dot those of requests, after
another dot the demand boluses given.
"""

from array import array

SLOT_US = 600_000_000
SLOTS = 145  # 24 h and the slot that is filling
MOST_WORDS = 12  # older slots in a checkpoint: a word takes the Pico 0.4 ms
MOST_TEXT = 56  # characters, less than a record's page has left
UNCAPPED_NL = 14_400_000_000  # as much as the motor's fastest in a day
NOT_YET = (-1, 0, [])
TOLERANCE_STEPS = 4  # of rounding to whole steps, at either end of a day


class DayCap:
    """Counted steps of the last 24 h, all but priming and calibration."""

    def __init__(self, dosing):
        self._dosing = dosing
        self._own = array("I", [0] * SLOTS)
        self._asked = array("I", [0] * SLOTS)
        self._epoch_us = SLOTS * SLOT_US  # added to Clock, so that the slots of the day before have numbers
        self._slot = SLOTS
        self._added_us = self._epoch_us
        self._cursor = 0
        self._older = NOT_YET  # the slot that filled then, the first older one, and their words
        self.own_steps = 0
        self.asked_steps = 0
        self.pending_steps = 0  # of requested boluses under way, not yet counted
        self.cap_nl = 0
        self.own_day_nl = 0  # the most that the program delivers by itself in any 24 h
        self._ahead_nl = ()  # of the slots from _from on: the most that any coming 24 h will hold of the program's own
        self._from = 0
        self.found = (0, 0)  # by weigh.py: until when it holds, and the most of all in any coming 24 h, nL

    def use(self, cap_nl, own_day_nl, ahead_nl, now_us):
        """The cap of the program that is now active, and what weigh.py found."""
        self.advance(now_us)
        self.cap_nl = cap_nl
        self.own_day_nl = own_day_nl
        self._ahead_nl = ahead_nl
        self._from = self._slot

    # --- counting

    def advance(self, now_us):
        """Drop the slots that are wholly older than 24 h."""
        slot = (now_us + self._epoch_us) // SLOT_US
        for number in range(max(self._slot + 1, slot - SLOTS + 1), slot + 1):
            i = number % SLOTS
            self.own_steps -= self._own[i]
            self.asked_steps -= self._asked[i]
            self._own[i] = self._asked[i] = 0
        self._slot = max(self._slot, slot)

    def add(self, now_us, own_steps, asked_steps):
        """Count what flowed evenly since the last time; what is of the slot before is put there."""
        at_us = now_us + self._epoch_us
        if at_us // SLOT_US == self._slot and self._added_us >= self._slot * SLOT_US:
            self._added_us = at_us
            self.put(self._slot, own_steps, asked_steps)
            return  # as nearly always
        before_us = at_us // SLOT_US * SLOT_US - self._added_us  # of this time, before the slot's begin
        passed_us = at_us - self._added_us
        self._added_us = at_us
        self.advance(now_us)
        if 0 < before_us <= passed_us and own_steps + asked_steps > 0:
            own, asked = own_steps * before_us // passed_us, asked_steps * before_us // passed_us
            self.put(self._slot - 1, own, asked)
            own_steps -= own
            asked_steps -= asked
        self.put(self._slot, own_steps, asked_steps)

    def is_due(self, now_us):
        """Whether a slot has begun since something was counted."""
        return (now_us + self._epoch_us) // SLOT_US != self._slot

    def slot_end_us(self, now_us):
        """When the slot that is filling is full."""
        return now_us + SLOT_US - (now_us + self._epoch_us) % SLOT_US

    def held(self, back):
        """(own, asked) steps of the slot so many back; 0: the one that is filling."""
        i = (self._slot - back) % SLOTS
        return self._own[i], self._asked[i]

    # --- judging

    def own_most_nl(self, ahead=0):
        """The most of the program's own in any 24 h that ends later than so many slots from now."""
        i = self._slot - self._from + ahead
        return max(self.own_day_nl, self._ahead_nl[i] if i < len(self._ahead_nl) else 0)

    def shortfall_nl(self, volume_nl, now_us):
        """By how much a request would break the cap, beside the program's own most or what was found to come; <= 0:
        it fits.
        """
        self.advance(now_us)
        most_nl = self._dosing.nl_of(max(0, self.asked_steps + self.pending_steps - TOLERANCE_STEPS))
        most_nl += self.own_most_nl()
        if now_us < self.found[0]:
            most_nl = min(most_nl, self.found[1])
        return most_nl + volume_nl - self.cap_nl

    def is_full(self, now_us):
        """Whether more than the cap has certainly been delivered in the last 24 h."""
        self.advance(now_us)
        own, asked = self.held(SLOTS - 1)
        steps = self.own_steps + self.asked_steps - own - asked - TOLERANCE_STEPS
        return self._dosing.nl_of(max(0, steps)) > self.cap_nl

    # --- through a power cut

    def told(self, now_us, demands_us):
        """What a checkpoint carries of the ring, as fields; in bytes, which are faster put together."""
        self.advance(now_us)
        into_s = (now_us + self._epoch_us) % SLOT_US // 1_000_000
        counts = self._demands(demands_us)
        newest = b",".join([self._word(self._slot - back, counts) for back in range(3)])
        day = b"%x.%x:%s" % (self._slot, into_s, newest)
        if self._older[0] != self._slot:
            self.look_back(demands_us)
        _slot, first, words = self._older
        self._older = NOT_YET
        older = b"%x:%s" % (first, b",".join(words))
        while words and len(b"day= old=") + len(day) + len(older) > MOST_TEXT:
            words.pop()
            older = b"%x:%s" % (first, b",".join(words))
        self._cursor = first + len(words)
        return (("day", day), ("old", older))

    def look_back(self, demands_us):
        """Put together what the next checkpoint carries of older slots: they stay as they are."""
        counts = self._demands(demands_us)
        first = self._cursor
        if not self._slot - SLOTS < first <= self._slot - 3:
            first = self._slot - SLOTS + 1
        slots = range(first, min(first + MOST_WORDS, self._slot - 2))
        self._older = self._slot, first, [self._word(slot, counts) for slot in slots]

    def _demands(self, demands_us):
        counts = {}
        for at_us in demands_us:
            slot = (at_us + self._epoch_us) // SLOT_US
            counts[slot] = counts.get(slot, 0) + 1
        return counts

    def _word(self, slot, counts):
        own, asked, demands = self._own[slot % SLOTS], self._asked[slot % SLOTS], counts.get(slot, 0)
        if demands:
            return b"%x.%x.%x" % (own, asked, demands)
        return b"%x.%x" % (own, asked) if asked else b"%x" % own if own else b""

    def begin_at(self, slot, into_us, now_us):
        """After a boot: so far into this slot is now."""
        self._epoch_us = slot * SLOT_US + into_us - now_us
        self._added_us = slot * SLOT_US + into_us
        self._slot = slot

    def put(self, slot, own_steps, asked_steps):
        """Count steps of a slot of the last 24 h."""
        i = slot % SLOTS
        self._own[i] += own_steps
        self._asked[i] += asked_steps
        self.own_steps += own_steps
        self.asked_steps += asked_steps
