"""The blocks of a role, found by the headers in their first pages.

Owns: the map from (role, index) to a block of the device, and what a power cut in an erase leaves of it.
Rules: a block that does not carry our header is left alone; one whose erase was cut short is found again through its
neighbour's header; fewer blocks than the headers promise means the filesystem was reformatted: refused.
Units: block numbers; erases as a count.
Leaves: the headers and the blocks' use to flashmap.py.
"""

import struct
from binascii import crc32

from rig.board.flashmap import (
    FACTORY,
    FACTORY_SIZE,
    LINKED,
    MAGIC,
    SIZE,
    UNSEALED,
    VERSION,
    FlashError,
    Region,
)


def _scan(device, role):
    """-> ({index: (block, next block, erases)}, {index: block} of factory-new ones, count of the role or 0).

    Once a block is sealed only whole headers and untouched factory ones count: one half written or half erased says
    nothing of its index or count.
    """
    sealed = {}
    claims = []
    count = 0
    for block in range(device.blocks):
        head = device.read(block, 0, SIZE)
        if bytes(head[:8]) != MAGIC or head[8] != VERSION or head[9] != role:
            continue
        _, _, _, index, promised = struct.unpack(FACTORY, head[:FACTORY_SIZE])
        next_block, erases, crc = struct.unpack(LINKED, head[FACTORY_SIZE:])
        if crc == crc32(head[:-4]) & 0xFFFFFFFF:
            sealed[index] = (block, next_block, erases)
            count = promised
        else:
            claims.append((block, index, promised, head[FACTORY_SIZE:] == UNSEALED))
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
