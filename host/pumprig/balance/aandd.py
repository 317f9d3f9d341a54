"""The standard format of A&D balances.

Owns: the commands Q, T and ?TN and their answers.
Rules: pure; header ST stable, US unstable, OL out of range.
Callers: serial_balance.py through reading.Dialect.
Units: mass in g.
Leaves: the line to serial_balance.py. Source: A&D, GX/GF series communication manual, standard format.
"""

from __future__ import annotations

import re

from pumprig.balance.reading import OVERLOAD, UNDERLOAD, Said, grams, not_understood

WEIGHT = re.compile(r"^(ST|US|QT),\s*([+-]?\s*[\d.]+)\s*(\S+)\s*$")
MODEL = re.compile(r"^TN,\s*(\S.*)$")


class AandD:
    """Immediate weight, tare, model."""

    name = "a&d"
    ask = b"Q\r\n"
    ask_identity = b"?TN\r\n"
    ask_tare = b"T\r\n"

    def identity(self, line: str) -> str | None:
        """The model from `TN,model`."""
        match = MODEL.match(line)
        return match.group(1).strip() if match else None

    def said(self, line: str) -> Said:
        """`ST,+00123.45  g`; `OL,+9999999E+19` is an overload."""
        if line.startswith("OL"):
            return Said(None, False, UNDERLOAD if "-" in line.split("E")[0] else OVERLOAD)
        match = WEIGHT.match(line)
        if match is None:
            raise not_understood(line)
        return Said(grams(match.group(2), match.group(3), line), match.group(1) != "US")

    def tared(self, line: str) -> bool:
        """The acknowledge character, where the balance is set to send it, or the next weight."""
        return line.startswith(("\x06", "ST", "US"))
