"""The older protocol of Kern balances (newer ones speak MT-SICS, which Kern calls KCP).

Owns: the commands w and t and their answers.
Rules: pure; a reading without its unit is not stable yet.
Units: mass in g.
Leaves: the line to serial_balance.py. Source: Kern, operating instructions of PCB, EW and KB, data interface.
"""

from __future__ import annotations

import re

from pumprig.balance.reading import NUMBER, OVERLOAD, UNDERLOAD, Said, grams, not_understood

WEIGHT = re.compile(rf"^\s*([+-]?)\s*({NUMBER})\s*([A-Za-zµ%]+)?\s*$")


class Kern:
    """Immediate mass and tare; a balance that says no name is known by how it answers."""

    name = "kern"
    ask = b"w\r\n"
    ask_identity = b"w\r\n"
    ask_tare = b"t\r\n"

    def identity(self, line: str) -> str | None:
        """A weight where `w` was asked."""
        match = WEIGHT.match(line)
        return "Kern (by its answer)" if match and "." in match.group(2).replace(",", ".") else None

    def said(self, line: str) -> Said:
        """`-   12.3456 g  `; `Error`, `o-Err` and `u-Err` are out of range."""
        text = line.strip().lower()
        if text.startswith(("o-err", "ol")):
            return Said(None, False, OVERLOAD)
        if text.startswith(("u-err", "ul")):
            return Said(None, False, UNDERLOAD)
        match = WEIGHT.match(line)
        if match is None or "." not in match.group(2).replace(",", "."):
            raise not_understood(line)
        unit = match.group(3)
        return Said(grams(match.group(1) + match.group(2), unit or "g", line), unit is not None)

    def tared(self, line: str) -> bool:
        """It does not answer a tare; the next reading shows it."""
        return True
