"""Exact instants: from a constant flow to the cycle of each step, and ramps made of constant flows.

Owns: the arithmetic of when a step is due.
Rules: integers only; step j of a span falls on the first cycle at or after its exact rational instant; volume
is conserved to the unit over spans and ramps, so steps are neither lost nor added; no hardware here.
Units: cycles of 8 ns from the span's start. Flow adds `inc` units per cycle, a step is due whenever `acc`
reaches `quantum`.
Leaves: words to words.py, the queue to feed.py.
"""

from pumpwire.terms import STEP_CLOCK_HZ as CLOCK_HZ

STAIR_CYCLES = 500_000  # a ramp is a staircase of 4 ms stairs
HIGHEST_RAMP_US = 200_000  # a stop from full speed takes no longer (SR-12)


def step_cycle(acc, inc, quantum, step):
    """The cycle of the span's step number `step` (1 is the first): ceil((step * quantum - acc) / inc)."""
    return -((acc - step * quantum) // inc)


def steps_within(acc, inc, quantum, cycles):
    """How many steps are due in the first `cycles` cycles of a span."""
    due = (acc + inc * cycles) // quantum
    return due if due > 0 else 0


def inc_of_hz(hz, quantum):
    """The flow that gives `hz` steps a second, rounded down, in units per cycle."""
    return hz * quantum // CLOCK_HZ


class Ramp:
    """Staircase between rates for a motor that starts and stops at `start_hz` and gains accel_hz_per_s."""

    def __init__(self, start_hz, accel_hz_per_s):
        self.start_hz = start_hz
        self.stair_hz = max(1, accel_hz_per_s * STAIR_CYCLES // CLOCK_HZ)
        self._quantum = 0  # for which the two stand that follow
        self._start = self._stair = 1

    def needs(self, end_inc, inc, leave_inc, quantum):
        """Whether a change from end_inc to inc, or out to leave_inc, is more than a start or stop may be."""
        limit = self.start_hz * quantum
        low = min(end_inc, inc, leave_inc)
        high = max(end_inc, inc)
        return high * CLOCK_HZ > limit and high != low

    def volume_down(self, inc, leave, stair):
        """Units that the stairs below inc deliver, the first at inc - stair and the last at leave."""
        if inc <= leave:
            return 0
        stairs = -(-(inc - leave) // stair) - 1
        return STAIR_CYCLES * (stairs * (2 * inc - stair * (stairs + 1)) // 2 + leave)

    def next_piece(self, now_inc, inc, leave_inc, quantum, volume):
        """The next constant piece of a span: (inc, cycles) with inc * cycles <= volume; 0 cycles for a rest below one.

        now_inc: the flow before it; volume: units left in the span.
        """
        if quantum != self._quantum:  # seldom
            self._quantum = quantum
            self._start = max(1, inc_of_hz(self.start_hz, quantum))
            self._stair = max(1, inc_of_hz(self.stair_hz, quantum))
        start, stair = self._start, self._stair
        leave = max(leave_inc, min(inc, start))
        if now_inc < start:
            flow = min(inc, start)
        elif now_inc < inc:
            flow = min(now_inc + stair, inc)
        else:
            flow = max(now_inc - stair, inc)
        if flow > leave and volume <= flow * STAIR_CYCLES + self.volume_down(flow, leave, stair):
            flow = max(min(now_inc - stair, flow), leave)  # time to slow down
            return flow, min(STAIR_CYCLES, volume // flow)
        if flow != inc:
            return flow, min(STAIR_CYCLES, volume // flow)
        return flow, (volume - self.volume_down(flow, leave, stair)) // flow
