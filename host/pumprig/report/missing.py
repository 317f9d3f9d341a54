"""What was not given, as a curve: how much by when.

Owns: the curve, from the amounts of an account.
Rules: an amount grows evenly over the time that it lasted, and is there at once where it lasted none; amounts without a
date are in no curve; nothing is rounded.
Units: nL, microseconds UTC.
Leaves: the amounts to store/asked.py.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from pumprig.store.not_given import Reason


class Missing:
    """Since an instant."""

    def __init__(self, since_us: int) -> None:
        self._since_us = since_us
        self._at_once: dict[int, float] = {}  # instant: nL
        self._bends: dict[int, float] = {}  # instant: by how much the slope changes, nL/us
        self._curve: tuple[list[int], list[float], list[float]] | None = None

    def take(
        self, at_us: int | None, _kind: str, _reason: Reason, nl: float, for_s: float, _times: int
    ) -> None:
        """One amount, as the account tells it."""
        if at_us is None or not nl:
            return
        lasted_us = round(for_s * 1e6)
        if at_us + lasted_us < self._since_us:
            return
        self._curve = None
        if not lasted_us:
            self._at_once[at_us] = self._at_once.get(at_us, 0.0) + nl
            return
        slope = nl / lasted_us
        self._bends[at_us] = self._bends.get(at_us, 0.0) + slope
        self._bends[at_us + lasted_us] = self._bends.get(at_us + lasted_us, 0.0) - slope

    def at(self, at_us: int) -> float:
        """nL since the beginning."""
        return self._up_to(at_us) - self._up_to(self._since_us)

    def _up_to(self, at_us: int) -> float:
        if self._curve is None:
            self._curve = self._drawn()
        times, values, slopes = self._curve
        i = bisect_right(times, at_us) - 1
        return values[i] + slopes[i] * (at_us - times[i]) if i >= 0 else 0.0

    def _drawn(self) -> tuple[list[int], list[float], list[float]]:
        """Instants; the value just after each; the slope from there on."""
        times = sorted({*self._at_once, *self._bends})
        slopes = list(accumulate(self._bends.get(at, 0.0) for at in times))
        values: list[float] = []
        for i, at in enumerate(times):
            before = values[-1] + slopes[i - 1] * (at - times[i - 1]) if i else 0.0
            values.append(before + self._at_once.get(at, 0.0))
        return times, values, slopes
