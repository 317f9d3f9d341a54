"""Every example program delivers what its header states: volumes by kind to a step, and no alarm but the stated ones.

Owns: reading the headers, and the comparison with a rehearsal on the simulated rig.
Rules: the stated totals are the tested ones; a kind or an alarm that is not stated must not occur; every program has at
least one statement.
Units: nL; a bolus may be half a step off, a base flow one step.
Leaves: the rehearsal to rigsim, files to pumprig.therapy.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pumprig.therapy import events, program
from pumprig.therapy.save import to_toml
from pumpwire import units
from pumpwire.spec import KINDS, alarms
from rigsim.rehearse import START_UTC_US, rehearse

FOLDER = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(path for path in FOLDER.glob("*.toml") if not path.stem.endswith("-events"))
STATED = re.compile(r'# rehearse --for "([^"]+)" --seed (\d+)(?: --events (\S+))?: (.+)')
VOLUME = re.compile(r"(\w+) (?:(\d+) x )?(-?[\d.]+?)(?:\.\.(-?[\d.]+))? (ul|ml)")


@dataclass
class Statement:
    """One line of a header: what a rehearsal of the program must give."""

    path: Path
    for_ms: int
    seed: int
    events: str | None
    kinds: dict[str, tuple[float, float, int]] = field(
        default_factory=dict
    )  # lowest, highest nL, count of boluses
    refused: int = 0
    alarms: set[str] = field(default_factory=set)


def nanolitres(number: str, unit: str) -> float:
    return float(number) * {"ul": 1_000, "ml": 1_000_000}[unit]


def statements(path: Path) -> list[Statement]:
    """The statements of a program's header."""
    found = []
    for duration, seed, name, text in STATED.findall(path.read_text(encoding="utf-8")):
        stated = Statement(path, units.parse(duration, "time"), int(seed), name or None)
        for part in text.split(";"):
            part = part.strip()
            if part.startswith("alarm "):
                stated.alarms = {each.strip() for each in part.removeprefix("alarm ").split(",")}
                assert stated.alarms <= {row[1] for row in alarms()}
            elif part.startswith("refused "):
                stated.refused = int(part.removeprefix("refused "))
            elif part != "no alarm":
                for item in part.split(","):
                    match = VOLUME.fullmatch(item.strip())
                    assert match, f"{path.name}: {item!r} is no volume"
                    kind, count, low, high, unit = match.groups()
                    assert kind in KINDS
                    times = int(count or 1)
                    bounds = (times * nanolitres(low, unit), times * nanolitres(high or low, unit))
                    stated.kinds[kind] = (*bounds, times)
        found.append(stated)
    return found


def by_name(stated: Statement) -> str:
    return stated.path.stem + ("+events" if stated.events else "")


def test_there_are_programs_for_every_way_to_deliver():
    modes = {program.load(path, START_UTC_US).mode for path in PROGRAMS}
    assert modes == {"minimum", "constant", "flex", "ramp", "phases"}
    assert len(PROGRAMS) >= 12


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_an_example_states_what_it_delivers_and_survives_being_saved(path, tmp_path):
    assert statements(path)
    loaded = program.load(path, START_UTC_US)
    saved = tmp_path / path.name
    saved.write_text(to_toml(loaded.document), encoding="utf-8")
    assert program.load(saved, START_UTC_US).text == loaded.text


@pytest.mark.parametrize("stated", [each for path in PROGRAMS for each in statements(path)], ids=by_name)
def test_an_example_delivers_to_a_step_what_it_states_and_alarms_nothing_else(stated):
    listed = events.load(FOLDER / stated.events, START_UTC_US) if stated.events else []
    report = rehearse(
        {
            "program": program.load(stated.path, START_UTC_US).text,
            "for_ms": stated.for_ms,
            "seed": stated.seed,
            "events": listed,
            "start_utc_us": START_UTC_US,
        }
    )
    step_nl = report["calibration"]["step_nl_num"] / report["calibration"]["step_nl_den"]
    for kind, given_nl in report["by_kind"].items():
        low, high, count = stated.kinds.get(kind, (0.0, 0.0, 1))
        slack_nl = max(1.0, count / 2) * step_nl + len(stated.kinds)  # each kind is shown in whole nL
        assert low - slack_nl <= given_nl <= high + slack_nl, kind
        if kind not in stated.kinds:
            assert given_nl == 0, kind
    assert sum(report["by_kind"].values()) == report["delivered_nl"]
    assert {row["name"] for row in report["alarms"]} == stated.alarms
    assert report["demand"]["refused"] == stated.refused
    assert report["log_verified"]
