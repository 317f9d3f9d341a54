"""One random week from its seed to its disagreements; `python -m oracle.runs SEED KIND` shows one.

Owns: the kinds of weeks that are drawn, and how one is repeated from its seed.
Rules: a line that names a disagreement also names the command that repeats it.
Callers: the tests of the oracle, bench/weeks.py, a person who looks for a fault.
Units: hours of virtual time.
Leaves: drawing to weeks.py, running to drive.py, judging to judge.py.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

from oracle.drive import Drive
from oracle.files import file_faults
from oracle.judge import Judge
from oracle.weeks import CLASSES, Weeks


@dataclass(frozen=True)
class Kind:
    """What may be in a week, and its shortest and longest duration."""

    hours: tuple[float, float]
    classes: tuple[str, ...]

    def week(self, seed: int) -> Weeks:
        shortest, longest = self.hours
        return Weeks(seed, (int(shortest * 3_600), int(longest * 3_600)), self.classes)


BASE = ("days", "phases", "ramp", "zone")
KINDS = {
    "calm": Kind((1, 12), (*BASE, "clock", "refill")),
    "boluses": Kind((1, 5), ("days", "bolus", "demand", "press", "cap")),
    "stops": Kind(
        (1, 5), ("days", "stop", "prime", "refill", "occlude", "load", "bolus", "spread", "demand")
    ),
    "cuts": Kind((1, 5), ("days", "phases", "cut", "bolus", "demand", "press")),
    "all": Kind((1, 8), CLASSES),
    "days": Kind((12, 96), CLASSES),
    "week": Kind((168, 168), CLASSES),
}


def disagreement(kind: str, seed: int) -> str:
    """Run and judge one; empty: model and rig agree."""
    scenario = KINDS[kind].week(seed).scenario()
    seen = Drive(scenario).run()
    faults = file_faults(scenario, seen) or (Judge(scenario, seen).run() if seen.rows else [])
    return "".join(f"{fault} [python -m oracle.runs {seed} {kind}]" for fault in faults)


def show(kind: str, seed: int) -> int:
    """Programs, events, the log up to the disagreement."""
    scenario = KINDS[kind].week(seed).scenario()
    print(scenario.program.toml())
    for event in scenario.events:
        text = event.program.toml().replace("\n", "; ") if event.program else ""
        print(f"{event.at_ms / 1000:12.3f} {event.do} {event.fields} {text}")
    seen = Drive(scenario).run()
    judge = Judge(scenario, seen)
    faults = file_faults(scenario, seen) or (judge.run() if seen.rows else [])
    for k, row in enumerate(seen.rows[: judge.at + 8]):
        if row.event != "checkpoint" and k > judge.at - 40:
            mark = ">>" if k == judge.at else "  "
            since_s = (row.world_us - judge.begun_world_us) / 1e6
            print(
                f"{mark} {k:5} {since_s:12.3f} s  {row.boot}:{row.mono_us / 1e6:.3f} {row.event} {row.fields}"
            )
    print("\n".join(faults) or "model and rig agree")
    return 1 if faults else 0


def main() -> int:
    """Show one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seed", type=int)
    parser.add_argument("kind", choices=list(KINDS), nargs="?", default="all")
    options = parser.parse_args()
    return show(options.kind, options.seed)


if __name__ == "__main__":
    sys.exit(main())
