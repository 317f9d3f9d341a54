"""A balance that prints by itself, at stability or all the time, in whichever make's form.

Owns: understanding a line by the first make that does.
Rules: pure; nothing is asked; a line that no make understands is an error with the meaning that is known.
Units: mass in g.
Leaves: the forms to the makes' files.
"""

from __future__ import annotations

from pumprig.balance.aandd import AandD
from pumprig.balance.kern import Kern
from pumprig.balance.mtsics import MtSics
from pumprig.balance.ohaus import Ohaus
from pumprig.balance.radwag import Radwag
from pumprig.balance.reading import BalanceError, Dialect, Said, not_understood
from pumprig.balance.sbi import Sbi

MAKES: tuple[type[Dialect], ...] = (MtSics, AandD, Radwag, Ohaus, Sbi, Kern)


class Printing:
    """Listens; of the makes, the one that understood the last line is tried first."""

    name = "print"
    ask = b""
    ask_identity = b""
    ask_tare = b""

    def __init__(self) -> None:
        self._makes: list[Dialect] = [make() for make in MAKES]

    def identity(self, line: str) -> str | None:
        """The make whose form the line has."""
        try:
            self.said(line)
        except BalanceError:
            return None
        return f"prints by itself, {self._makes[0].name}'s form"

    def said(self, line: str) -> Said:
        """As the first make that understands the line; a wrong unit is told rather than passed on."""
        told: BalanceError | None = None
        for make in list(self._makes):
            try:
                said = make.said(line)
            except BalanceError as error:
                told = error if told is None or "unit" in error.happened or " in " in error.happened else told
                continue
            self._makes.remove(make)
            self._makes.insert(0, make)
            return said
        raise told or not_understood(line)

    def tared(self, line: str) -> bool:
        """It is not asked to tare."""
        return False
