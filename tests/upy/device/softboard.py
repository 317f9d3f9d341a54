"""The edge of the rig in software: stands in for the Pico when the firmware's own modules run on a bare VM.

Owns: virtual ticks, a NOR flash in a file, a line, buttons, power, and the loop's driver.
Rules: MicroPython's dialect, so that the same file runs on CPython, the unix port and WebAssembly; time moves
only between ticks, so that every VM sees the same instants; nothing here knows what an answer ought to be.
Units: microseconds of true time since the bench began; cycles of 8 ns; steps.
Leaves: motor and steps to softstepper.py, the pump's physics to rigsim.
"""

import os

from rig import lend
from rig.board.flashmap import FlashDevice, factory_header
from rig.rig import Rig

try:
    from softstepper import Pump, SoftStepper
except ImportError:  # on CPython the tests import this folder as a package
    from upy.device.softstepper import Pump, SoftStepper

BLOCKS = 40
BLOCK = 4096
LOG_BLOCKS = 12
SETTINGS_BLOCKS = 8
WRAP = 1 << 30
GRID_US = 20_000


class Motor:
    """A NEMA 17 at 1/16 step, as in the firmware's own configuration."""

    steps_num = 3200
    steps_den = 1
    max_steps_per_s = 20_000
    prime_steps_per_s = 2_000


class Reset(BaseException):
    """machine.reset() was called."""


