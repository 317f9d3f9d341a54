"""`rp2`, `uctypes` and `machine.mem32` for the simulator: state machines and DMA in virtual time.

Owns: what the step engine's hardware does between two looks at it.
Rules: lazy: a block of words is timed once, when it is published, by the golden model; reading a count costs a
bisection; DMA, FIFO and Python take no time; exactly the registers that the firmware uses are here, anything
else fails loudly.
Callers: shims.py installs the modules; driver.py takes `pulse_counter`, tests `step_edges`.
Units: cycles of 8 ns of the chip's clock.
Leaves: the cost of words to stepmodel.py, pins to chip.py.
"""

from __future__ import annotations

import sys
import types
import weakref
from array import array
from collections import deque
from collections.abc import Callable
from typing import Any

from rigsim.asm_pio import PIO, Program, asm_pio, asm_pio_encode
from rigsim.chip import Chip, current
from rigsim.stepmodel import Block, edges_before_press

FIFO_WORDS = 4
_PIO_BASE = 0x50200000
_FDEBUG = _PIO_BASE + 0x08
_FIFO = _PIO_BASE + 0x10
_PC = _PIO_BASE + 0xD4
_PC_STRIDE = 0x18
_DRY_BIT = 24
_HALT_AT = 7  # of `step`, from its start


class StepUnit:
    """A state machine running `step`: the words it was given, the pulses that left."""

    def __init__(self, chip: Chip, pin: int, stop_pin: int) -> None:
        self.chip = chip
        self.pin = pin
        self.stop_pin = stop_pin
        self.high_cycles = 2
        self.enabled = self.halted = self.dry = False
        self.free_at = 0  # when the machine pulls the next word
        self.blocks: deque[Block] = deque()
        self.early: list[int] = []  # words handed over before the machine was enabled
        self.before = 0  # pulses of blocks that are over
        self.words = 0  # handed over since the last freeze
        self.words_over = 0  # of them in blocks that are over
        self.listener: Callable[[list[int]], None] | None = None
        chip.peripherals["step_unit"] = self
        if chip not in _watched:
            _watched.add(chip)
            chip.watch(stop_pin, lambda cycle, level: _on_stop(chip, cycle, level))

    def feed(self, words: list[int]) -> None:
        """DMA may send these words from now on."""
        self.words += len(words)
        if not self.enabled:
            self.early += words
            return
        now = self.chip.now
        start = self.free_at
        if start < now:
            start = now
            self.dry = not self.halted
        block = Block(words, self.high_cycles, start)
        self.free_at = block.end
        self.blocks.append(block)
        if self.halted:
            block.edges.clear()
        elif not self.chip.level(self.stop_pin):
            self.halt(now)

    def enable(self) -> None:
        """The machine starts to pull."""
        self.enabled = True
        self.free_at = self.chip.now
        if self.early:
            words, self.early = self.early, []
            self.words = 0
            self.feed(words)

    def freeze(self) -> None:
        """Disabled: what has not left the pin never will."""
        now = self.chip.now
        for block in self.blocks:
            self._over(block, block.pulses_by(now))
        self.blocks.clear()
        self.early = []
        self.words = self.words_over = 0
        self.enabled = self.halted = self.dry = False

    def retime(self, index: int, done: int, fresh: list[int]) -> None:
        """The words of block number `index` from `done` on, and those behind it, have become others."""
        later = [self.blocks.pop() for _ in range(len(self.blocks) - index - 1)]
        block = self.blocks.pop()
        queued = [(block.words[:done], block.start)] if done else []
        start = block.ends[done - 1] if done else block.start
        queued.append((fresh, start))
        for words, start in queued:
            self.blocks.append(Block(words, self.high_cycles, start))
        for block in reversed(later):
            self.blocks.append(Block(block.words, self.high_cycles, self.blocks[-1].end))
        self.free_at = self.blocks[-1].end

    def halt(self, press: int) -> None:
        """The stop button went down while a word ran."""
        for block in self.blocks:
            del block.edges[edges_before_press(block.edges, press) :]
        self.halted = True

    def is_dry(self) -> bool:
        """Whether it waits, or has waited, for a word while enabled."""
        return self.enabled and not self.halted and (self.dry or self.free_at < self.chip.now)

    def pulses(self) -> int:
        """Pulses by now."""
        now = self.chip.now
        blocks = self.blocks
        while blocks and blocks[0].end <= now:
            self._over(blocks.popleft(), -1)
        return self.before + (blocks[0].pulses_by(now) if blocks else 0)

    def words_left(self) -> int:
        """Words that DMA has not yet put into the FIFO."""
        if not self.enabled:
            return max(0, len(self.early) - FIFO_WORDS)
        self.pulses()
        pulled = self.words_over
        if self.blocks and self.blocks[0].start <= self.chip.now:
            pulled += self.blocks[0].words_done_by(self.chip.now) + 1
        return max(0, self.words - pulled - FIFO_WORDS)

    def _over(self, block: Block, pulses: int) -> None:
        edges = block.edges if pulses < 0 else block.edges[:pulses]
        self.before += len(edges)
        self.words_over += len(block.ends)
        if self.listener is not None:
            self.listener(edges)


