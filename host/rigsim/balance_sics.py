"""The simulated balance's serial protocol: MT-SICS levels 0 and 1.

Owns: commands in, answers out; stability as the balance sees it.
Rules: no clock and no file descriptor of its own; answers as the reference manual lays them out, to the space.
Units: seconds, nL; weights as text in g.
Leaves: what the display shows to balance.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rigsim.balance import Balance

MODEL = "SIM-XPR204 Excellence 220.0009 g"
SERIAL = "SIM0000001"
SOFTWARE = "1.00 0.00.0.000"
SOFTWARE_ID = "00000000A"
STABLE_STEPS = 3  # readings within this many digits count as stable


class SicsBalance:
    """Feeds on bytes, gives bytes. `source` tells the time in s and the fluid that has arrived in nL."""

    def __init__(self, balance: Balance, source: Callable[[], tuple[float, float]]) -> None:
        self._balance = balance
        self._source = source
        self._pending = b""
        self._last_g = float("nan")
        self.streaming = False

    def feed(self, data: bytes) -> bytes:
        """Take what came over the line and return what goes back."""
        self._pending += data
        out = b""
        while b"\n" in self._pending:
            line, self._pending = self._pending.split(b"\n", 1)
            text = line.strip(b"\r ").decode("latin-1")
            if text:
                out += "".join(f"{answer}\r\n" for answer in self._answers(text)).encode("latin-1")
        self._pending = self._pending[-100:]
        return out

    def stream(self) -> bytes:
        """One reading, where SIR asked for a stream of them."""
        return (self._weight() + "\r\n").encode("latin-1") if self.streaming else b""

    def _answers(self, text: str) -> list[str]:
        word = text.split()[0]
        if word in ("@", "S", "SI", "T", "TI", "Z", "ZI"):
            self.streaming = False
        fixed = {
            "@": [f'I4 A "{SERIAL}"'],
            "I0": [
                f'I0 B 0 "{c}"'
                for c in ("@", "I0", "I1", "I2", "I3", "I4", "I5", "S", "SI", "SIR", "Z", "ZI")
            ]
            + ['I0 B 1 "T"', 'I0 A 1 "TI"'],
            "I1": ['I1 A "01" "2.00" "2.00" "" ""'],
            "I2": [f'I2 A "{MODEL}"'],
            "I3": [f'I3 A "{SOFTWARE}"'],
            "I4": [f'I4 A "{SERIAL}"'],
            "I5": [f'I5 A "{SOFTWARE_ID}"'],
        }
        if word in fixed:
            return fixed[word]
        if word == "S":  # a stable weight or none: a real balance would wait some seconds first
            weight = self._weight()
            return ["S I" if weight.startswith("S D") else weight]
        if word == "SI":
            return [self._weight()]
        if word == "SIR":
            self.streaming = True
            return [self._weight()]
        if word in ("T", "TI", "Z", "ZI"):
            return [self._zeroed(word, self._weight().split()[1])]
        return ["ES"]

    def _zeroed(self, word: str, status: str) -> str:
        """Z and T want stability (status S); ZI and TI take the load as it is and say which it was."""
        if status == "+" or (status == "D" and word in ("T", "Z")):
            return f"{word} {'+' if status == '+' else 'I'}"
        self._balance.tare(*self._source())
        if word in ("T", "TI"):
            return f"{word} {status} {self._shown(0.0)} g"
        return "Z A" if word == "Z" else f"ZI {status}"

    def _shown(self, mass_g: float) -> str:
        digits = max(0, round(-np.log10(self._balance.spec.readability_g)))
        return f"{mass_g + 0.0:10.{digits}f}"

    def _weight(self) -> str:
        t_s, volume_nl = self._source()
        mass_g = float(self._balance.readings(np.array([t_s]), np.array([volume_nl]))[0])
        if mass_g == float("inf"):
            return "S +"
        steady = (
            not abs(mass_g - self._last_g) > STABLE_STEPS * self._balance.spec.readability_g
        )  # the first one is
        self._last_g = mass_g
        return f"S {'S' if steady else 'D'} {self._shown(mass_g)} g"
