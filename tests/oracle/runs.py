"""One random week from its seed to its disagreements; `python -m oracle.runs SEED KIND` shows one.

Owns: the kinds of weeks that are drawn, and how one is repeated from its seed.
Rules: a line that names a disagreement also names the command that repeats it.
Units: hours of virtual time.
Leaves: drawing to weeks.py, running to drive.py, judging to judge.py.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from oracle import played, weather
from oracle.drive import Drive, Play
from oracle.files import file_faults
from oracle.judge import Judge
from oracle.scenario import Scenario
from oracle.weeks import CLASSES, Weeks


@dataclass(frozen=True)
class Kind:
    """What may be in a week, and its shortest and longest duration."""

    hours: tuple[float, float]
    classes: tuple[str, ...]
    presses_ms: tuple[int, ...] = ()  # of the stop button; else each as long as a press is

    def week(self, seed: int) -> Weeks:
        shortest, longest = self.hours
        return Weeks(seed, (int(shortest * 3_600), int(longest * 3_600)), self.classes)

    def scenario(self, seed: int) -> Scenario:
        """The week that a seed draws."""
        drawn = self.week(seed).scenario()
        if not self.presses_ms:
            return drawn
        draw = Random(seed)
        events = [
            replace(one, fields={"for_ms": draw.choice(self.presses_ms)}) if one.do == "press_stop" else one
            for one in drawn.events
        ]
        return replace(drawn, events=tuple(events))


BASE = ("days", "phases", "ramp", "zone", "hold")
KINDS = {
    "calm": Kind((1, 8), (*BASE, "clock", "refill")),
    "boluses": Kind((1, 2.5), ("days", "phases", "periodic", "bolus", "spread", "demand", "press", "cap")),
    "stops": Kind(
        (1, 3),
        (
            "days",
            "periodic",
            "stop",
            "prime",
            "refill",
            "occlude",
            "load",
            "bolus",
            "spread",
            "demand",
            "rate",
            "stall",
        ),
    ),
    "cuts": Kind(
        (1, 2.5), ("days", "phases", "periodic", "cut", "clock", "bolus", "demand", "press", "bridge", "rate")
    ),
    "weather": Kind(
        (1, 3),
        (
            *weather.CLASSES,
            *("days", "periodic", "bolus", "spread", "demand", "press", "stop", "cut", "clock"),
            *("bridge", "load", "rate", "typed", "cap", "refill"),
        ),
    ),
    "all": Kind((1, 3), CLASSES),
    "days": Kind((12, 96), CLASSES),
    "week": Kind((168, 168), CLASSES),
}
# Aimed at causes that cross each other: many in a short week.
AIMED = {
    "titrations": Kind(
        (0.5, 2.5), ("ramp", "hold", "cut", "clock", "zone", "days", "bridge", "load", "phases")
    ),
    "turns": Kind(
        (0.3, 1.5),
        ("periodic", "bolus", "spread", "demand", "press", "stop", "cut", "load", "bridge", "again"),
    ),
    "requests": Kind(
        (0.5, 3),
        ("cap", "demand", "press", "bolus", "spread", "cut", "clock", "rate", "load", "typed", "days"),
    ),
    "bridges": Kind(
        (0.3, 2),
        ("bridge", "load", "stop", "cut", "clock", "days", "press", "demand", "bolus", "rate", "again"),
    ),
    "apart": Kind(
        (0.5, 2),
        (
            *("refill", "found", "prime", "dispense", "calibrate", "stop", "cut"),
            *("tiny", "periodic", "occlude", "stall", "bolus"),
        ),
    ),
    "caps": Kind(
        (26, 40),
        (
            *("cap", "demand", "press", "bolus", "cut", "clock", "rate"),
            *("load", "zone", "days", "ramp", "hold", "bridge"),
        ),
    ),
    "tiny": Kind(
        (0.3, 1.5), ("periodic", "tiny", "spread", "bolus", "cut", "brownout", "stop", "rate", "days")
    ),
    "waits": Kind(
        (0.3, 2),
        (
            *("later", "load", "rate", "stop", "cut", "clock", "press", "demand", "bolus", "periodic"),
            *("spread", "bridge", "cap", "days", "occlude", "dispense"),
        ),
    ),
    "crowded": Kind(
        (1 / 12, 5 / 6),
        (
            *("crowded", "cut", "clock", "periodic", "demand", "press", "bridge", "load", "days", "bolus"),
            *("spread", "ramp", "hold", "phases"),
        ),
    ),
    "jostled": Kind((1 / 6, 10 / 9), ("crowded", "later", *CLASSES)),
    "presses": Kind(
        (0.3, 1.5),
        ("periodic", "bolus", "spread", "demand", "press", "stop", "cut", "load", "bridge", "again", "rate"),
        (1, 3, 8, 15, 25, 60, 200, 700, 2_500, 6_000),
    ),
}
KINDS.update(AIMED)

# Disagreements that are known and not yet settled: (kind, seed): what differs.
OPEN: dict[tuple[str, int], str] = {}
# Disagreements that fresh seeds found and that are settled, which stay so; and those that are open.
SETTLED: dict[str, tuple[int, ...]] = {
    "calm": (381_001_600,),
    "all": (
        801_000_588,
        801_001_876,
        391_000_170,
        81_000_479,
        81_000_571,
        81_000_761,
        121_400_056,
        131_000_125,
        141_000_012,
        141_000_048,
        141_000_138,
        191_000_959,
        201_000_081,
        203_000_265,
        204_000_260,
        205_000_087,
        206_000_460,
        314_000_084,
        321_000_162,
        321_000_489,
        321_000_756,
        351_000_271,
        351_000_466,
        351_000_474,
        401_000_056,
        372_000_976,
        401_002_069,
        401_002_375,
        401_002_574,
    ),
    "boluses": (391_000_222, 204_000_172, 351_000_210, 405_000_215),
    "cuts": (
        141_000_039,
        141_000_183,
        191_000_446,
        191_000_843,
        321_000_952,
        401_000_049,
        373_000_752,
        401_000_945,
    ),
    "days": (
        131_000_156,
        191_000_893,
        204_000_199,
        231_000_590,
        372_000_090,
        373_000_593,
        401_002_493,
        411_001_594,
    ),
    "stops": (81_000_739, 131_000_233, 191_000_025, 221_000_135, 373_000_439, 401_002_130, 411_004_630),
    "weather": (110, 161, 206, 208, 242, 396, 418, 639, 381_000_162, 381_000_764, 411_000_661),
    "titrations": (700_000_767,),
    "crowded": (1_001, 3_341),
    "requests": (700_001_520, 730_000_008),
    "apart": (700_000_179, 700_000_714, 700_003_410, 700_003_971),
    "tiny": (700_002_734, 700_002_824, 700_003_973, 700_003_997, 700_004_221, 730_000_042),
    "bridges": (760_000_011, 781_000_342, 781_000_536),
    "turns": (700_001_104, 700_001_502, 700_002_064, 700_003_350, 700_003_645, 740_000_130),
}


def weeks(kind: str, count: int) -> list[Any]:
    """The seeds of the gate; an open one is marked with what differs, and shown as expected to fail."""
    found: list[Any] = []
    for seed in (*range(count), *SETTLED.get(kind, ())):
        why = OPEN.get((kind, seed))
        marks = [pytest.mark.xfail(reason=why, strict=True)] if why else []
        found.append(pytest.param(seed, marks=marks))
    return found


def disagreement(kind: str, seed: int, play: Play = played.play) -> str:
    """Run and judge one; empty: model and rig agree."""
    scenario = KINDS[kind].scenario(seed)
    seen = Drive(scenario, play).run()
    faults = file_faults(scenario, seen) or (Judge(scenario, seen).run() if seen.rows else [])
    return "".join(f"{fault} [python -m oracle.runs {seed} {kind}]" for fault in faults)


def show(kind: str, seed: int) -> int:
    """Programs, events, the log up to the disagreement."""
    scenario = KINDS[kind].scenario(seed)
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
