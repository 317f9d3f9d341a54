"""The protocol of Radwag balances.

Owns: the commands SI, T and NB and their answers.
Rules: pure; the mark before the mass: blank stable, ? unstable, ^ overload, v underload.
Units: mass in g.
Leaves: the line to serial_balance.py. Source: Radwag, communication protocol of balances (standard commands).
"""

from __future__ import annotations

import re

from pumprig.balance.reading import BUSY, NUMBER, OVERLOAD, UNDERLOAD, Said, grams, not_understood

WEIGHT = re.compile(rf"^(SI|S|SU|SUI)\s*([?^v])?\s+([+-]?\s*{NUMBER})\s+([A-Za-zµ%]+)\s*$")
MODEL = re.compile(r'^(?:NB|BN) A "(.*)"')
TROUBLE = {"^": OVERLOAD, "v": UNDERLOAD}


class Radwag:
    """Immediate mass in the basic unit, tare, serial number."""

    name = "radwag"
    ask = b"SI\r\n"
    ask_identity = b"NB\r\n"
    ask_tare = b"T\r\n"

    def identity(self, line: str) -> str | None:
        """The serial number from `NB A "number"`."""
        match = MODEL.match(line)
        return f"Radwag {match.group(1).strip()}" if match else None

    def said(self, line: str) -> Said:
        """`SI ?      12.3456 g  `; `SI I` cannot be done now."""
        if line.split() in (["SI", "I"], ["S", "I"], ["S", "E"], ["SI", "E"]):
            return Said(None, False, BUSY)
        match = WEIGHT.match(line)
        if match is None:
            raise not_understood(line)
        if match.group(2) in TROUBLE:
            return Said(None, False, TROUBLE[match.group(2)])
        return Said(grams(match.group(3), match.group(4), line), match.group(2) is None)

    def tared(self, line: str) -> bool:
        """`T A` is begun, `T D` is done."""
        return line.startswith("T D")
