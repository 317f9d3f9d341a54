"""rig.log.journal and finding, page by page: where the log ends, what is erased, what is looked at.

Owns: single pages that are programmed, torn or erased, each place of a block by itself.
Rules: the flash is written to by hand, behind the journal's back; what a boot then finds follows from the pages.
Units: pages of 256 bytes, blocks, record numbers.
Leaves: cuts within an operation to test_journal.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from logflash import LOG_BLOCKS, append, append_only, blocks_of, boot, laid_out
from pumpwire import records
from rig.board import flashmap
from rig.log import finding, journal
from rigsim.flash import BLOCK, PAGE, NorFlash

LAST = flashmap.PAGES - 1  # the last page of a block; page 0 has its header


def put(flash: NorFlash, block: int, page: int, data: bytes) -> None:
    """Bytes on a page of the log's block with that index."""
    at = blocks_of(flash, flashmap.LOG)[block] * BLOCK + page * PAGE
    flash[at : at + len(data)] = data


def filled(count: int) -> tuple[NorFlash, Any]:
    """A log with so many records, the ring's next block erased wherever that was wanted."""
    flash = laid_out()
    log = boot(flash)
    for number in range(1, count + 1):
        append(log, number)
    return flash, log


def test_the_figures_of_the_ring() -> None:
    log = boot(laid_out())
    assert (flashmap.PAGES, journal.LOOKED) == (16, 5)
    assert log.capacity() == (LOG_BLOCKS - 2) * LAST
    assert (log.next_number, log.torn_pages, log.block, log.page) == (1, 0, 0, 1)
    assert (log.last, log.oldest(), log.ahead()) == (None, 1, (0, 0))
    assert log.chain == bytes(records.CHAIN)
    assert [log.read(number) for number in (0, 1, 2)] == [None] * 3


@pytest.mark.parametrize("page", range(1, flashmap.PAGES))
def test_a_block_is_erased_only_where_every_page_of_it_is(page: int) -> None:
    flash = laid_out()
    region = boot(flash).region
    assert journal.block_is_erased(region, 2)
    put(flash, 2, page, b"\xfe")
    assert not journal.block_is_erased(region, 2)
    assert journal.block_is_erased(region, 3)
    flash = laid_out()
    put(flash, 2, page, bytes([255] * 255 + [254]))
    assert not journal.block_is_erased(boot(flash).region, 2)


def test_a_factory_new_ring_is_filled_without_an_erase() -> None:
    flash, log = filled((LOG_BLOCKS - 1) * LAST)
    assert all(flash.erases[block] == 0 for block in blocks_of(flash, flashmap.LOG)[1:])
    assert (log.block, log.page) == (LOG_BLOCKS - 2, flashmap.PAGES)
    append_only(log, log.next_number)
    assert log.block == LOG_BLOCKS - 1
    assert log.wants_erase(), "the next one has the oldest records"


def test_after_a_new_block_the_next_one_is_looked_at_five_pages_at_a_time() -> None:
    _flash, log = filled(LAST + 1)
    assert not log.look()
    for count in range(2):
        log.block, log.page, log.next_ready, log._seen = 1 + count, 1, False, 1
        assert [log.look() for _ in range(5)] == [True, True, True, False, False]
        assert log.next_ready


