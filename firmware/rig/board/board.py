"""Pins and peripherals of the Pico: buttons, buzzer, LEDs, supply, watchdog, reset, identity.

Owns: every peripheral but the step engine; with stepper.py and flashmap's device the only user of machine and
rp2.
Rules: nothing here waits; a sensor that does not answer gives None; the motor's pins belong to stepper.py.
Units: millivolts, microseconds, raw counts where the name says so.
Leaves: which pin is which to pins.py, what readings mean to monitor.py.
"""

import gc
import os
import time
from binascii import hexlify
from hashlib import sha256

import machine
import rp2

from rig import lend
from rig.board import config
from rig.board.flashmap import FlashDevice
from rig.clock import TICK_US

TONES = {
    "critical": 1,
    "notice": 3,
    "single": 5,
}  # of the buzzer's resonance: a square wave has its odd multiples
WATCHDOG_MS = 8388
I2C_TIMEOUT_US = 2_000
ENCODER = 0x36  # AS5600
PRESSURE = 0x18  # MPRLS0025PA
PART_BYTES = 1_024  # of a file, read at once
LED_US = 1_000  # the longest that the board's own LED may take
MEASURE = b"\xaa\x00\x00"
PRESSURE_ZERO = 1_677_722
PRESSURE_SPAN = 13_421_772
BUTTONS = ("stop", "request", "silence")  # bit 0, 1, 2 of `buttons()`
RESET_CAUSES = {1: "power_on", 3: "watchdog"}


def _identity():
    """The chip's own number, or the one of the rig whose history `pumprig flash --identity` has moved here."""
    try:
        with open("identity") as source:
            return source.read().strip()
    except OSError:
        return machine.unique_id().hex()


def _journal_device(i2c):
    """Where the journal lies: the chip's flash, or an FRAM that is loaded only if it is configured."""
    if config.JOURNAL == "fram":
        from rig.board.fram import FramDevice

        return FramDevice(i2c, config.FRAM_KIB, time.ticks_us, time.ticks_diff)
    return FlashDevice(rp2.Flash(), time.ticks_us, time.ticks_diff)


def _digest(name, part):
    """The SHA-256 of a file as hex digits, read into `part` by and by; empty where there is none."""
    total = sha256()
    try:
        with open(name, "rb") as source:
            while True:
                size = source.readinto(part)
                if not size:
                    return hexlify(total.digest()).decode()
                total.update(memoryview(part)[:size])
    except OSError:
        return ""


