"""The I2C bus of the rig in software: the encoder alone, with a magnet in the middle of its range.

Owns: who answers on the bus.
Rules: MicroPython's dialect; loaded only when `probe` asks.
Units: counts as the AS5600 has them.
Leaves: the angle to the board.
"""

ENCODER = 0x36


class SoftBus:
    """What `probe` uses of machine.I2C."""

    def __init__(self, angle):
        self._angle = angle

    def writeto(self, address, data):
        """Who is there."""
        if address != ENCODER:
            raise OSError(5)

    def readfrom_mem(self, address, register, size):
        """The registers that `probe` reads."""
        self.writeto(address, b"")
        if register == 0x1A:
            return bytes((64, 0x07, 0xD0))[:size]
        angle = self._angle()
        return bytes((0x20, angle >> 8, angle & 0xFF))[:size]
