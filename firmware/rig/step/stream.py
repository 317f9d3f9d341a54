"""The stream's front: turns constant flows and ramps into words behind the queue.

Owns: where the stream ends, the wait that is not yet queued, the speed it ends with.
Rules: every edge is placed from its exact instant, never from the last word, so errors cannot add up; a word is
never shorter than the driver allows; what was written here is not seen by DMA until it is published.
Units: cycles of 8 ns; flow as in motion.py.
Leaves: publishing to feed.py, the machines to stepper.py.
"""

from rig.step.feed import RING_MASK
from rig.step.motion import CLOCK_HZ, step_cycle, steps_within
from rig.step.words import FRACTION_ONE, MAX_LOOPS, MAX_PERIOD_CYCLES, WORD_CYCLES, fill, wait_word

LEAD_CYCLES = 64  # from the machine's first cycle to the stream's cycle 0
TAIL_CYCLES = 8  # left unqueued at the end, so that a step in the next cycle still has room for its word
LONGEST_CYCLES = 1 << 34  # of one append: 137 s
SPARE_WORDS = 40  # for the waits of the longest append
PIECES = 8  # of a ramp in one append: 32 ms of motion
LONG_WAIT_CYCLES = 1 << 30


class Stream:
    """Writes behind `feed.at`; `words` of them are not published yet."""

    def __init__(self, feed, setup, ramp):
        self.feed = feed
        self.ramp = ramp
        self.high_cycles = setup.high_cycles
        self._least_loops = max(0, setup.low_cycles - WORD_CYCLES)
        self._max_hz = setup.max_hz
        self.begin(LEAD_CYCLES)

    def begin(self, tail_cycles):
        """Start at cycle 0, the machine being tail_cycles ahead of it."""
        self.words = 0
        self.end_cycles = 0
        self.tail_cycles = tail_cycles  # from the end of the last word to the end of the stream
        self.low_cycles = 0  # for which the pin has been low at the end of the last word
        self.speed_inc = 0
        self.speed_quantum = 1

    def append(self, acc, inc, quantum, span_cycles, leave_inc, room):
        """Write a span with the ramps it needs; returns (cycles, steps, acc). ValueError beyond the highest rate."""
        if inc * CLOCK_HZ > self._max_hz * quantum:
            raise ValueError("%d steps/s is beyond the motor" % (inc * CLOCK_HZ // quantum))
        now_inc = self.speed_inc * quantum // self.speed_quantum
        if self.ramp.needs(now_inc, inc, leave_inc, quantum):
            return self._ramps(acc, now_inc, inc, leave_inc, quantum, span_cycles, room)
        return self.flow(acc, inc, quantum, span_cycles, room)

    def flow(self, acc, inc, quantum, span_cycles, room):
        """Write a constant flow of at most `room` steps; returns (cycles, steps, acc). ValueError beyond the
        motor's rate.
        """
        if span_cycles > LONGEST_CYCLES:
            span_cycles = LONGEST_CYCLES
        self.speed_inc = inc
        self.speed_quantum = quantum
        steps = steps_within(acc, inc, quantum, span_cycles) if inc else 0
        if not steps:
            self.end_cycles += span_cycles
            self.tail_cycles += span_cycles
            return span_cycles, 0, acc + inc * span_cycles
        period, rest = divmod(quantum, inc)
        if steps > room:
            steps = room
            span_cycles = step_cycle(acc, inc, quantum, steps)
        first = last = step_cycle(acc, inc, quantum, 1)
        late = self._pulse(self.tail_cycles + first)
        if steps > 1 and period < MAX_PERIOD_CYCLES:
            lead = -((quantum - acc - first * inc) * FRACTION_ONE // inc)
            loops = period - WORD_CYCLES - self.high_cycles
            at = self.feed.at + self.words
            gaps = steps - 1
            part = rest * FRACTION_ONE // inc
            after = fill(self.feed.ring, at, RING_MASK, gaps, loops, part, lead)
            self.words += gaps
            last += gaps * period + (after - lead + gaps * part) // FRACTION_ONE
        else:
            for number in range(2, steps + 1):
                due = step_cycle(acc, inc, quantum, number)
                self._pulse(due - last - self.high_cycles)
                last = due
        self.end_cycles += span_cycles
        self.tail_cycles = span_cycles - last - self.high_cycles - late
        return span_cycles, steps, acc + inc * span_cycles - steps * quantum

    def _ramps(self, acc, now_inc, inc, leave_inc, quantum, span_cycles, room):
        """Write a span as a staircase; returns (cycles, steps, acc), acc moved on by a whole number of the
        span's cycles.
        """
        volume = left = inc * span_cycles
        begin = self.end_cycles
        steps = 0
        phase = acc
        for _ in range(PIECES):
            if not left or room <= 0:
                break
            flow_inc, cycles = self.ramp.next_piece(now_inc, inc, leave_inc, quantum, left)
            if not cycles:
                now_inc = flow_inc
                left = 0  # less than a cycle's flow: it moves the phase
                break
            if flow_inc != inc and steps_within(phase, flow_inc, quantum, cycles) > room:
                break  # a stair cut short would gain twice the speed in its time: it waits for room
            now_inc = flow_inc
            taken, made, phase = self.flow(phase, now_inc, quantum, cycles, room)
            left -= now_inc * taken
            steps += made
            room -= made + 1
        used_cycles = (volume - left + inc - 1) // inc if inc else span_cycles
        phase = acc + used_cycles * inc - steps * quantum
        if phase >= quantum:  # the rest below a cycle completed a step; SPARE_WORDS has room for it
            _taken, made, phase = self.flow(phase - now_inc, now_inc, quantum, 1, 1)
            steps += made
        return self.end_cycles - begin, steps, phase

    def tail_out(self):
        """Write the wait up to the stream's end, but for TAIL_CYCLES."""
        cycles = self.tail_cycles - TAIL_CYCLES
        if cycles >= WORD_CYCLES:
            self._word(wait_word(self._long_waits(cycles - WORD_CYCLES) + WORD_CYCLES))
            self.tail_cycles = TAIL_CYCLES
            self.low_cycles += cycles

    def _pulse(self, edge_cycles):
        """Write words for an edge so long after the last word's end; returns the cycles that it comes late for
        the driver's sake.
        """
        loops = edge_cycles - WORD_CYCLES
        least = max(0, self._least_loops - self.low_cycles)
        self.low_cycles = 0
        late = max(0, least - loops)
        loops += late
        if loops > MAX_LOOPS:
            loops = self._long_waits(loops)
        self._word(loops << 1 | 1)
        return late

    def _long_waits(self, loops):
        """Write waits until the rest fits a word; returns the rest."""
        while loops > MAX_LOOPS:
            self._word(wait_word(LONG_WAIT_CYCLES))
            loops -= LONG_WAIT_CYCLES
        return loops

    def _word(self, word):
        feed = self.feed
        feed.ring[(feed.at + self.words) & RING_MASK] = word
        self.words += 1