class Board:
    """The Pico's peripherals."""

    def __init__(self, stepper):
        from rig.board import sysclock  # these two are forgotten after the boot
        from rig.board.pins import LED, gpio

        self.stepper = stepper
        self.ticks_us = time.ticks_us
        self.ticks_diff = time.ticks_diff
        self._buttons = [machine.Pin(gpio(name), machine.Pin.IN, machine.Pin.PULL_UP) for name in BUTTONS]
        self._buzzer = machine.PWM(machine.Pin(gpio("buzzer")))
        self._buzzer.duty_u16(0)
        self._alarm_led = machine.Pin(gpio("alarm_led"), machine.Pin.OUT, value=0)
        self._run_led = machine.Pin(LED, machine.Pin.OUT, value=0)  # on a W board it starts the radio's chip
        begin_us = time.ticks_us()
        self._run_led.value(1)  # a level that it has already is not sent to that chip
        if time.ticks_diff(time.ticks_us(), begin_us) > LED_US:
            self._run_led = None  # 0.35 s each time where that chip does not answer
        self._lit = 1
        self._supply = machine.ADC(gpio("supply"))
        self.bus = machine.I2C(
            0,
            sda=machine.Pin(gpio("sda")),
            scl=machine.Pin(gpio("scl")),
            freq=400_000,
            timeout=I2C_TIMEOUT_US,
        )
        self.uart = config.UART and machine.UART(
            0,
            115_200,
            tx=machine.Pin(gpio("uart_tx")),
            rx=machine.Pin(gpio("uart_rx")),
            timeout=3,
            timeout_char=2,
        )
        self._measure_pressure()
        self.clock_hz = sysclock.measured_hz()
        self.clock_is_right = sysclock.is_right(self.clock_hz)
        self.flash = _journal_device(self.bus)
        self.documents = self.flash
        if not getattr(self.flash, "has_documents", True):
            self.documents = FlashDevice(rp2.Flash(), time.ticks_us, time.ticks_diff, self.flash)
        self._watchdog = None
        self.reset_cause = RESET_CAUSES.get(machine.reset_cause(), "other")
        self.device_id = _identity()

    def buttons(self):
        """Pressed buttons as bits: 1 stop, 2 request, 4 silence."""
        pressed = 0
        for i in range(len(self._buttons)):
            if not self._buttons[i].value():
                pressed |= 1 << i
        return pressed

    def sound(self, tone):
        """Start a tone of the alarm table, or None for silence; the alarm LED goes with it."""
        if tone:
            self._buzzer.freq(config.BUZZER_HZ // TONES[tone])
            self._buzzer.duty_u16(32768)
        else:
            self._buzzer.duty_u16(0)
        self._alarm_led.value(1 if tone else 0)

    def blink(self, ticks):
        """Show that the loop runs."""
        lit = ticks // 25 & 1
        if lit != self._lit:
            self._lit = lit
            if self._run_led is not None:
                self._run_led.value(lit)

    def set_driver(self):
        """Give a driver that is set by its wire what it forgets with its supply; whether it took it."""
        return config.UART is None or lend.get("rig.board.tmc2209").configure(self.uart, config)

    def supply_mv(self):
        """Motor supply through the 10:1 divider, 3.3 V reference."""
        return self._supply.read_u16() * 33_000 // 65_535

    def angle(self):
        """Raw angle of the rotor's encoder, 0 to 4095, or None."""
        try:
            data = self.bus.readfrom_mem(ENCODER, 0x0C, 2)
        except OSError:
            return None
        return (data[0] << 8 | data[1]) & 0xFFF

    def _measure_pressure(self):
        try:
            self.bus.writeto(PRESSURE, MEASURE)
        except OSError:
            pass

    def pressure_pa(self):
        """Absolute outlet pressure of the measurement begun at the last call, Pa, or None; begins the next one.

        MPRLS0025PA: 10 % to 90 % of 24 bits are 0 to its range; status bit 5 is busy.
        """
        try:
            data = self.bus.readfrom(PRESSURE, 4)
        except OSError:
            return None
        self._measure_pressure()
        if data[0] & 0x24 or not data[0] & 0x40:  # busy or memory error; powered
            return None
        counts = data[1] << 16 | data[2] << 8 | data[3]
        return (counts - PRESSURE_ZERO) * config.PRESSURE_PA // PRESSURE_SPAN

    def start_watchdog(self):
        """From here on a loop that stands still for 8.4 s resets the chip."""
        self._watchdog = machine.WDT(timeout=WATCHDOG_MS)

    def feed(self):
        """Feed the watchdog, if it runs."""
        if self._watchdog:
            self._watchdog.feed()

    def collect(self):
        """Collect garbage; returns the microseconds it took."""
        start = time.ticks_us()
        gc.collect()
        return time.ticks_diff(time.ticks_us(), start)

    def random(self):
        """16 hex digits from the chip's random source."""
        return hexlify(os.urandom(8)).decode()

    def firmware_is_whole(self):
        """Whether every file has the SHA-256 that `pumprig flash` wrote down (`path digest` a line); True without."""
        part = bytearray(PART_BYTES)
        try:
            with open("manifest") as manifest:
                for line in manifest:
                    name, digest = line.split()
                    if _digest(name, part) != digest:
                        return False
        except OSError:
            return True
        return True

    def reset(self):
        """Motor off, then reboot."""
        try:
            self.stepper.cut()
        finally:
            machine.reset()

    def stop_held(self):
        """Whether the stop button is held for 3 s from power-on: the way into maintenance that needs nothing else."""
        for _ in range(60):
            if not self.buttons() & 1:
                return False
            time.sleep_ms(50)
        return True

    def idle_until(self, due_us, clock):
        """Wait for the next tick of the grid; input is looked at there, whatever the duties are due."""
        now_us = clock.now_us()
        if due_us > now_us:
            time.sleep_us(TICK_US - now_us % TICK_US)
