"""Raw flash blocks won from stock MicroPython as one-block files: where they lie and what may be done to them.

Owns: the map from (role, index) to a block of rp2.Flash, found by the header in each block's first page.
Rules: a block that does not carry our header is never erased or programmed; a block whose erase was cut short
is found again through its neighbour's header; fewer blocks than the headers promise means the filesystem was
reformatted: refused.
Callers: journal.py and settings.py; the device half is the only user of rp2.Flash.
Units: bytes, blocks of 4096, pages of 256; erases as a count.
Leaves: what lies in pages 1 to 15 to journal.py and settings.py; the making of the files to `pumprig flash`.

First page: magic, version, role, index, count | next block of the role, erases, CRC-32. A factory-new block
has the first half only.
"""

import struct
from binascii import crc32

MAGIC = b"PUMPRIGJ"
VERSION = 1
ROLES = (LOG, SETTINGS) = (0, 1)
BLOCK = 4096
PAGE = 256
PAGES = BLOCK // PAGE
_FACTORY = "<8sBBHH"
_LINKED = "<HII"
_FACTORY_SIZE = struct.calcsize(_FACTORY)
_SIZE = _FACTORY_SIZE + struct.calcsize(_LINKED)
_UNSEALED = b"\xff" * struct.calcsize(_LINKED)


class FlashError(Exception):
    """The blocks are not as they must be; the text says what is wrong and what to do."""


def _no_ticks(*_instants):
    """A clock that stands: erases then take no time."""
    return 0


class FlashDevice:
    """The chip's flash behind rp2.Flash: read, program pages, erase blocks. Erases are timed where ticks are given."""

    def __init__(self, flash, ticks_us=_no_ticks, ticks_diff=_no_ticks):
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
        self.erase_us += took_us
        self.worst_erase_us = max(self.worst_erase_us, took_us)


def factory_header(role, index, count):
    """The first bytes of a block's file as `pumprig flash` writes it."""
    return struct.pack(_FACTORY, MAGIC, VERSION, role, index, count)


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


def _scan(device, role):
    """-> ({index: (block, next block, erases)}, {index: block} of factory-new ones, count of the role or 0).

    Once a block is sealed only whole headers and untouched factory ones count: one half written or half erased says
    nothing of its index or count.
    """
    sealed = {}
    claims = []
    count = 0
    for block in range(device.blocks):
        head = device.read(block, 0, _SIZE)
        if bytes(head[:8]) != MAGIC or head[8] != VERSION or head[9] != role:
            continue
        _, _, _, index, promised = struct.unpack(_FACTORY, head[:_FACTORY_SIZE])
        next_block, erases, crc = struct.unpack(_LINKED, head[_FACTORY_SIZE:])
        if crc == crc32(head[:-4]) & 0xFFFFFFFF:
            sealed[index] = (block, next_block, erases)
            count = promised
        else:
            claims.append((block, index, promised, head[_FACTORY_SIZE:] == _UNSEALED))
    if not sealed and claims:  # never booted to the end: nothing was erased yet, so every claim is whole
        return sealed, {row[1]: row[0] for row in claims}, claims[0][2]
    fresh = {}
    for block, index, promised, is_new in claims:
        if is_new and promised == count and index < count and index not in sealed:
            fresh[index] = block
    return sealed, fresh, count


def find(device, role):
    """The region of a role. Raises FlashError when blocks are missing."""
    sealed, fresh, count = _scan(device, role)
    if not count:
        raise FlashError("no journal blocks: run `pumprig flash` once to lay them out")
    missing = [index for index in range(count) if index not in sealed and index not in fresh]
    if len(missing) > 1:
        raise FlashError(
            "%d of %d journal blocks are gone: the filesystem was reformatted; run `pumprig flash`"
            % (len(missing), count)
        )
    blocks = []
    erases = []
    for index in range(count):
        row = sealed.get(index)
        if row is None:
            row = (fresh[index], 0, 0) if index in fresh else _lost(sealed, count, index)
        blocks.append(row[0])
        erases.append(row[2])
    region = Region(device, role, blocks, erases)
    for index in missing:
        region.erase(index)
    for index in sorted(fresh):  # in order: what a cut leaves half sealed is named by the block before
        region.seal(index)
    return region


def _lost(sealed, count, index):
    """The block whose header a power cut took, named by its neighbour."""
    before = sealed.get((index - 1) % count)
    if before is None or before[1] in [row[0] for row in sealed.values()]:
        raise FlashError("journal block %d of %d is gone; run `pumprig flash`" % (index, count))
    return before[1], 0, max(row[2] for row in sealed.values())
