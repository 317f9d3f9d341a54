"""The Pico's flash as the firmware meets it: rp2.Flash over NOR cells, in memory or kept in a file.

Owns: the 352 blocks of the filesystem's region, what programming and erasing do to them, wear, and a cut in
the middle.
Rules: programming only clears bits, one page of 256 bytes at a time; only an erase of a whole block sets
them; what the chip refuses is refused; after a cut every operation fails until power returns; the file always
holds what the cells hold.
Units: bytes, block and page numbers; costs are the driver's to add.
Leaves: what the pages mean to rig.journal; power to chip.py.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable

from rigsim.power import PowerCut

BLOCKS = 352
BLOCK = 4096
PAGE = 256
JOURNAL_MAGIC = b"PUMPRIGJ"
_ERASED = b"\xff" * BLOCK
_ERASED_PAGE = b"\xff" * PAGE
_ALL_ERASED = b"\xff" * (BLOCKS * BLOCK)


class FlashRefused(ValueError):
    """An operation that the chip or its driver would not carry out; the text says which rule it breaks."""


class NorFlash(bytearray):
    """The region's cells; a bytearray, so that memoryview(rp2.Flash()) reads them in place.

    `on_program(page, data)` is called after each page was programmed. `cut_at` counts down over page programs and
    block erases: the operation that takes it to zero stays half done and raises PowerCut.
    """

    def __init__(self, path: str | None = None, seed: int = 0) -> None:
        super().__init__(_ALL_ERASED)
        self._file = -1
        self._random = random.Random(seed)
        self.powered = True
        self.erases = [0] * BLOCKS
        self.programs = 0
        self.operations = 0
        self.cut_at = 0
        self.on_program: Callable[[int, bytes], None] | None = None
        self.on_cut: Callable[[], None] | None = None
        if path is not None:
            self._open(path)

    def _open(self, path: str) -> None:
        fresh = not os.path.exists(path) or os.path.getsize(path) == 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if fresh:
            os.pwrite(self._file, self, 0)
            return
        kept = os.pread(self._file, len(self), 0)
        if len(kept) != len(self):
            raise FlashRefused(f"{path} holds {len(kept)} bytes, a flash region has {len(self)}")
        self[:] = kept

    def close(self) -> None:
        """Let go of the file; the cells stay readable."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @property
    def factory_new(self) -> bool:
        """Whether nothing was ever laid out here: the cells are erased from end to end."""
        return self == _ALL_ERASED

    def lay_out_journal(self, log_blocks: int = 96, settings_blocks: int = 8) -> None:
        """Make the region look as `pumprig flash` leaves it: scattered blocks, marked with role and index."""
        numbers = self._random.sample(range(2, BLOCKS), log_blocks + settings_blocks)
        roles = [(0, i, log_blocks) for i in range(log_blocks)]
        roles += [(1, i, settings_blocks) for i in range(settings_blocks)]
        for number, (role, index, count) in zip(numbers, roles):
            mark = JOURNAL_MAGIC + struct.pack("<BBHH", 1, role, index, count)
            self._set(number * BLOCK, mark + _ERASED[len(mark) :])

    # --- what rp2.Flash offers

    def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> None:
        """Fill buf from byte `offset` of a block; may run over into the next blocks."""
        self._need_power()
        start = self._span(block, offset, len(buf))
        buf[:] = self[start : start + len(buf)]

    def writeblocks(self, block: int, buf: bytes, offset: int | None = None) -> None:
        """Without offset erase and program whole blocks; with one program whole pages over what is there."""
        self._need_power()
        start = self._span(block, offset or 0, len(buf))
        if offset is None:
            if len(buf) % BLOCK:
                raise FlashRefused(f"an erase covers whole blocks of {BLOCK} bytes, not {len(buf)}")
            for number in range(block, block + len(buf) // BLOCK):
                self._erase(number)
        elif offset % PAGE or len(buf) % PAGE:
            raise FlashRefused(f"programming is by pages of {PAGE} bytes: offset {offset}, length {len(buf)}")
        data = bytes(buf)
        for at in range(0, len(data), PAGE):
            self._program(start + at, data[at : at + PAGE])

    def ioctl(self, request: int, argument: int) -> int | None:
        """The block device's requests that rp2.Flash knows: 4 block count, 5 block size, 6 erase a block."""
        self._need_power()
        if request == 4:
            return BLOCKS
        if request == 5:
            return BLOCK
        if request == 6:
            self._span(argument, 0, BLOCK)
            self._erase(argument)
            return 0
        return 0 if request in (1, 2, 3) else None

    # --- the cells

    def _need_power(self) -> None:
        if not self.powered:
            raise PowerCut

    def _span(self, block: int, offset: int, length: int) -> int:
        start = block * BLOCK + offset
        if block < 0 or offset < 0 or start + length > len(self):
            raise FlashRefused(f"block {block} offset {offset} length {length} leaves the region")
        return start

    def _set(self, start: int, data: bytes) -> None:
        self[start : start + len(data)] = data
        if self._file >= 0:
            os.pwrite(self._file, data, start)

    def _cut_now(self) -> bool:
        self.operations += 1
        if not self.cut_at:
            return False
        self.cut_at -= 1
        return not self.cut_at

    def _die(self) -> None:
        self.powered = False
        if self.on_cut is not None:
            self.on_cut()
        raise PowerCut

    def _erase(self, number: int) -> None:
        cut = self._cut_now()
        self.erases[number] += 1
        start = number * BLOCK
        if cut:
            self._set(start, self._half_erased(bytes(self[start : start + BLOCK])))
            self._die()
        self._set(start, _ERASED)

    def _program(self, start: int, data: bytes) -> None:
        cut = self._cut_now()
        self.programs += 1
        asked = data
        if cut:
            data = self._half_programmed(data)
        before = bytes(self[start : start + PAGE])
        if before == _ERASED_PAGE:
            self._set(start, data)
        elif data != _ERASED_PAGE:
            both = int.from_bytes(before, "little") & int.from_bytes(data, "little")
            self._set(start, both.to_bytes(PAGE, "little"))
        if self.on_program is not None and not (cut and data != asked):
            self.on_program(start // PAGE, data)
        if cut:
            self._die()

    def _half_programmed(self, data: bytes) -> bytes:
        """What of a page's zeros got through: all up to some byte, some bits of the next, none after."""
        done = self._random.randrange(PAGE + 1)
        if done == PAGE:
            return data
        torn = data[done] | self._random.getrandbits(8)
        return data[:done] + bytes([torn]) + b"\xff" * (PAGE - done - 1)

    def _half_erased(self, before: bytes) -> bytes:
        """An erase lifts bits in no order: none yet, some of them, or nearly all."""
        lifted = self._random.choice((0.0, 0.1, 0.5, 0.9, 0.999))
        if lifted == 0.0:
            return before
        if lifted == 0.5:
            mask = self._random.getrandbits(8 * BLOCK)
            return (int.from_bytes(before, "little") | mask).to_bytes(BLOCK, "little")
        return bytes(0xFF if self._random.random() < lifted else byte for byte in before)
