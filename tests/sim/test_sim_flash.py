"""The simulated flash behaves as NOR cells do, and refuses what the chip refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigsim.flash import BLOCK, BLOCKS, PAGE, FlashRefused, NorFlash
from rigsim.power import PowerCut

pages = st.binary(min_size=PAGE, max_size=PAGE)
spots = st.tuples(st.integers(0, 3), st.integers(0, BLOCK // PAGE - 1))


def read(flash: NorFlash, block: int, offset: int, size: int) -> bytes:
    data = bytearray(size)
    flash.readblocks(block, data, offset)
    return bytes(data)


@given(st.lists(st.tuples(spots, pages), max_size=6))
def test_programming_clears_bits_and_never_sets_one(operations: list[tuple[tuple[int, int], bytes]]) -> None:
    flash = NorFlash()
    model = bytearray(b"\xff" * 4 * BLOCK)
    for (block, page), data in operations:
        flash.writeblocks(block, data, page * PAGE)
        at = block * BLOCK + page * PAGE
        model[at : at + PAGE] = bytes(old & new for old, new in zip(model[at : at + PAGE], data, strict=True))
    assert flash[: 4 * BLOCK] == model


@given(pages, pages)
def test_only_an_erase_brings_ones_back_and_only_in_its_block(first: bytes, second: bytes) -> None:
    flash = NorFlash()
    flash.writeblocks(1, first, 0)
    flash.writeblocks(2, second, PAGE)
    assert flash.ioctl(6, 1) == 0
    assert read(flash, 1, 0, BLOCK) == b"\xff" * BLOCK
    assert read(flash, 2, PAGE, PAGE) == second
    assert flash.erases[1] == 1
    assert flash.erases[2] == 0


def test_writeblocks_without_an_offset_erases_first() -> None:
    flash = NorFlash()
    flash.writeblocks(5, b"\x00" * BLOCK)
    flash.writeblocks(5, b"\xa5" * BLOCK)
    assert read(flash, 5, 0, BLOCK) == b"\xa5" * BLOCK
    assert flash.erases[5] == 2


@pytest.mark.parametrize(
    ("block", "data", "offset"),
    [
        (0, b"\x00" * PAGE, 100),
        (0, b"\x00" * 100, 0),
        (0, b"\x00" * PAGE, None),
        (BLOCKS, b"\x00" * PAGE, 0),
        (-1, b"\x00" * PAGE, 0),
        (BLOCKS - 1, b"\x00" * 2 * BLOCK, None),
    ],
)
def test_what_the_chip_refuses_is_refused_and_changes_nothing(
    block: int, data: bytes, offset: int | None
) -> None:
    flash = NorFlash()
    with pytest.raises(FlashRefused):
        flash.writeblocks(block, data, offset)
    assert flash.factory_new
    assert flash.operations == 0


@given(st.integers(0, 1000), pages)
def test_a_cut_program_leaves_each_bit_old_or_new(seed: int, data: bytes) -> None:
    flash = NorFlash(seed=seed)
    flash.cut_at = 1
    with pytest.raises(PowerCut):
        flash.writeblocks(3, data, PAGE)
    left = bytes(flash[3 * BLOCK + PAGE : 3 * BLOCK + 2 * PAGE])
    assert all(got & asked == asked for got, asked in zip(left, data, strict=True))
    with pytest.raises(PowerCut):
        flash.writeblocks(3, data, PAGE)
    assert left == bytes(flash[3 * BLOCK + PAGE : 3 * BLOCK + 2 * PAGE])


@given(st.integers(0, 1000))
def test_a_cut_erase_leaves_ones_only_where_there_were_ones_or_the_erase_came(seed: int) -> None:
    flash = NorFlash(seed=seed)
    before = bytes(range(256)) * 16
    flash.writeblocks(7, before)
    flash.cut_at = 1
    with pytest.raises(PowerCut):
        flash.ioctl(6, 7)
    after = bytes(flash[7 * BLOCK : 8 * BLOCK])
    assert all(new & old == old for new, old in zip(after, before, strict=True))


def test_the_cut_comes_at_exactly_the_operation_that_was_asked_for() -> None:
    flash = NorFlash()
    flash.cut_at = 3
    flash.writeblocks(0, b"\x00" * PAGE, 0)
    flash.ioctl(6, 0)
    with pytest.raises(PowerCut):
        flash.writeblocks(0, b"\x00" * PAGE, 0)
    assert flash.operations == 3


def test_the_file_holds_what_the_cells_hold_after_every_operation(tmp_path) -> None:
    path = str(tmp_path / "flash.bin")
    flash = NorFlash(path, seed=4)
    flash.lay_out_journal(12, 4)
    flash.writeblocks(9, b"\x12" * PAGE, 512)
    flash.cut_at = 1
    with pytest.raises(PowerCut):
        flash.ioctl(6, 9)
    assert NorFlash(path) == flash
    flash.close()


def test_a_memoryview_sees_the_cells_in_place() -> None:
    flash = NorFlash()
    view = memoryview(flash)
    flash.writeblocks(0, b"\x11" * PAGE, 0)
    assert view[0] == 0x11