_watched: weakref.WeakSet[Chip] = weakref.WeakSet()


def _on_stop(chip: Chip, cycle: int, level: int) -> None:
    unit: StepUnit | None = chip.peripherals.get("step_unit")
    if unit is not None and not level and unit.enabled and not unit.halted and unit.free_at > cycle:
        unit.halt(cycle)


def pulse_counter(chip: Chip, gpio: int) -> Callable[[], int]:
    """Counts the pulses that left this pin since the chip's boot; 0 while no machine drives it."""
    unit: StepUnit | None = chip.peripherals.get("step_unit")
    if unit is None or unit.pin != gpio:
        return lambda: 0
    return unit.pulses


class StateMachine:
    """rp2.StateMachine for the programs of rig.step_pio."""

    def __init__(self, machine_id: int, program: Program | None = None, **options: Any) -> None:
        self.chip = current()
        self.machine_id = machine_id
        self.program = program
        self.pins = {name: value.gpio for name, value in options.items() if hasattr(value, "gpio")}
        self._active = False
        self._fifo: list[int] = []
        self._out: list[int] = []
        self._osr = self._isr = self._y = 0
        self._x = 0  # of `count`: what it was at _x_pulses pulses
        self._x_pulses = 0
        self._seen: Callable[[], int] = lambda: 0
        self.chip.peripherals.setdefault("machines", {})[machine_id] = self
        self.unit: StepUnit | None = None
        if self.name == "step":
            self.unit = StepUnit(self.chip, self.pins["sideset_base"], self.pins["jmp_pin"])
            self.chip.set_output(self.unit.pin, 0)
        elif self.name == "count":
            self._seen = pulse_counter(self.chip, self.pins["in_base"])

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
        """mov(pins, osr), mov(pins, null): coil pins carry no physics here, the marker does."""


_FORCED: dict[int, Callable[[StateMachine], None]] = {
    asm_pio_encode("pull(noblock)", 0): StateMachine.take,
    asm_pio_encode("mov(isr, osr)", 0): StateMachine.keep_isr,
    asm_pio_encode("mov(y, osr)", 0): StateMachine.keep_y,
    asm_pio_encode("set(x, 0)", 0): StateMachine.zero,
    asm_pio_encode("mov(isr, x)", 0): StateMachine.copy,
    asm_pio_encode("push(noblock)", 0): StateMachine.push,
    asm_pio_encode("mov(pins, osr)", 0): StateMachine.show,
    asm_pio_encode("mov(pins, null)", 0): StateMachine.show,
}


