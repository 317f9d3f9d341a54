"""Where the log ends: what a boot looks for on the flash, once.

Owns: finding the last good record and the place after it; the records of some events.
Rules: a record counts only whole; a half erased block is no log; needed at a boot only, and forgotten with its end.
Units: record numbers from 1, pages of 256 bytes.
Leaves: writing and reading to journal.py, what is made of the last record to boot/recovery.py.
"""

from pumpwire import records

from rig.board.flashmap import PAGE, PAGES
from rig.log.journal import block_is_erased, is_erased, number_of, whole


def take_up(journal):
    """Find the last good record and the place after it."""
    newest = -1
    for block in range(journal.region.count):
        journal.first[block] = _first_number(journal, block)
        if journal.first[block] and (newest < 0 or journal.first[block] > journal.first[newest]):
            newest = block
    if newest < 0:
        _first_boot(journal)
        return
    journal.block = newest
    for page in range(1, PAGES):
        data = journal.region.read(newest, page * PAGE, PAGE)
        if is_erased(data):
            journal.page = page
            break
        journal.page = page + 1
        raw = whole(data)
        if raw is None:
            journal.torn_pages += 1
        else:
            _take(journal, raw)
    _drop_half_erased(journal, (newest + 1) % journal.region.count)
    journal.next_ready = block_is_erased(journal.region, (newest + 1) % journal.region.count)


def _first_number(journal, block):
    """The number of a block's first whole record, or 0: a torn page or a half erased block must not name one."""
    for page in range(1, PAGES):
        data = journal.region.read(block, page * PAGE, PAGE)
        if data[:2] == b"\xff\xff" and is_erased(data):
            return 0
        raw = whole(data)
        if raw is not None:
            return number_of(raw)
    return 0


def _first_boot(journal):
    if not block_is_erased(journal.region, 0):
        journal.region.erase(0)
    journal.next_ready = block_is_erased(journal.region, 1)


def _drop_half_erased(journal, block):
    """The oldest block, if a cut took some of its records in an erase: what is left of it is no log."""
    number = journal.first[block]
    if not number:
        return
    for page in range(1, PAGES):
        raw = whole(journal.region.read(block, page * PAGE, PAGE))
        if raw is None:
            continue
        if number_of(raw) != number:
            journal.first[block] = 0
            return
        number += 1
    if number != journal.first[(block + 1) % journal.region.count]:
        journal.first[block] = 0


def _take(journal, raw):
    journal.last = records.unpack(raw)
    journal.next_number = journal.last[0]["number"] + 1
    journal.chain = records.link(raw)


def alarms(journal, events):
    """The whole records of these events, oldest first; at most a header is read of any other."""
    for turn in range(1, journal.region.count + 1):
        block = (journal.block + turn) % journal.region.count
        for page in range(1, PAGES) if journal.first[block] else ():
            if journal.region.read(block, page * PAGE, 4)[3] in events:
                raw = whole(journal.region.read(block, page * PAGE, PAGE))
                if raw is not None:
                    yield raw
