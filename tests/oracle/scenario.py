"""What a random week is, and what was seen of it: plain data between the generator, the rig and the judge.

Owns: the shapes of a scenario, of a log record as read, of a power cut.
Rules: the standard library only.
Units: ms since the scenario's start; microseconds of the world or of the device's clock since its boot.
Leaves: everything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from oracle.program import Program


@dataclass(frozen=True)
class Event:
    """Something that happens to the rig, in the words of the contract's events."""

    at_ms: int
    do: str
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    program: Program | None = None


@dataclass(frozen=True)
class Scenario:
    """A program, what happens, and for how long."""

    seed: int
    start_utc_us: int
    program: Program
    events: tuple[Event, ...]
    for_ms: int


@dataclass(frozen=True)
class Row:
    """A log record, or (event `cut`) a loss of power at that instant with the pulses that had left by then."""

    world_us: int
    boot: int
    mono_us: int
    utc_us: int
    event: str
    fields: dict[str, str]
    state: dict[str, int]


@dataclass
class Seen:
    """All that was seen of a scenario."""

    rows: list[Row]
    step_nl: Fraction
    programs: dict[str, Program]  # by hash
    refused_files: dict[int, str]  # event's index (-1: the first program): why the host refused the file
    report: dict[str, Any]
    pulses: int
