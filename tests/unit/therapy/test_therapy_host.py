"""The host's side of therapy: a bridge computed, a minimum rate by name, a correction by a refill, a time to begin.

Owns: the properties of therapy/bridge.py, `rate = "minimum"`, cli/refill.py, and the commands over a real link.
Rules: the real tool on the simulated rig; no mock of either.
Units: nL, nL/day, nL a revolution.
Leaves: what the rig makes of it to test_therapy_later.py and test_therapy_implant.py.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from pumprig import cli, quantities
from pumprig.cli.refill import correction_of
from pumprig.errors import PumpError
from pumprig.therapy import bridge, forecast, program
from pumpwire import documents

TRIAL = """name = "trial"
[drug]
name = "saline"
concentration = "1 mg/ml"
[catheter]
length = "60 cm"
volume_per_length = "2.6 ul/cm"
[limits]
hard_max_rate = "6 ml/day"
[basal]
{basal}
"""


def loaded(tmp_path: Path, text: str) -> program.Program:
    path = tmp_path / "program.toml"
    path.write_text(text, encoding="utf-8")
    return program.load(path)


@pytest.mark.requirement("SR-20")
@pytest.mark.parametrize(
    ("basal", "mean"),
    [
        ('rate = "0.3 ml/day"', 300_000),
        ('steps = [{from = "00:00", rate = "0.2 ml/day"}, {from = "12:00", rate = "0.4 ml/day"}]', 300_000),
        (
            'ramp = {start = "100 ug/day", step = "50 ug/day", interval = "12 h", ceiling = "1 mg/day"}',
            50_000,
        ),
    ],
)
def test_the_bridge_keeps_the_new_dose_with_the_old_fluid_for_the_line_s_volume(
    tmp_path: Path, basal: str, mean: int
) -> None:
    old = loaded(tmp_path, TRIAL.format(basal='rate = "0.3 ml/day"'))
    new = loaded(tmp_path, TRIAL.format(basal=basal).replace("1 mg/ml", "2 mg/ml"))
    bridged = bridge.auto(old, new)
    assert bridged.document["bridge"] == ((156_000, 2 * mean),)
    hours = forecast.check(bridged, quantities.now_utc_us())["bridge"]["hours"]
    assert hours == pytest.approx(156_000 / (2 * mean) * 24, abs=0.01)


def test_no_bridge_is_made_where_the_fluid_stays_or_there_is_nothing_before(tmp_path: Path) -> None:
    new = loaded(tmp_path, TRIAL.format(basal='rate = "0.3 ml/day"'))
    assert bridge.auto(new, new) == bridge.auto(None, new) == new
    same = loaded(tmp_path, TRIAL.format(basal='rate = "0.3 ml/day"').replace("1 mg/ml", "1000 ug/ml"))
    assert bridge.auto(new, same).document["bridge"] == ((0, 0),)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("saline", "water"), "no dose to keep"),
        (("1 mg/ml", "500 mg/ml"), "allowed"),
    ],
)
def test_a_bridge_that_cannot_be_computed_says_why_and_nothing_is_sent(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    text = TRIAL.format(basal='rate = "0.3 ml/day"')
    with pytest.raises(PumpError, match=said):
        bridge.auto(loaded(tmp_path, text), loaded(tmp_path, text.replace(*change)))


def test_a_line_of_unknown_volume_has_no_bridge(tmp_path: Path) -> None:
    text = TRIAL.format(basal='rate = "0.3 ml/day"').replace("[catheter]", "").replace('length = "60 cm"', "")
    text = text.replace('volume_per_length = "2.6 ul/cm"', "")
    with pytest.raises(PumpError, match="volume of the line"):
        bridge.auto(loaded(tmp_path, text), loaded(tmp_path, text.replace("1 mg/ml", "2 mg/ml")))


def test_minimum_is_a_rate_by_name_and_of_its_own_mode(tmp_path: Path) -> None:
    found = loaded(tmp_path, TRIAL.format(basal='rate = "minimum"'))
    assert found.mode == "minimum"
    assert found.document["basal"] == ((0, program.minimum_nl_per_day()),)


def test_the_configuration_may_name_another_minimum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('minimum_rate = "0.048 ml/day"\n', encoding="utf-8")
    program.minimum_nl_per_day.cache_clear()
    try:
        assert program.minimum_nl_per_day() == 48_000
    finally:
        program.minimum_nl_per_day.cache_clear()


def answer(**fields: int) -> dict[str, int]:
    """What the rig says of a refill that was off: 16 mL delivered by its count, 2 mL left by its estimate."""
    usual = {"estimated_nl": 2_000_000, "used_nl": 16_000_000, "u_base_nl": 90_000}
    return {**usual, "nl_num": 10_000, "nl_den": 1, **fields}


@pytest.mark.parametrize("found_nl", [1_200_000, 2_000_000, 2_800_000])
def test_the_corrected_calibration_would_have_estimated_what_was_found(found_nl: int) -> None:
    found = correction_of(answer(), found_nl)
    assert found is not None
    delivered_nl = 16_000_000 * found.nl_per_rev / 10_000
    assert 18_000_000 - delivered_nl == pytest.approx(found_nl, abs=1)
    assert found.u_ppm == pytest.approx(90_000 / 16_000_000 * 1e6, rel=0.1)
    weights = ((900,), (1_100,)) * 48
    parsed = documents.parse(found.text(weights))
    assert parsed["nl_num"] / parsed["nl_den"] == pytest.approx(float(found.nl_per_rev), rel=1e-9)
    assert parsed["angle_weights"] == weights
    assert documents.parse(found.text())["angle_weights"] == ()


def test_nothing_is_corrected_by_a_little_or_by_nothing_off() -> None:
    assert correction_of({"estimated_nl": 2_000_000}, 2_000_000) is None
    assert correction_of(answer(used_nl=1_000_000), 1_000_000) is None
    assert correction_of(answer(used_nl=100_000), 3_000_000) is None


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The real tool with a private simulated rig: rig("status") -> (exit code, stdout's document, stderr)."""
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path / "home"))
    folder = str(tmp_path / "rig")

    def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
        code = cli.run(["-p", "sim", "--state", folder, "--json", *words])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    yield call
    cli.run(["sim", "--stop", "--state", folder])