class DMA:
    """rp2.DMA for the pair of channels of step_feed.py: a paced sender, and an unpaced loader that keeps it
    going.
    """

    def __init__(self) -> None:
        self.chip = current()
        channels: list[DMA] = self.chip.peripherals.setdefault("dma", [])
        self.channel = len(channels)
        channels.append(self)
        self.ctrl: dict[str, Any] = {}
        self._sender: DMA | None = None  # of a loader
        self._unit: StepUnit | None = None
        self._memory: array[int] = array("I")
        self._ring_at = self._ring_bytes = 0
        self._at = 0  # address of the next word or length to be handed over
        self._stopped = True  # a loader: it has read a 0

    def pack_ctrl(self, default: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """The fields themselves stand for the register's value."""
        return {**(default or {}), **fields}

    def config(self, *, read: int, write: int, count: int, ctrl: dict[str, Any], trigger: bool) -> None:
        """Set everything, and start."""
        self._at, self.ctrl = read, ctrl
        self._ring_bytes = 1 << int(ctrl["ring_size"])
        self._ring_at = read - read % self._ring_bytes
        self._memory = _memory[self._ring_at]
        channels: list[DMA] = self.chip.peripherals["dma"]
        machines: dict[int, StateMachine] = self.chip.peripherals["machines"]
        self._sender = None if "treq_sel" in ctrl else channels[(write & 0xFFFF) >> 6]
        self._unit = machines[write - _FIFO >> 2].unit if self._sender is None else self._sender._unit
        if trigger:
            self.active(1)

    @property
    def read(self) -> int:
        """The address that is read next."""
        if self._sender is None:
            left = 0 if self._unit is None else self._unit.words_left()
            if left:
                self._reread()
            return self._ring_at + (self._at - self._ring_at - 4 * left) % self._ring_bytes
        if not self._stopped:
            self._load(self._sender)
        # blocks are handed over early here: until the loader stops, its last length counts as not yet read
        return self._ring_at + (self._at - self._ring_at + (4 if self._stopped else -4)) % self._ring_bytes

    @read.setter
    def read(self, address: int) -> None:
        self._at = address

    def active(self, value: int | bool | None = None) -> bool:
        """Start or abort; without a value: whether something is on its way."""
        if value is None:
            return self._sender is None and self._unit is not None and self._unit.words_left() > 0
        if self._sender is not None:
            self._stopped = not value
            if value:
                self._load(self._sender)
        return False

    def _next(self) -> int:
        return self._ring_at + (self._at - self._ring_at + 4) % self._ring_bytes

    def _load(self, sender: DMA) -> None:
        """Hand over every block whose length is there; a 0 stops the loader for good once the machine is dry."""
        while length := self._memory[self._at - self._ring_at >> 2]:
            sender.send(length)
            self._at = self._next()
        unit = self._unit
        self._stopped = unit is not None and unit.enabled and unit.free_at < self.chip.now

    def _reread(self) -> None:
        """Take over what was overwritten in the ring among the words that DMA has not read yet."""
        unit = self._unit
        assert unit is not None
        first = self._at - 4 * sum(len(block.ends) for block in unit.blocks) - self._ring_at >> 2
        for index, block in enumerate(unit.blocks):
            count = len(block.ends)
            done = 0 if block.start > unit.chip.now else block.words_done_by(unit.chip.now) + 1 + FIFO_WORDS
            fresh = self._words(first + done, count - done) if done < count else []
            if fresh != block.words[done:]:
                unit.retime(index, done, fresh)
                self._reread()
                return
            first += count

    def _words(self, first: int, count: int) -> list[int]:
        """Words of the ring, from index `first` modulo its size on."""
        size = self._ring_bytes >> 2
        first %= size
        block = list(self._memory[first : first + count])
        return block + list(self._memory[: count - len(block)]) if len(block) < count else block

    def send(self, count: int) -> None:
        """Hand `count` words to the state machine."""
        block = self._words(self._at - self._ring_at >> 2, count)
        self._at = self._ring_at + (self._at - self._ring_at + 4 * count) % self._ring_bytes
        assert self._unit is not None
        self._unit.feed(block)


_memory: weakref.WeakValueDictionary[int, array[int]] = weakref.WeakValueDictionary()
_STRIDE = 0x8000  # every array stands at a multiple of the largest DMA ring


def _addressof(words: array[int]) -> int:
    """uctypes.addressof: made-up addresses in SRAM's range and beyond, aligned for any DMA ring."""
    for address, known in list(_memory.items()):
        if known is words:
            return address
    address = max(_memory, default=0x20000000) + _STRIDE
    _memory[address] = words
    return address


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
    setattr(uctypes, "addressof", _addressof)  # noqa: B010
    sys.modules["uctypes"] = uctypes
    setattr(sys.modules["machine"], "mem32", _Mem32())  # noqa: B010
    return module
