"""SBI, spoken by Sartorius balances.

Owns: the commands ESC P, ESC T and ESC x1_ and the 16- and 22-character answers.
Rules: pure; a reading without its unit is not stable yet.
Callers: serial_balance.py through reading.Dialect.
Units: mass in g.
Leaves: the line to serial_balance.py. Source: Sartorius, SBI interface description.
"""

from __future__ import annotations

import re

from pumprig.balance.reading import OVERLOAD, UNDERLOAD, Said, grams, not_understood

WEIGHT = re.compile(r"^(?:[A-Z]\S{0,5}\s+)?([+-]?\s*[\d.]+)\s*(mg|kg|g)?\s*$")
MODEL = re.compile(r"^\s*(?:Mod\.?:?\s*)?([A-Z]{2,}[A-Z0-9-]*\d[A-Z0-9-]*)\s*$")
TROUBLE = {"H": OVERLOAD, "HIGH": OVERLOAD, "L": UNDERLOAD, "LOW": UNDERLOAD}


class Sbi:
    """Print, tare and model by escape sequences."""

    name = "sbi"
    ask = b"\x1bP\r\n"
    ask_identity = b"\x1bx1_\r\n"
    ask_tare = b"\x1bT\r\n"

    def identity(self, line: str) -> str | None:
        """The model: one word of capitals and digits."""
        match = MODEL.match(line)
        return match.group(1) if match else None

    def said(self, line: str) -> Said:
        """`+   0.0500 g  `, `N     +   0.0500 g  `; the unit is blank until the reading is stable."""
        words = line.upper().split()
        if words and words[-1] in TROUBLE and not any(c.isdigit() for c in line):
            return Said(None, False, TROUBLE[words[-1]])
        match = WEIGHT.match(line)
        if match is None:
            raise not_understood(line)
        return Said(grams(match.group(1), match.group(2) or "g", line), match.group(2) is not None)

    def tared(self, line: str) -> bool:
        """SBI does not answer a tare; the next reading shows it."""
        return True
