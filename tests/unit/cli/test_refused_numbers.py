"""A refusal's numbers are numbers, whatever reads them; its texts stay texts, though they look like numbers."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pumprig
import pytest
from pumprig import cli
from pumprig.rig.refusals import refused
from pumpwire.refusals import REFUSALS


@pytest.mark.parametrize(("name", "kind", "_meaning"), REFUSALS)
def test_each_field_of_a_refusal_is_of_its_kind(name: str, kind: str, _meaning: str) -> None:
    error = refused("bolus", {"code": "5", "name": "cap", name: "7200"})
    assert error.numbers == {name: "7200" if kind in ("text", "hex") else 7_200}
    assert json.loads(json.dumps(error.details()))["numbers"] == error.numbers
    wait_s = 7_200 if name == "wait_s" else None
    off_s = None if error.allowed_at is None else (error.allowed_at - datetime.now(UTC)).total_seconds()
    assert off_s == (None if wait_s is None else pytest.approx(wait_s, abs=60))


def test_a_rehearsal_has_the_figures_of_its_document_as_attributes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "calm.toml"
    path.write_text('name = "calm"\n[basal]\nrate = "20 ul/h"\n')
    events = [{"at": "1 h", "do": "stop"}, {"at": "90 min", "do": "resume"}]
    given = pumprig.rehearse(path, "2 h", events=events)
    assert given.asked_nl == given.delivered_nl + sum(row["nl"] for row in given.not_given)
    assert given.asked_nl == pytest.approx(40_000, abs=10)
    assert [row["why"] for row in given.not_given] == ["stopped"]
    assert cli.run(["rehearse", str(path), "--for", "2 h", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    contract = [
        "seed",
        "simulated_s",
        "wall_s",
        "delivered_nl",
        "true_nl",
        "commanded_nl",
        "by_kind",
        "demand",
        "alarms",
        "refills",
        "reservoir_nl",
        "power_cuts",
        "undelivered_nl",
        "loop",
        "log_records",
        "log_verified",
        "asked_nl",
        "not_given",
    ]
    for name in contract:
        assert type(getattr(given, name)) is type(document[name]), name


def test_a_rehearsal_tells_of_each_refusal_with_its_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, listed = tmp_path / "limited.toml", tmp_path / "events.toml"
    path.write_text(LIMITED)
    listed.write_text("".join(f"[[event]]\n{row}\n" for row in ASKED))
    words = ["rehearse", str(path), "--for", "6 h", "--events", str(listed)]
    assert cli.run([*words, "--json"]) == 0
    hasty, over, again = json.loads(capsys.readouterr().out)["refused"]
    assert (hasty["why"], hasty["numbers"]["limit_nl_per_day"]) == ("limit", 6_000_000)
    assert hasty["numbers"]["rate_nl_per_day"] == 240_000 + 100_000 * 1440
    assert over["why"] == "cap"
    assert over["numbers"]["short_nl"] == pytest.approx(40_000, abs=50)  # 240 + 100 uL of 300
    assert again["why"] == "lockout"
    assert again["numbers"]["wait_s"] == pytest.approx(3_600, abs=2)
    assert cli.run(words) == 0
    told = capsys.readouterr().out
    assert "(lockout; wait 1 h)" in told
    assert "rate 6.01 mL/h; limit 250 µL/h (6 mL/day))" in told


LIMITED = """name = "limited"
[limits]
hard_max_rate = "6 ml/day"
max_per_24h = "300 ul"
[basal]
rate = "10 ul/h"
[demand_bolus]
volume = "1 ul"
over = "1 min"
lockout = "2 h"
max_per_24h = 6
"""
ASKED = [
    'at = "1 h"\ndo = "bolus"\nvolume = "100 ul"\nover = "1 min"',
    'at = "2 h"\ndo = "bolus"\nvolume = "100 ul"\nover = "1 h"',
    'at = "3 h"\ndo = "demand"',
    'at = "4 h"\ndo = "demand"',
]
