"""Bytes on the wire: baud rate, data bits, parity, and the words for them.

Owns: `PORT[,BAUD[,8N1|7E1|...]][,PROTOCOL]`, and seven data bits with parity over a line of eight.
Rules: seven bits and parity are eight bits without: the eighth is computed here, so that it works on every port and is
    checked; a byte with a wrong parity becomes 0xFF, which no line contains.
Units: baud.
Leaves: opening ports to serial_balance.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pumprig.balance.reading import BalanceError

BAUD_RATES = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
FRAME = re.compile(r"^([78])([NEOMS])([12])$", re.IGNORECASE)
PROTOCOLS = ("mt-sics", "sbi", "a&d", "ohaus", "radwag", "kern", "print")
OTHER_NAMES = {
    **{"mtsics": "mt-sics", "sics": "mt-sics", "kcp": "mt-sics", "mettler": "mt-sics"},
    **{"aandd": "a&d", "and": "a&d", "sartorius": "sbi", "listen": "print"},
}
BAD = 0xFF


@dataclass(frozen=True)
class Wanted:
    """What `--balance` says; None is to be found out."""

    port: str
    baud: int | None = None
    frame: str | None = None
    protocol: str | None = None


def wanted(text: str) -> Wanted:
    """`/dev/ttyUSB0,2400,7E1,a&d` -> its parts; baud, frame and protocol may be left out. Raises BalanceError."""
    port, *words = [word.strip() for word in text.split(",")]
    baud: int | None = None
    frame: str | None = None
    protocol: str | None = None
    for word in words:
        name = OTHER_NAMES.get(word.lower(), word.lower())
        if word.isdigit() and int(word) in BAUD_RATES and baud is None:
            baud = int(word)
        elif FRAME.match(word) and frame is None:
            frame = word.upper()
        elif name in PROTOCOLS and protocol is None:
            protocol = name
        else:
            raise BalanceError(
                f"--balance: '{word}' is no baud rate ({', '.join(str(b) for b in BAUD_RATES)}), no frame (8N1, 7E1 "
                f"and so on) and no protocol ({', '.join(PROTOCOLS)}), or stands there twice.",
                "No balance was opened.",
                "Write it like `/dev/ttyUSB0,2400,7E1,a&d`.",
            )
    if not port:
        raise BalanceError(
            "--balance names no port.", "No balance was opened.", "Write it like `/dev/ttyUSB0,9600`."
        )
    return Wanted(port, baud, frame, protocol)


def in_software(frame: str) -> bool:
    """Whether a frame is one of eight bits without parity on the wire, made here: 7E1, 7O1, 7M1, 7S1, 7N2."""
    return frame[0] == "7" and (frame[1] in "EOMS" or frame == "7N2")


def encode(data: bytes, frame: str) -> bytes:
    """Bytes as they go out: the parity of a seven-bit frame in the eighth bit."""
    return bytes(_with_parity(byte & 0x7F, frame) for byte in data) if in_software(frame) else data


def decode(data: bytes, frame: str) -> bytes:
    """Bytes as they came: the eighth bit checked and taken off; a wrong one makes BAD."""
    if not in_software(frame):
        return data
    return bytes(byte & 0x7F if _with_parity(byte & 0x7F, frame) == byte else BAD for byte in data)


def _with_parity(byte: int, frame: str) -> int:
    odd = byte.bit_count() & 1
    kind = frame[1]
    high = {"E": odd, "O": 1 - odd, "M": 1, "S": 0, "N": 1}[kind]
    return byte | high << 7


def frame_of(data: bytes) -> str | None:
    """Which frame bytes came in, seen from eight bits without parity: 8N1, 7E1 or 7O1; None where none fits."""
    if len(data) < 4:
        return None
    if all(byte < 0x80 for byte in data):
        return "8N1"
    for frame in ("7E1", "7O1", "7M1"):
        plain = decode(data, frame)
        if BAD not in plain and all(byte in b"\r\n\x06\x1b" or 32 <= byte < 127 for byte in plain):
            return frame
    return None
