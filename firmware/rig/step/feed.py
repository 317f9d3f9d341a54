"""The queue of words: a ring in SRAM that DMA feeds to the step machine, whatever Python does meanwhile.

Owns: the ring, the list of block lengths, and the two DMA channels.
Rules: the sender passes on one block of published words, then the loader reads the next length from the list
and starts it again; a length of 0 ends the chain, so DMA never passes what was published and never sends a
stale word. A block is published by one store. A loader that read 0 just before that store stays behind the
cell, idle: the one race, and it shows.
Units: words of 32 bits; indices into the ring.
Leaves: what a word means to words.py, the state machine to stepper.py.
"""

import array
import gc

import rp2
import uctypes

RING_WORDS = 4096
RING_MASK = RING_WORDS - 1
LENGTHS = 256
TRIES = 12
LENGTH_MASK = LENGTHS - 1
_DMA_BASE = 0x50000000
_COUNT_TRIGGER = 0x1C  # a channel's register that sets the count and starts it


def _place(zeros):
    """Where the heap would put an array made of `zeros`; it is gone when this returns."""
    return uctypes.addressof(array.array("I", zeros))


def aligned_words(count):
    """(array of `count` 32-bit words, its address, a multiple of its size as DMA rings need it).

    Each try shows where the heap would put it; fillers, freed at the end, move it up to the next multiple. A filler
    that fell into a smaller hole is made larger than any hole that the words do not fit. Else: part of an array
    twice as large.
    """
    size = 4 * count
    zeros = bytes(size)
    fillers = []
    for _ in range(TRIES):
        gc.collect()
        place = _place(zeros)
        gap = -place % size
        gc.collect()
        if gap:
            filler = bytearray(gap)
            if uctypes.addressof(filler) != place:
                filler = bytearray(gap + size)
            fillers.append(filler)
            continue
        words = array.array("I", zeros)
        address = uctypes.addressof(words)
        if address % size == 0:
            return words, address
    zeros = fillers = filler = None
    gc.collect()
    words = array.array("I", bytes(2 * size))
    address = uctypes.addressof(words)
    skip = -address % size
    return memoryview(words)[skip // 4 : skip // 4 + count], address + skip


class Feed:
    """Words in, in order; out through the TX FIFO of state machine `machine_id`."""

    def __init__(self, machine_id, fifo_address):
        self.ring, self._ring_at = aligned_words(RING_WORDS)
        self._lengths, self._lengths_at = aligned_words(LENGTHS)
        self._sender = rp2.DMA()
        self._loader = rp2.DMA()
        self._fifo_address = fifo_address
        self._send = self._sender.pack_ctrl(
            inc_read=True,
            inc_write=False,
            ring_sel=False,
            ring_size=_log2(4 * RING_WORDS),
            treq_sel=machine_id // 4 * 8 + machine_id % 4,
            chain_to=self._loader.channel,
            irq_quiet=True,
        )
        self._send_off = self._sender.pack_ctrl(
            default=self._send, enable=False, chain_to=self._sender.channel
        )
        self._load = self._loader.pack_ctrl(
            inc_read=True, inc_write=False, ring_sel=False, ring_size=_log2(4 * LENGTHS), irq_quiet=True
        )
        self._load_off = self._loader.pack_ctrl(default=self._load, enable=False)
        self.at = 0  # ring index of the next word to be written
        self._cell = 0  # where the next block's length goes
        self.running = False

    def free_words(self):
        """How many words can be written now; 0 when the list of lengths is full."""
        if not self.running:
            return RING_WORDS - 1 - self.at
        if (self._cell + 1 - (self._loader.read - self._lengths_at >> 2)) & LENGTH_MASK > LENGTHS - 4:
            return 0
        return RING_WORDS - 1 - ((self.at - (self._sender.read - self._ring_at >> 2)) & RING_MASK)

    def next_index(self):
        """Ring index of the next word that DMA will read; what lies before it is in the FIFO or was run."""
        return (self._sender.read - self._ring_at >> 2) & RING_MASK

    def publish(self, count):
        """Hand the `count` words written from `at` on to DMA."""
        cell = self._cell
        self._cell = (cell + 1) & LENGTH_MASK
        self._lengths[self._cell] = 0
        self._lengths[cell] = count
        self.at = (self.at + count) & RING_MASK
        if self.running and self._is_dry() and self._is_dry():
            self._loader.read = self._lengths_at + 4 * cell
            self._loader.active(1)

    def _is_dry(self):
        """Whether the loader found a 0 where the last block's length stands now, and the sender has nothing to
        do.
        """
        index = self._loader.read - self._lengths_at >> 2 & LENGTH_MASK
        return index == self._cell and not self._sender.active() and not self._loader.active()

    def start(self):
        """Let DMA run with what was published since `reset`."""
        self._sender.config(
            read=self._ring_at, write=self._fifo_address, count=0, ctrl=self._send, trigger=False
        )
        self._loader.config(
            read=self._lengths_at,
            write=_DMA_BASE + 0x40 * self._sender.channel + _COUNT_TRIGGER,
            count=1,
            ctrl=self._load,
            trigger=True,
        )
        self.running = True

    def reset(self):
        """Stop DMA where it is and forget every word. Safe at any time."""
        self._sender.ctrl = self._send_off  # cuts the chain first, as RP2040-E13 asks for
        self._loader.ctrl = (
            self._load_off
        )  # and both are disabled before they are aborted, as RP2350-E5 asks for
        self._loader.active(0)
        self._sender.active(0)
        self.running = False
        self.at = self._cell = 0
        self._lengths[0] = 0


def _log2(value):
    power = 0
    while value > 1:
        value >>= 1
        power += 1
    return power
