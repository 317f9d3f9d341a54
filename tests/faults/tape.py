"""A flash that keeps a tape of what was done to it, and the memory as any cut on that tape would leave it.

Owns: the list of operations with their instants, and playing it again up to an operation that stays half done.
Rules: what a cut leaves is what rigsim.flash models, nothing milder; the day is run once, each cut boots a rig of
its own from a copy.
Units: bytes, blocks of 4096, pages of 256, cycles of 8 ns.
Leaves: what must hold after a cut to cuts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rigsim.flash import BLOCK, BLOCKS, NorFlash
from rigsim.power import PowerCut


@dataclass(frozen=True)
class Operation:
    """One erase (no data) or one page program, and what was true just before it."""

    start: int
    data: bytes | None
    facts: Any


class TapedFlash(NorFlash):
    """NorFlash that keeps each operation; `facts()` is asked just before each."""

    def __init__(self, seed: int, log_blocks: int = 6) -> None:
        super().__init__(seed=seed)
        self.lay_out_journal(log_blocks=log_blocks)
        self.tape: list[Operation] = []
        self.facts: Callable[[], Any] | None = None
        self.first = b""

    def begin(self, facts: Callable[[], Any]) -> None:
        """From here on operations are kept."""
        self.first = bytes(self)
        self.facts = facts

    def _erase(self, number: int) -> None:
        if self.facts is not None:
            self.tape.append(Operation(number * BLOCK, None, self.facts()))
        super()._erase(number)

    def _program(self, start: int, data: bytes) -> None:
        if self.facts is not None:
            self.tape.append(Operation(start, data, self.facts()))
        super()._program(start, data)


class Memory(NorFlash):
    """Cells to boot a fresh rig from."""

    def __init__(self, cells: bytes, seed: int = 0) -> None:
        super().__init__(seed=seed)
        self[:] = cells

    def do(self, operation: Operation, cut: bool = False) -> None:
        """Carry an operation out, or only half of it."""
        self.cut_at = 1 if cut else 0
        try:
            if operation.data is None:
                self._erase(operation.start // BLOCK)
            else:
                self._program(operation.start, operation.data)
        except PowerCut:
            self.powered = True


def memories(
    first: bytes, tape: list[Operation], seed: int
) -> Iterator[tuple[int, Operation, Memory, bytes]]:
    """(index, operation, the memory that a cut in it leaves, the memory before it) for every operation."""
    whole = Memory(first)
    for i, operation in enumerate(tape):
        before = bytes(whole)
        torn = Memory(before, seed=seed * 1_000_003 + i)
        torn.do(operation, cut=True)
        yield i, operation, torn, before
        whole.do(operation)


def most_worn(flash: NorFlash) -> int:
    """Erases of the block that was erased most."""
    return max(flash.erases[:BLOCKS])
