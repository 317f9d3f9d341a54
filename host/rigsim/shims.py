"""The modules that MicroPython has and CPython has not, so that the very firmware files run here.

Owns: `machine`, `micropython`, `time.ticks_*` and `gc`'s extras, all speaking for the current chip.
Rules: same names, argument orders and errors as the RP2040 port; what the firmware does not use is not here,
so that a new use fails loudly; installing twice is harmless; CPython's own time and gc behave as before while
no chip is current.
Callers: whoever imports firmware: driver.py and tests call `install()` first.
Units: as MicroPython's.
Leaves: `rp2.StateMachine`, `rp2.DMA` and `asm_pio` to shim_pio.py, the behaviour behind it all to chip.py.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import io
import sys
import time
import types
from typing import Any

from rigsim.chip import CYCLES_PER_US, PWRON_RESET, TICKS_MASK, WDT_RESET, any_current, current
from rigsim.power import ChipReset, PowerCut

_HALF = (TICKS_MASK + 1) // 2
HEAP_FREE = 140_000  # what gc.mem_free() says; the real figure comes from the VM tests


class Pin:
    """machine.Pin: one GPIO of the chip that was current when it was made."""

    IN, OUT, OPEN_DRAIN, ALT = 0, 1, 2, 3
    PULL_UP, PULL_DOWN = 1, 2

    def __init__(
        self, gpio: int, mode: int = -1, pull: int | None = None, *, value: int | None = None
    ) -> None:
        if not 0 <= gpio <= 29:
            raise ValueError("invalid pin")
        self.gpio = gpio
        self.chip = current()
        self.init(mode, pull, value=value)

    def init(
        self, mode: int = -1, pull: int | None = None, *, value: int | None = None, alt: int = 0
    ) -> None:
        """Set direction, pull and level; -1 leaves the direction as it is."""
        self.chip.need_power()
        if pull is not None or mode == Pin.IN:
            self.chip.set_pull(self.gpio, None if pull is None else int(pull == Pin.PULL_UP))
        if mode == Pin.OUT:
            self.chip.set_output(self.gpio, self.chip.level(self.gpio) if value is None else int(bool(value)))
        elif mode == Pin.IN:
            self.chip.release(self.gpio)

    def value(self, level: Any = None) -> int | None:
        """Read without an argument, else drive."""
        chip = self.chip
        if not chip.powered:
            raise PowerCut
        if level is None:
            return chip.level(self.gpio)
        chip.set_output(self.gpio, 1 if level else 0)
        return None

    __call__ = value

    def on(self) -> None:
        """Drive high."""
        self.value(1)

    def off(self) -> None:
        """Drive low."""
        self.value(0)

    def toggle(self) -> None:
        """Invert the output."""
        self.value(1 - self.chip.level(self.gpio))


class ADC:
    """machine.ADC on a pin or a GPIO number."""

    def __init__(self, pin: Pin | int) -> None:
        self.chip = current()
        self.gpio = pin.gpio if isinstance(pin, Pin) else pin + 26 if pin < 5 else pin

    def read_u16(self) -> int:
        """One conversion, 0 to 65535."""
        return self.chip.read_adc(self.gpio)


class PWM:
    """machine.PWM: only its state, which `tone` on the chip's peripherals shows."""

    def __init__(self, pin: Pin, freq: int = 0, duty_u16: int = 0) -> None:
        self.chip = current()
        self.gpio = pin.gpio
        self._state: dict[str, int] = self.chip.peripherals.setdefault(
            f"pwm{pin.gpio}", {"freq": 0, "duty": 0}
        )
        self._state.update(freq=freq, duty=duty_u16)

    def freq(self, hz: int | None = None) -> int | None:
        """Read or set the frequency."""
        if hz is None:
            return self._state["freq"]
        if not 8 <= hz <= 62_500_000:
            raise ValueError("freq too large" if hz > 8 else "freq too small")
        self._state["freq"] = hz
        return None

    def duty_u16(self, duty: int | None = None) -> int | None:
        """Read or set the duty, 0 to 65535."""
        if duty is None:
            return self._state["duty"]
        self._state["duty"] = duty
        return None

    def deinit(self) -> None:
        """Stop."""
        self._state["duty"] = 0


