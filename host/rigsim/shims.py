"""The modules that MicroPython has and CPython has not, so that the very firmware files run here.

Owns: `machine`, `micropython`, `time.ticks_*`, all speaking for the current chip.
Rules: same names, argument orders and errors as the RP2040 port; what the firmware does not use is not here,
so that a new use fails loudly; installing twice is harmless; CPython's own time and gc behave as before while
no chip is current.
Units: as MicroPython's.
Leaves: the peripherals to peripherals.py, `rp2.StateMachine`, `rp2.DMA` and `asm_pio` to shim_pio.py, the
behaviour behind it all to chip.py.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import importlib
import importlib.util
import io
import sys
import time
import types
from typing import Any

from rigsim.chip import CYCLES_PER_US, PWRON_RESET, TICKS_MASK, WDT_RESET, any_current, current, ticks_us
from rigsim.peripherals import ADC, I2C, PWM, UART, WDT, Pin
from rigsim.power import ChipReset

_HALF = (TICKS_MASK + 1) // 2


class _Flash:
    """rp2.Flash() gives the chip's one flash device."""

    def __new__(cls) -> Any:
        return current().flash


def _reset() -> None:
    raise ChipReset(WDT_RESET)


def _ticks_diff(later: int, earlier: int) -> int:
    if later == earlier:  # as most in a tick
        return 0
    return ((later - earlier + _HALF) & TICKS_MASK) - _HALF


def _machine() -> types.ModuleType:
    module = types.ModuleType("machine")
    for thing in (Pin, ADC, PWM, I2C, UART, WDT):
        setattr(module, thing.__name__, thing)
    values: dict[str, Any] = {
        "PWRON_RESET": PWRON_RESET,
        "WDT_RESET": WDT_RESET,
        "SoftI2C": I2C,
        "reset": _reset,
        "reset_cause": lambda: current().reset_cause,
        "unique_id": lambda: current().unique_id,
        "freq": lambda hz=None: current().system_clock(hz),
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


def _extend_time() -> None:
    additions: dict[str, Any] = {
        "ticks_us": ticks_us,
        "ticks_ms": lambda: (current().now - current().boot_cycle) // (CYCLES_PER_US * 1000) & TICKS_MASK,
        "ticks_diff": _ticks_diff,
        "ticks_add": lambda ticks, delta: (ticks + delta) & TICKS_MASK,
        "sleep_us": lambda wait: current().spend_us(wait),
        "sleep_ms": lambda wait: current().spend_us(wait * 1000),
    }
    for name, value in additions.items():
        setattr(time, name, value)


def _write_digest() -> None:
    """The digest of the protocol's tables is written into a Pico's files when they are put there: never worked out."""
    from pumpwire import spec

    if not hasattr(spec.digest, "cache_info"):
        setattr(spec, "digest", functools.cache(spec.digest))  # noqa: B010


_collect = gc.collect


def _collect_outside(generation: int = 2) -> int:
    """The firmware's collections at chosen moments are the Pico's business; Python has its own."""
    return 0 if any_current() else _collect(generation)


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
    for name, part in (("pwmio", "PWMOut"), ("digitalio", "DigitalInOut")):
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            stand_in = types.ModuleType(
                name
            )  # adafruit_motor names these in annotations, which CPython evaluates
            setattr(stand_in, part, type(part, (), {}))
            sys.modules[name] = stand_in
    _extend_time()
    _write_digest()
    gc.collect = _collect_outside
    pio = importlib.import_module("rigsim.shim_pio")
    if "rp2" not in sys.modules or not hasattr(sys.modules["rp2"], "Flash"):
        sys.modules["rp2"] = pio.rp2_module(_Flash)