def test_load_later_titrate_tube_battery_and_refusals_over_a_real_link(
    rig: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trial.toml"
    ramp = 'ramp = {start = "0.1 ml/day", step = "0.05 ml/day", interval = "12 h", ceiling = "0.5 ml/day"}'
    path.write_text(TRIAL.format(basal=ramp), encoding="utf-8")
    assert rig(capsys, "program", "load", str(path), "--yes")[0] == 0
    code, status, _err = rig(capsys, "titrate", "hold", "--yes")
    assert (code, status["therapy"]["ramp"]) == (0, {"step": 0, "held": True})
    assert rig(capsys, "titrate", "back", "--yes")[0] == 3
    path.write_text(TRIAL.format(basal=ramp).replace("1 mg/ml", "2 mg/ml"), encoding="utf-8")
    code, refused, _err = rig(capsys, "program", "load", str(path), "--yes")
    assert code == 3
    assert "--bridge auto" in refused["next_step"]
    assert rig(capsys, "program", "load", str(path), "--yes", "--at", "2001-01-01T00:00:00Z")[0] == 2
    code, told, _err = rig(capsys, "program", "load", str(path), "--yes", "--bridge", "auto", "--at", "+2 h")
    assert code == 0
    assert told["status"]["waiting"]["begins_at"]
    code, shown, _err = rig(capsys, "program", "show")
    assert "[bridge]" in shown["waiting"]["toml"]
    assert shown["bridge"] is None
    code, _told, err = rig(capsys, "program", "load", str(path), "--yes", "--bridge", "auto", "--at", "+3 h")
    assert code == 0
    assert "a program waits for its time, to begin on " in err
    assert "the commit gives it up" in err
    assert rig(capsys, "stop")[0] == 0
    assert rig(capsys, "status")[1]["waiting"] is None
    assert rig(capsys, "tube", "new", "--yes")[1]["tube"]["since"]
    assert rig(capsys, "battery", "new", "--yes")[1]["battery"]["percent"] == 100
    code, refused, _err = rig(capsys, "prime", "4 ml", "--yes")
    code, told, _err = rig(capsys, "refill", "0.1 ml", "--yes")
    assert (code, told["correction"]) == (0, None)
    assert rig(capsys, "stop")[0] == 0
    code, refused, _err = rig(capsys, "prime", "4 ml", "--yes")
    assert code == 3
