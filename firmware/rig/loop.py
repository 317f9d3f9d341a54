"""The cyclic executive: one fixed order of duties, each bounded, each timed.

Owns: the order, the due times, the worst times, lateness, the watchdog's food.
Rules: a tick runs every duty that is due, in order, and never waits; one that comes when the tick has had its piece of
work runs in the next one, or the one after; the tick after a duty has waited its share is reserved for it: who can put
his piece off does, and so does each duty that has not waited its own, and another follows it where it was filled all
the same; polled duties run at every tick and must do nothing when their inputs have not changed; a garbage collection
and a flash erase are announced and timed apart; the watchdog is fed only by a tick in which no duty missed its
deadline.
Units: microseconds of Clock; the grid is TICK_US from power-on.
Leaves: idling to board.py, what duties do to their modules.
"""

from rig.clock import KEEP_ALIVE_US, NEVER_US, TICK_US

# When so much of a tick is used up, what is not polled waits for the next one: most take 3 to 7 ms.
SPENT_US = 2_500
FRESH_US = 2_000  # and a piece that fills a tick is begun only before this: the goal is 10 ms in all
MOST_PUT_OFF = 6
WAITS = 3  # ticks in a row; then the next one is reserved
# So much work leaves some 20 to 30 kB of garbage: collected at the end of a tick, before the room of rig.start is full.
LITTER_US = 12_000
DEADLINE_US = 2_000_000  # a duty that is later than this starves the watchdog


class Duty:
    """One row of the executive: run(now_us) -> due_us. Polled ones run at every tick."""

    def __init__(self, name, run, polled, waits=WAITS):
        self.name = name
        self.run = run
        self.polled = polled
        self.due_us = 0
        self.worst_us = 0
        self.waits = waits
        self.waited = 0  # ticks that were filled when its turn came

    def wake(self):
        """Be due at this tick or the next."""
        self.due_us = 0


class Loop:
    """Runs duties. `feed` is the watchdog's, `late(by_us)` is told of a missed tick, `flash` times its erases.

    What is not polled waits while one of the `commands` has acted and is not on record.
    """

    def __init__(self, clock, duties, feed, late, flash, commands=None):
        self._clock = clock
        self._flash = flash
        self.duties = duties
        self._feed = feed
        self._late = late
        self._commands = commands
        self.period_us = TICK_US
        self.reserved = False  # this tick is a duty's that has waited its share
        self.heard = False  # in this tick what has come on the line has been read: a stop among it has acted
        self._owes = False  # the next tick to a duty
        self._put_off = 0  # how often a piece found no room since one did
        self._start_us = 0  # of this tick
        self.ticks = 0
        self.worst_us = 0
        self.late_ticks = 0
        self._worked_us = 0  # since garbage was last collected: the more was done, the more there is
        self._announced_us = 0

    def announce(self, us):
        """A stall of this tick that was planned: it does not count as lateness."""
        self._announced_us += us

    def slowest(self):
        """The duty with the longest run, erases and collections included."""
        worst = self.duties[0]
        for duty in self.duties:
            if duty.worst_us > worst.worst_us:
                worst = duty
        return worst

    def tick(self):
        """Run what is due; returns the next microsecond, on the grid, at which a tick is needed."""
        start_us = self._start_us = self._clock.now_us()
        self._announced_us = -self._flash.erase_us
        self.reserved, self._owes, self.heard = self._owes, False, False
        in_time = True
        has_run = 0  # one that is not polled: one that has time then waits two ticks longer
        spent = False
        before_us = start_us
        for duty in self.duties:
            if not duty.polled:
                if start_us < duty.due_us or self._commands is not None and self._commands.is_acting:
                    continue
                spent = spent or self._spent_us(start_us, before_us) > SPENT_US
                gives_way = spent or self.reserved and duty.waited < duty.waits
                if gives_way and duty.waited <= duty.waits + (has_run and min(2, duty.waits - 1)):
                    duty.waited += 1
                    self._owes = self._owes or duty.waited >= duty.waits and (spent or not self.reserved)
                    continue
                duty.waited = 0
                has_run = 1
            if duty.due_us and start_us - duty.due_us > DEADLINE_US:
                in_time = False
            duty.due_us = NEVER_US
            due_us = duty.run(start_us)
            duty.due_us = min(due_us, duty.due_us)  # what it does may wake a duty, itself too
            after_us = self._clock.now_us()
            if after_us - before_us > duty.worst_us:
                duty.worst_us = after_us - before_us
            before_us = after_us
        due_us = start_us + KEEP_ALIVE_US
        for duty in self.duties:
            if duty.due_us < due_us:
                due_us = duty.due_us
        self._measure(start_us)
        if in_time:
            self._feed()
        self.ticks += 1
        return max(start_us - start_us % TICK_US + TICK_US, -(-due_us // TICK_US) * TICK_US)

    def reserve(self):
        """Keep the next tick free for who asks."""
        self._owes = True

    def keep_next(self, duty):
        """Keep the next tick free for a duty that gives up this one."""
        duty.waited = duty.waits
        self._owes = True

    def has_room(self):
        """Whether a piece that fills a tick may be begun in this one; after MOST_PUT_OFF times without room it may."""
        if self.reserved or not self.heard:
            return False
        if self._spent_us(self._start_us, self._clock.now_us()) > FRESH_US and self._put_off < MOST_PUT_OFF:
            self._put_off += 1
            return False
        self._put_off = 0
        return True

    def is_filled(self, start_us):
        """Whether most of the tick that began at start_us is used up."""
        return self._spent_us(start_us, self._clock.now_us()) > SPENT_US

    def has_litter(self, start_us):
        """Whether so much was done up to now, in the tick that began at start_us, that garbage is to be collected."""
        return self._worked_us + self._spent_us(start_us, self._clock.now_us()) >= LITTER_US

    def collected(self, us):
        """Garbage was collected, which took so long; that was planned."""
        self.announce(us)
        # this tick's work came before it
        self._worked_us = -self._spent_us(self._start_us, self._clock.now_us())

    def _spent_us(self, start_us, now_us):
        """Of this tick, erases and what was announced apart."""
        return now_us - start_us - self._announced_us - self._flash.erase_us

    def _measure(self, start_us):
        took_us = self._spent_us(start_us, self._clock.now_us())
        self._worked_us += took_us
        self.worst_us = max(self.worst_us, took_us)
        if took_us > TICK_US:
            self.late_ticks += 1
            self._late(took_us)
