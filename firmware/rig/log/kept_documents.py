"""Documents that must survive: the active program, the calibration, the access, the program that waits; each twice.

Owns: the SETTINGS blocks; block pair 2k, 2k+1 belongs to slot k (flashmap.py names them).
Rules: a new text goes to the older block of the pair and is valid only when its last page, the first one
read, is programmed; a power cut at any instant leaves the old text or the new one.
Units: text in characters, generations as a count.
Leaves: what the texts mean to pumpwire.documents, blocks to flashmap.py; a module on loan (rig.lend).

Page 1: magic `PS`, length, generation, CRC-32 of generation and text; the text fills pages 2 to 15.
"""

# MicroPython looks for `struct` and `binascii` in its folders first, 4 ms each, whenever something imports them
from pumpwire.records import crc32, struct

from rig.board.flashmap import PAGE

_HEAD = "<2sHII"
_SIZE = struct.calcsize(_HEAD)


def slots(region):
    """What is known of the slots of a region, for `load` and `store`: nothing yet."""
    return region, [0] * (region.count // 2), [0] * (region.count // 2)


def load(settings, slot, accept):
    """The newest text of a slot that accept(text) takes, or an empty one. What it takes is not overwritten next."""
    region, generations, newest = settings
    found = [_read(region, 2 * slot), _read(region, 2 * slot + 1)]
    generations[slot] = max(found[0][0], found[1][0])
    for half in (0, 1) if found[0][0] > found[1][0] else (1, 0):
        generation, text = found[half]
        if generation and accept(text):
            newest[slot] = half
            return text
    return ""


def _read(region, index):
    magic, length, generation, crc = struct.unpack(_HEAD, region.read(index, PAGE, _SIZE))
    if magic != b"PS" or length > 14 * PAGE:
        return 0, ""
    data = bytes(region.read(index, 2 * PAGE, length))
    if crc32(struct.pack("<I", generation) + data) & 0xFFFFFFFF != crc:
        return 0, ""
    return generation, data.decode()


def store(settings, slot, text):
    """Keep a text; erases one block first, so only while the queued motion outlasts that."""
    region, generations, newest = settings
    half = 1 - newest[slot]
    index = 2 * slot + half
    generation = generations[slot] + 1
    data = text.encode()
    region.erase(index)
    for start in range(0, len(data), PAGE):
        region.program(index, 2 + start // PAGE, data[start : start + PAGE])
    crc = crc32(struct.pack("<I", generation) + data) & 0xFFFFFFFF
    region.program(index, 1, struct.pack(_HEAD, b"PS", len(data), generation, crc))
    generations[slot] = generation
    newest[slot] = half
