"""SBI, spoken by Sartorius balances.

Owns: the commands ESC P, ESC T and ESC x1_ and the 16- and 22-character answers.
Rules: pure; a reading without its unit is not stable yet; only a net or a gross weight is a reading.
Units: mass in g.
Leaves: the line to serial_balance.py. Source: Sartorius, SBI interface description.
"""

from __future__ import annotations

import re

from pumprig.balance.reading import BUSY, OVERLOAD, UNDERLOAD, Said, grams, not_understood

# the last digit of a verified balance stands in brackets
WEIGHT = re.compile(
    r"^(?:(?:N|G|N1|(?i:Net|Gross|Nt|Gr):?)\s+)?([+-]?)\s*(\d{1,9}(?:[.,]\d{0,9})?(?:\[\d{1,2}\])?\d{0,1})\s*([a-zA-Zµ%]{1,4})?\s*$"
)
MODEL = re.compile(r"^\s*(?:Mod\.?:?\s*)?([A-Z]{2,}[A-Z0-9-]*\d[A-Z0-9-]*)\s*$")
STATUS = re.compile(r"^(?:Stat)?\s*(HH?|LL?|High|Low|C|Cal\.?)\s*$", re.IGNORECASE)
TROUBLE = {"H": OVERLOAD, "HH": OVERLOAD, "HIGH": OVERLOAD, "L": UNDERLOAD, "LL": UNDERLOAD, "LOW": UNDERLOAD}


class Sbi:
    """Print, tare and model by escape sequences."""

    name = "sbi"
    ask = b"\x1bP\r\n"
    ask_identity = b"\x1bx1_\r\n"
    ask_tare = b"\x1bT\r\n"

    def identity(self, line: str) -> str | None:
        """The model: one word of capitals and digits."""
        match = MODEL.match(line)
        return match.group(1) if match and match.group(1) not in ("EL", "ES", "ET") else None

    def said(self, line: str) -> Said:
        """`+   0.0500 g  `, `N     +   0.0500 g  `, `+ 12.345[6] g`; the unit is blank until the reading is stable."""
        status = STATUS.match(line)
        if status:
            return Said(None, False, TROUBLE.get(status.group(1).upper(), BUSY))
        match = WEIGHT.match(line)
        if match is None or "." not in match.group(2).replace(",", "."):
            raise not_understood(line)
        number = match.group(1) + match.group(2).replace("[", "").replace("]", "")
        return Said(grams(number, match.group(3) or "g", line), match.group(3) is not None)

    def tared(self, line: str) -> bool:
        """SBI does not answer a tare; the next reading shows it."""
        return True