@pytest.mark.parametrize("page", range(1, flashmap.PAGES))
def test_a_page_that_is_not_erased_makes_the_next_block_want_an_erase(page: int) -> None:
    flash, log = filled(LAST)
    put(flash, 2, page, b"\x00")
    append_only(log, log.next_number)  # into block 1
    looks = 0
    while log.look():
        looks += 1
    assert looks == -(-page // 5)
    assert log.wants_erase()
    assert boot(flash).wants_erase()
    log.prepare()
    assert not log.wants_erase()
    assert not boot(flash).wants_erase()


def test_there_is_room_while_a_page_is_left_or_the_next_block_is_erased() -> None:
    flash, log = filled(LAST - 1)
    put(flash, 1, 3, b"\x00")
    log = boot(flash)
    assert log.has_room(), "one page is left"
    append_only(log, log.next_number)
    assert log.page == flashmap.PAGES
    assert not log.has_room()
    append_only(log, log.next_number)
    assert not log.has_room(), "one is held"
    log.prepare()
    assert log.has_room()
    assert boot(flash).next_number == LAST + 2
    log._held.append(b"")
    assert not log.has_room(), "what is held comes first"


# --- what a boot finds


def test_at_a_first_boot_what_is_in_the_first_block_is_erased_and_in_the_second_noticed() -> None:
    for dirty in (0, 1, 2):
        flash = laid_out()
        put(flash, dirty, 4, b"\x00\x01\x02")
        before = [flash.erases[block] for block in blocks_of(flash, flashmap.LOG)]
        log = boot(flash)
        after = [flash.erases[block] for block in blocks_of(flash, flashmap.LOG)]
        assert [k for k in range(LOG_BLOCKS) if after[k] > before[k]] == ([0] if dirty == 0 else [])
        assert log.wants_erase() is (dirty == 1)
        for number in range(1, 40):
            append(log, number)
        assert boot(flash).next_number == 40


def test_the_block_ahead_is_looked_at_and_no_other() -> None:
    flash, log = filled(LOG_BLOCKS * LAST + 3)
    assert not log.wants_erase()
    assert not boot(flash).wants_erase(), "it is erased, and the one behind it is full"
    ahead = (log.block + 1) % LOG_BLOCKS
    put(flash, ahead, 1, b"\x00")
    assert boot(flash).wants_erase()


@pytest.mark.parametrize("torn", [b"\xff\xff\x00", b"\x00", b"PR\x00", bytes(PAGE)])
def test_a_block_begins_with_its_first_whole_record_whatever_was_torn_before_it(torn: bytes) -> None:
    flash, _log = filled(LAST + 5)
    for page in range(1, 4):
        put(flash, 1, page, torn)
    again = boot(flash)
    assert again.first[1] == LAST + 4
    assert again.next_number == LAST + 6
    assert again.torn_pages == 3
    assert [number for number in range(1, LAST + 6) if again.read(number) is None] == [
        LAST + k for k in (1, 2, 3)
    ]
    append(again, LAST + 6)
    assert boot(flash).next_number == LAST + 7


def test_a_block_without_a_whole_record_names_none() -> None:
    flash, _log = filled(2 * LAST + 2)
    for page in range(1, flashmap.PAGES):
        put(flash, 0, page, b"\x00")
    again = boot(flash)
    assert again.first[0] == 0
    assert again.oldest() == LAST + 1
    assert again.next_number == 2 * LAST + 3


@pytest.mark.parametrize("count", [LAST, LAST - 1, 2 * LAST])
def test_a_boot_goes_on_behind_the_last_page_also_where_a_block_is_full(count: int) -> None:
    flash, _log = filled(count)
    log = boot(flash)
    assert log.page == (count - 1) % LAST + 2
    append(log, count + 1)
    assert boot(flash).next_number == count + 2
    assert boot(flash).last[2] == f"n={count + 1}"


@pytest.mark.parametrize("every", [2, 4, 7])
def test_the_records_of_some_events_are_listed_once_each_from_the_oldest_on(every: int) -> None:
    flash = laid_out()
    log = boot(flash)
    for number in range(1, LOG_BLOCKS * LAST + 1):
        append_only(log, number, 12 if number % every == 0 else 3)
    for found in (log, boot(flash)):
        listed = [records.unpack(raw)[0]["number"] for raw in finding.alarms(found, (12, 29))]
        assert listed == [number for number in range(1, LOG_BLOCKS * LAST + 1) if number % every == 0]
    torn = -(-(LAST + 2) // every) * every  # not the first: a cut tears none that is whole
    put(flash, 1, torn - LAST, b"PR\x00")
    again = [records.unpack(raw)[0]["number"] for raw in finding.alarms(boot(flash), (12, 29))]
    assert again == [number for number in listed if number != torn]
