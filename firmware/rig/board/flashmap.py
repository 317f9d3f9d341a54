"""Raw flash blocks won from stock MicroPython as one-block files: where they lie and what may be done to them.

Owns: the header in each block's first page, and the blocks of a role once they are found.
Rules: a block that does not carry our header is never erased or programmed.
Units: bytes, blocks of 4096, pages of 256; erases as a count.
Leaves: finding the blocks to blocks.py; what lies in pages 1 to 15 to journal.py and kept_documents.py; the making
of the files to `pumprig flash`.

First page: magic, version, role, index, count | next block of the role, erases, CRC-32. A factory-new block
has the first half only.
"""

import struct
from binascii import crc32

MAGIC = b"PUMPRIGJ"
VERSION = 1
ROLES = (LOG, SETTINGS) = (0, 1)
# The documents of SETTINGS, a pair of blocks each
KEPT = (PROGRAM, CALIBRATION, ACCESS, LATER) = (0, 1, 2, 3)
BLOCK = 4096
PAGE = 256
PAGES = BLOCK // PAGE
FACTORY = "<8sBBHH"
LINKED = "<HII"
FACTORY_SIZE = struct.calcsize(FACTORY)
SIZE = FACTORY_SIZE + struct.calcsize(LINKED)
UNSEALED = b"\xff" * struct.calcsize(LINKED)


class FlashError(Exception):
    """The blocks are not as they must be; the text says what is wrong and what to do."""


def _no_ticks(*_instants):
    """A clock that stands: erases then take no time."""
    return 0


class FlashDevice:
    """The chip's flash behind rp2.Flash: read, program pages, erase blocks. Erases are timed where ticks are given.

    account: the device that they are counted with, where this is not the journal's.
    """

    def __init__(self, flash, ticks_us=_no_ticks, ticks_diff=_no_ticks, account=None):
        self._account = self if account is None else account
        self._flash = flash
        self._ticks_us = ticks_us
        self._ticks_diff = ticks_diff
        self.erase_us = 0  # all erases together: the loop does not count them as lateness
        self.worst_erase_us = 0
        self.blocks = flash.ioctl(4, 0)

    def read(self, block, offset, size):
        """`size` bytes of a block."""
        data = bytearray(size)
        self._flash.readblocks(block, data, offset)
        return data

    def program(self, block, page, data):
        """Program at most a page; the rest of it stays as it is. Takes 0.4 to 3 ms with interrupts off."""
        full = bytearray(b"\xff" * PAGE)
        full[: len(data)] = data
        self._flash.writeblocks(block, full, page * PAGE)

    def erase(self, block):
        """Erase a block: 45 to 400 ms with interrupts off."""
        start = self._ticks_us()
        self._flash.ioctl(6, block)
        took_us = self._ticks_diff(self._ticks_us(), start)
        account = self._account
        account.erase_us += took_us
        account.worst_erase_us = max(account.worst_erase_us, took_us)


def factory_header(role, index, count):
    """The first bytes of a block's file as `pumprig flash` writes it."""
    return struct.pack(FACTORY, MAGIC, VERSION, role, index, count)


def _header(role, index, count, next_block, erases):
    head = factory_header(role, index, count) + struct.pack("<HI", next_block, erases)
    return head + struct.pack("<I", crc32(head) & 0xFFFFFFFF)


class Region:
    """The blocks of one role, in order of their index."""

    def __init__(self, device, role, blocks, erases):
        self._device = device
        self._role = role
        self._blocks = blocks
        self._erases = erases
        self.count = len(blocks)

    def read(self, index, offset, size):
        """`size` bytes of block `index`, from `offset`."""
        return self._device.read(self._blocks[index], offset, size)

    def program(self, index, page, data):
        """Program one page (1 to 15) of block `index`."""
        self._device.program(self._blocks[index], page, data)

    def erase(self, index):
        """Erase block `index` and write its header again."""
        self._erases[index] += 1
        self._device.erase(self._blocks[index])
        self.seal(index)

    def seal(self, index):
        """Write the header's second half, or all of it after an erase."""
        next_block = self._blocks[(index + 1) % self.count]
        self._device.program(
            self._blocks[index], 0, _header(self._role, index, self.count, next_block, self._erases[index])
        )

    def most_erases(self):
        """Erases of the most worn block."""
        return max(self._erases)
