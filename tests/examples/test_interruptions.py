"""Every example, stopped and resumed, and cut from its power, at instants that matter: nothing lost, nothing twice.

Owns: the choice of the instants, and the account: asked = given + not given, to a step.
Rules: what is asked is computed here, in fractions, from the document; what was given is what the motor's pump turned;
after a cut the steps that the rig assumes may have left uncounted are the only slack.
Units: steps, nL, microseconds since the commit.
Leaves: random weeks to tests/oracle.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from pumprig.therapy import program as programs
from pumpwire import documents

from bench import START_UTC_US, Bench

FOLDER = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(path for path in FOLDER.glob("*.toml") if not path.stem.endswith("-events"))
INSTANTS = int(os.environ.get("PUMPRIG_INSTANTS", "3"))
S_US = 1_000_000
DAY_US = 86_400 * S_US
STOPPED_US = 90 * S_US
AFTER_US = 900 * S_US


def instants(document: dict[str, Any]) -> list[int]:
    """Round the commit, the records of the first minutes, and the begin and end of each first bolus."""
    found = [3_600 * S_US + 7, 20_000, 600 * S_US - 30_000, 480_000, 600 * S_US + 30_000, 11 * S_US]
    for every_s, _volume_nl, over_ms, first_s in document["periodic"]:
        due_us = (first_s or every_s) * S_US
        end_us = due_us + over_ms * 1_000
        found[:0] = [due_us + 40_000, end_us - 700_000, due_us - 60_000]
        found += [due_us - S_US, due_us + 900_000, end_us - 30_000, end_us + 30_000, end_us + S_US]
    for index in range(INSTANTS - len(found)):  # further ones, spread over two hours
        found.append((index * 2_654_435_761) % (7_200 * S_US))
    return found[:INSTANTS]


def base_nl(document: dict[str, Any], parts: list[tuple[int, int]]) -> Fraction:
    """What the base flow asks for in stretches of the program's time, in UTC where it follows the day."""
    total = Fraction(0)
    for from_us, to_us in parts:
        at_us = from_us
        while at_us < to_us:
            step_us = min(to_us - at_us, 60 * S_US - at_us % (60 * S_US))
            total += Fraction(rate_at(document, at_us) * step_us, DAY_US)
            at_us += step_us
    return total


