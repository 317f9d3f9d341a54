"""How long the other end is listened to, whatever it says.

Owns: the limits of one exchange, one question and one return of a link, in time.
Rules: only a row of the answer that is waited for renews the patience for silence, and never beyond the most; foreign
lines, however many, renew nothing, so that a talkative device ends a command as soon as a silent one.
Units: seconds of the wall clock.
Leaves: what a line means to its callers.
"""

from __future__ import annotations

import time

EXCHANGE_S = 6.0  # one answer, row by row: the longest takes a second on the slowest board
QUESTION_S = 10.0  # one question with all its repeats
RETURN_S = 15.0  # a link that broke: a board needs some 5 s to restart and be found again


class Patience:
    """Runs out `quiet_s` after it began or was renewed, and `most_s` after it began at the latest."""

    def __init__(self, quiet_s: float, most_s: float = EXCHANGE_S) -> None:
        self._quiet_s = quiet_s
        self._end_s = time.monotonic() + most_s
        self.renew()

    def renew(self) -> None:
        """What was waited for goes on."""
        self._until_s = min(time.monotonic() + self._quiet_s, self._end_s)

    def left_s(self) -> float:
        """What is left; 0 where it has run out."""
        return max(0.0, self._until_s - time.monotonic())
