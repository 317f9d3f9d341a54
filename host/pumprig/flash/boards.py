"""Which boards the firmware is for: their chip, and the room that MicroPython leaves for files.

Owns: the table of boards, and what a board says of itself.
Rules: a board that is not in the table is refused before anything is written: on another chip, or another kind of its
cores, steps would come at other times or not at all.
Units: KiB.
Leaves: the prompt to install.py, what no board has shown yet to docs/how-to/firmware.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from pumprig.errors import PumpError
from pumprig.flash.image import LOG_BLOCKS
from pumprig.flash.install import Board


@dataclass(frozen=True)
class Kind:
    """A board: its name to people, its chip, the room for files (MicroPython's ports/rp2/boards, 1.26)."""

    name: str
    chip: str
    files_kib: int
    log_blocks: int = LOG_BLOCKS  # fewer where the room is short: the log then keeps a shorter time


# what MicroPython calls it (os.uname().machine before " with "): the board
BOARDS = {
    "Raspberry Pi Pico": Kind("Raspberry Pi Pico", "RP2040", 1408),
    "Raspberry Pi Pico W": Kind("Raspberry Pi Pico W", "RP2040", 848, 64),
    "Raspberry Pi Pico2": Kind("Raspberry Pi Pico 2", "RP2350", 3072),
    "Raspberry Pi Pico 2 W": Kind("Raspberry Pi Pico 2 W", "RP2350", 2560),
}
_CODE = "import os\ntry:\n print(os.uname().machine)\nexcept AttributeError:\n print('?')"


def kind_of(board: Board) -> Kind:
    """The board at the prompt. Raises PumpError for one that is not supported."""
    return named(board.run(_CODE).strip())


def named(machine: str) -> Kind:
    """`Raspberry Pi Pico with RP2040` -> the row of the table. Raises PumpError."""
    name, _with, chip = machine.partition(" with ")
    kind = BOARDS.get(name)
    if kind is not None and kind.chip == chip:
        return kind
    if kind is not None and chip == f"{kind.chip}-RISCV":
        raise PumpError(
            f"The {kind.name} runs MicroPython for its RISC-V cores; the firmware is for the Arm cores.",
            "Nothing was written.",
            f"Install MicroPython for the {kind.name} (Arm): the UF2 file without RISCV in its name.",
        )
    known = ", ".join(f"{row.name} ({row.chip})" for row in BOARDS.values())
    raise PumpError(
        f"The board says that it is {machine!r}, which is not supported.",
        "Nothing was written.",
        f"Use one of: {known}; with the MicroPython that is made for it.",
    )
