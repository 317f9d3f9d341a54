"""`rp2`, `uctypes` and `machine.mem32` for the simulator: state machines and DMA in virtual time.

Owns: the names and registers that the step engine uses.
Rules: exactly what the firmware uses is here, anything else fails loudly; FIFO and Python take no time.
Units: cycles of 8 ns of the chip's clock.
Leaves: the words to step_unit.py, DMA to shim_dma.py, pins to chip.py.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from rigsim.asm_pio import PIO, Program, asm_pio, asm_pio_encode
from rigsim.chip import current
from rigsim.shim_dma import DMA, addressof
from rigsim.step_unit import StepUnit, pulse_counter

_PIO_BASE = 0x50200000
_FDEBUG = _PIO_BASE + 0x08
_PC = _PIO_BASE + 0xD4
_PC_STRIDE = 0x18
_DRY_BIT = 24
_HALT_AT = 7  # of `step`, from its start


class StateMachine:
    """rp2.StateMachine for the firmware's programs: step, count, coils and cycles."""

    def __init__(self, machine_id: int, program: Program | None = None, **options: Any) -> None:
        self.chip = current()
        self.machine_id = machine_id
        self.program = program
        self.pins = {name: value.gpio for name, value in options.items() if hasattr(value, "gpio")}
        self._active = False
        self._fifo: list[int] = []
        self._out: list[int] = []
        self._osr = self._isr = self._y = 0
        self.pattern = 0  # of four coils, as it was last forced from outside the program
        self._x = 0  # of `count` and `cycles`: what it was at _x_pulses pulses or cycles
        self._x_pulses = 0
        self._seen: Callable[[], int] = lambda: 0
        self.chip.peripherals.setdefault("machines", {})[machine_id] = self
        self.unit: StepUnit | None = None
        if self.name == "step":
            self.unit = StepUnit(self.chip, self.pins["sideset_base"], self.pins["jmp_pin"])
            self.chip.set_output(self.unit.pin, 0)
        elif self.name == "count":
            self._seen = pulse_counter(self.chip, self.pins["in_base"])
        elif self.name == "cycles":
            self._seen = self.chip.system_cycles

    @property
    def name(self) -> str:
        """Of its program."""
        return "" if self.program is None else self.program.name

    def active(self, value: int | bool | None = None) -> bool:
        """Read, or start and stop."""
        if value is not None and bool(value) != self._active:
            self._active = bool(value)
            if self.unit is not None:
                if value:
                    self.unit.enable()
                else:
                    self.unit.freeze()
        return self._active

    def restart(self) -> None:
        """Forget the registers; the pins keep their levels."""
        self._isr = 0

    def put(self, value: int) -> None:
        """One word into the TX FIFO."""
        self._fifo.append(value)

    def get(self) -> int:
        """One word from the RX FIFO."""
        if not self._out:
            raise RuntimeError("get() would wait for ever")
        return self._out.pop(0)

    def exec(self, word: int) -> None:
        """The instructions that the firmware forces."""
        _FORCED[word & 0xE0FF](self)

    def take(self) -> None:
        """pull(noblock)"""
        if self._fifo:
            self._osr = self._fifo.pop(0)

    def keep_isr(self) -> None:
        """mov(isr, osr) of `step`: the pulse's length."""
        self._isr = self._osr
        if self.unit is not None:
            self.unit.high_cycles = self._isr + 2

    def keep_y(self) -> None:
        """mov(y, osr) of `coils`."""
        self._y = self._osr

    def zero(self) -> None:
        """set(x, 0) of `count`."""
        self._x, self._x_pulses = 0, self._seen()

    def copy(self) -> None:
        """mov(isr, x)"""
        self._isr = (self._x - (self._seen() - self._x_pulses)) & 0xFFFFFFFF

    def push(self) -> None:
        """push(noblock)"""
        self._out.append(self._isr)

    def show(self) -> None:
        """mov(pins, osr) of the coils: no physics here, the marker carries it."""
        self.pattern = self._osr & 0b1111

    def darken(self) -> None:
        """mov(pins, null) of the coils."""
        self.pattern = 0


_FORCED: dict[int, Callable[[StateMachine], None]] = {
    asm_pio_encode("pull(noblock)", 0): StateMachine.take,
    asm_pio_encode("mov(isr, osr)", 0): StateMachine.keep_isr,
    asm_pio_encode("mov(y, osr)", 0): StateMachine.keep_y,
    asm_pio_encode("set(x, 0)", 0): StateMachine.zero,
    asm_pio_encode("mov(isr, x)", 0): StateMachine.copy,
    asm_pio_encode("push(noblock)", 0): StateMachine.push,
    asm_pio_encode("mov(pins, osr)", 0): StateMachine.show,
    asm_pio_encode("mov(pins, null)", 0): StateMachine.darken,
}


class _Mem32:
    """machine.mem32 for the PIO registers that the step engine looks at."""

    def __getitem__(self, address: int) -> int:
        if address == _FDEBUG:
            unit: StepUnit = current().peripherals["step_unit"]
            return int(unit.is_dry()) << _DRY_BIT
        machine: StateMachine = current().peripherals["machines"][(address - _PC) // _PC_STRIDE]
        return _HALT_AT if machine.unit is not None and machine.unit.halted else 0

    def __setitem__(self, address: int, value: int) -> None:
        if address != _FDEBUG or value != 1 << _DRY_BIT:
            raise ValueError(f"no register is simulated at {address:#x}")
        current().peripherals["step_unit"].dry = False


def rp2_module(flash: type) -> types.ModuleType:
    """The module `rp2`; `flash` becomes rp2.Flash. Puts `uctypes` and machine.mem32 in place as well."""
    module = types.ModuleType("rp2")
    for thing in (PIO, StateMachine, DMA):
        setattr(module, thing.__name__, thing)
    for name, thing in (("asm_pio", asm_pio), ("asm_pio_encode", asm_pio_encode), ("Flash", flash)):
        setattr(module, name, thing)
    uctypes = types.ModuleType("uctypes")
    setattr(uctypes, "addressof", addressof)  # noqa: B010
    sys.modules["uctypes"] = uctypes
    setattr(sys.modules["machine"], "mem32", _Mem32())  # noqa: B010
    return module
