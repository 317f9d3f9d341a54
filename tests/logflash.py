"""NOR flash as `pumprig flash` leaves it, and the log and the settings as a boot finds them on it.

Owns: a small flash of few blocks, and records whose content follows from their number.
Rules: the flash behaves as the chip does (rigsim.flash); the device half is the firmware's.
Units: records, pages of 256 bytes, blocks of 4096.
Leaves: cuts and torn pages to tests/unit/log.
"""

from __future__ import annotations

from typing import Any

from pumpwire import records
from rig.board import flashmap
from rig.log import blocks, kept_documents
from rig.log.journal import Journal
from rigsim.flash import BLOCK, NorFlash

LOG_BLOCKS = 6
SETTINGS_BLOCKS = 8


class SmallFlash(NorFlash):
    """NOR flash of which the device half sees 24 blocks, so that a boot is quick."""

    def ioctl(self, request: int, argument: int) -> int | None:
        return 24 if request == 4 else super().ioctl(request, argument)


def laid_out(seed: int = 1) -> SmallFlash:
    """Factory-new flash, its blocks in a scattered order."""
    flash = SmallFlash(seed=seed)
    order = [(7 * i + 3) % 23 for i in range(LOG_BLOCKS + SETTINGS_BLOCKS)]
    rows = [(flashmap.LOG, i, LOG_BLOCKS) for i in range(LOG_BLOCKS)]
    rows += [(flashmap.SETTINGS, i, SETTINGS_BLOCKS) for i in range(SETTINGS_BLOCKS)]
    for block, row in zip(order, rows, strict=True):
        mark = flashmap.factory_header(*row)
        flash[block * BLOCK : block * BLOCK + len(mark)] = mark
    return flash


def boot(flash: NorFlash) -> Any:
    """The journal as a boot finds it."""
    return Journal(blocks.find(flashmap.FlashDevice(flash), flashmap.LOG))


def settings_of(flash: NorFlash) -> Any:
    """The settings as a boot finds them."""
    return kept_documents.slots(blocks.find(flashmap.FlashDevice(flash), flashmap.SETTINGS))


def values(number: int) -> tuple[int, ...]:
    """A state whose first field follows from its number."""
    return (number * 11, *[0] * (len(records.STATE) - 1))


def append_only(journal: Any, number: int, event: int = 3) -> None:
    """One record whose content follows from its number."""
    header = {"event": event, "boot": 1, "mono_us": number * 1_000, "utc_us": 0, "calibration_id": 7}
    assert journal.append(header, values(number), b"n=%d" % number) == number


def append(journal: Any, number: int) -> None:
    """The same; an erase ahead wherever it is wanted."""
    append_only(journal, number)
    if journal.wants_erase():
        journal.prepare()


def blocks_of(flash: NorFlash, role: int) -> list[int]:
    """Where the blocks of a role lie."""
    return list(blocks.find(flashmap.FlashDevice(flash), role)._blocks)
