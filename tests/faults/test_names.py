"""Names that a terminal, a page, a spreadsheet or a picture might take for something else."""

import re

import pytest
from faults import names, rewritten
from pumprig import cli
from pumprig.rig.simulator import PrivateRig

SHORT = ("water [blue]", "rate [/min]", "=cmd|'/C calc'!A0", "$\\frac$", "<script>alert(1)</script>")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    yield tmp_path
    PrivateRig(tmp_path / "state" / "sim").stop()


def test_a_name_reaches_every_output_as_it_is(home):
    for name in SHORT:
        path = names.program(home, name)
        for words in names.OUTPUTS:
            command = words.replace("{file}", str(path))
            code, taken_s, out, err = rewritten.run("sim", home, command, as_json=False)
            assert code == 0, (name, words, err)
            assert rewritten.judged(code, taken_s, out, err, as_json=False) == "", (name, words)
            if words.startswith(("program check", "program load", "program show", "status")):
                assert name in out + err, (name, words, out, err)
        page = (home / "report.html").read_text(encoding="utf-8")
        assert "<script>alert" not in page
        cells = re.split(r"[,\n]", (home / "log.csv").read_text(encoding="utf-8"))
        assert [each for each in cells if re.match(r'"?[=+@]', each)] == []


@pytest.mark.parametrize("name", names.HIDDEN)
def test_a_name_with_a_hidden_character_is_refused_where_it_stands_and_shown(home, name, capsys):
    path = names.program(home, name)
    assert cli.run(["program", "check", str(path)]) == 1
    out, err = capsys.readouterr()
    assert f"{path}:1: name" in err
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", out + err)
