"""What a person at the rig's own console reads of an answer: values with units, no name of a field.

Owns: the words of every field of every answer, and the table of names' endings that they rest on.
Rules: expected units come from the answers' own kinds, not from the names.
Units: as in pumpwire.answers.
Leaves: refusals to test_refusal_words.py.
"""

from __future__ import annotations

import re

import pytest
from pumpwire import answers, spec, units
from rig.line import terminal

from bench import Bench, program

FIELDS = sorted(
    {
        field
        for row in spec.commands()
        for _name, _often, fields in answers.rows_of(row[0])
        for field in fields
    }
)
# kind of a field in the table of answers -> the kind that its name's ending must say
BY_NAME = {
    "rate": "rate",
    "volume": "volume",
    "s": "time",
    "us": "us",
    "utc_us": "instant",
    "utc_s": "instant",
}
BY_NAME |= {"steps": "steps", "mv": "mV", "hz": "Hz", "ppm": "ppm"}
PLAIN = r"-?\d+(\.\d+)? "
SHOWN = {
    "rate": PLAIN + r"(ul/h|[num]l/day)$",
    "volume": PLAIN + "(ul|ml)$",
    "s": r"(\d+ (d|h|min|s) ?)+$",
    "us": r"(\d+ (d|h|min|s|ms) ?)+$",
    "steps": PLAIN + "steps$",
    "mv": PLAIN + "mV$",
    "hz": PLAIN + "Hz$",
    "ppm": PLAIN + "ppm$",
}


@pytest.mark.parametrize(("name", "kind"), FIELDS)
def test_a_field_is_read_with_its_unit_and_without_its_name(name: str, kind: str) -> None:
    kind = kind.rstrip("?")
    line = terminal.rows([((name.encode(), 7_265_001),)])[0]
    label, _, value = line.partition(": ")
    assert "_" not in label
    assert re.match(SHOWN.get(kind, "7265001( Pa)?$"), value), line


@pytest.mark.parametrize(("name", "kind"), FIELDS)
def test_a_name_s_ending_says_the_kind_that_the_table_of_answers_says(name: str, kind: str) -> None:
    kind = kind.rstrip("?")
    ending = next((row[1] for row in units.ENDINGS if name.endswith(row[0])), None)
    if name in ("outlet_pa", "pressure_pa"):
        assert ending == "Pa"
    else:
        assert ending == BY_NAME.get(kind), name


def test_a_change_is_told_in_the_units_in_which_it_was_typed() -> None:
    bench = Bench()
    bench.wire.call("close")
    bench.type("terminal")
    said = bench.type("rate 20 ml/day")
    assert "daily: 20 ml\r\nmax: 20 ml/day\r\n" in said
    said = bench.type("rate 30 ul/h")
    assert "daily: 720 ul\r\nmax: 30 ul/h\r\n" in said
    bench.type(f"commit {said.split('commit ')[1].split()[0]}")
    said = bench.type("bolus 5 ul over 1 h")
    assert "rate: 5 ul/h" in bench.type(f"commit {said.split('commit ')[1].split()[0]}")


def test_alarms_are_told_in_a_line_each_and_none_as_none() -> None:
    bench = Bench(clock=False)
    bench.load(program(basal=480_000))
    bench.wire.call("close")
    assert bench.type("alarms").split("\r\n")[1] == "none"
    bench.happen("press_stop")
    bench.run("3 min")
    lines = bench.type("alarms").split("\r\n")[1:-1]
    assert lines == ["stop_button: low, for 3 min"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("wait_s", 7265, ("wait", "2 h 1 min 5 s")),
        ("over_ms", 90_500, ("over", "1 min 30 s 500 ms")),
        ("wait_s", 0, ("wait", "0 s")),
        ("moved_us", -1_234_999, ("moved", "-1 s 234 ms")),
        ("tube_utc_s", 1_800_000_000, ("tube utc s", "1800000000")),
        ("short_nl", -1_500, ("short", "-1.5 ul")),
    ],
)
def test_a_field_as_a_person_says_it(name: str, value: int, said: tuple[str, str]) -> None:
    assert units.said(name, value) == said


@pytest.mark.parametrize(
    ("rate_nl_per_day", "shown"),
    [
        *((999, "999 nl/day"), (1_000, "1 ul/day"), (333_333, "333.333 ul/day")),
        *((20_000_000, "20 ml/day"), (480_000, "20 ul/h"), (24, "0.001 ul/h")),
    ],
)
def test_a_rate_that_is_no_short_number_of_ul_per_h_is_shown_a_day(rate_nl_per_day: int, shown: str) -> None:
    assert units.show(rate_nl_per_day, "rate") == shown
    assert units.parse(shown, "rate") == rate_nl_per_day
