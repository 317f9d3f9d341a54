"""MT-SICS, spoken by Mettler Toledo and by many others.

Owns: the commands SI, T and I2 and their answers.
Rules: pure; status letters S stable, D dynamic, I busy, + overload, - underload, L a wrong parameter.
Units: mass in g.
Leaves: the line to serial_balance.py. Source: Mettler Toledo, MT-SICS reference manual, levels 0 and 1.
"""

from __future__ import annotations

import re

from pumprig.balance.reading import BUSY, NUMBER, OVERLOAD, UNDERLOAD, Said, grams, not_understood

WEIGHT = re.compile(rf"^S ([SD])\s+([+-]?\s*{NUMBER})\s+(\S+)\s*$")
MODEL = re.compile(r'^I2 A "(.*)"')
TROUBLE = {"S I": BUSY, "S +": OVERLOAD, "S -": UNDERLOAD, "SI I": BUSY, "SI +": OVERLOAD, "SI -": UNDERLOAD}


class MtSics:
    """Levels 0 and 1: immediate weight, tare, model."""

    name = "mt-sics"
    ask = b"SI\r\n"
    ask_identity = b"I2\r\n"
    ask_tare = b"T\r\n"

    def identity(self, line: str) -> str | None:
        """The model from `I2 A "model ..."`."""
        match = MODEL.match(line)
        return match.group(1).strip() if match else None

    def said(self, line: str) -> Said:
        """`S S     0.0500 g` and its like."""
        trouble = TROUBLE.get(" ".join(line.split()))
        if trouble:
            return Said(None, False, trouble)
        match = WEIGHT.match(line)
        if match is None:
            raise not_understood(line)
        return Said(grams(match.group(2), match.group(3), line), match.group(1) == "S")

    def tared(self, line: str) -> bool:
        """`T S weight unit` is done; `T I`, `T +` and `T -` are not."""
        return line.startswith("T S")
