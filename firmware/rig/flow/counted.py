"""The counted rate over the last minutes, beside the commanded one.

Owns: two marks of what was counted, a minute apart.
Rules: from counted steps alone.
Units: nL/day, nL, microseconds of Clock.
Leaves: the commanded rate to therapy.py.
"""

from pumpwire.program import DAY_US

MINUTE_US = 60_000_000


class CountedRate:
    """`dosing` tells what was counted."""

    def __init__(self, dosing):
        self._dosing = dosing
        self._mark = self._last = (0, 0)

    def begin(self, now_us):
        """Nothing was counted before now."""
        self._mark = self._last = (now_us, self._dosing.delivered_nl())

    def look(self, now_us):
        """Set a mark once a minute; whether it is that minute."""
        if now_us - self._last[0] < MINUTE_US:
            return False
        self._mark = self._last
        self._last = (now_us, self._dosing.delivered_nl())
        return True

    def nl_per_day(self, now_us):
        """Over the last one to two minutes."""
        span_us = now_us - self._mark[0]
        return (self._dosing.delivered_nl() - self._mark[1]) * DAY_US // span_us if span_us > 0 else 0
