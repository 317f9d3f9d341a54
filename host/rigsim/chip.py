"""One simulated Pico: its time, power, pins, buses, watchdog and flash; which chip the shims speak for.

Owns: virtual time in PIO cycles, the level of every pin, and what survives a reset.
Rules: time only goes forward; nothing here waits; a chip without power raises PowerCut at every access;
several chips live in one process, and the shims act on the one that is current.
Units: cycles of 8 ns since the world began; microseconds since power-on where a name says so; volts at a pin.
Leaves: state machines and DMA to shim_pio.py, the pump to physics/, flash cells to flash.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol

from pumpwire.identity import SIMULATED
from pumpwire.terms import CYCLES_PER_US, STEP_CLOCK_HZ

from rigsim.flash import NorFlash
from rigsim.power import ChipReset, PowerCut

CYCLES_PER_MS = 1_000 * CYCLES_PER_US
CYCLES_PER_S = STEP_CLOCK_HZ
SYSTEM_HZ = CYCLES_PER_S
CLOCK_FAULTS = (
    "refused",
    "kept",
    "other",
)  # machine.freq raises; says nothing and does nothing; says what is not so
TICKS_MASK = (1 << 30) - 1
PWRON_RESET = 1
WDT_RESET = 3
ADC_REFERENCE_V = 3.3

Watcher = Callable[[int, int], None]


class I2CDevice(Protocol):
    """What hangs on the bus; raises OSError(5) where it does not answer."""

    def write(self, data: bytes) -> None: ...

    def read(self, length: int) -> bytes: ...


def identity_of(what: bytes) -> bytes:
    """The id of a simulated chip: the mark of simulated ones, then what it is told by."""
    return bytes.fromhex(SIMULATED) + hashlib.sha256(b"pumprig chip " + what).digest()[:4]


class Chip:
    """A Pico. `seed` gives it its identity; `flash` its memory, which outlives power."""

    def __init__(self, seed: int = 0, flash: NorFlash | None = None) -> None:
        self.seed = seed
        self.flash = NorFlash(seed=seed) if flash is None else flash
        self.flash.on_cut = self._lose_power
        self.unique_id = identity_of(b"%d" % seed)
        self.now = 0
        self.boot_cycle = 0
        self.ticks_offset_us = 0  # where ticks_us stands at power-on: lets a test begin close to a wrap
        self.powered = False
        self.reset_cause = PWRON_RESET
        self.on_power_off: list[Callable[[], None]] = []
        self.while_waiting: Callable[[int], None] | None = None  # what happens meanwhile, up to a cycle
        self.i2c: dict[int, I2CDevice] = {}
        # Of the UART: what comes back of what was sent
        self.single_wire: Callable[[bytes], bytes | None] | None = None
        self.adc: dict[int, Callable[[], float]] = {}
        self.peripherals: dict[str, Any] = {}  # what a boot creates and a reset forgets (state machines, DMA)
        self.files: dict[str, bytes] = {}
        self.start_hz = SYSTEM_HZ  # of the system clock that MicroPython leaves at power-on
        self.clock_fault = ""  # of the system clock; one of CLOCK_FAULTS
        self._system_hz = self.start_hz
        self.levels: dict[int, int] = {}  # what an input reads, as far as anything holds it
        self._driven: dict[int, int] = {}  # from outside, by gpio
        self._pull: dict[int, int] = {}
        self._out: dict[int, int] = {}
        self._watchers: dict[int, list[Watcher]] = {}
        self.watchdog_us = 0  # 0: not started
        self.fed_cycle = 0  # when the watchdog was last fed

    # --- time

    def now_cycles(self) -> int:
        """Cycles since the world began."""
        return self.now

    def spend_us(self, wait_us: int) -> None:
        """The firmware waits; the watchdog may run out meanwhile."""
        self.need_power()
        if wait_us <= 0:
            return
        end = self.now + wait_us * CYCLES_PER_US
        bite = self.watchdog_bite()
        if bite is not None and bite <= end:
            self.now = max(self.now, bite)
            raise ChipReset(WDT_RESET)
        if self.while_waiting is not None:
            self.while_waiting(end)
            self.need_power()
        self.now = max(self.now, end)

    def system_clock(self, hz: int | None = None) -> int | None:
        """machine.freq: read the system clock's frequency, or set it."""
        self.need_power()
        if hz is None:
            return self._system_hz
        if self.clock_fault == "refused":
            raise ValueError("cannot change frequency")
        if self.clock_fault != "kept":
            self._system_hz = hz
        return None

    def system_cycles(self) -> int:
        """Cycles of the system clock so far, as a free-running state machine counts them.

        Steps are simulated at SYSTEM_HZ whatever this is: with a wrong clock the motor has to stay off.
        """
        hz = self._system_hz * 6 // 5 if self.clock_fault == "other" else self._system_hz
        return self.now * hz // SYSTEM_HZ

    # --- power and reset

    def need_power(self) -> None:
        """Raise PowerCut if there is none."""
        if not self.powered:
            raise PowerCut

    def power_on(self, cause: int = PWRON_RESET) -> None:
        """Start from reset: pins float, no state machine runs, the flash is as it was."""
        if self.powered:
            self._lose_power()
        self.powered = self.flash.powered = True
        self.reset_cause = cause
        self.boot_cycle = self.now
        self._system_hz = self.start_hz
        self.watchdog_us = 0

    def power_off(self) -> None:
        """Take the supply away, now."""
        if self.powered:
            self._lose_power()

    def _lose_power(self) -> None:
        for settle in list(self.on_power_off):
            settle()
        self.powered = self.flash.powered = False
        self.peripherals = {}
        for gpio in list(self._out):
            self.release(gpio)
        pulled, self._pull = self._pull, {}
        for gpio in pulled:
            self._resolve(gpio)

    # --- watchdog

    def start_watchdog(self, timeout_ms: int) -> None:
        """It cannot be stopped again but by a reset."""
        self.need_power()
        if not 1 <= timeout_ms <= 8388:
            raise ValueError("watchdog timeout is 1 to 8388 ms")
        self.watchdog_us = timeout_ms * 1000
        self.fed_cycle = self.now

    def feed_watchdog(self) -> None:
        """Begin its time anew."""
        self.fed_cycle = self.now

    def watchdog_bite(self) -> int | None:
        """The cycle at which the watchdog resets the chip; None while it is not started."""
        return self.fed_cycle + self.watchdog_us * CYCLES_PER_US if self.watchdog_us else None

    # --- pins

    def level(self, gpio: int) -> int:
        """What an input reads: the chip's own output, else the outside, else the pull, else low."""
        return self.levels.get(gpio, 0)

    def _resolve(self, gpio: int) -> None:
        """What holds a pin has changed; looked at far more often than that."""
        level = self._out.get(gpio)
        if level is None:
            level = self._driven.get(gpio)
            if level is None:
                level = self._pull.get(gpio, 0)
        self.levels[gpio] = level

    def drive(self, gpio: int, level: int | None) -> None:
        """From outside: hold a pin at a level, or let go of it (None)."""
        before = self.level(gpio)
        after = self._pull.get(gpio, 0) if level is None else level
        if gpio not in self._out and after != before:
            self._announce(gpio, after)
        if level is None:
            self._driven.pop(gpio, None)
        else:
            self._driven[gpio] = level
        self._resolve(gpio)

    def set_output(self, gpio: int, level: int) -> None:
        """The chip drives the pin."""
        if self.level(gpio) != level:
            self._announce(gpio, level)
        self._out[gpio] = level
        self._resolve(gpio)

    def release(self, gpio: int) -> None:
        """The chip's output goes high impedance."""
        if gpio in self._out:
            after = self._driven.get(gpio, self._pull.get(gpio, 0))
            if after != self._out[gpio]:
                self._announce(gpio, after)
            del self._out[gpio]
            self._resolve(gpio)

    def set_pull(self, gpio: int, level: int | None) -> None:
        """Pull-up (1), pull-down (0) or none."""
        if level is None:
            self._pull.pop(gpio, None)
        else:
            self._pull[gpio] = level
        self._resolve(gpio)

    def watch(self, gpio: int, watcher: Watcher) -> None:
        """`watcher(cycle, level)` is called for every change, just before it takes effect."""
        self._watchers.setdefault(gpio, []).append(watcher)

    def unwatch(self, gpio: int, watcher: Watcher) -> None:
        """Undo `watch`."""
        self._watchers[gpio].remove(watcher)

    def _announce(self, gpio: int, level: int) -> None:
        for watcher in self._watchers.get(gpio, ()):
            watcher(self.now, level)

    def read_adc(self, gpio: int) -> int:
        """A 12-bit conversion as read_u16 scales it; the quantisation error is the converter's own."""
        if not self.powered:
            raise PowerCut
        source = self.adc.get(gpio)
        code = int(source() / ADC_REFERENCE_V * 4095 + 0.5) if source is not None else 0
        if not 0 <= code <= 4095:
            code = 4095 if code > 0 else 0
        return code << 4 | code >> 8


_current: Chip | None = None


def current() -> Chip:
    """The chip that the shims speak for."""
    if _current is None:
        raise RuntimeError("no simulated chip is current; wrap the call in `with on(chip):`")
    return _current


def ticks_us() -> int:
    """The current chip's microseconds since power-on, wrapping at 2**30 as on the RP2040 port."""
    chip = current() if _current is None else _current
    if not chip.powered:
        raise PowerCut
    return ((chip.now - chip.boot_cycle) // CYCLES_PER_US + chip.ticks_offset_us) & TICKS_MASK


def any_current() -> bool:
    """Whether firmware is being run right now."""
    return _current is not None


def set_current(chip: Chip | None) -> Chip | None:
    """Make a chip current and return the one that was; `on` is the safe form, this the fast one."""
    global _current
    before, _current = _current, chip
    return before


@contextmanager
def on(chip: Chip) -> Generator[Chip]:
    """Firmware that runs inside speaks to this chip."""
    before = set_current(chip)
    try:
        yield chip
    finally:
        set_current(before)
