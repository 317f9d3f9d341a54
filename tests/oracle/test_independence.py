"""The reference model shares nothing with what it judges, and sees what is wrong.

Owns: what the oracle's files may import; planted faults that the judge must find.
Rules: imports are read from the source; a planted fault is one change of what was seen.
Units: none.
Leaves: whether the firmware is right to the other tests.
"""

import ast
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from oracle.drive import Drive
from oracle.judge import Judge
from oracle.program import Demand, Periodic, Program
from oracle.scenario import Event, Scenario

FOLDER = Path(__file__).parent
DRIVES = {"drive.py", "runs.py", "played.py", "apart.py"}  # bring the two together
JUDGING = sorted(
    path for path in FOLDER.glob("*.py") if path.name not in DRIVES and not path.name.startswith("test_")
)


@pytest.mark.parametrize("path", JUDGING, ids=lambda path: path.name)
def test_model_generator_and_judge_import_the_standard_library_and_each_other_alone(path):
    own = {f"oracle.{one.stem}" for one in JUDGING}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = (
                [node.module] if node.module != "oracle" else [f"oracle.{alias.name}" for alias in node.names]
            )
        for name in names:
            assert name in own or name.split(".")[0] in sys.stdlib_module_names, f"{path.name} imports {name}"


PROGRAM = Program(
    "planted",
    days={"": ((0, 240_000), (3_600, 480_000))},
    demand=Demand(3_000, 60_000, 600, 2),
)
EVENTS = (
    Event(600_000, "press_bolus"),
    Event(900_000, "press_bolus"),
    Event(1_500_000, "bolus", {"volume_nl": 5_000, "over_ms": 300_000}),
    Event(1_600_000, "power_cut", {"for_ms": 10_000}),
    Event(2_400_000, "stop"),
    Event(2_460_000, "resume"),
)
SCENARIO = Scenario(1, 1_767_225_600_000_000, PROGRAM, EVENTS, 7_200_000)


@pytest.fixture(scope="module")
def seen():
    return Drive(SCENARIO).run()


def at(seen, event, **fields):
    """The first record of an event with these fields."""
    for k, row in enumerate(seen.rows):
        if row.event == event and all(row.fields.get(name) == value for name, value in fields.items()):
            return k
    raise AssertionError(f"no {event} {fields} in the log")


def judged(seen, rows):
    return Judge(SCENARIO, replace(seen, rows=rows)).run()


def test_what_the_firmware_did_is_right(seen):
    assert judged(seen, seen.rows) == []


@pytest.mark.parametrize("kind", ["basal", "demand", "single"])
def test_five_steps_too_many_of_any_kind_are_seen(seen, kind):
    last = len(seen.rows) - 1
    state = dict(seen.rows[last].state)
    state[f"{kind}_steps"] += 5
    assert judged(seen, [*seen.rows[:last], replace(seen.rows[last], state=state)])


@pytest.mark.parametrize("event", ["bolus_start", "bolus_end", "power_return", "command", "request"])
def test_a_record_that_is_not_there_is_seen(seen, event):
    fields = {"verb": "stop"} if event == "command" else {}
    k = at(seen, event, **fields)
    assert judged(seen, seen.rows[:k] + seen.rows[k + 1 :])


def test_a_bolus_that_begins_a_second_late_is_seen(seen):
    k = at(seen, "bolus_start", kind="single")
    late = replace(seen.rows[k], mono_us=seen.rows[k].mono_us + 1_000_000)
    assert judged(seen, [*seen.rows[:k], late, *seen.rows[k + 1 :]])


@pytest.mark.parametrize("why", ["busy", "count", "cap"])
def test_a_wrong_reason_of_a_refusal_is_seen(seen, why):
    k = at(seen, "refused", why="lockout")
    wrong = replace(seen.rows[k], fields={**seen.rows[k].fields, "why": why})
    assert judged(seen, [*seen.rows[:k], wrong, *seen.rows[k + 1 :]])


def test_a_refusal_without_a_reason_is_seen(seen):
    k = at(seen, "request")
    wrong = replace(seen.rows[k], event="refused", fields={"what": "request", "why": "lockout"})
    assert judged(seen, [*seen.rows[:k], wrong, *seen.rows[k + 1 :]])


@pytest.mark.parametrize("name", ["cap", "stall", "over_infusion", "low", "restarts"])
def test_an_alarm_without_a_cause_is_seen(seen, name):
    k = at(seen, "checkpoint")
    false = replace(seen.rows[k], event="alarm", fields={"name": name})
    assert judged(seen, [*seen.rows[:k], false, *seen.rows[k:]])


@pytest.mark.parametrize(("name", "by"), [("assumed_steps", -400), ("assumed_steps", 3_000)])
def test_a_loss_that_is_not_covered_or_far_too_large_is_seen(seen, name, by):
    rows = list(seen.rows)
    k = at(seen, "power_return")
    for n in range(k, len(rows)):
        rows[n] = replace(rows[n], state={**rows[n].state, name: max(0, rows[n].state.get(name, 0) + by)})
    assert judged(seen, rows)


def test_a_bolus_given_again_after_a_cut_is_seen(seen):
    k = at(seen, "power_return")
    rows = list(seen.rows)
    rows[k] = replace(rows[k], state={**rows[k].state, "bolus_done_steps": 0})
    assert judged(seen, rows)


def test_a_program_is_written_as_its_section_says():
    text = replace(PROGRAM, periodic=(Periodic(60, 100, 1_000, 0),), bridge=(0, 0)).toml()
    assert 'from = "01:00", rate = "480000 nl/day"' in text
    assert "none = true" in text
    assert 'first = "0 s"' in text
