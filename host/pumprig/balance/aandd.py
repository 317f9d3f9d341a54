"""The standard format of A&D balances, and their dump format.

Owns: the commands Q, T and ?TN and their answers.
Rules: pure; header ST and WT stable, US unstable, OL out of range, QT a count.
Units: mass in g.
Leaves: the line to serial_balance.py. Source: A&D, GX/GF series communication manual, standard and DP formats.
"""

from __future__ import annotations

import re

from pumprig.balance.reading import NUMBER, OVERLOAD, UNDERLOAD, Said, grams, not_understood

WEIGHT = re.compile(rf"^(ST|US),\s*([+-]\s*{NUMBER})\s*,?\s*([A-Za-zµ%]+)\s*$")
DUMP = re.compile(rf"^(WT|US)\s+([+-]?\s*{NUMBER})\s*([A-Za-zµ%]+)\s*$")
OUT = re.compile(r"^(?:(OL),\s*([+-])|(?:WT|US)?\s*([+-])\s*E\s*$)")
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
        """`ST,+00123.45  g`, `ST,+00123.45,  g`, `WT    +123.45  g`; `OL,+9999999E+19` is an overload."""
        out = OUT.match(line)
        if out:
            return Said(None, False, UNDERLOAD if "-" in (out.group(2), out.group(3)) else OVERLOAD)
        match = WEIGHT.match(line) or DUMP.match(line)
        if match is None:
            raise not_understood(line)
        return Said(grams(match.group(2), match.group(3), line), match.group(1) != "US")

    def tared(self, line: str) -> bool:
        """The acknowledge character, where the balance is set to send it, or the next weight."""
        return line.startswith(("\x06", "ST", "US"))
