"""Volume that was asked for and not given, and why.

Owns: one reason's sum, and how JSON tells it.
Rules: the contract's reasons; a name is an alarm's, or what a turn was missed for.
Units: nL, seconds.
Leaves: finding it in a log to asked.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Reason = tuple[str, str]  # (why, name: of an alarm, or what a turn was missed for)


@dataclass
class NotGiven:
    """Volume that was asked for and not given, for one reason."""

    why: str
    name: str
    nl: float = 0.0
    for_s: float = 0.0
    times: int = 0

    def less(self, other: NotGiven) -> NotGiven:
        """What came to it since another of the same reason."""
        for_s = round(self.for_s - other.for_s, 1)
        return NotGiven(self.why, self.name, self.nl - other.nl, for_s, self.times - other.times)

    def document(self) -> dict[str, Any]:
        """As JSON, rounded to whole nL."""
        told: dict[str, Any] = {"why": self.why}
        if self.name:
            told["name" if self.why == "alarm" else "because"] = self.name
        return {**told, "nl": round(self.nl), "for_s": round(self.for_s, 1), "times": self.times}
