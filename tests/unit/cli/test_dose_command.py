"""`dispense` at the command line, against the simulated rig on a real pseudo-terminal."""

import json

import pytest
from pumprig import cli
from pumprig.rig.simulator import PrivateRig


@pytest.fixture
def tool(tmp_path, monkeypatch, capsys):
    """Run a command line; returns (exit code, stdout, stderr)."""
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))

    def call(*words):
        capsys.readouterr()
        code = cli.run([str(word) for word in words])
        return code, *capsys.readouterr()

    yield call
    PrivateRig(tmp_path / "state" / "sim").stop()


def test_a_dose_from_a_standing_pump_is_waited_for_and_told_to_the_step(tool):
    tool("-p", "sim", "stop")
    code, out, said = tool("-p", "sim", "dispense", "0.5 ul", "--over", "2 s", "--wait", "--yes", "--json")
    assert code == 0, said
    told = json.loads(out)
    assert (told["outcome"], told["counted_steps"]) == ("complete", told["requested_steps"])
    assert told["counted_nl"] == told["requested_nl"]
    assert told["u_nl"] > 0
    code, _out, said = tool("-p", "sim", "bolus", "0.5 ul", "--yes")
    assert code == 3
    assert "not running" in said
    assert tool("-p", "sim", "rate", "20 ul/h", "--yes")[0] == 0
    assert "stop the pump first" in tool("-p", "sim", "dispense", "0.5 ul", "--yes")[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dispense", "5 ul", "--over", "1 min", "--rate", "1 ul/h", "--yes"], "not both"),
        (["dispense", "0 ul", "--yes"], "outside the allowed range"),
        (["dispense", "5 ul", "--rate", "0 ul/h", "--yes"], "would never end"),
        (["dispense", "5 ul"], "Add --yes"),
    ],
)
def test_what_is_no_dose_exits_2_and_sends_nothing(tool, words, said):
    code, _out, error = tool(*words)
    assert code == 2
    assert said in error
