"""Bridges, ramps and stall retries in a program's file: what they become, and how a fault in them is told.

Owns: the tables of a file that examples use once, with every fault of [bridge].
Rules: a fault names file, line, key, value and allowed range; all are told at once.
Units: nL, nL/day.
Leaves: what the examples deliver to test_examples.py.
"""

from io import StringIO

import pytest
from pumprig.cli.review import table_of
from pumprig.errors import InputFileError
from pumprig.therapy import forecast, program
from pumprig.therapy.review import settings_of
from rich.console import Console

NOW_US = 1_767_225_600_000_000
DAY_US = 86_400_000_000
HEAD = 'name = "t"\n[drug]\nname = "a"\nconcentration = "1 mg/ml"\n[limits]\nhard_max_rate = "1 ml/day"\n'
BASE = HEAD + '[basal]\nrate = "0.5 mg/day"\n'


def load(tmp_path, text):
    path = tmp_path / "p.toml"
    path.write_text(text)
    return program.load(path, NOW_US)


def test_a_bridge_keeps_the_dose_of_the_old_concentration_and_its_forecast_is_exact(tmp_path):
    loaded = load(tmp_path, BASE + '[bridge]\nvolume = "100 ul"\nold_concentration = "2 mg/ml"\n')
    assert loaded.document["bridge"] == ((100_000, 250_000),)
    facts = forecast.check(loaded, NOW_US)
    assert facts["bridge"] == {
        "volume_nl": 100_000,
        "rate_nl_per_h": pytest.approx(10_416.67, abs=0.01),
        "hours": 9.6,
    }
    assert facts["coming_days_nl"][:2] == [100_000 + 300_000, 500_000]
    assert facts["daily_basal_nl"] == 500_000


def test_a_change_without_a_bridge_is_named_and_saved_as_such(tmp_path):
    assert load(tmp_path, BASE + "[bridge]\nnone = true\n").document["bridge"] == ((0, 0),)


@pytest.mark.parametrize(
    ("bridge", "said"),
    [
        ('rate = "0.2 ml/day"', "bridge.volume: is missing"),
        ('volume = "1 ml"', "needs exactly one of rate, old_concentration"),
        ('volume = "1 ml"\nrate = "2 ml/day"', 'bridge.rate = "2 ml/day": allowed: 1 nl/day to'),
        ('volume = "30 ml"\nrate = "0.2 ml/day"', 'bridge.volume = "30 ml": allowed: 0.001 ul to 20 ml'),
        (
            'volume = "1 ml"\nold_concentration = "0.1 mg/ml"',
            "keeps the dose at 5 ml/day; allowed: 1 nl/day to 1 ml/day",
        ),
        ("none = true\nvolume = '1 ml'", "must be true, and then stands alone"),
        ('volume = "1 ml"\nrate = "0.2 ml/day"\nspeed = 3', "bridge.speed = 3: is not known here"),
    ],
)
def test_a_fault_in_a_bridge_names_line_key_value_and_range(tmp_path, bridge, said):
    with pytest.raises(InputFileError) as raised:
        load(tmp_path, BASE + f"[bridge]\n{bridge}\n")
    assert any(said in fault for fault in raised.value.faults), raised.value.faults
    assert all(int(fault.split("p.toml:")[1].split(":")[0]) >= 9 for fault in raised.value.faults)


def test_a_mixture_shows_every_drug_and_only_the_first_is_programmed(tmp_path):
    text = BASE.replace('"1 mg/ml"\n', '"1 mg/ml"\nalso = [{name = "b", concentration = "40 ug/ml"}]\n', 1)
    facts = forecast.check(load(tmp_path, text), NOW_US)
    assert [(dose["drug"], dose["ug_per_day"]) for dose in facts["doses"]] == [("a", 500), ("b", 20)]


def test_every_soft_limit_that_is_exceeded_is_told(tmp_path):
    text = BASE.replace("[limits]\n", '[limits]\nsoft_max_rate = "0.4 ml/day"\n')
    text += '[demand_bolus]\nvolume = "10 ul"\nover = "30 min"\nlockout = "1 h"\nmax_per_24h = 4\n'
    keys = [row["key"] for row in forecast.check(load(tmp_path, text), NOW_US)["warnings"]]
    assert keys == ["limits.soft_max_rate", "basal", "demand"]


def test_a_review_counts_the_days_from_what_the_reservoir_holds_now(tmp_path):
    loaded = load(tmp_path, BASE)
    full, half = (forecast.check(loaded, NOW_US, nl)["days_to_low"] for nl in (None, 10_000_000))
    assert (full, half) == (36.0, 16.0)


def test_a_review_marks_what_differs_in_words_and_fits_80_columns(tmp_path):
    old = load(tmp_path, BASE)
    new = load(tmp_path, BASE.replace("0.5 mg/day", "0.6 mg/day"))
    columns = [(name, each, forecast.check(each, NOW_US)) for name, each in (("now", old), ("new", new))]
    console = Console(width=80, no_color=True, record=True, file=StringIO())
    console.print(table_of(columns, NOW_US))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    marked = {line[1:].split("  ")[1].strip() for line in lines if line.startswith("*")}
    assert {"hash", "basal", "basal a day", "reservoir low"} <= marked
    assert "mode" not in marked
    assert settings_of(new, NOW_US)["basal"] == "25 ul/h"
