"""Lines of a balance, whole: a line is believed only from its head.

Owns: assembling lines from bytes, and knowing where a line begins.
Rules: after opening, flushing or damage the rest of a line that is under way is passed over: the next one counts from
    the end of that, or from a silence; every wait is bounded.
Units: seconds on the clock that is given.
Leaves: bytes to frames.py, meaning to the protocol files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pumprig.balance.reading import BalanceError, shown

LINE_LIMIT = 200
QUIET_S = 0.04  # so long without a byte: what comes next begins a line (a character at 300 baud takes 33 ms)
DRAIN_S = 0.3
ENDS = (b"\n", b"\r")


class Line(Protocol):
    """What is needed of a port: `read` returns what came within the port's time-out, `waiting` how much has come."""

    def write(self, data: bytes, /) -> Any: ...
    def read(self, size: int = 1, /) -> bytes: ...
    def waiting(self) -> int: ...
    def close(self) -> None: ...


class LineReader:
    """Whole lines from a Line."""

    def __init__(self, line: Line, clock: Callable[[], float]) -> None:
        self._line = line
        self._clock = clock
        self._got = b""
        self._at_head = False

    def drain(self) -> None:
        """Pass over what has come and was not read; after a line's end or a silence the next byte begins a line.

        Where the last line ended and nothing came since, nothing is waited for.
        """
        until_s = self._clock() + DRAIN_S
        while not self._at_head or self._got or self._line.waiting():
            byte = self._line.read(1)
            if not byte:  # a line that stopped half-way may go on: what comes then is its tail
                self._at_head = not self._got
                return
            self._take(byte)
            if self._clock() > until_s:
                return

    def next(self, limit_s: float) -> str | None:
        """The next whole line that is not empty, without its end; None after `limit_s`. A flood raises BalanceError."""
        until_s = self._clock() + limit_s
        while self._clock() < until_s:
            byte = self._line.read(1)
            if not byte:
                if not self._got:
                    self._at_head = True
                continue
            whole = self._take(byte)
            if whole is not None:
                return whole
        return None

    def _take(self, byte: bytes) -> str | None:
        if byte in ENDS:
            got, head = self._got, self._at_head
            self._got, self._at_head = b"", True
            return got.decode("latin-1") if head and got.strip() else None
        self._got += byte
        if len(self._got) > LINE_LIMIT:
            flood, self._got, self._at_head = self._got.decode("latin-1"), b"", False
            raise BalanceError(
                f"The balance sends {len(flood)} characters without the end of a line: {shown(flood)}.",
                "Nothing was recorded.",
                "Check baud rate and parity: `--balance PORT,BAUD,7E1`; `pumprig balance test PORT` finds them.",
            )
        return None
