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


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("pumprig -p si", "sim"),
        ("pumprig log show --event bolus_", "bolus_start"),
        ("pumprig calibrate apply ", "4711"),
        ("pumprig sta", "status"),
    ],
)
def test_the_shell_is_offered_ports_events_calibrations_and_commands(
    home, monkeypatch, capsys, typed, offered
):
    from pumprig.calibration import register

    kept = register.Record.__new__(register.Record)
    object.__setattr__(kept, "id", 4711)
    object.__setattr__(kept, "content", {"made_at": "2026-01-01"})
    monkeypatch.setattr(register, "records", lambda: [kept])
    words = typed.split(" ")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    monkeypatch.setenv("_PUMPRIG_COMPLETE", "bash_complete")
    with pytest.raises(SystemExit):
        cli.root.main([], prog_name="pumprig")
    assert f"plain,{offered}" in capsys.readouterr().out.split()
