"""The simulated balance's other tongues: each make's protocol, print by itself, slow answers, seven bits with parity.

Owns: lines as the makes' manuals lay them out, and when and how their bytes go out.
Rules: no clock and no file descriptor of its own; a command in another protocol gets that make's refusal or silence;
    bytes that came with a wrong parity are no command.
Units: seconds, nL; weights as text in the unit that is set.
Leaves: what the display shows to balance.py, MT-SICS to balance_sics.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rigsim.balance import Balance
from rigsim.balance_sics import SicsBalance

PROTOCOLS = ("mt-sics", "sbi", "a&d", "ohaus", "radwag", "kern")
PER_G = {"g": 1.0, "mg": 1000.0, "kg": 0.001, "ct": 5.0}
STABLE_STEPS = 3
ASKS = {"sbi": "\x1bP", "a&d": "Q", "ohaus": "IP", "radwag": "SI", "kern": "w"}
NAMES = {
    "sbi": ("\x1bx1_", "SIM-MSE224S"),
    "a&d": ("?TN", "TN,SIM-GX224"),
    "ohaus": ("PV", "Version 1.10"),
    "radwag": ("NB", 'NB A "700001"'),
}
UNKNOWN = {"a&d": "?E", "ohaus": "ES", "radwag": "ES", "sbi": "", "kern": ""}
TARES = {"sbi": "\x1bT", "a&d": "T", "ohaus": "T", "radwag": "T", "kern": "t"}
TARED = {"sbi": [], "a&d": ["\x06"], "ohaus": ["OK!"], "radwag": ["T A", "T D"], "kern": []}


@dataclass(frozen=True)
class Manner:
    """How a balance is set: protocol, frame, seconds until an answer, seconds between print-outs (0: none, -1: when it
    becomes stable), unit, decimal mark, the legend behind an Ohaus weight, whether lines come torn in two halves.
    """

    protocol: str = "mt-sics"
    frame: str = "8N1"
    delay_s: float = 0.0
    print_s: float = 0.0
    unit: str = "g"
    comma: bool = False
    legend: str = ""
    torn: bool = False


def framed(data: bytes, frame: str) -> bytes:
    """Bytes as they leave a UART of seven bits: the parity stands where eight bits have their highest."""
    if frame[0] == "8":
        return data
    table = {"E": (0, 1), "O": (1, 0), "M": (1, 1), "S": (0, 0), "N": (1, 1)}[frame[1]]
    return bytes(byte | table[bin(byte).count("1") % 2] << 7 for byte in data)


def unframed(data: bytes, frame: str) -> bytes:
    """Bytes as such a UART takes them; one with a wrong parity arrives as a question mark."""
    if frame[0] == "8":
        return data
    return bytes(byte & 127 if framed(bytes([byte & 127]), frame)[0] == byte else 63 for byte in data)


class SpeakingBalance:
    """Feeds on bytes, gives bytes when they are due. `source` tells the time in s and the fluid arrived in nL."""

    def __init__(self, balance: Balance, source: Callable[[], tuple[float, float]], manner: Manner) -> None:
        self.manner = manner
        self._balance = balance
        self._source = source
        self._sics = SicsBalance(balance, source)
        self._pending = b""
        self._queue: list[tuple[float, bytes]] = []
        self._printed_s = float("-inf")
        self._last_g = float("nan")
        self._was_stable = False

    def feed(self, data: bytes, now_s: float) -> None:
        """Take what came over the line at `now_s`."""
        self._pending += unframed(data, self.manner.frame)
        while b"\n" in self._pending:
            line, self._pending = self._pending.split(b"\n", 1)
            text = line.strip(b"\r ").decode("latin-1")
            answers = self._answers(text) if text else []
            if answers:
                out = "".join(f"{answer}\r\n" for answer in answers)
                self._queue.append((now_s + self.manner.delay_s, out.encode("latin-1")))
        self._pending = self._pending[-100:]

    def due(self, now_s: float) -> bytes:
        """What leaves the balance by `now_s`: print-outs and answers in the order of their times."""
        self._print(now_s)
        self._queue.sort(key=lambda row: row[0])
        ready = [data for at, data in self._queue if at <= now_s]
        self._queue = [row for row in self._queue if row[0] > now_s]
        return framed(b"".join(ready), self.manner.frame)

    def _print(self, now_s: float) -> None:
        every = self.manner.print_s
        if not every or now_s - self._printed_s < abs(every):
            return
        self._printed_s = now_s
        line, stable = self._weight()
        if every < 0 and not (stable and not self._was_stable):
            self._was_stable = stable
            return
        self._was_stable = stable
        data = (line + "\r\n").encode("latin-1")
        half = len(data) // 2 if self.manner.torn else len(data)
        self._queue.append((now_s, data[:half]))
        if data[half:]:
            self._queue.append((now_s + 0.4 * abs(every), data[half:]))

    def _answers(self, text: str) -> list[str]:
        kind = self.manner.protocol
        if kind == "mt-sics":
            data = self._sics.feed(text.encode("latin-1") + b"\r\n").decode("latin-1")
            return [self._dressed(line) for line in data.split("\r\n") if line]
        if text == ASKS[kind]:
            return [self._weight()[0]]
        if kind in NAMES and text == NAMES[kind][0]:
            return [NAMES[kind][1]]
        if text == TARES[kind]:
            self._balance.tare(*self._source())
            return TARED[kind]
        return [UNKNOWN[kind]] if UNKNOWN[kind] else []

    def _dressed(self, line: str) -> str:
        """An MT-SICS weight in the unit and with the decimal mark that are set."""
        words = line.split()
        if len(words) == 4 and words[3] == "g" and self.manner.unit != "g":
            line = (
                f"{words[0]} {words[1]} {float(words[2]) * PER_G[self.manner.unit]:10.4f} {self.manner.unit}"
            )
        return line.replace(".", ",") if self.manner.comma and len(words) == 4 else line

    def _weight(self) -> tuple[str, bool]:
        """The line of a weight and whether it is stable."""
        t_s, volume_nl = self._source()
        mass_g = float(self._balance.readings(np.array([t_s]), np.array([volume_nl]))[0])
        digit_g = self._balance.spec.readability_g
        stable = not abs(mass_g - self._last_g) > STABLE_STEPS * digit_g
        self._last_g = mass_g
        kind = self.manner.protocol
        if mass_g == float("inf"):
            over = {"mt-sics": "S +", "sbi": "      H       ", "a&d": "OL,+9999999E+19", "ohaus": "Err 8.3"}
            return {**over, "radwag": "SI ^           g  ", "kern": "o-Err"}[kind], False
        places = max(0, round(-np.log10(digit_g * PER_G[self.manner.unit])))
        size = f"{abs(mass_g) * PER_G[self.manner.unit]:.{places}f}"
        size = size.replace(".", ",") if self.manner.comma else size
        return form(
            kind, "-" if mass_g < 0 else "+", size, self.manner.unit, stable, self.manner.legend
        ), stable


def form(kind: str, sign: str, size: str, unit: str, stable: bool, legend: str = "") -> str:
    """One weight as a make writes it."""
    blank_sign = sign if sign == "-" else " "
    if kind == "mt-sics":
        return f"S {'S' if stable else 'D'} {blank_sign.strip() + size:>10} {unit}"
    if kind == "sbi":
        return f"{sign} {size:>9} {unit if stable else '':<3}"
    if kind == "a&d":
        return f"{'ST' if stable else 'US'},{sign}{size:>09}  {unit}"
    if kind == "ohaus":
        return f"{blank_sign.strip() + size:>11} {unit:<3}{' ' if stable else '?'} {legend}"
    if kind == "radwag":
        return f"SI {' ' if stable else '?'} {blank_sign}{size:>9} {unit:<3}"
    return f"{blank_sign} {size:>9} {unit if stable else '':<3}"
