"""The check on the host refuses flows above the hard limit, as the rig does, and names boluses that do not fit."""

from pathlib import Path

import pytest
from pumprig.errors import InputFileError
from pumprig.quantities import now_utc_us
from pumprig.therapy import forecast, program
from pumpwire import program as arithmetic

BASE = """name = "base"
[limits]
hard_max_rate = "250 ul/h"
[basal]
steps = [{{from = "00:00", rate = "10 ul/h"}}, {{from = "08:00", rate = "{base}"}}]
"""
PERIODIC = '[[periodic_bolus]]\nevery = "4 h"\nvolume = "100 ul"\nover = "{over}"\n'
DEMAND = '[demand_bolus]\nlockout = "1 h"\nmax_per_24h = 2\nvolume = "100 ul"\nover = "{over}"\n'


def loaded(tmp_path: Path, text: str) -> program.Program:
    path = tmp_path / "program.toml"
    path.write_text(text, encoding="utf-8")
    return program.load(path)


@pytest.mark.parametrize(
    ("bolus", "key"), [(PERIODIC, "periodic_bolus[0].over"), (DEMAND, "demand_bolus.over")]
)
def test_a_bolus_above_the_hard_limit_with_the_base_flow_is_refused_and_what_is_allowed_is(
    tmp_path: Path, bolus: str, key: str
) -> None:
    text = BASE.format(base="100 ul/h")
    with pytest.raises(InputFileError) as caught:
        loaded(tmp_path, text + bolus.format(over="39 min"))
    (fault,) = caught.value.faults
    assert f'{key} = "39 min": is 253.8 µL/h' in fault
    assert "above limits.hard_max_rate, 250 µL/h" in fault
    assert fault.endswith("allowed: 40 min and more")
    taken = loaded(tmp_path, text + bolus.format(over="40 min"))
    assert arithmetic.peak_rate(taken.document) == taken.document["hard_nl_per_day"]


def test_a_bolus_beside_a_base_flow_at_the_limit_is_refused_without_a_time_that_would_help(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputFileError) as caught:
        loaded(tmp_path, BASE.format(base="250 ul/h") + PERIODIC.format(over="1 h"))
    (fault,) = caught.value.faults
    assert "allowed" not in fault


@pytest.mark.parametrize(
    ("rows", "missed"),
    [
        ((("10 min", "10 min"),), False),
        ((("10 min", "5 min"), ("10 min", "5 min")), False),
        ((("10 min", "6 min"), ("10 min", "5 min")), True),
        ((("1 h", "59 min"), ("5 min", "50 s")), True),
        ((("1 h", "4 min"), ("5 min", "50 s")), False),
    ],
)
def test_boluses_that_need_more_time_than_there_is_are_warned_of(
    tmp_path: Path, rows: tuple[tuple[str, str], ...], missed: bool
) -> None:
    text = 'name = "rows"\n[basal]\nrate = "1 ul/h"\n'
    for every, over in rows:
        text += f'[[periodic_bolus]]\nevery = "{every}"\nvolume = "1 ul"\nover = "{over}"\n'
    warned = forecast.check(loaded(tmp_path, text), now_utc_us())["warnings"]
    told = [row["text"] for row in warned if row["key"] == "periodic_bolus"]
    assert len(told) == missed
    for text in told:
        assert "are missed" in text
