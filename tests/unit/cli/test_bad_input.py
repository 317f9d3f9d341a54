"""What a command refuses before it does anything, and how: exit code, one document, nothing written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pumprig import cli

EXAMPLES = Path(__file__).parents[3] / "examples"
WEIGHING = EXAMPLES / "calibration" / "weighing-20ul-per-h.csv"
Tool = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Run a command with --json; (exit code, the one document, stderr)."""
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PUMPRIG_DB", raising=False)

    def call(*words: object) -> tuple[int, dict[str, Any], str]:
        code = cli.run(["--json", *map(str, words)])
        out, err = capsys.readouterr()
        return code, json.loads(out), err

    return call


@pytest.mark.parametrize(
    "words",
    [
        ("launch",),
        ("rate",),
        ("accuracy", "absent.csv"),
        ("sim", "--speed", "nan"),
        ("calibrate", "fit", WEIGHING, "--steps-per-rev", "nan"),
        ("calibrate", "fit", WEIGHING, "--plot", "fit.bmp"),
        ("accuracy", WEIGHING, "--rate", "20 ul/h", "--plot", "noplace/fit.svg"),
        ("program", "plot", EXAMPLES / "demo.toml", "-o", "picture"),
        ("rehearse", EXAMPLES / "demo.toml", "--for", "1 h", "-o", "noplace/run.db"),
        ("rehearse", EXAMPLES / "demo.toml", "--for", "1 h", "--start", "0001-01-01"),
        ("rehearse", EXAMPLES / "demo.toml", "--for", "0 s"),
        ("log", "total", "--from", "9999-12-31"),
        ("calibrate", "nominal", "--per-rev", "10 ml", "--yes"),
        ("calibrate", "nominal", "--per-rev", "1 nl", "--yes"),
    ],
)
def test_bad_usage_is_one_document_with_exit_2_and_leaves_nothing(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[object, ...]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    code, said, err = tool(*words)
    assert (code, said["exit_code"]) == (2, 2), err
    assert said["error"]
    assert said["not_done"]
    assert "Traceback" not in err
    assert "did not foresee" not in err
    assert list((tmp_path / "here").iterdir()) == []


def test_reading_a_log_that_is_not_there_makes_none(tool: Tool, tmp_path: Path) -> None:
    for words in (("show",), ("verify",), ("total",), ("export", "-o", tmp_path / "log.csv")):
        code, said, _err = tool("log", *words)
        assert code == 1
        assert "There is no database" in said["error"]
    assert not (tmp_path / "home" / "data").exists()


@pytest.mark.parametrize(("factor", "unit"), [(1e-3, "kilograms"), (1e3, "milligrams")])
def test_accuracy_refuses_masses_in_another_unit(
    tool: Tool, tmp_path: Path, factor: float, unit: str
) -> None:
    head, *rows = [line for line in WEIGHING.read_text().splitlines() if not line.startswith("#")]
    column = head.split(",").index("mass_g")
    changed = [row.split(",") for row in rows]
    for row in changed:
        row[column] = f"{float(row[column]) * factor:.7f}"
    path = tmp_path / "other.csv"
    path.write_text("\n".join([head, *(",".join(row) for row in changed)]) + "\n")
    code, said, _err = tool("accuracy", path, "--rate", "20 ul/h")
    assert code == 1
    assert unit in said["error"]


def test_a_volume_per_revolution_that_no_head_has_is_refused(tool: Tool, tmp_path: Path) -> None:
    t_s = np.arange(0.0, 7_200.0, 10.0)
    lines = ["t_s,mass_g,steps", *(f"{t:g},{20.0 * t / 3600.0:.4f},{int(t * 1.8)}" for t in t_s)]
    path = tmp_path / "milligrams.csv"
    path.write_text("\n".join(lines) + "\n")
    code, said, _err = tool("calibrate", "fit", path)
    assert code == 1
    assert "µL per revolution" in said["error"]


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ('do = "set_clock"\nto = "yesterday"', "ISO 8601 time with a zone"),
        ('do = "set_clock"\nto = "2026-03-01T08:00"', "ISO 8601 time with a zone"),
        ('do = "set_clock"\nby = "banana"', "banana"),
        ('do = "back_pressure"\npressure = "99999 psi"', "0 to 200 kPa"),
        ('do = "back_pressure"\npressure = "40"', "units: pa, kpa"),
    ],
)
def test_an_event_that_cannot_be_is_refused_with_its_line(
    tool: Tool, tmp_path: Path, event: str, told: str
) -> None:
    path = tmp_path / "events.toml"
    path.write_text(f'[[event]]\nat = "10 min"\n{event}\n')
    code, said, err = tool("rehearse", EXAMPLES / "demo.toml", "--for", "1 h", "--events", path)
    assert code == 1
    assert "events.toml:4" in err
    assert told in " ".join(said["faults"])


