"""The golden model of the step program: from words to the cycles of the edges.

Owns: what a list of words does, with the stop button and a cut.
Rules: pure; matches the PIO program cycle by cycle (tests/pio shows it against two PIO emulators); cost per
word is constant.
Units: cycles of 8 ns. An edge's cycle is the one in which the machine executes the instruction that raises the
pin.
Leaves: who queued the words to firmware/rig/step/stepper.py.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

WORD_CYCLES = 8  # pull, two flags, the odd cycle's branch, the copy, one loop, the branch to the pulse
TEST_BEFORE_EDGE = 3  # the last look at the stop button comes so many cycles before an edge
SYNC_CYCLES = 2  # of the input synchroniser between the pad and the machine


class Block:
    """Words run without a break from `start`: `ends` where each ends, `edges` where the pin rises."""

    __slots__ = ("edges", "end", "ends", "start", "words")

    def __init__(self, words: Sequence[int], high_cycles: int, start: int) -> None:
        pulse = WORD_CYCLES + high_cycles
        costs = [(word >> 1) + pulse if word & 1 else (word >> 1) + WORD_CYCLES for word in words]
        ends = list(accumulate(costs, initial=start))
        del ends[0]
        self.start = start
        self.ends = ends
        self.end = ends[-1] if ends else start
        self.edges = [end - high_cycles for word, end in zip(words, ends) if word & 1]
        self.words = words

    def pulses_by(self, cycle: int) -> int:
        """Edges at or before `cycle`."""
        return bisect_right(self.edges, cycle)

    def words_done_by(self, cycle: int) -> int:
        """Words whose last cycle is over at `cycle`."""
        return bisect_right(self.ends, cycle)


def edges(words: Sequence[int], high_cycles: int, start: int = 0) -> list[int]:
    """The cycles of all rising edges when the first word is pulled at `start`."""
    return Block(words, high_cycles, start).edges


def edges_until_press(words: Sequence[int], high_cycles: int, start: int, press: int) -> list[int]:
    """As `edges`, the stop button being down from the cycle `press` on: a pulse decided before it is completed."""
    every = edges(words, high_cycles, start)
    return every[: edges_before_press(every, press)]


def edges_before_press(every: Sequence[int], press: int) -> int:
    """How many of these edges still come when the button goes down at `press`."""
    return bisect_left(every, press + SYNC_CYCLES + TEST_BEFORE_EDGE)
