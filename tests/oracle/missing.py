"""What was asked for and not given, by reason: rule 8.

Owns: the volume of each reason, and its comparison with a report's.
Rules: the standard library only; the reasons are the contract's.
Units: nL as Fraction.
Leaves: when something is not given to model.py and judge.py.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

Reason = tuple[str, str]  # why, and the alarm's name or what kind or cause


def by_reason(why: str) -> Reason:
    """Of what keeps the base flow from flowing, as the model names it."""
    return (why, "") if why in ("stopped", "power") else ("alarm", why)


class Missing:
    """nL by reason, and how often something was added to each."""

    def __init__(self) -> None:
        self.nl: dict[Reason, Fraction] = {}
        self.parts: Counter[Reason] = Counter()
        self.bridged_nl = Fraction(0)  # of base flow, at the most, in the time of a step of a bridge

    def copy(self) -> Missing:
        """As it is now."""
        other = Missing()
        other.nl, other.parts, other.bridged_nl = dict(self.nl), Counter(self.parts), self.bridged_nl
        return other

    def add(self, reason: Reason, nl: Fraction) -> None:
        """So much more for this reason."""
        if nl:
            self.nl[reason] = self.nl.get(reason, Fraction(0)) + nl
            self.parts[reason] += 1

    def faults(self, rows: list[dict[str, Any]], slack_nl: Fraction, step_nl: Fraction) -> list[str]:
        """A line for each reason of the report whose volume is another one."""
        told: dict[Reason, int] = {}
        for row in rows:
            reason = (str(row["why"]), str(row.get("name", row.get("because", ""))))
            told[reason] = told.get(reason, 0) + int(row["nl"])
        found: list[str] = []
        for reason in sorted({*told, *self.nl}):
            got_nl, right_nl = told.get(reason, 0), self.nl.get(reason, Fraction(0))
            most_nl = slack_nl + 2 * step_nl * (1 + self.parts[reason])
            if abs(got_nl - right_nl) > most_nl:
                name = " ".join(reason).strip()
                found.append(
                    f"not given for {name}: {got_nl} nL, right {float(right_nl):.1f}, allowed {float(most_nl):.1f}"
                )
        return found
