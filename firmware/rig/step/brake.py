"""Stopping from above the start/stop rate: a ramp down written over what is queued.

Owns: where the queue is bent, and the staircase from there to the start/stop rate.
Rules: the words that DMA reads within the next MARGIN_MS stay; later ones are overwritten in place, faster than
they are read, or become words without a pulse; nothing is added after the last stair; no collection comes in
between, and the memory for all of it is there before it begins.
Units: steps/s, words, cycles of 8 ns.
Leaves: the end at standstill to stepper.py.
"""

import gc

from rig.step.feed import RING_MASK
from rig.step.motion import CLOCK_HZ, STAIR_CYCLES
from rig.step.stream import SPARE_WORDS
from rig.step.words import WORD_CYCLES, clear, count_pulses

MARGIN_MS = 5
STAIRS_A_TICK = 12  # 24 ms of motion
HEAP_BYTES = 40_000  # free for the longest splice, which takes 34 kB while nothing is collected


class Brake:
    """`on` while a ramp down runs."""

    def __init__(self, stream, ramp):
        self._stream = stream
        self._ramp = ramp
        self.on = False
        self.change_steps = 0  # by how much the last splice changed the number of queued steps
        self._now_hz = 0
        self._acc = 0

    def splice(self):
        """Bend the queue into a ramp; False where the present rate needs none."""
        feed = self._stream.feed
        now_hz = self._present_hz()
        if now_hz <= self._ramp.start_hz:
            return False
        if hasattr(gc, "mem_free") and gc.mem_free() < HEAP_BYTES:
            gc.collect()
        gc.disable()
        queued = (feed.at - feed.next_index()) & RING_MASK
        kept = min(queued, now_hz * MARGIN_MS // 1000 + 8)
        dropped = queued - kept
        end_at = feed.at
        feed.at = (end_at - dropped) & RING_MASK
        self.change_steps = -count_pulses(feed.ring, feed.at, RING_MASK, dropped)
        self._now_hz = now_hz
        self._acc = 0
        self.on = True
        self._stream.tail_cycles = -self._stream.high_cycles
        while self._stream.words < dropped and self._now_hz > self._ramp.start_hz:
            self.change_steps += self._stair(dropped)
        if self._stream.words < dropped:
            clear(feed.ring, feed.at + self._stream.words, RING_MASK, dropped - self._stream.words)
        self._stream.words = max(0, self._stream.words - dropped)
        feed.at = end_at
        gc.enable()
        return True

    def go_on(self):
        """Queue the next stairs; returns their steps."""
        room = self._stream.feed.free_words() - SPARE_WORDS
        steps = 0
        for _ in range(STAIRS_A_TICK):
            if self._now_hz <= self._ramp.start_hz:
                break
            if self._stream.words + self._now_hz * STAIR_CYCLES // CLOCK_HZ >= room:
                break  # a stair is written whole or not yet
            steps += self._stair(room)
        return steps

    def _stair(self, room):
        self._now_hz -= self._ramp.stair_hz
        _taken, steps, self._acc = self._stream.flow(
            self._acc, max(1, self._now_hz), CLOCK_HZ, STAIR_CYCLES, room
        )
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
