"""The newest record of each alarm name outlives the ring: nobody may have read it yet.

Owns: how often each alarm came, when first and when last, and which record tells so.
Rules: before the block ahead is erased, what only that block tells of an alarm is written anew, as one record
`kept`; whether a host has stored what it read is not known here, so that one record a name stays for ever.
Units: record numbers; UTC in seconds, 0 where the clock was not set.
Leaves: pages to journal.py.
"""

from array import array

from pumpwire import spec


class Unread:
    """One row for each bit of the alarm table."""

    def __init__(self):
        self._number, self._times, self._first_s, self._last_s = [array("I", [0] * 32) for _ in range(4)]

    def note(self, row, number, utc_us):
        """An alarm was recorded; row: of the table of alarms, None for one that it does not have."""
        utc_s = utc_us // 1_000_000
        if row is not None:
            bit = row[0]
            if not self._times[bit]:
                self._first_s[bit] = utc_s
            self._number[bit] = number
            self._times[bit] += 1
            self._last_s[bit] = utc_s

    def restore(self, number, fields):
        """A record `kept`, {name: text}: what it says counts instead of what came before."""
        row = spec.alarm(fields.get("name", ""))
        if row is not None:
            first_s = int(fields["first"])
            self._number[row[0]] = number
            self._times[row[0]] = int(fields["n"])
            self._first_s[row[0]] = first_s
            self._last_s[row[0]] = int(fields.get("last", 0)) or first_s + int(fields.get("for_s", 0))

    def keep(self, record, first, last):
        """Write anew what only the records first to last tell; `record(event, fields)` returns the new number."""
        for bit, name in [row[:2] for row in spec.alarms()]:
            if first <= self._number[bit] <= last:
                self._number[bit] = record(
                    "kept",
                    (
                        ("name", name),
                        ("n", self._times[bit]),
                        ("first", self._first_s[bit]),
                        ("for_s", self._last_s[bit] - self._first_s[bit]),
                    ),
                )
