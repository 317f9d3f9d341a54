"""The standard commands of Ohaus balances.

Owns: the commands IP, T and PV and their answers.
Rules: pure; a trailing question mark means not stable; the legend behind a weight must be a net or a gross one.
Units: mass in g.
Leaves: the line to serial_balance.py. Source: Ohaus, Explorer and Adventurer interface manual.
"""

from __future__ import annotations

import re

from pumprig.balance.reading import NUMBER, OVERLOAD, UNDERLOAD, Said, grams, not_understood

WEIGHT = re.compile(rf"^\s*([+-]?\s*{NUMBER})\s+([A-Za-zµ%]+)\s*(\?)?\s*(NET|N|G|B|GROSS)?\s*$")
MODEL = re.compile(r"^\s*(?:Version|Ver\.?|SW|PV|Software)\s*:?\s*(\S.*)$", re.IGNORECASE)
UNSTABLE_HEAD = re.compile(r"^\s*\?\s*")


class Ohaus:
    """Immediate print, tare, version."""

    name = "ohaus"
    ask = b"IP\r\n"
    ask_identity = b"PV\r\n"
    ask_tare = b"T\r\n"

    def identity(self, line: str) -> str | None:
        """`Version 1.10` stands for the model, which these balances do not send."""
        match = MODEL.match(line)
        return f"Ohaus {match.group(1).strip()}" if match else None

    def said(self, line: str) -> Said:
        """`    0.0500 g    ?  NET`; `Err 8.3` is an overload, `Err 8.4` an underload."""
        text = line.strip()
        if text.startswith(("Err 8.3", "-OL-", "OL", "------")):
            return Said(None, False, OVERLOAD)
        if text.startswith(("Err 8.4", "-UL-", "UL", "______")):
            return Said(None, False, UNDERLOAD)
        match = WEIGHT.match(line)
        if match is None:
            raise not_understood(line)
        return Said(grams(match.group(1), match.group(2), line), match.group(3) is None)

    def tared(self, line: str) -> bool:
        """`OK!` where the balance confirms."""
        return line.strip().startswith("OK")
