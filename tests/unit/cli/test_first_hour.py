"""What somebody new does first: a program to begin from, a mistyped command, a simulated rig that already runs."""

import json

import pytest
from pumprig import cli
from pumprig.rig.simulator import PrivateRig


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    yield tmp_path
    PrivateRig(tmp_path / "state" / "sim").stop()


def test_program_new_writes_a_program_that_the_check_takes_and_no_other_file(tmp_path, capsys):
    path = tmp_path / "mine.toml"
    assert cli.run(["program", "new", str(path)]) == 0
    assert cli.run(["--json", "program", "check", str(path)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["name"] == "my program"
    path.write_text("mine")
    assert cli.run(["program", "new", str(path)]) == 1
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("typed", "meant"), [("stauts", "status"), ("rehears", "rehearse"), ("stopp", "stop")]
)
def test_a_mistyped_command_is_answered_with_what_may_be_meant(typed, meant, capsys):
    assert cli.run([typed]) == 2
    assert f"Did you mean `{meant}`" in capsys.readouterr().err


def test_a_private_rig_that_runs_is_told_and_left_alone_and_new_begins_another(home, capsys):
    begin = ["--json", "sim", "--background", "--speed", "7", "--balance"]
    assert cli.run([*begin, "--seed", "3"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["balance"].startswith("/dev/")
    assert cli.run(begin) == 1
    told = json.loads(capsys.readouterr().out)
    assert "speed 7, seed 3, balance /dev/" in told["error"]
    assert "--new" in told["next_step"]
    assert cli.run([*begin, "--new", "--seed", "4"]) == 0
    assert PrivateRig(home / "state" / "sim").facts()["seed"] == 4
