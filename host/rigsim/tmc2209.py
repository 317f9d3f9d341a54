"""A TMC2209 at the end of its single wire: registers, counter, CRC, as its data sheet has them.

Owns: the registers that the firmware uses, which are lost with the motor's supply.
Rules: a datagram with a wrong CRC, another address or a wrong head is not taken and not answered; each write that is
taken is counted; what is read only takes no write; an answer follows a read at once.
Units: register values of 32 bits; the address by MS1 and MS2.
Leaves: bytes and their time to peripherals.py, the motor's torque to physics/.

Data sheet Rev. 1.03: datagrams 4.1 and 4.2, registers 5.
"""

from __future__ import annotations

from rigsim.chip import Chip

VERSION = 0x21
AFTER_RESET = {0x00: 0x0000_0141, 0x10: 0x0001_1F10, 0x11: 20, 0x14: 0, 0x40: 0, 0x6C: 0x1000_0053}
READABLE = (0x00, 0x01, 0x02, 0x06, 0x41, 0x6C, 0x6F)


def crc_bit_by_bit(data: bytes) -> int:
    """As a shift register has it: each new bit with bit 7 into bits 0, 1 and 2."""
    register = [0] * 8
    for byte in data:
        for place in range(8):
            new = register[7] ^ (byte >> place & 1)
            register = [new, register[0] ^ new, register[1] ^ new, *register[2:7]]
    return sum(bit << place for place, bit in enumerate(register))


class Tmc2209:
    """`address`: 3 with MS1 and MS2 high, 0 with both open."""

    def __init__(self, address: int = 3) -> None:
        self.address = address
        self.fault = 0  # bits of DRV_STATUS below 16: a short, an open coil, too hot
        self.deaf = False  # the wire is broken
        self.counter = 0
        self.registers: dict[int, int] = {}
        self.gstat = 0
        self.lose_supply()

    def attach(self, chip: Chip) -> None:
        """To the chip's UART."""
        chip.single_wire = self.take

    def lose_supply(self) -> None:
        """All registers as after a reset."""
        self.registers = dict(AFTER_RESET)
        self.gstat, self.counter = 1, 0

    def take(self, data: bytes) -> bytes | None:
        """What comes back of a datagram: itself, for the wire is one, and an answer. None for a broken wire."""
        if self.deaf:
            return None
        return data + self._answer(data)

    def _answer(self, data: bytes) -> bytes:
        if len(data) not in (4, 8) or data[0] != 0x05 or data[1] != self.address:
            return b""
        if crc_bit_by_bit(data[:-1]) != data[-1] or bool(data[2] & 0x80) != (len(data) == 8):
            return b""
        register = data[2] & 0x7F
        if len(data) == 8:
            self._write(register, int.from_bytes(data[3:7], "big"))
            return b""
        value = self._read(register) if register in READABLE else 0
        body = bytes((0x05, 0xFF, register)) + value.to_bytes(4, "big")
        return body + bytes((crc_bit_by_bit(body),))

    def _write(self, register: int, value: int) -> None:
        self.counter = (self.counter + 1) & 0xFF
        if register == 0x01:
            self.gstat &= ~value
        elif register in self.registers:
            self.registers[register] = value

    def _read(self, register: int) -> int:
        hold = self.registers[0x10] & 0x1F
        spread = self.registers[0x00] >> 2 & 1
        live = {
            0x01: self.gstat,
            0x02: self.counter,
            0x06: VERSION << 24 | (self.address & 3) << 2 | 1 << 6,
            0x41: 0 if spread else 400,
            0x6F: 1 << 31 | (1 - spread) << 30 | hold << 16 | self.fault,
        }
        return live.get(register, self.registers.get(register, 0))
