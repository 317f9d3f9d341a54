"""MicroPython's `rp2.asm_pio` on CPython: the firmware's own PIO programs become words.

Owns: the encoding of PIO instructions (RP2040 data sheet, section 3.4).
Rules: same names, argument orders and errors of meaning as MicroPython's assembler; what the firmware does not
use is not here, so that a new use fails loudly.
Units: 16-bit instruction words; cycles of delay.
Leaves: running the words to rp2040-pio-emulator, their meaning for the simulator to stepmodel.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SOURCES = {"pins": 0, "x": 1, "y": 2, "null": 3, "isr": 6, "osr": 7}
_TARGETS = {"pins": 0, "x": 1, "y": 2, "null": 3, "pindirs": 4, "pc": 5, "isr": 6, "osr": 7}
_CONDITIONS = {"not_x": 1, "x_dec": 2, "not_y": 3, "y_dec": 4, "x_not_y": 5, "pin": 6, "not_osre": 7}
_NAMES = (*_SOURCES, *_TARGETS, *_CONDITIONS, "gpio", "block", "noblock", "pindirs")


class PIO:
    """rp2.PIO: its constants, and a block whose programs are not counted."""

    IN_LOW, IN_HIGH, OUT_LOW, OUT_HIGH = 0, 1, 2, 3
    SHIFT_LEFT, SHIFT_RIGHT = 0, 1
    JOIN_NONE, JOIN_TX, JOIN_RX = 0, 1, 2

    def __init__(self, block: int) -> None:
        self.block = block

    def remove_program(self, program: Program) -> None:
        """Nothing is loaded here: a program runs where it stands."""


class Program:
    """An assembled program: its words relative to address 0, and its wrap."""

    def __init__(self, name: str, side_count: int, right_out: bool) -> None:
        self.name = name
        self.words: list[int] = []
        self.side_count = side_count
        self.right_out = right_out
        self.wrap_target = 0
        self.wrap_top = 0

    def __getitem__(self, index: int) -> list[int]:
        """MicroPython's program is a list that begins with its words."""
        if index != 0:
            raise IndexError(index)
        return self.words


class _Placed:
    """An instruction in the listing, so that `.side()` and `[delay]` can be added to it."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def side(self, level: int) -> _Placed:
        if not self._program.side_count:
            raise ValueError("no side-set pins")
        self._program.words[-1] |= level << (13 - self._program.side_count)
        return self

    def __getitem__(self, delay: int) -> _Placed:
        if not 0 <= delay < 1 << (5 - self._program.side_count):
            raise ValueError("delay too large")
        self._program.words[-1] |= delay << 8
        return self


class _Assembler:
    def __init__(self, program: Program, labels: dict[str, int], encode: bool) -> None:
        self.program = program
        self.labels = labels
        self.encode = encode

    def _emit(self, word: int) -> _Placed:
        self.program.words.append(word)
        return _Placed(self.program)

    def names(self) -> dict[str, Any]:
        """What a program's body may call or mention."""
        found: dict[str, Any] = {name: name for name in _NAMES}
        for call in (
            "label",
            "wrap_target",
            "wrap",
            "nop",
            "pull",
            "push",
            "out",
            "mov",
            "jmp",
            "wait",
            "set",
        ):
            found[call] = getattr(self, f"_{call}")
        return found

    def _label(self, name: str) -> None:
        if not self.encode and name in self.labels:
            raise ValueError(f"duplicate label {name}")
        self.labels[name] = len(self.program.words)

    def _wrap_target(self) -> None:
        self.program.wrap_target = len(self.program.words)

    def _wrap(self) -> None:
        self.program.wrap_top = len(self.program.words) - 1

    def _nop(self) -> _Placed:
        return self._emit(0xA042)

    def _pull(self, mode: str = "block") -> _Placed:
        return self._emit(0x8080 | (0x20 if mode == "block" else 0))

    def _push(self, mode: str = "block") -> _Placed:
        return self._emit(0x8000 | (0x20 if mode == "block" else 0))

    def _out(self, target: str, bits: int) -> _Placed:
        return self._emit(0x6000 | _TARGETS[target] << 5 | bits & 31)

    def _mov(self, target: str, source: str) -> _Placed:
        return self._emit(0xA000 | _TARGETS[target] << 5 | _SOURCES[source])

    def _set(self, target: str, value: int) -> _Placed:
        return self._emit(0xE000 | _TARGETS[target] << 5 | value)

    def _wait(self, level: int, source: str, index: int) -> _Placed:
        return self._emit(0x2000 | level << 7 | {"gpio": 0, "pin": 1}[source] << 5 | index)

    def _jmp(self, condition: str, target: str | None = None) -> _Placed:
        if target is None:
            condition, target = "", condition
        code = _CONDITIONS[condition] if condition else 0
        address = self.labels[target] if self.encode else 0
        if address >= 32 or (self.encode and address > len(self.program.words) + 31):
            raise ValueError("jump out of range")
        return self._emit(code << 5 | address)


def asm_pio(
    *,
    sideset_init: Any = None,
    out_init: Any = None,
    set_init: Any = None,
    out_shiftdir: int = PIO.SHIFT_LEFT,
    in_shiftdir: int = PIO.SHIFT_LEFT,
    fifo_join: int = PIO.JOIN_NONE,
) -> Callable[[Callable[[], None]], Program]:
    """The decorator: assembles the function into a Program. ValueError for what does not fit."""
    side_count = 0 if sideset_init is None else len(sideset_init) if isinstance(sideset_init, tuple) else 1

    def assemble(body: Callable[[], None]) -> Program:
        labels: dict[str, int] = {}
        program = Program(body.__name__, side_count, out_shiftdir == PIO.SHIFT_RIGHT)
        for encode in (False, True):
            program.words = []
            assembler = _Assembler(program, labels, encode)
            program.wrap_target, program.wrap_top = 0, -1
            scope = dict(body.__globals__)
            kept = dict(scope)
            body.__globals__.update(assembler.names())
            try:
                body()
            finally:
                body.__globals__.clear()
                body.__globals__.update(kept)
        if program.wrap_top < 0:
            program.wrap_top = len(program.words) - 1
        if len(program.words) > 32:
            raise ValueError(f"{program.name}: {len(program.words)} instructions, 32 fit")
        return program

    return assemble


def asm_pio_encode(text: str, sideset_count: int) -> int:
    """One instruction as a word, as rp2.asm_pio_encode: `mov(isr, x)`, `jmp(3)` has no label here."""
    program = Program("one", sideset_count, True)
    assembler = _Assembler(program, {}, False)
    eval(text, {"__builtins__": {}}, assembler.names())
    return program.words[0]
