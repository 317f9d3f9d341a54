"""`rp2.DMA` and `uctypes.addressof` for the simulator.

Owns: made-up addresses, and what the step engine's two channels hand over.
Rules: a sender and the loader that keeps it going are all that is here; blocks are handed over as soon as their
length is there, which the firmware cannot tell from the real order.
Units: bytes in addresses, words of 32 bits.
Leaves: what becomes of the words to step_unit.py.
"""

from __future__ import annotations

import weakref
from array import array
from typing import Any

from rigsim.chip import current
from rigsim.step_unit import FIFO_WORDS, StepUnit

# A wait that a ramp down puts where it is still to write: rig.step.brake.WAIT_CYCLES
HELD = (125_000 - 8) << 1

_FIFO = 0x50200010  # of state machine 0


class DMA:
    """rp2.DMA for the pair of channels of step/feed.py: a paced sender, and an unpaced loader that keeps it
    going.
    """

    def __init__(self) -> None:
        self.chip = current()
        channels: list[DMA] = self.chip.peripherals.setdefault("dma", [])
        self.channel = len(channels)
        channels.append(self)
        self.ctrl: dict[str, Any] = {}
        self._sender: DMA | None = None  # of a loader
        self._unit: StepUnit | None = None
        self._memory: array[int] = array("I")
        self._ring_at = self._ring_bytes = 0
        self._at = 0  # address of the next word or length to be handed over
        self._stopped = True  # a loader: it has read a 0

    def pack_ctrl(self, default: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """The fields themselves stand for the register's value."""
        return {**(default or {}), **fields}

    def config(self, *, read: int, write: int, count: int, ctrl: dict[str, Any], trigger: bool) -> None:
        """Set everything, and start."""
        self._at, self.ctrl = read, ctrl
        self._ring_bytes = 1 << int(ctrl["ring_size"])
        self._ring_at = read - read % self._ring_bytes
        self._memory = _memory[self._ring_at]
        channels: list[DMA] = self.chip.peripherals["dma"]
        machines: dict[int, Any] = self.chip.peripherals["machines"]
        self._sender = None if "treq_sel" in ctrl else channels[(write & 0xFFFF) >> 6]
        self._unit = machines[write - _FIFO >> 2].unit if self._sender is None else self._sender._unit
        if trigger:
            self.active(1)

    @property
    def read(self) -> int:
        """The address that is read next."""
        if self._sender is None:
            left = 0 if self._unit is None else self._unit.words_left()
            if left > 1 and self._is_overwritten():
                self._reread()
            return self._ring_at + (self._at - self._ring_at - 4 * left) % self._ring_bytes
        if not self._stopped:
            self._load(self._sender)
        # blocks are handed over early here: until the loader stops, its last length counts as not yet read
        return self._ring_at + (self._at - self._ring_at + (4 if self._stopped else -4)) % self._ring_bytes

    @read.setter
    def read(self, address: int) -> None:
        self._at = address

    def active(self, value: int | bool | None = None) -> bool:
        """Start or abort; without a value: whether something is on its way."""
        if value is None:
            return self._sender is None and self._unit is not None and self._unit.words_left() > 0
        if self._sender is not None:
            self._stopped = not value
            if value:
                self._load(self._sender)
        return False

    def _next(self) -> int:
        return self._ring_at + (self._at - self._ring_at + 4) % self._ring_bytes

    def _load(self, sender: DMA) -> None:
        """Hand over every block whose length is there; a 0 stops the loader for good once the machine is dry."""
        while length := self._memory[self._at - self._ring_at >> 2]:
            sender.send(length)
            self._at = self._next()
        unit = self._unit
        self._stopped = unit is not None and unit.enabled and unit.free_at < self.chip.now

    def _is_overwritten(self) -> bool:
        """Whether the queue's last two words have become others: whoever bends the queue changes it to its end.

        Where it ends in the waits of a ramp down, it is written over at each tick.
        """
        words = self._unit.blocks[-1].words if self._unit is not None and self._unit.blocks else []
        last = self._at - self._ring_at >> 2
        if not words:
            return False
        return words[-1] == HELD or words[-2:] != self._words(last - min(2, len(words)), min(2, len(words)))

    def _reread(self) -> None:
        """Take over what was overwritten in the ring among the words that DMA has not read yet."""
        unit = self._unit
        assert unit is not None
        first = self._at - 4 * sum(len(block.ends) for block in unit.blocks) - self._ring_at >> 2
        for index, block in enumerate(unit.blocks):
            count = len(block.ends)
            done = 0 if block.start > unit.chip.now else block.words_done_by(unit.chip.now) + 1 + FIFO_WORDS
            fresh = self._words(first + done, count - done) if done < count else []
            if fresh != block.words[done:]:
                unit.retime(index, done, fresh)
                self._reread()
                return
            first += count

    def _words(self, first: int, count: int) -> list[int]:
        """Words of the ring, from index `first` modulo its size on."""
        size = self._ring_bytes >> 2
        first %= size
        block = list(self._memory[first : min(first + count, size)])
        return block + list(self._memory[: count - len(block)]) if len(block) < count else block

    def send(self, count: int) -> None:
        """Hand `count` words to the state machine."""
        block = self._words(self._at - self._ring_at >> 2, count)
        self._at = self._ring_at + (self._at - self._ring_at + 4 * count) % self._ring_bytes
        assert self._unit is not None
        self._unit.feed(block)


_memory: weakref.WeakValueDictionary[int, array[int]] = weakref.WeakValueDictionary()
_STRIDE = 0x8000  # every array stands at a multiple of the largest DMA ring


def addressof(words: array[int]) -> int:
    """uctypes.addressof: made-up addresses in SRAM's range and beyond, aligned for any DMA ring."""
    for address, known in list(_memory.items()):
        if known is words:
            return address
    address = max(_memory, default=0x20000000) + _STRIDE
    _memory[address] = words
    return address
