"""Stopping from above the start/stop rate: a ramp down written over what is queued.

Owns: where the queue is bent, and the staircase from there to the start/stop rate.
Rules: the words that DMA reads within the next MARGIN_MS stay; the first stairs are written over the later ones at
once, and what lies behind them becomes waits, over which each tick writes on; a tick that comes so late that DMA has
reached the waits ends the ramp: the motor stands, and is not started anew; nothing is added after the last stair.
Units: steps/s, words, cycles of 8 ns.
Leaves: the end at standstill to stepper.py.
"""

from rig.step.feed import RING_MASK
from rig.step.motion import CLOCK_HZ, STAIR_CYCLES
from rig.step.stream import SPARE_WORDS
from rig.step.words import WORD_CYCLES, count_pulses, fill, put, wait_word

MARGIN_MS = 10
FIRST_STAIRS = 14  # 56 ms of motion: the next tick may come after a collection
STAIRS_A_TICK = 7  # 28 ms of motion
WAIT_CYCLES = 125_000  # of each word that is still to be written over


class Brake:
    """`on` while a ramp down runs."""

    def __init__(self, stream, ramp):
        self._stream = stream
        self._ramp = ramp
        self.on = False
        self.change_steps = 0  # by how much the last splice changed the number of queued steps
        self._left = 0  # words of the queue that are still to be written over
        self._end_at = 0  # ring index at which they end
        self._now_hz = 0
        self._owed_cycles = 0  # of the stairs so far, less than a step's

    def splice(self):
        """Bend the queue into a ramp; False where the present rate needs none."""
        feed = self._stream.feed
        now_hz = self._present_hz()
        if now_hz <= self._ramp.start_hz:
            return False
        queued = (feed.at - feed.next_index()) & RING_MASK
        kept = min(queued, now_hz * MARGIN_MS // 1000 + 8)
        self._left = queued - kept
        self._end_at = feed.at
        feed.at = (feed.at - self._left) & RING_MASK
        self.change_steps = -count_pulses(feed.ring, feed.at, RING_MASK, self._left)
        put(feed.ring, feed.at, RING_MASK, self._left, wait_word(WAIT_CYCLES))
        self._now_hz = now_hz
        self._owed_cycles = 0
        self.on = True
        self.change_steps += self._bend(FIRST_STAIRS)
        return True

    def _bend(self, stairs):
        """Write so many stairs over what is left of the queue; returns their steps. The rest is written over later."""
        stream, feed = self._stream, self._stream.feed
        steps = 0
        for _ in range(stairs):
            if self._now_hz <= self._ramp.start_hz or stream.words >= self._left:
                break
            steps += self._stair()
        written = min(stream.words, self._left)
        feed.at = (feed.at + written) & RING_MASK
        stream.words -= written
        self._left -= written
        if self._now_hz <= self._ramp.start_hz:
            put(feed.ring, feed.at, RING_MASK, self._left, 0)  # the shortest waits
            self._left = 0
        if not self._left:
            feed.at = self._end_at
        return steps

    def is_late(self):
        """Whether DMA has reached what was still to be written over."""
        feed = self._stream.feed
        return (feed.next_index() - feed.at) & RING_MASK < self._left

    def is_written(self):
        """Whether the last stair is written."""
        return self.on and not self._left and self._now_hz <= self._ramp.start_hz

    def go_on(self):
        """Queue the next stairs; returns their steps."""
        if self._left:
            return self._bend(STAIRS_A_TICK)
        room = self._stream.feed.free_words() - SPARE_WORDS
        steps = 0
        for _ in range(STAIRS_A_TICK):
            if self._now_hz <= self._ramp.start_hz:
                break
            if self._stream.words + self._now_hz * STAIR_CYCLES // CLOCK_HZ >= room:
                break  # a stair is written whole or not yet
            steps += self._stair()
        return steps

    def _stair(self):
        """Write the next stair: even steps, for they are no volume that was asked for. Small integers only."""
        stream, feed = self._stream, self._stream.feed
        self._now_hz = max(1, self._now_hz - self._ramp.stair_hz)
        period = CLOCK_HZ // self._now_hz
        steps, self._owed_cycles = divmod(STAIR_CYCLES + self._owed_cycles, period)
        loops = period - WORD_CYCLES - stream.high_cycles
        fill(feed.ring, (feed.at + stream.words) & RING_MASK, RING_MASK, steps, loops, 0, 0)
        stream.words += steps
        return steps

    def _present_hz(self):
        """The rate at the head of the queue, from the first two pulses without a wait between them; 0 where
        there are none.
        """
        feed = self._stream.feed
        at = feed.next_index()
        fast = 0
        for index in range(min(24, (feed.at - at) & RING_MASK)):
            word = feed.ring[(at + index) & RING_MASK]
            if word & 1 and fast:
                return CLOCK_HZ // ((word >> 1) + WORD_CYCLES + self._stream.high_cycles)
            fast = word & 1
        return 0
