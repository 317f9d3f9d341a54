"""A state machine that runs the program `step`, in virtual time.

Owns: the words it was given, the pulses that left, whether it is dry or halted.
Rules: lazy: a block of words is timed once, when it is handed over; a count costs a bisection; what DMA has not
read yet may still become other words.
Units: cycles of 8 ns of the chip's clock.
Leaves: the cost of words to stepmodel.py.
"""

from __future__ import annotations

import weakref
from bisect import bisect_right
from collections import deque
from collections.abc import Callable

from rigsim.chip import Chip
from rigsim.stepmodel import Block, edges_before_press

FIFO_WORDS = 4


class StepUnit:
    """A state machine running `step`: the words it was given, the pulses that left."""

    def __init__(self, chip: Chip, pin: int, stop_pin: int) -> None:
        self.chip = chip
        self.pin = pin
        self.stop_pin = stop_pin
        self.high_cycles = 2
        self.enabled = self.halted = self.dry = False
        self.free_at = 0  # when the machine pulls the next word
        self.blocks: deque[Block] = deque()
        self.early: list[int] = []  # words handed over before the machine was enabled
        self.before = 0  # pulses of blocks that are over
        self.words = 0  # handed over since the last freeze
        self.words_over = 0  # of them in blocks that are over
        self._seen_at = -1  # the instant of the last count; -1: to be counted anew
        self._seen = 0  # what it was
        self.listener: Callable[[list[int]], None] | None = None
        chip.peripherals["step_unit"] = self
        if chip not in _watched:
            _watched.add(chip)
            chip.watch(stop_pin, lambda cycle, level: _on_stop(chip, cycle, level))

    def feed(self, words: list[int]) -> None:
        """DMA may send these words from now on."""
        self._seen_at = -1
        self.words += len(words)
        if not self.enabled:
            self.early += words
            return
        now = self.chip.now
        start = self.free_at
        if start < now:
            start = now
            self.dry = not self.halted
        block = Block(words, self.high_cycles, start)
        self.free_at = block.end
        self.blocks.append(block)
        if self.halted:
            block.edges.clear()
        elif not self.chip.level(self.stop_pin):
            self.halt(now)

    def enable(self) -> None:
        """The machine starts to pull."""
        self.enabled = True
        self.free_at = self.chip.now
        if self.early:
            words, self.early = self.early, []
            self.words = 0
            self.feed(words)

    def freeze(self) -> None:
        """Disabled: what has not left the pin never will."""
        self._seen_at = -1
        now = self.chip.now
        for block in self.blocks:
            self._over(block, block.pulses_by(now))
        self.blocks.clear()
        self.early = []
        self.words = self.words_over = 0
        self.enabled = self.halted = self.dry = False

    def retime(self, index: int, done: int, fresh: list[int]) -> None:
        """The words of block number `index` from `done` on, and those behind it, have become others."""
        self._seen_at = -1
        later = [self.blocks.pop() for _ in range(len(self.blocks) - index - 1)]
        block = self.blocks.pop()
        queued = [(block.words[:done], block.start)] if done else []
        start = block.ends[done - 1] if done else block.start
        queued.append((fresh, start))
        for words, start in queued:
            self.blocks.append(Block(words, self.high_cycles, start))
        for block in reversed(later):
            self.blocks.append(Block(block.words, self.high_cycles, self.blocks[-1].end))
        self.free_at = self.blocks[-1].end

    def halt(self, press: int) -> None:
        """The stop button went down while a word ran."""
        self._seen_at = -1
        for block in self.blocks:
            del block.edges[edges_before_press(block.edges, press) :]
        self.halted = True

    def is_dry(self) -> bool:
        """Whether it waits, or has waited, for a word while enabled."""
        return self.enabled and not self.halted and (self.dry or self.free_at < self.chip.now)

    def pulses(self) -> int:
        """Pulses by now."""
        now = self.chip.now
        if now != self._seen_at:
            blocks = self.blocks
            while blocks and blocks[0].end <= now:
                self._over(blocks.popleft(), -1)
            self._seen = self.before + (bisect_right(blocks[0].edges, now) if blocks else 0)
            self._seen_at = now
        return self._seen

    def words_left(self) -> int:
        """Words that DMA has not yet put into the FIFO."""
        if not self.enabled:
            return max(0, len(self.early) - FIFO_WORDS)
        self.pulses()
        pulled = self.words_over
        if self.blocks and self.blocks[0].start <= self.chip.now:
            pulled += self.blocks[0].words_done_by(self.chip.now) + 1
        return max(0, self.words - pulled - FIFO_WORDS)

    def _over(self, block: Block, pulses: int) -> None:
        edges = block.edges if pulses < 0 else block.edges[:pulses]
        self.before += len(edges)
        self.words_over += len(block.ends)
        if self.listener is not None:
            self.listener(edges)


_watched: weakref.WeakSet[Chip] = weakref.WeakSet()


def _on_stop(chip: Chip, cycle: int, level: int) -> None:
    unit: StepUnit | None = chip.peripherals.get("step_unit")
    if unit is not None and not level and unit.enabled and not unit.halted and unit.free_at > cycle:
        unit.halt(cycle)


def pulse_counter(chip: Chip, gpio: int) -> Callable[[], int]:
    """Counts the pulses that left this pin since the chip's boot; 0 while no machine drives it."""
    unit: StepUnit | None = chip.peripherals.get("step_unit")
    if unit is None or unit.pin != gpio:
        return lambda: 0
    return unit.pulses