def rate_at(document: dict[str, Any], at_us: int) -> int:
    """nL/day, read off the document; none of the examples changes its rate but at a whole minute."""
    for start, step, interval_s, ceiling in document["ramp"]:
        return min(ceiling, start + at_us // (interval_s * S_US) * step)
    end_us = 0
    for for_s, rate in document["phases"]:
        end_us += for_s * S_US
        if at_us < end_us:
            return int(rate)
    if document["phases"]:
        return int(document["phases"][-1][1])
    offset_s = [offset - 86_400 for from_s, offset in document["zone"] if from_s * S_US <= START_UTC_US][-1:]
    local_s = START_UTC_US // S_US + at_us // S_US + (offset_s or [0])[0]
    day = documents.WEEKDAYS[(local_s // 86_400 + 3) % 7]
    steps = document[day] or document["basal"]
    return [rate for from_s, rate in steps if from_s <= local_s % 86_400][-1]


class Ward:
    """A rig with an example program, its world starting at its commit."""

    def __init__(self, path: Path) -> None:
        loaded = programs.load(path, START_UTC_US)
        self.document = loaded.document
        self.bench = Bench(reservoir_nl=self.document["reservoir_nl"], clock=False)
        self.bench.act("clock", utc_us=START_UTC_US)
        self.bench.load(loaded.text, override=1)
        therapy = self.bench.sim.rig.therapy
        self.start_us: int = therapy.start_us
        self.pulses = self.bench.sim.pump.pulses_total

    def now_us(self) -> int:
        """Since the commit, on the rig's clock."""
        return int(self.bench.status()["mono_us"]) - self.start_us

    def run_to(self, at_us: int) -> None:
        """Let time pass up to an instant after the commit."""
        self.bench.sim.run_us(max(0, at_us - self.now_us()))

    def nl(self, steps: int) -> Fraction:
        """Volume of steps."""
        dosing = self.bench.sim.rig.dosing
        return Fraction(steps * dosing.volume_num, dosing.volume_den)

    def told(self, event: str) -> list[dict[str, str]]:
        """The words of an event's records."""
        return [dict(word.split("=", 1) for word in text.split()) for text in self.bench.events(event)]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_stop_and_a_resume_lose_what_fell_into_them_and_nothing_else(path: Path) -> None:
    for at_us in instants(programs.load(path, START_UTC_US).document):
        ward = Ward(path)
        ward.run_to(at_us)
        ward.bench.act("stop")
        stopped_us = ward.now_us()
        ward.run_to(stopped_us + STOPPED_US)
        ward.bench.act("resume")
        resumed_us = ward.now_us()
        ward.run_to(resumed_us + AFTER_US)
        end_us = ward.now_us()
        kinds = ward.bench.kinds()
        slack_nl = 3 * ward.nl(1) + Fraction(6_000_000 * 200_000, DAY_US)  # two ticks of command at each end
        if not ward.document["bridge"]:
            right_nl = base_nl(ward.document, [(0, stopped_us), (resumed_us, end_us)])
            assert abs(ward.nl(kinds["basal"]) - right_nl) <= slack_nl, (path.stem, at_us)
        asked = left = 0
        for every_s, volume_nl, over_ms, first_s in ward.document["periodic"]:
            first_us = (first_s or every_s) * S_US
            turns = max(0, -((first_us - end_us) // (every_s * S_US)))
            asked += round(turns * volume_nl / ward.nl(1))
            if turns and end_us < first_us + (turns - 1) * every_s * S_US + over_ms * 1_000:
                return  # it is not over: nothing to add up yet
        left += sum(int(row["steps"]) for row in ward.told("missed"))
        for row in ward.told("bolus_end"):
            if row["kind"] == "periodic":
                left += int(row["asked_steps"]) - int(row["done_steps"])
        assert abs(kinds["periodic"] + left - asked) <= 2, (path.stem, at_us)
        assert ward.bench.sim.pump.pulses_total - ward.pulses == sum(kinds.values())
        assert set(ward.bench.alarms()) <= {"low"}


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_power_cut_gives_no_bolus_twice_and_assumes_what_it_does_not_know(path: Path) -> None:
    for at_us in instants(programs.load(path, START_UTC_US).document):
        ward = Ward(path)
        ward.run_to(at_us)
        before = ward.bench.kinds()
        ward.bench.sim.power_off()
        ward.bench.wire.reset()
        ward.bench.sim.run_us(10 * S_US)
        ward.bench.sim.power_on()
        ward.bench.run("30 min")
        status, kinds = ward.bench.status(), ward.bench.kinds()
        assumed = status["assumed_steps"]
        lost = ward.bench.sim.pump.pulses_total - ward.pulses - sum(kinds.values())
        assert 0 <= lost <= assumed, (path.stem, at_us, lost, assumed)
        for every_s, volume_nl, _over_ms, first_s in ward.document["periodic"]:
            if len(ward.document["periodic"]) > 1:
                break
            turns = max(0, -(((first_s or every_s) * S_US - at_us - 1_800 * S_US) // (every_s * S_US)))
            assert kinds["periodic"] <= round(turns * volume_nl / ward.nl(1)) + 1, (path.stem, at_us)
        for row in ward.told("bolus_end"):
            assert int(row["asked_steps"]) - assumed <= int(row["done_steps"]) <= int(row["asked_steps"])
        assert kinds["basal"] >= before["basal"] - assumed
        assert set(ward.bench.alarms()) <= {"low", "power_return", "stopped_loaded"}, (path.stem, at_us)
