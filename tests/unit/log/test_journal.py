"""rig.log.journal, rig.settings and rig.flashmap on NOR flash: what a power cut can take, and what it cannot.

Owns: cuts at every single flash operation of a script, torn pages, lost headers, a reformatted filesystem.
Rules: the flash behaves as the chip does: a cut leaves a page or a block half done, at random bits; the script knows
what was asked for and what was confirmed; each cut is followed by a boot that must also be able to go on.
Units: flash operations (page programs and block erases), records.
Leaves: a whole rig's busy day to tests/faults, pages as bytes to test_records.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from logflash import LOG_BLOCKS, SmallFlash, append, append_only, blocks_of, boot, laid_out, settings_of
from pumpwire import records
from rig.board import flashmap
from rig.board.flashmap import CALIBRATION, PROGRAM
from rig.log import blocks, finding, kept_documents
from rigsim.flash import BLOCK, PAGE, NorFlash
from rigsim.power import PowerCut

RECORDS = 130  # more than the ring of 6 blocks holds
TEXTS = ["kind=program name=a basal=0:1", "x" * 700, "kind=program name=c basal=0:3,60:4", "y" * 300]


def operations(flash: NorFlash, script: Callable[[], None]) -> int:
    """How many flash operations a script takes."""
    before = flash.operations
    script()
    return flash.operations - before


def cut_at(flash: NorFlash, operation: int, script: Callable[[], None]) -> bool:
    """Run a script with the power cut in that operation, then give the power back; False if it ended before."""
    flash.cut_at = operation
    try:
        script()
    except PowerCut:
        flash.powered = True
        flash.cut_at = 0
        return True
    flash.cut_at = 0
    return False


def chain_is_whole(journal: Any) -> bool:
    """Whether every record that is still there names the one before it."""
    last = None
    for number in range(journal.oldest(), journal.next_number):
        raw = journal.read(number)
        if raw is None:
            return False
        header, state, text = records.unpack(raw)
        if (header["number"], state["basal_steps"], text) != (number, number * 11, f"n={number}"):
            return False
        if last is not None and header["chain"] != records.link(last):
            return False
        last = raw
    return True


@pytest.mark.requirement("SR-13")
def test_a_power_cut_at_any_flash_operation_loses_at_most_the_record_being_written() -> None:
    def script(flash: NorFlash, confirmed: list[int]) -> None:
        journal = boot(flash)
        for number in range(1, RECORDS + 1):
            append(journal, number)
            confirmed[0] = number

    whole = laid_out()
    count = operations(whole, lambda: script(whole, [0]))
    assert count > RECORDS + LOG_BLOCKS
    for operation in range(1, count + 1):
        flash, confirmed = laid_out(seed=operation), [0]
        assert cut_at(flash, operation, lambda flash=flash, confirmed=confirmed: script(flash, confirmed))
        journal = boot(flash)
        last = journal.next_number - 1
        assert confirmed[0] <= last <= confirmed[0] + 1, f"cut in operation {operation}"
        assert journal.last is None or journal.last[1]["basal_steps"] == last * 11
        assert chain_is_whole(journal), f"cut in operation {operation}"
        for number in range(last + 1, last + 40):
            append(journal, number)
        again = boot(flash)
        assert again.next_number == last + 40, f"cut in operation {operation}"
        assert chain_is_whole(again), f"cut in operation {operation}"


@pytest.mark.requirement("SR-13")
def test_a_second_power_cut_while_the_first_is_being_repaired_loses_nothing_more() -> None:
    for operation in range(1, 60, 3):
        for second in range(1, 8):
            flash, confirmed = laid_out(seed=operation * 10 + second), [0]

            def script(flash: NorFlash = flash, confirmed: list[int] = confirmed) -> None:
                journal = boot(flash)
                confirmed[0] = journal.next_number - 1
                for number in range(journal.next_number, journal.next_number + 80):
                    append(journal, number)
                    confirmed[0] = number

            cut_at(flash, operation, script)
            cut_at(flash, second, script)
            journal = boot(flash)
            assert confirmed[0] <= journal.next_number - 1 <= confirmed[0] + 1
            assert chain_is_whole(journal)


@pytest.mark.requirement("SR-13")
@pytest.mark.requirement("SR-17")
@pytest.mark.parametrize("slot", [PROGRAM, CALIBRATION])
def test_a_power_cut_at_any_operation_of_a_store_leaves_the_old_text_or_the_new_one(slot: int) -> None:
    whole = laid_out()
    count = operations(
        whole, lambda: [kept_documents.store(settings_of(whole), slot, text) for text in TEXTS[:1]] and None
    )
    for operation in range(1, count + 8):
        flash = laid_out(seed=operation)
        old = ""
        for text in TEXTS:
            store = settings_of(flash)
            assert kept_documents.load(store, slot, lambda _text: True) == old
            was_cut = cut_at(
                flash, operation, lambda store=store, text=text: kept_documents.store(store, slot, text)
            )
            now = kept_documents.load(settings_of(flash), slot, lambda _text: True)
            assert now in ((old, text) if was_cut else (text,))
            old = now


def test_what_a_load_does_not_accept_is_passed_over_for_the_older_text() -> None:
    flash = laid_out()
    for text in TEXTS[:2]:
        store = settings_of(flash)
        kept_documents.load(store, PROGRAM, lambda _text: True)
        kept_documents.store(store, PROGRAM, text)
    store = settings_of(flash)
    assert kept_documents.load(store, PROGRAM, lambda text: text == TEXTS[0]) == TEXTS[0]
    kept_documents.store(store, PROGRAM, TEXTS[2])  # must not overwrite the text in use
    assert kept_documents.load(settings_of(flash), PROGRAM, lambda text: text == TEXTS[0]) == TEXTS[0]
    assert kept_documents.load(settings_of(flash), PROGRAM, lambda _text: True) == TEXTS[2]


@pytest.mark.requirement("SR-13")
def test_torn_pages_are_skipped_and_counted_and_the_record_before_them_resumes() -> None:
    for torn_bytes in (1, 5, 42, 100, 200):
        flash = laid_out()
        journal = boot(flash)
        for number in range(1, 6):
            append(journal, number)
        block = blocks.find(flashmap.FlashDevice(flash), flashmap.LOG)._blocks[0]
        start = block * BLOCK + 6 * PAGE
        flash[start : start + torn_bytes] = b"\x50" * torn_bytes
        replayed = boot(flash)
        assert (replayed.torn_pages, replayed.next_number, replayed.last[2]) == (1, 6, "n=5")
        append(replayed, 6)
        assert chain_is_whole(boot(flash))


@pytest.mark.parametrize("lost", range(LOG_BLOCKS))
def test_a_block_whose_header_a_cut_took_is_found_through_its_neighbour(lost: int) -> None:
    flash = laid_out()
    boot(flash)
    blocks = blocks_of(flash, flashmap.LOG)
    flash[blocks[lost] * BLOCK : (blocks[lost] + 1) * BLOCK] = b"\xff" * BLOCK
    assert blocks_of(flash, flashmap.LOG) == blocks


def test_a_filesystem_that_was_reformatted_is_refused_and_says_what_to_do() -> None:
    flash = laid_out()
    boot(flash)
    for block in blocks_of(flash, flashmap.LOG)[1:4]:
        flash[block * BLOCK : (block + 1) * BLOCK] = b"\x00" * BLOCK
    with pytest.raises(flashmap.FlashError, match=r"reformatted.*pumprig flash"):
        boot(flash)
    with pytest.raises(flashmap.FlashError, match="pumprig flash"):
        boot(SmallFlash())


def test_nothing_but_our_own_blocks_is_ever_programmed_or_erased() -> None:
    flash = laid_out()
    ours = set(blocks_of(flash, flashmap.LOG) + blocks_of(flash, flashmap.SETTINGS))
    others = [block for block in range(24) if block not in ours]
    for block in others:
        flash[block * BLOCK : (block + 1) * BLOCK] = bytes([block]) * BLOCK
    journal, store = boot(flash), settings_of(flash)
    for number in range(1, RECORDS + 1):
        append(journal, number)
    for text in TEXTS:
        kept_documents.store(store, PROGRAM, text)
    for block in others:
        assert flash[block * BLOCK : (block + 1) * BLOCK] == bytes([block]) * BLOCK


def test_wear_is_spread_evenly_over_the_ring() -> None:
    flash = laid_out()
    journal = boot(flash)
    for number in range(1, 1_000):
        append(journal, number)
    erases = [flash.erases[block] for block in blocks_of(flash, flashmap.LOG)]
    assert max(erases) - min(erases) <= 1
    assert boot(flash).most_erases() == max(erases)


@pytest.mark.requirement("SR-25")
def test_records_wait_in_memory_for_the_erase_and_none_is_lost() -> None:
    flash = laid_out()
    journal = boot(flash)
    for number in range(1, RECORDS):
        append_only(journal, number)
    assert not journal.has_room()
    assert boot(flash).next_number == LOG_BLOCKS * (flashmap.PAGES - 1) + 1
    while journal.wants_erase():
        journal.prepare()
    assert journal.has_room()
    assert boot(flash).next_number == RECORDS
    assert chain_is_whole(boot(flash))


@pytest.mark.requirement("SR-13")
def test_a_firmware_update_goes_on_with_the_older_log_and_its_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    flash = laid_out()
    journal = boot(flash)
    for number in range(1, 21):
        append(journal, number)
    monkeypatch.setattr(records, "STATE", (*records.STATE, ("later_field", 4)))
    monkeypatch.setattr(records, "WIDTHS", records.WIDTHS + b"\x04")
    monkeypatch.setattr(records, "FIELDS", {**records.FIELDS, records.VERSION + 1: len(records.STATE)})
    monkeypatch.setattr(records, "VERSION", records.VERSION + 1)
    monkeypatch.setattr(records, "SIZES", (*records.SIZES, records.STATE_SIZE + 4))
    monkeypatch.setattr(records, "STATE_SIZE", records.STATE_SIZE + 4)
    updated = boot(flash)
    assert updated.torn_pages == 0
    assert updated.last[1]["basal_steps"] == 220
    assert updated.last[1]["later_field"] == 0
    append(updated, 21)
    old, new = updated.read(20), updated.read(21)
    assert (old[2], new[2]) == (records.VERSION - 1, records.VERSION)
    assert records.unpack(new)[0]["chain"] == records.link(old)


@pytest.mark.requirement("SR-13")
def test_an_older_firmware_refuses_a_newer_log_and_leaves_it_untouched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flash = laid_out()
    journal = boot(flash)
    with monkeypatch.context() as newer:
        newer.setattr(records, "VERSION", records.VERSION + 1)
        newer.setattr(records, "FIELDS", {**records.FIELDS, records.VERSION: len(records.STATE)})
        for number in range(1, 21):
            append(journal, number)
    before = bytes(flash)
    with pytest.raises(flashmap.FlashError, match="newer firmware"):
        boot(flash)
    assert bytes(flash) == before


@pytest.mark.requirement("SR-13")
@pytest.mark.parametrize(("gone", "until"), [(1, 1), (1, 9), (5, 5), (3, 12), (2, 15), (15, 15), (9, 15)])
def test_a_block_that_a_cut_left_half_erased_is_no_log(gone: int, until: int) -> None:
    journal = boot(flash := laid_out())
    for number in range(1, RECORDS):
        append(journal, number)
    while not journal.wants_erase():
        append_only(journal, journal.next_number)
    start = blocks_of(flash, flashmap.LOG)[(journal.block + 1) % LOG_BLOCKS] * BLOCK
    assert boot(flash).oldest() == journal.oldest()
    flash[start + gone * PAGE : start + (until + 1) * PAGE] = b"\xff" * (until + 1 - gone) * PAGE
    found = boot(flash)
    assert found.next_number == journal.next_number
    assert found.oldest() == journal.oldest() + flashmap.PAGES - 1
    assert chain_is_whole(found)


def test_what_the_next_erase_takes_is_told_before_and_the_ring_s_capacity_is_always_there() -> None:
    journal = boot(flash := laid_out())
    assert journal.ahead() == (0, 0)
    for _ in range(4 * LOG_BLOCKS):
        while not journal.wants_erase():
            assert journal.has_room()
            append_only(journal, journal.next_number, 3 + (journal.next_number % 3 == 0))
        number = journal.next_number - 1
        first, last = journal.ahead()
        there = [n for n in range(1, number + 1) if journal.read(n) is not None]
        assert there == list(range(journal.oldest(), number + 1))
        assert journal.read(0) is journal.read(number + 1) is None
        journal.prepare()
        gone = list(range(first, last + 1)) if first else []
        assert [n for n in there if journal.read(n) is None] == gone
        assert len(there) - len(gone) >= min(number, journal.capacity())
        for log in (journal, boot(flash)):
            listed = [records.unpack(raw)[0]["number"] for raw in finding.alarms(log, (4, 99))]
            assert listed == [n for n in there if n not in gone and n % 3 == 0]
