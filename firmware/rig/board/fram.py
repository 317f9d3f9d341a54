"""The journal on an I2C FRAM in the place of flash: nothing that stops the processor, no wear to speak of.

Owns: the FRAM's bytes, laid out as blocks and pages like the flash's.
Rules: the same interface as flashmap.FlashDevice; a new FRAM is laid out at its first boot, any other is taken
as it is; one that is smaller than the configuration says, or absent, is told so; a transfer that fails is a fault of
the rig, never a silent loss. Where it is too small for the documents, they stay in the chip's flash.
Units: bytes, blocks of 4096, pages of 256.
Leaves: what lies in the blocks to flashmap.py, journal.py and kept_documents.py.

MB85RC256V: 32 kB. MB85RC512T: 64 kB. MB85RC1MT or FM24V10: 128 kB at two addresses of 64 kB each. 16-bit memory
addresses, of which the small one ignores the highest bit; 10^12 writes a byte or more.
"""

from rig.board.flashmap import (
    BLOCK,
    FACTORY_SIZE,
    LOG,
    MAGIC,
    PAGE,
    SETTINGS,
    SIZE,
    UNSEALED,
    FlashError,
    factory_header,
)

ADDRESS = 0x50
SETTINGS_BLOCKS = 8
CHUNK = 32  # bytes of a transfer: 0.8 ms at 400 kHz, below the bus's timeout
_ERASED = b"\xff" * CHUNK


class FramDevice:
    """Read, program pages, erase blocks, over machine.I2C. kib: its size."""

    def __init__(self, i2c, kib, ticks_us, ticks_diff):
        self._i2c = i2c
        self._ticks_us = ticks_us
        self._ticks_diff = ticks_diff
        self.erase_us = 0
        self.worst_erase_us = 0
        self.blocks = kib * 1024 // BLOCK
        self.has_documents = self.blocks > SETTINGS_BLOCKS
        try:
            if self._is_new():
                self._lay_out()
        except OSError:
            raise FlashError("no FRAM of %d KiB answers; see JOURNAL and FRAM_KIB in board/config.py" % kib)

    def _is_new(self):
        """Whether its layout was never finished: the last block has no header, and no block was ever used.

        A power cut between the erase of the last block in the ring and its new header is no new FRAM.
        """
        if self.read(self.blocks - 1, 0, len(MAGIC)) == MAGIC:
            return False
        for block in range(self.blocks - 1):
            head = self.read(block, 0, SIZE)
            if head[: len(MAGIC)] == MAGIC and head[FACTORY_SIZE:] != UNSEALED:
                return False
        return True

    def _lay_out(self):
        """The last block last: a layout that was cut short is begun anew."""
        documents = SETTINGS_BLOCKS if self.has_documents else 0
        for block in range(self.blocks):
            self.erase(block)
            self.program(block, 0, self._head(block, documents))
        for block in range(
            self.blocks
        ):  # one that is smaller answers for several addresses with the same cells
            head = self._head(block, documents)
            if self.read(block, 0, len(head)) != head:
                raise FlashError("the FRAM is smaller than FRAM_KIB in board/config.py says")

    def _head(self, block, documents):
        if block < documents:
            return factory_header(SETTINGS, block, documents)
        return factory_header(LOG, block - documents, self.blocks - documents)

    def _place(self, at):
        """Bus address and memory address of a byte."""
        return ADDRESS + (at >> 16), at & 0xFFFF

    def read(self, block, offset, size):
        """`size` bytes of a block."""
        data = bytearray()
        at = block * BLOCK + offset
        for start in range(0, size, CHUNK):
            bus, memory = self._place(at + start)
            data += self._i2c.readfrom_mem(bus, memory, min(CHUNK, size - start), addrsize=16)
        return data

    def program(self, block, page, data):
        """Program at most a page; the rest of it stays as it is. Takes 7 ms; steps and interrupts go on."""
        at = block * BLOCK + page * PAGE
        for start in range(0, len(data), CHUNK):
            bus, memory = self._place(at + start)
            self._i2c.writeto_mem(bus, memory, data[start : start + CHUNK], addrsize=16)

    def erase(self, block):
        """Set a block to 0xFF: 0.1 s; steps and interrupts go on."""
        start_us = self._ticks_us()
        for start in range(0, BLOCK, CHUNK):
            bus, memory = self._place(block * BLOCK + start)
            self._i2c.writeto_mem(bus, memory, _ERASED, addrsize=16)
        took_us = self._ticks_diff(self._ticks_us(), start_us)
        self.erase_us += took_us
        self.worst_erase_us = max(self.worst_erase_us, took_us)
