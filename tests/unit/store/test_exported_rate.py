"""The base rate that an export tells of a record is the one at which the counted steps came."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from pumprig import cli

RAMP = """
name = "ramp"
[basal]
ramp = {start = "1 ml/day", step = "0.1 ml/day", interval = "1 h", ceiling = "3 ml/day"}
"""
EVENT = '[[event]]\nat = "{} min"\ndo = "titrate"\nramp = "{}"\n'
CUT = '[[event]]\nat = "{} min"\ndo = "power_cut"\nfor = "1 min"\n'
COURSES = {
    "held": [(150, "hold")],
    "held and let go": [(150, "hold"), (395, "go")],
    "stepped back": [(150, "back"), (395, "go"), (500, "back")],
    "held over a loss of power": [(150, "hold"), (300, ""), (395, "go")],
    "lost power, then held": [(150, ""), (305, "hold"), (395, "back")],
}


@pytest.mark.parametrize("course", COURSES)
def test_a_titration_is_told_at_the_rate_at_which_it_flows(
    course: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store, program, events = tmp_path / "log.db", tmp_path / "ramp.toml", tmp_path / "events.toml"
    program.write_text(RAMP)
    told = [EVENT.format(at, do) if do else CUT.format(at) for at, do in COURSES[course]]
    events.write_text("".join(told))
    words = ["rehearse", str(program), "--for", "10 h", "--events", str(events), "-o", str(store), "-q"]
    assert cli.run(words) == 0
    monkeypatch.setenv("PUMPRIG_DB", str(store))
    capsys.readouterr()
    assert cli.run(["log", "export", "--format", "jsonl", "-o", "-"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    judged = {}
    for one, other in pairwise(rows):
        span_us = other["mono_us"] - one["mono_us"]
        rate = one["base_rate_nl_per_h"]
        if one["boot"] != other["boot"] or span_us < 300_000_000 or rate != other["base_rate_nl_per_h"]:
            continue
        counted = (other["delivered_nl"] - one["delivered_nl"]) * 3_600_000_000 / span_us
        assert counted == pytest.approx(rate, rel=0.005), one["time"]
        judged[rate] = judged.get(rate, 0) + 1
    assert sum(judged.values()) > 30
    assert len(judged) > 2
