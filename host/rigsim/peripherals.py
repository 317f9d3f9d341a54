"""The peripherals of `machine` that the firmware uses: Pin, ADC, PWM, I2C, UART and WDT of the current chip.

Owns: their names, argument orders and errors, as the RP2040 port has them.
Rules: an object belongs to the chip that was current when it was made; without power every access raises
PowerCut.
Units: as MicroPython's.
Leaves: levels, conversions and the watchdog's time to chip.py.
"""

from __future__ import annotations

from typing import Any

from rigsim.chip import current
from rigsim.power import PowerCut

NAMED = {"LED": 25}  # of the Pico's own pins


class Pin:
    """machine.Pin: one GPIO of the chip that was current when it was made."""

    IN, OUT, OPEN_DRAIN, ALT = 0, 1, 2, 3
    PULL_UP, PULL_DOWN = 1, 2

    def __init__(
        self, gpio: int | str, mode: int = -1, pull: int | None = None, *, value: int | None = None
    ) -> None:
        if isinstance(gpio, str):
            gpio = NAMED[gpio]
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
            return chip.levels.get(self.gpio, 0)  # as chip.level: three buttons are looked at in each tick
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
        chip = self.chip
        if not chip.powered:
            raise PowerCut
        device = chip.i2c.get(address)
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


class UART:
    """machine.UART at a single wire: what is written comes back, and after it what the other end says."""

    def __init__(
        self, bus: int, baudrate: int = 9600, *, tx: Pin, rx: Pin, timeout: int = 0, timeout_char: int = 0
    ) -> None:
        self.chip = current()
        self.chip.need_power()
        self._byte_us, self._timeout_us = 10_000_000 // baudrate, timeout * 1000
        self._heard = b""

    def any(self) -> int:
        """How many bytes wait."""
        return len(self._heard)

    def write(self, data: bytes) -> int:
        """Send; takes its time."""
        wire = self.chip.single_wire
        self.chip.spend_us(len(data) * self._byte_us)
        self._heard += (wire(bytes(data)) if wire is not None else None) or b""
        return len(data)

    def read(self, count: int) -> bytes | None:
        """So many bytes, or what came until the timeout; None for nothing."""
        got, self._heard = self._heard[:count], self._heard[count:]
        self.chip.spend_us(len(got) * self._byte_us + (self._timeout_us if len(got) < count else 0))
        return got or None


class WDT:
    """machine.WDT: starts at once and cannot be stopped."""

    def __init__(self, id: int = 0, timeout: int = 5000) -> None:
        self.chip = current()
        self.chip.start_watchdog(timeout)

    def feed(self) -> None:
        """Begin its time anew."""
        self.chip.feed_watchdog()