def test_a_cap_below_the_base_flow_of_a_day_is_refused_with_its_line(tool: Tool, tmp_path: Path) -> None:
    path = tmp_path / "cap.toml"
    path.write_text(
        (EXAMPLES / "night-step.toml").read_text().replace('max_per_24h = "1.2 ml"', 'max_per_24h = "250 ul"')
    )
    code, said, err = tool("program", "check", path)
    assert code == 1
    assert "cap.toml:21" in err
    assert "310.83 µL" in said["faults"][0]


def test_a_file_may_begin_with_a_byte_order_mark(tool: Tool, tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_bytes(b"\xef\xbb\xbf" + (EXAMPLES / "constant.toml").read_bytes())
    assert tool("program", "check", path)[0] == 0


def test_a_rehearsal_tells_what_the_rig_refused(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "fast.toml").write_text(
        (EXAMPLES / "constant.toml")
        .read_text()
        .replace("0.25 ml/day", "2400 ml/day")
        .replace("1 ml/day", "2500 ml/day")
    )
    path = tmp_path / "events.toml"
    path.write_text(
        '[[event]]\nat = "10 min"\ndo = "bolus"\nvolume = "9 ml"\n[[event]]\nat = "20 min"\ndo = "load"\n'
        'program = "fast.toml"\n'
    )
    words = ("rehearse", EXAMPLES / "constant.toml", "--for", "1 h", "--events", path)
    code, said, err = tool(*words)
    assert code == 0, err
    assert [row["verb"] for row in said["refused"]] == ["bolus", "stage"]


def stored(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "run.db"
    code, _said, err = tool("rehearse", EXAMPLES / "demo.toml", "--for", "6 h", "-o", path)
    assert code == 0, err
    monkeypatch.setenv("PUMPRIG_DB", str(path))
    return path


def test_a_log_with_a_gap_or_an_edit_is_one_document_and_fails(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(tool, tmp_path, monkeypatch)
    code, said, _err = tool("log", "verify")
    assert (code, said["verified"]) == (0, True)
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM records WHERE number BETWEEN 10 AND 12")
    code, said, _err = tool("log", "verify")
    assert (code, said["verified"], said["gaps"]) == (1, False, [[10, 12]])
    with sqlite3.connect(path) as db:
        (raw,) = db.execute("SELECT raw FROM records WHERE number = 20").fetchone()
        db.execute("UPDATE records SET raw = ? WHERE number = 20", (raw[:40] + b"\x00" + raw[41:],))
    code, said, _err = tool("log", "verify")
    assert (code, said["verified"]) == (1, False)
    assert {row["record"] for row in said["faults"]} >= {10, 20, 21}


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 50_000 + "]" * 50_000, "a" + ".a" * 50_000 + " = 1", "a = " + "1" * 5_000],
    ids=["lists", "keys", "digits"],
)
def test_a_file_that_nests_beyond_measure_is_no_program_and_nothing_worse(tmp_path, capsys, text):
    path = tmp_path / "deep.toml"
    path.write_text(text)
    assert cli.run(["program", "check", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "deep.toml" in err
    assert "did not foresee" not in err


def test_of_thousands_of_faults_twenty_are_told_and_all_are_in_the_document(tmp_path, capsys):
    steps = ",\n".join(f'{{from = "{i // 60 % 24:02}:{i % 60:02}", rate = "x"}}' for i in range(8_000))
    path = tmp_path / "many.toml"
    path.write_text(f'name = "x"\n[basal]\nsteps = [\n{steps}]\n')
    assert cli.run(["--json", "program", "check", str(path)]) == 1
    out, err = capsys.readouterr()
    assert len(json.loads(out)["faults"]) >= 8_000
    assert len(err.splitlines()) == 22
    assert "more; --json lists them all" in err


@pytest.mark.parametrize(
    "words",
    [
        ("rehearse", EXAMPLES / "demo.toml", "--for", "1 h", "-o", "-"),
        ("console", "--record", "-"),
        ("calibrate", "record", "--balance", "/dev/null", "--for", "1 min", "-o", "-"),
        ("calibrate", "fit", WEIGHING, "--certificate", "-"),
        ("calibrate", "report", "1", "-o", "-"),
        ("doctor", "--bring-up", "--record", "-"),
        ("program", "plot", EXAMPLES / "demo.toml", "-o", "-"),
    ],
)
def test_what_standard_output_cannot_be_makes_no_file_of_that_name(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str | Path, ...]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert tool(*words)[0] == 2
    assert list((tmp_path / "here").iterdir()) == []


def test_a_program_that_goes_to_standard_output_is_the_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["program", "new", "-"]) == 0
    (tmp_path / "new.toml").write_bytes(capfdbinary.readouterr().out)
    assert [path.name for path in tmp_path.iterdir()] == ["new.toml"]
    assert cli.run(["program", "check", "new.toml", "-q"]) == 0
