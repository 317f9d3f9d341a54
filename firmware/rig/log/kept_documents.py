"""Documents that must survive: the active program, the calibration, the access, the program that waits; each twice.

Owns: the SETTINGS blocks; block pair 2k, 2k+1 belongs to slot k.
Rules: a new text goes to the older block of the pair and is valid only when its last page, the first one
read, is programmed; a power cut at any instant leaves the old text or the new one.
Units: text in characters, generations as a count.
Leaves: what the texts mean to pumpwire.documents, blocks to flashmap.py.

Page 1: magic `PS`, length, generation, CRC-32 of generation and text; the text fills pages 2 to 15.
"""

import struct
from binascii import crc32

from rig.board.flashmap import PAGE

PROGRAM = 0
CALIBRATION = 1
ACCESS = 2
LATER = 3
_HEAD = "<2sHII"
_SIZE = struct.calcsize(_HEAD)


class KeptDocuments:
    """Texts by slot."""

    def __init__(self, region):
        self._region = region
        self._generation = [0] * (region.count // 2)
        self._newest = [0] * (region.count // 2)

    def load(self, slot, accept):
        """The newest text of a slot that accept(text) takes, or an empty one. What it takes is not overwritten next."""
        found = [self._read(2 * slot), self._read(2 * slot + 1)]
        self._generation[slot] = max(found[0][0], found[1][0])
        for half in (0, 1) if found[0][0] > found[1][0] else (1, 0):
            generation, text = found[half]
            if generation and accept(text):
                self._newest[slot] = half
                return text
        return ""

    def _read(self, index):
        magic, length, generation, crc = struct.unpack(_HEAD, self._region.read(index, PAGE, _SIZE))
        if magic != b"PS" or length > 14 * PAGE:
            return 0, ""
        data = bytes(self._region.read(index, 2 * PAGE, length))
        if crc32(struct.pack("<I", generation) + data) & 0xFFFFFFFF != crc:
            return 0, ""
        return generation, data.decode()

    def store(self, slot, text):
        """Keep a text; erases one block first, so only while the queued motion outlasts that."""
        half = 1 - self._newest[slot]
        index = 2 * slot + half
        generation = self._generation[slot] + 1
        data = text.encode()
        self._region.erase(index)
        for start in range(0, len(data), PAGE):
            self._region.program(index, 2 + start // PAGE, data[start : start + PAGE])
        crc = crc32(struct.pack("<I", generation) + data) & 0xFFFFFFFF
        self._region.program(index, 1, struct.pack(_HEAD, b"PS", len(data), generation, crc))
        self._generation[slot] = generation
        self._newest[slot] = half
