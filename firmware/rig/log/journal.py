"""The log on raw flash: a ring of sealed, chained records, one a page.

Owns: the LOG blocks, the number of the next record, the chain.
Rules: a record counts only whole; the block after the one being written is erased ahead, when the queued
motion outlasts it; until then records are held in memory; a torn page is skipped and reported; the last good
record resumes the pump. A full ring overwrites the oldest block. Records of older versions are read as they
are; one of a newer firmware is never taken for a torn page: refused.
Units: record numbers from 1, pages of 256 bytes.
Leaves: finding the last record at a boot to finding.py, what a record holds to pumpwire.records, blocks and their
headers to flashmap.py.
"""

from array import array

from pumpwire import records

from rig.board.flashmap import PAGE, PAGES, FlashError

LOOKED = 5  # pages at a time


class Journal:
    """Append, read and replay records."""

    def __init__(self, region):
        self.region = region
        self.first = array("I", [0] * region.count)  # number of each block's first good record; 0: none
        self.next_number = 1
        self.torn_pages = 0
        self.block = 0
        self.page = 1
        self.next_ready = False
        self._seen = PAGES  # up to which page the next block was looked at: all of it takes the Pico 9 ms
        self.chain = b"\x00" * records.CHAIN
        self._held = []
        self.last = None  # (header, state, text) of the last good record
        from rig.log.finding import take_up  # needed once: forgotten after the boot

        take_up(self)

    # --- append

    def append(self, header, values, words):
        """Seal and program one record; header needs event, boot, mono_us, utc_us, calibration_id. Returns its number.

        The state's values come in the order of records.STATE, the event's words as bytes.

        Takes one page program (0.4 to 3 ms). While the block ahead is not erased the record is held in memory.
        """
        header["number"] = self.next_number
        header["chain"] = self.chain
        raw = records.page(header, values, words)
        chain = records.link(raw)
        self._held.append(raw)  # from here on nothing can fail for want of memory and leave a gap
        self.chain = chain
        self.next_number += 1
        self._write_held()
        return self.next_number - 1

    def _write_held(self):
        while self._held and self._make_room():
            raw = self._held[0]
            self.region.program(self.block, self.page, raw)
            self._held.pop(0)
            if not self.first[self.block]:
                self.first[self.block] = number_of(raw)
            self.page += 1

    def _make_room(self):
        """Whether there is an erased page at the head; moves on to the next block when this one is full."""
        if self.page < PAGES:
            return True
        if self.wants_erase():
            return False
        self.block = (self.block + 1) % self.region.count
        self.page = 1
        self.next_ready = False
        self._seen = 1
        return True

    def has_room(self):
        """Whether a record would be on flash at once, not held in memory for an erase."""
        return not self._held and (self.page < PAGES or not self.wants_erase())

    def look(self):
        """Look on whether the block after a new one is erased, a few pages; returns False where that is known."""
        if self._seen >= PAGES:
            return False
        block = (self.block + 1) % self.region.count
        for page in range(self._seen, min(self._seen + LOOKED, PAGES)):
            if not is_erased(self.region.read(block, page * PAGE, PAGE)):
                self._seen = PAGES
                return True
        self._seen += LOOKED
        self.next_ready = self._seen >= PAGES
        return True

    def wants_erase(self):
        """Whether the next block is still to be erased."""
        while self.look():
            pass
        return not self.next_ready

    def ahead(self):
        """(first, last) record number that the next erase may take; (0, 0) for none."""
        first = self.first[(self.block + 1) % self.region.count]
        return (first, first + PAGES - 2) if first else (0, 0)

    def prepare(self):
        """Erase the next block: 45 to 400 ms; then write what was held."""
        block = (self.block + 1) % self.region.count
        self.region.erase(block)
        self.first[block] = 0
        self.next_ready = True
        self._seen = PAGES
        self._write_held()

    # --- read

    def oldest(self):
        """Number of the oldest record that is still there; next_number where there is none."""
        numbers = [number for number in self.first if number]
        return min(numbers) if numbers else self.next_number

    def capacity(self):
        """Records that the ring holds for sure."""
        return (self.region.count - 2) * (PAGES - 1)

    def most_erases(self):
        """Erases of the most worn block."""
        return self.region.most_erases()

    def read(self, number):
        """The bytes of record `number`, or None if it is not there."""
        if not self.oldest() <= number < self.next_number:
            return None
        best = -1
        for block in range(self.region.count):
            first = self.first[block]
            if first and first <= number and (best < 0 or first > self.first[best]):
                best = block
        start = 1 + number - self.first[best]  # later only by torn pages
        for page in range(start, PAGES):
            raw = whole(self.region.read(best, page * PAGE, PAGE))
            if raw is not None and number_of(raw) == number:
                return raw
        return None


def whole(data):
    """A page's record, or None. Raises FlashError for one that only a newer firmware can read."""
    try:
        return records.unseal(data)
    except records.RecordError as error:
        if str(error) == "version":
            raise FlashError("the log was written by a newer firmware: flash that one, or a newer one")
        return None


def number_of(raw):
    """A record's number."""
    return int.from_bytes(raw[6:10], "little")


def block_is_erased(region, block):
    """Whether nothing but its header is in a block."""
    return all(is_erased(region.read(block, page * PAGE, PAGE)) for page in range(1, PAGES))


def is_erased(data):
    """Whether every byte is 0xFF."""
    return data == b"\xff" * len(data)
