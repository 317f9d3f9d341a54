"""The two I2C sensors as the firmware reads them, with their errors and their failures.

Owns: the registers of the AS5600 and the measuring cycle of the MPRLS.
Rules: a reading looks at the world at the instant of the transfer; a failed sensor is absent (no
acknowledge), stuck (its last value for ever) or noisy.
Units: counts of 4096 a revolution; 24-bit counts, 10 % to 90 % of them are 0 to 25 psi absolute.
Leaves: the true angle and pressure to pump.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rigsim.physics.truth import Truth, noise

AS5600_ADDRESS = 0x36
MPRLS_ADDRESS = 0x18
PSI_PA = 6894.757
MPRLS_FULL_SCALE_PA = 25 * PSI_PA
MPRLS_BUSY_CYCLES = 5 * 125_000
# magnet: status (32 found, 16 too weak, 8 too strong), gain, magnitude; AS5600 at 3.3 V: its gain goes to 128
MAGNETS = {
    "ok": (0x20, 64, 2000),
    "missing": (0x10, 128, 12),
    "far": (0x30, 128, 900),
    "near": (0x28, 0, 3400),
    "axial": (0x20, 110, 1100),
    "off_centre": (0x20, 80, 1700),
}
FAILURES = ("ok", "absent", "stuck", "noisy")
_EIO = 5


class Sensor:
    """A device on the bus that can fail."""

    def __init__(self, truth: Truth, now: Callable[[], int]) -> None:
        self.truth = truth
        self.now = now
        self.failure = "ok"

    def fail(self, failure: str) -> None:
        """One of FAILURES."""
        if failure not in FAILURES:
            raise ValueError(f"a sensor fails as {', '.join(FAILURES[1:])}, not {failure!r}")
        self.failure = failure

    def need_answer(self) -> None:
        """Raise as a bus without an acknowledge does."""
        if self.failure == "absent":
            raise OSError(_EIO)


class Encoder(Sensor):
    """AS5600 on the rotor's shaft."""

    def __init__(self, truth: Truth, now: Callable[[], int], angle_rad: Callable[[], float]) -> None:
        super().__init__(truth, now)
        self.angle_rad = angle_rad
        self.shaken_deg = 0.0  # a magnetic field's disturbance
        self.reversed = False  # its DIR pin wired the wrong way
        self.magnet = "ok"  # one of MAGNETS
        self._register = 0
        self._last_counts = 0

    def write(self, data: bytes) -> None:
        """The register's number; nothing else is taken."""
        self.need_answer()
        if data:
            self._register = data[0]

    def read(self, length: int) -> bytes:
        """From the register on: 0x0B status, 0x0C raw angle, 0x0E angle, 0x1A gain, 0x1B magnitude."""
        self.need_answer()
        angle = self.counts().to_bytes(2, "big")
        if self._register == 0x0C and length == 2:  # what the firmware asks for, some thousand times a day
            return angle
        status, gain, field = MAGNETS[self.magnet]
        bank = bytes(11) + bytes((status,)) + angle + angle + bytes(10)
        bank += bytes((gain,)) + field.to_bytes(2, "big") + bytes(227)
        return bank[self._register : self._register + length]

    def counts(self) -> int:
        """What the chip would say now, 0 to 4095."""
        if self.failure == "stuck":
            return self._last_counts
        truth, instant = self.truth, self.now()
        angle = -self.angle_rad() if self.reversed else self.angle_rad()
        if self.magnet == "axial":  # its field across the chip hardly changes
            angle = 0.05 * math.sin(angle)
        elif self.magnet == "off_centre":
            angle += 0.16 * math.sin(angle)
        elif self.magnet == "missing":
            angle = 0.0
        first_deg, second_deg = truth.encoder_bow_deg
        first_rad, second_rad = truth.encoder_phase_rad
        bow_deg = first_deg * math.sin(angle + first_rad) + second_deg * math.sin(2 * angle + second_rad)
        sigma = truth.encoder_noise_counts * (60.0 if self.failure == "noisy" else 1.0)
        counts = (angle / (2 * math.pi) + bow_deg / 360) * 4096 + truth.encoder_offset_counts
        counts += sigma * noise(truth.seed, 1, instant)
        if self.shaken_deg:
            counts += self.shaken_deg * 4096 / 360 * noise(truth.seed, 2, instant)
        self._last_counts = math.floor(counts) & 4095
        return self._last_counts


class PressureSensor(Sensor):
    """MPRLS, 25 psi absolute, on the outlet."""

    def __init__(self, truth: Truth, now: Callable[[], int], absolute_pa: Callable[[], float]) -> None:
        super().__init__(truth, now)
        self.absolute_pa = absolute_pa
        self._ready_cycle = 0
        self._count = 0
        self._started = False

    def write(self, data: bytes) -> None:
        """0xAA 0 0 starts a measurement."""
        self.need_answer()
        if data[:1] == b"\xaa":
            self._ready_cycle = self.now() + MPRLS_BUSY_CYCLES
            self._started = True
            if self.failure != "stuck":
                self._count = self._measure()

    def read(self, length: int) -> bytes:
        """Status and the 24-bit count; busy until 5 ms after the start."""
        self.need_answer()
        busy = self._started and self.now() < self._ready_cycle
        return (bytes([0x60 if busy else 0x40]) + self._count.to_bytes(3, "big"))[:length]

    def _measure(self) -> int:
        truth = self.truth
        sigma = truth.pressure_noise_pa * (100.0 if self.failure == "noisy" else 1.0)
        seen_pa = self.absolute_pa() + truth.pressure_offset_pa + sigma * noise(truth.seed, 3, self.now())
        share = 0.1 + 0.8 * seen_pa / MPRLS_FULL_SCALE_PA
        return min((1 << 24) - 1, max(0, int(share * (1 << 24))))
