"""Time: 64-bit monotonic microseconds from the wrapping ticks, and the wall clock as an offset to them.

Owns: the only notion of now that the firmware has.
Rules: `now_us` never goes back and survives every wrap of ticks_us, if it is read at least every 4 minutes
(the loop does). Setting the wall clock moves the offset only; nothing that is timed by `now_us` notices.
Units: microseconds; wall time since 1970-01-01 UTC; 0 means not known.
Leaves: zones and days to therapy.py.
"""

from pumpwire import program

NEVER_US = program.NEVER_US
TICK_US = 20_000  # the period of the loop
ERASE_US = 500_000  # an erase is begun only where the queued motion outlasts this
KEEP_ALIVE_US = 240_000_000  # well under half a wrap of ticks_us (8.9 min)


class Clock:
    """Monotonic time since this boot, and UTC where it was set."""

    def __init__(self, ticks_us, ticks_diff):
        self._ticks_us = ticks_us
        self._ticks_diff = ticks_diff
        self._last = ticks_us()
        self._now_us = 0
        self.offset_us = 0  # utc = now + offset; 0: never set
        self.source = "unset"  # unset, restored (from the log, after a boot) or host

    def now_us(self):
        """Microseconds since this boot."""
        raw = self._ticks_us()
        self._now_us += self._ticks_diff(raw, self._last)
        self._last = raw
        return self._now_us

    def utc_us(self, now_us):
        """UTC at monotonic now_us; 0 while it is not known."""
        return now_us + self.offset_us if self.offset_us else 0

    def set_utc(self, utc_us, now_us, source):
        """Set the wall clock; returns by how many microseconds it moved, 0 the first time."""
        moved_us = utc_us - now_us - self.offset_us if self.offset_us else 0
        self.offset_us = utc_us - now_us
        self.source = source
        return moved_us
