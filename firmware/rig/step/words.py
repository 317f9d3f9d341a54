"""The words that the step program runs: their cost, and the fast loop that writes them into the ring.

Owns: the coding of a word and the arithmetic per step.
Rules: a word's cycles are exact; `fill` never drifts: it starts from an exact phase, and its fraction of 29
bits is at most 2**-29 cycles a step too small, so that an edge is early by less than 1e-5 cycles after 4096
steps, and never late by a whole cycle.
Units: cycles of 8 ns; a word is loops << 1 | pulse, loops 0 to 2**31 - 1.
Leaves: big integers and phases to motion.py, the instructions to pio.py.
"""

import sys

if sys.implementation.name != "micropython":  # the compiler's own names, as CPython has to see them
    from rig.step.native import micropython, ptr32

WORD_CYCLES = 8  # of a word with no loops and no pulse
MAX_LOOPS = 0x7FFFFFFF
MAX_PERIOD_CYCLES = 1 << 29  # of `fill`; slower steps are written one by one
FRACTION_ONE = 1 << 29  # what a viper small int still holds


def wait_word(cycles):
    """A word that only waits: WORD_CYCLES to WORD_CYCLES + MAX_LOOPS cycles."""
    return cycles - 8 << 1


@micropython.viper
def fill(ring: ptr32, at: int, mask: int, count: int, loops: int, fraction: int, lead: int) -> int:
    """Write `count` pulse words from ring index `at` on: edges `loops` (and a fraction of 2**-29 cycles) apart.

    lead: by how much of a cycle, in 2**-29, the last edge came after its ideal instant; the new lead is returned.
    """
    word = loops * 2 + 1
    i = 0
    while i < count:
        lead -= fraction
        if lead < 0:
            lead += 0x20000000
            ring[(at + i) & mask] = word + 2
        else:
            ring[(at + i) & mask] = word
        i += 1
    return lead


@micropython.viper
def count_pulses(ring: ptr32, at: int, mask: int, count: int) -> int:
    """How many of the `count` words from ring index `at` on make a pulse."""
    pulses = 0
    i = 0
    while i < count:
        pulses += ring[(at + i) & mask] & 1
        i += 1
    return pulses


@micropython.viper
def put(ring: ptr32, at: int, mask: int, count: int, word: int) -> int:
    """Turn the `count` words from ring index `at` on into this one, 0 for the shortest wait; returns count."""
    i = 0
    while i < count:
        ring[(at + i) & mask] = word
        i += 1
    return count