class Time:
    """True time, and the chip's ticks since it was last powered."""

    def __init__(self):
        self.us = 0
        self.power_on_us = 0

    def ticks_us(self):
        """As time.ticks_us: wraps at 2^30."""
        return (self.us - self.power_on_us) % WRAP

    @staticmethod
    def ticks_diff(later, earlier):
        """As time.ticks_diff."""
        return (later - earlier + WRAP // 2) % WRAP - WRAP // 2


class NorFile:
    """rp2.Flash over a file: programming only clears bits, an erase sets a whole block."""

    def __init__(self, path):
        self._path = path
        self._file = open(path, "r+b")

    def ioctl(self, op, arg):
        """Requests 4 (blocks), 5 (block size) and 6 (erase)."""
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6:
            self._file.seek(arg * BLOCK)
            for _ in range(16):
                self._file.write(b"\xff" * 256)
            self._file.flush()
        return 0

    def readblocks(self, block, buf, offset=0):
        """Fill buf."""
        self._file.seek(block * BLOCK + offset)
        self._file.readinto(buf)

    def writeblocks(self, block, buf, offset):
        """Program whole pages."""
        if offset % 256 or len(buf) % 256:
            raise ValueError("pages only")
        old = bytearray(len(buf))
        self.readblocks(block, old, offset)
        for i in range(len(buf)):
            old[i] &= buf[i]
        self._file.seek(block * BLOCK + offset)
        self._file.write(old)
        self._file.flush()

    def close(self):
        """Let go of the file."""
        self._file.close()


def lay_out(path):
    """A flash region as `pumprig flash` leaves it: factory-new blocks scattered over it."""
    with open(path, "wb") as file:
        for _ in range(BLOCKS * BLOCK // 256):
            file.write(b"\xff" * 256)
    rows = [(0, i, LOG_BLOCKS) for i in range(LOG_BLOCKS)] + [
        (1, i, SETTINGS_BLOCKS) for i in range(SETTINGS_BLOCKS)
    ]
    with open(path, "r+b") as file:
        for i in range(len(rows)):
            file.seek((7 + i * 11) % BLOCKS * BLOCK)
            file.write(factory_header(*rows[i]))


class SoftBoard:
    """What rig.board.Board offers, without a chip."""

    def __init__(self, time, flash, pump, cause):
        self._pump = pump
        self.stepper = SoftStepper(time, pump)
        self.documents = self.flash = FlashDevice(flash)
        self.ticks_us = time.ticks_us
        self.ticks_diff = time.ticks_diff
        self.reset_cause = cause
        self.device_id = "e66118604b5a3c2f"
        self.clock_hz = 125_000_000
        self.clock_is_right = True
        self.pressed = 0
        self.tone = None
        self.tones = 0
        self.fed = 0
        self._randoms = 0
        self._looks = 0
        self.last_random = ""

    def sound(self, tone):
        """Remember the tone."""
        self.tone = tone
        self.tones += 1

    def buttons(self):
        """Pressed buttons as bits."""
        return self.pressed

    def set_driver(self):
        return True

    def supply_mv(self):
        """A steady supply."""
        return 12_000

    def angle(self):
        """The rotor's angle at this instant."""
        self.stepper.counted()
        return self._pump.angle()

    def pressure_pa(self):
        """The outlet's absolute pressure, with a Pascal of noise: a sensor that never moves counts as stuck."""
        self._looks += 1
        return self._pump.pressure_pa + self._looks % 2

    @property
    def bus(self):
        """The I2C bus, in a module of its own: what no Pico has is not to be counted in its heap."""
        try:
            from softbus import SoftBus
        except ImportError:
            from upy.device.softbus import SoftBus
        return SoftBus(self.angle)

    def random(self):
        """16 hex digits, of which no two calls give the same."""
        self._randoms += 1
        self.last_random = "%016x" % (self._randoms * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
        return self.last_random

    def firmware_is_whole(self):
        """Files are the VM's business here."""
        return True

    def blink(self, ticks):
        """No LED."""

    def collect(self):
        """The VM collects by itself."""
        return 0

    def feed(self):
        """Count the watchdog's meals."""
        self.fed += 1

    def reset(self):
        """As machine.reset()."""
        try:
            self.stepper.cut()
        finally:
            raise Reset


class Port:
    """The line, seen from the firmware; the other end puts into `inbox` and takes from `outbox`."""

    def __init__(self):
        self.inbox = b""
        self.outbox = b""
        self.listening = True

    def read(self, limit):
        """At most `limit` bytes that have arrived."""
        data = self.inbox[:limit]
        self.inbox = self.inbox[limit:]
        return data

    def write(self, data):
        """Take all, or nothing while nobody listens."""
        if not self.listening:
            return 0
        self.outbox += data
        return len(data)


class Bench:
    """A rig on the bench: power, time, line."""

    def __init__(self, flash_path, time=None):
        self.time = time or Time()
        self._path = flash_path
        self._flash = None
        self.pump = Pump()
        self.rig = self.board = None
        self.port = Port()

    def power_on(self, cause="power_on"):
        """Build and boot a rig from what the flash holds; returns what boot says."""
        self.power_off()
        self.time.power_on_us = self.time.us
        self._flash = NorFile(self._path)
        self.board = SoftBoard(self.time, self._flash, self.pump, cause)
        self.port.inbox = b""
        with lend.Visit():  # as start.py: what only the boot needs is forgotten with its end
            self.rig = Rig(self.board, self.port, Motor)
            boots = self.rig.boot()
        lend.give_back()
        return boots

    def power_off(self):
        """Cut the power: all that is not on flash is gone."""
        if self._flash:
            self.board.stepper.cut()
            self._flash.close()
        self.rig = self.board = self._flash = None

    def run(self, us, every_tick=False):
        """Let `us` pass, from one needed tick to the next or tick by tick of the grid. A reset boots again."""
        end_us = self.time.us + us
        while True:
            try:
                due_us = self._tick() + self.time.power_on_us
            except Reset:
                self.power_on("watchdog")
                continue
            if every_tick or self.port.inbox:
                due_us = self.time.us + GRID_US - (self.time.us - self.time.power_on_us) % GRID_US
            if due_us > end_us:
                self.time.us = end_us
                return
            self.time.us = due_us

    def _tick(self):
        """As start.run()."""
        try:
            return self.rig.tick()
        except MemoryError as error:
            self.rig.fail(error)

    def ask(self, data, us=60_000):
        """Send bytes, let `us` pass, return what was answered."""
        self.port.outbox = b""
        self.port.inbox += data
        self.run(us)
        answer = self.port.outbox
        self.port.outbox = b""
        return answer


def remove(path):
    """Remove a file if it is there."""
    try:
        os.remove(path)
    except OSError:
        pass