class I2C:
    """machine.I2C: transfers to what hangs on the chip's bus; OSError(5) where nothing answers."""

    def __init__(
        self, bus: int = 0, *, scl: Pin, sda: Pin, freq: int = 400_000, timeout: int = 50_000
    ) -> None:
        self.chip = current()
        self.timeout_us = timeout

    def _device(self, address: int) -> Any:
        self.chip.need_power()
        device = self.chip.i2c.get(address)
        if device is None:
            raise OSError(5)
        return device

    def scan(self) -> list[int]:
        """Addresses that acknowledge."""
        found: list[int] = []
        for address in sorted(self.chip.i2c):
            try:
                self.chip.i2c[address].write(b"")
                found.append(address)
            except OSError:
                continue
        return found

    def writeto(self, address: int, data: bytes, stop: bool = True) -> int:
        """Write; returns the acknowledged bytes."""
        self._device(address).write(bytes(data))
        return len(data)

    def readfrom(self, address: int, length: int, stop: bool = True) -> bytes:
        """Read `length` bytes."""
        return self._device(address).read(length)

    def readfrom_into(self, address: int, buffer: bytearray, stop: bool = True) -> None:
        """Read into a buffer."""
        buffer[:] = self._device(address).read(len(buffer))

    def readfrom_mem(self, address: int, memory: int, length: int, *, addrsize: int = 8) -> bytes:
        """Write the register's number, then read."""
        device = self._device(address)
        device.write(memory.to_bytes(addrsize // 8, "big"))
        return device.read(length)

    def readfrom_mem_into(self, address: int, memory: int, buffer: bytearray, *, addrsize: int = 8) -> None:
        """As readfrom_mem, into a buffer."""
        buffer[:] = self.readfrom_mem(address, memory, len(buffer), addrsize=addrsize)

    def writeto_mem(self, address: int, memory: int, data: bytes, *, addrsize: int = 8) -> None:
        """Write the register's number and the data in one transfer."""
        self._device(address).write(memory.to_bytes(addrsize // 8, "big") + bytes(data))


class WDT:
    """machine.WDT: starts at once and cannot be stopped."""

    def __init__(self, id: int = 0, timeout: int = 5000) -> None:
        self.chip = current()
        self.chip.start_watchdog(timeout)

    def feed(self) -> None:
        """Begin its time anew."""
        self.chip.feed_watchdog()


class _Flash:
    """rp2.Flash() gives the chip's one flash device."""

    def __new__(cls) -> Any:
        return current().flash


def _reset() -> None:
    raise ChipReset(WDT_RESET)


def _ticks_diff(later: int, earlier: int) -> int:
    return ((later - earlier + _HALF) & TICKS_MASK) - _HALF


def _machine() -> types.ModuleType:
    module = types.ModuleType("machine")
    for thing in (Pin, ADC, PWM, I2C, WDT):
        setattr(module, thing.__name__, thing)
    values: dict[str, Any] = {
        "PWRON_RESET": PWRON_RESET,
        "WDT_RESET": WDT_RESET,
        "SoftI2C": I2C,
        "reset": _reset,
        "reset_cause": lambda: current().reset_cause,
        "unique_id": lambda: current().unique_id,
        "freq": lambda: CYCLES_PER_US * 1_000_000,
        "idle": lambda: None,
    }
    for name, value in values.items():
        setattr(module, name, value)
    return module


def _micropython() -> types.ModuleType:
    module = types.ModuleType("micropython")
    for name in ("const", "native", "viper"):
        setattr(module, name, lambda value: value)
    for name in ("kbd_intr", "alloc_emergency_exception_buf", "opt_level", "mem_info"):
        setattr(module, name, lambda *_: None)
    return module


def _ticks_us() -> int:
    return current().ticks_us()


def _extend_time() -> None:
    additions: dict[str, Any] = {
        "ticks_us": _ticks_us,
        "ticks_ms": lambda: (current().now - current().boot_cycle) // (CYCLES_PER_US * 1000) & TICKS_MASK,
        "ticks_diff": _ticks_diff,
        "ticks_add": lambda ticks, delta: (ticks + delta) & TICKS_MASK,
        "sleep_us": lambda wait: current().spend_us(wait),
        "sleep_ms": lambda wait: current().spend_us(wait * 1000),
    }
    for name, value in additions.items():
        setattr(time, name, value)


def _extend_gc() -> None:
    if hasattr(gc, "mem_free"):
        return
    collect = gc.collect
    setattr(gc, "collect", lambda *generation: 0 if any_current() else collect(*generation))  # noqa: B010
    setattr(gc, "mem_free", lambda: HEAP_FREE)  # noqa: B010
    setattr(gc, "mem_alloc", lambda: 0)  # noqa: B010
    if not hasattr(gc, "threshold"):
        setattr(gc, "threshold", lambda *_: None)  # noqa: B010


class _Os:
    """`os` as the board uses it: the chip's random source and its own files."""

    @staticmethod
    def urandom(count: int) -> bytes:
        """Bytes that follow from seed, instant and how many came before: no two boots give the same."""
        chip = current()
        drawn = chip.peripherals["drawn"] = chip.peripherals.get("drawn", 0) + 1
        return hashlib.sha256(b"random %d %d %d" % (chip.seed, chip.now, drawn)).digest()[:count]

    @staticmethod
    def remove(name: str) -> None:
        """Delete a file of the chip."""
        if current().files.pop(name, None) is None:
            raise OSError(2)


def _open(name: str, mode: str = "r") -> Any:
    """A file of the chip, to read; this machine's files are none of the firmware's business."""
    data = current().files.get(name)
    if data is None or "w" in mode:
        raise OSError(2)
    return io.BytesIO(data) if "b" in mode else io.StringIO(data.decode())


def isolate(module: str) -> None:
    """Give a firmware module the chip's files and random source in the place of this machine's."""
    loaded = importlib.import_module(module)
    vars(loaded).update(open=_open, os=_Os)


def install() -> None:
    """Put the modules in place; importing firmware works from here on."""
    if getattr(sys.modules.get("machine"), "Pin", None) is not Pin:
        sys.modules["machine"] = _machine()
    if "micropython" not in sys.modules:
        sys.modules["micropython"] = _micropython()
    _extend_time()
    _extend_gc()
    pio = importlib.import_module("rigsim.shim_pio")
    if "rp2" not in sys.modules or not hasattr(sys.modules["rp2"], "Flash"):
        sys.modules["rp2"] = pio.rp2_module(_Flash)
