"""An FRAM of 32, 64 or 128 kB on the simulated bus: addresses of 64 kB each, every byte written at once.

Owns: the cells, which outlive power, and the count of transfers.
Rules: a cut of the supply at the n-th transfer leaves that transfer's bytes written in part, as the bus had come.
Units: bytes, transfers.
Leaves: the bus to chip.py, the firmware's side to firmware/rig/board/fram.py.
"""

from __future__ import annotations

from rigsim.chip import Chip
from rigsim.power import PowerCut

BANK = 1 << 16
ADDRESS = 0x50


class Fram:
    """The cells of every bank; the chip of 32 kB ignores the highest bit of a memory address."""

    def __init__(self, kib: int = 128) -> None:
        self.cells = bytearray(kib * 1024)
        self.writes = 0
        self.cut_at = 0  # the transfer in which the supply goes; 0: never
        self.chip: Chip | None = None

    def attach(self, chip: Chip) -> None:
        """Hang every bank on a chip's bus."""
        self.chip = chip
        for base in range(0, len(self.cells), BANK):
            chip.i2c[ADDRESS + base // BANK] = _Bank(self, base)

    def store(self, at: int, data: bytes) -> None:
        """One transfer. Raises PowerCut."""
        self.writes += 1
        if self.writes == self.cut_at:
            half = len(data) // 2
            self.cells[at : at + half] = data[:half]
            if self.chip is not None:
                self.chip.power_off()
            raise PowerCut
        self.cells[at : at + len(data)] = data


class _Bank:
    """One of the two addresses."""

    def __init__(self, fram: Fram, base: int) -> None:
        self._fram = fram
        self._base = base
        self._pointer = 0

    def write(self, data: bytes) -> None:
        """Two bytes of memory address, then what is to be stored."""
        if len(data) < 2:
            return
        self._pointer = int.from_bytes(data[:2], "big") % len(self._fram.cells)
        if len(data) > 2:
            self._fram.store(self._base + self._pointer, data[2:])

    def read(self, length: int) -> bytes:
        """From the memory address on."""
        at = self._base + self._pointer
        return bytes(self._fram.cells[at : at + length])
