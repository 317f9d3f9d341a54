"""The log on raw flash: a ring of sealed, chained records, one a page.

Owns: the LOG blocks, the number of the next record, the chain.
Rules: a record counts only whole; the block after the one being written is erased ahead, when the queued
motion outlasts it; until then records are held in memory; a torn page is skipped and reported; the last good
record resumes the pump. A full ring overwrites the oldest block. Records of older versions are read as they
are; one of a newer firmware is never taken for a torn page: refused.
Units: record numbers from 1, pages of 256 bytes.
Leaves: what a record holds to pumpwire.records, blocks and their headers to flashmap.py.
"""

from array import array

from pumpwire import records

from rig.board.flashmap import PAGE, PAGES, FlashError


class Journal:
    """Append, read and replay records."""

    def __init__(self, region):
        self._region = region
        self._first = array("I", [0] * region.count)  # number of each block's first good record; 0: none
        self.next_number = 1
        self.torn_pages = 0
        self._block = 0
        self._page = 1
        self._next_ready = False
        self._chain = b"\x00" * records.CHAIN
        self._held = []
        self.last = None  # (header, state, text) of the last good record
        self._replay()

    # --- replay

    def _replay(self):
        """Find the last good record and the place after it."""
        newest = -1
        for block in range(self._region.count):
            self._first[block] = self._first_number(block)
            if self._first[block] and (newest < 0 or self._first[block] > self._first[newest]):
                newest = block
        if newest < 0:
            self._first_boot()
            return
        self._block = newest
        for page in range(1, PAGES):
            data = self._region.read(newest, page * PAGE, PAGE)
            if _is_erased(data):
                self._page = page
                break
            self._page = page + 1
            raw = _whole(data)
            if raw is None:
                self.torn_pages += 1
            else:
                self._take(raw)
        self._drop_half_erased((newest + 1) % self._region.count)
        self._next_ready = self._block_is_erased((newest + 1) % self._region.count)

    def _first_number(self, block):
        """The number of a block's first whole record, or 0: a torn page or a half erased block must not name one."""
        for page in range(1, PAGES):
            data = self._region.read(block, page * PAGE, PAGE)
            if data[:2] == b"\xff\xff" and _is_erased(data):
                return 0
            raw = _whole(data)
            if raw is not None:
                return _number(raw)
        return 0

    def _first_boot(self):
        if not self._block_is_erased(0):
            self._region.erase(0)
        self._next_ready = self._block_is_erased(1)

    def _drop_half_erased(self, block):
        """The oldest block, if a cut took some of its records in an erase: what is left of it is no log."""
        number = self._first[block]
        if not number:
            return
        for page in range(1, PAGES):
            raw = _whole(self._region.read(block, page * PAGE, PAGE))
            if raw is None:
                continue
            if _number(raw) != number:
                self._first[block] = 0
                return
            number += 1
        if number != self._first[(block + 1) % self._region.count]:
            self._first[block] = 0

    def _take(self, raw):
        self.last = records.unpack(raw)
        self.next_number = self.last[0]["number"] + 1
        self._chain = records.link(raw)

    def _block_is_erased(self, block):
        return all(_is_erased(self._region.read(block, page * PAGE, PAGE)) for page in range(1, PAGES))

    # --- append

    def append(self, header, state, text):
        """Seal and program one record; header needs event, boot, mono_us, utc_us, calibration_id. Returns its number.

        Takes one page program (0.4 to 3 ms). While the block ahead is not erased the record is held in memory.
        """
        header["number"] = self.next_number
        header["chain"] = self._chain
        raw = records.pack(header, state, text)
        chain = records.link(raw)
        self._held.append(raw)  # from here on nothing can fail for want of memory and leave a gap
        self._chain = chain
        self.next_number += 1
        self._write_held()
        return self.next_number - 1

    def _write_held(self):
        while self._held and self._make_room():
            raw = self._held[0]
            self._region.program(self._block, self._page, raw)
            self._held.pop(0)
            if not self._first[self._block]:
                self._first[self._block] = _number(raw)
            self._page += 1

    def _make_room(self):
        """Whether there is an erased page at the head; moves on to the next block when this one is full."""
        if self._page < PAGES:
            return True
        if not self._next_ready:
            return False
        self._block = (self._block + 1) % self._region.count
        self._page = 1
        self._next_ready = self._block_is_erased((self._block + 1) % self._region.count)
        return True

    def has_room(self):
        """Whether a record would be on flash at once, not held in memory for an erase."""
        return not self._held and (self._page < PAGES or self._next_ready)

    def wants_erase(self):
        """Whether the next block is still to be erased."""
        return not self._next_ready

    def ahead(self):
        """(first, last) record number that the next erase may take; (0, 0) for none."""
        first = self._first[(self._block + 1) % self._region.count]
        return (first, first + PAGES - 2) if first else (0, 0)

    def alarms(self, events):
        """The whole records of these events, oldest first; at most a header is read of any other."""
        for turn in range(1, self._region.count + 1):
            block = (self._block + turn) % self._region.count
            for page in range(1, PAGES) if self._first[block] else ():
                if self._region.read(block, page * PAGE, 4)[3] in events:
                    raw = _whole(self._region.read(block, page * PAGE, PAGE))
                    if raw is not None:
                        yield raw

    def prepare(self):
        """Erase the next block: 45 to 400 ms; then write what was held."""
        block = (self._block + 1) % self._region.count
        self._region.erase(block)
        self._first[block] = 0
        self._next_ready = True
        self._write_held()

    # --- read

    def oldest(self):
        """Number of the oldest record that is still there; next_number where there is none."""
        numbers = [number for number in self._first if number]
        return min(numbers) if numbers else self.next_number

    def capacity(self):
        """Records that the ring holds for sure."""
        return (self._region.count - 2) * (PAGES - 1)

    def most_erases(self):
        """Erases of the most worn block."""
        return self._region.most_erases()

    def read(self, number):
        """The bytes of record `number`, or None if it is not there."""
        if not self.oldest() <= number < self.next_number:
            return None
        best = -1
        for block in range(self._region.count):
            first = self._first[block]
            if first and first <= number and (best < 0 or first > self._first[best]):
                best = block
        start = 1 + number - self._first[best]  # later only by torn pages
        for page in range(start, PAGES):
            raw = _whole(self._region.read(best, page * PAGE, PAGE))
            if raw is not None and _number(raw) == number:
                return raw
        return None


def _whole(data):
    """A page's record, or None. Raises FlashError for one that only a newer firmware can read."""
    try:
        return records.unseal(data)
    except records.RecordError as error:
        if str(error) == "version":
            raise FlashError("the log was written by a newer firmware: flash that one, or a newer one")
        return None


def _number(raw):
    """A record's number."""
    return int.from_bytes(raw[6:10], "little")


def _is_erased(data):
    """Whether every byte is 0xFF."""
    return data == b"\xff" * len(data)
