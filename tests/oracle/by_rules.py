"""The shape of a week whose right answer was worked out on paper, and its plain programs.

Owns: what is told of such a week.
Rules: rates of 10 nL/s and times in seconds, so that a reader can add up.
Units: seconds since the program's start, nL.
Leaves: the weeks to test_by_rules.py and cases_of_rate.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from oracle.program import Periodic, Program
from oracle.weeks import START_UTC_S

DAY_S = 86_400


def flows(nl_per_s: int, **also: Any) -> Program:
    return Program("by rules", days={"": ((0, nl_per_s * DAY_S),)}, **also)


@dataclass(frozen=True)
class Case:
    """A program, what happens, and what is right. `gives`: nL of each kind that is compared; the rest is nothing."""

    program: Program
    events: tuple[tuple[float, str, dict[str, Any]], ...]
    until_s: int
    gives: dict[str, int | None]
    missed: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    alarms: tuple[str, ...] = ()
    start_utc_s: int = START_UTC_S
    reservoir_nl: int | None = None
    not_given: dict[str, int] | None = None  # nL by reason, where it is compared
    loads: dict[str, Program] = field(default_factory=dict[str, Program])


TEN = flows(10)
TURNS = flows(10, periodic=(Periodic(600, 3_000, 30_000),))
