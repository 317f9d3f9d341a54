"""What the host's check of a file must say, by the rules alone.

Owns: the comparison of files that the host refused, or took, with the reasons of the model.
Rules: a program whose own most in 24 h exceeds its cap, or whose rates exceed its limit, is refused before anything is
sent; every other one is taken.
Units: as in scenario.py.
Leaves: the reasons to grants.py.
"""

from __future__ import annotations

from fractions import Fraction

from oracle import grants
from oracle.scenario import Scenario, Seen

LONG = 1_000  # characters; a page of flash holds no program that is much longer
NO_MOTOR = Fraction(1 << 40)  # the host does not know the motor's limit, the device does


def file_faults(scenario: Scenario, seen: Seen) -> list[str]:
    """One line a file that was refused or taken wrongly."""
    found: list[str] = []
    programs = {-1: scenario.program}
    programs |= {k: event.program for k, event in enumerate(scenario.events) if event.program is not None}
    begun = bool(seen.rows)
    for index, program in programs.items():
        why = seen.refused_files.get(index)
        must, may = grants.static(program, NO_MOTOR if begun or index >= 0 else seen.step_nl)
        name = "the first program" if index < 0 else f"the program of event {index}"
        if why is not None and "longer than" in why and len(program.toml()) > LONG:
            continue
        if why is not None and not must | may:
            found.append(f"{name} is refused: {why.splitlines()[0]}; right: taken")
        if why is None and begun and must:
            found.append(f"{name} is taken, right: refused for {sorted(must)}")
    return found
