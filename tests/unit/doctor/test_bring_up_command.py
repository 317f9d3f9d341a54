"""The walk through the bring-up checklist on a terminal of its own.

Owns: tests of pumprig.cli.bring_up.
Rules: a real pty stands for the terminal; no rig is needed up to the first step that reads one.
Units: none.
Leaves: the judgement of answers to test_hardware.py.
"""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

HOST = Path(__file__).resolve().parents[3] / "host"
WALK = (
    "import sys; sys.path[:0] = [{host!r}, {lib!r}]\n"
    "from pumprig.cli.bring_up import bring_up\n"
    "from pumprig.cli.settings import Settings\n"
    "from pumprig.errors import PumpError\n"
    "from pathlib import Path\n"
    "try:\n"
    "    bring_up(Settings(port='/dev/does-not-exist', json=True), 'coils', {begin}, Path({record!r}))\n"
    "except PumpError as error:\n"
    "    print(error, file=sys.stderr); sys.exit(error.exit_code)\n"
)

TO_GREETING = "y\n9000\n9000\n9000\n90000\n12.0\n1.2\n4.7\n0.1\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    return tmp_path


def walk(answers: str | None, begin: int | None = None) -> tuple[int, str, str]:
    lib, record = str(HOST.parent / "firmware" / "lib"), os.environ["PUMPRIG_HOME"] + "/record.html"
    source = WALK.format(host=str(HOST), lib=lib, begin=begin, record=record)
    if answers is None:
        run = subprocess.run(
            [sys.executable, "-c", source], capture_output=True, text=True, input="", timeout=60, check=False
        )
        return run.returncode, run.stdout, run.stderr
    near, far = pty.openpty()
    try:
        os.write(near, answers.encode())
        run = subprocess.run(
            [sys.executable, "-c", source], stdin=far, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        os.close(near)
        os.close(far)
    return run.returncode, run.stdout, run.stderr


def test_a_no_ends_the_walk_with_the_hint_and_says_how_much_was_not_done() -> None:
    code, document, said = walk("n\n")
    assert code == 1
    assert '"passed": false' in document
    assert "17 steps were not done" in said
    assert "reversed capacitor" in said


def test_a_rig_that_does_not_answer_fails_its_step_by_name() -> None:
    code, document, said = walk(TO_GREETING)
    assert code == 1
    assert '"step": "greeting", "passed": false' in document
    assert "does-not-exist" in said


def test_a_measurement_out_of_its_window_is_wrong() -> None:
    code, document, said = walk("y\n12\n9000\n9000\n90000\n")
    assert code == 1
    assert '"step": "shorts", "passed": false, "found": "supply_ohm 12; vsys_ohm 9000;' in document
    assert '"fault": "supply_shorted"' in document
    assert "WRONG (supply_shorted)" in said
    assert "Do not switch on" in said


def test_without_a_terminal_nothing_is_asked_and_nothing_is_checked() -> None:
    code, document, said = walk(None)
    assert (code, document) == (2, "")
    assert "Nothing was checked" in said


def test_a_walk_goes_on_where_it_ended_or_where_it_is_told_and_the_record_has_every_step(home: Path) -> None:
    assert walk("y\n12\n9000\n9000\n90000\n")[0] == 1
    code, document, said = walk(TO_GREETING.removeprefix("y\n"))
    assert code == 1
    assert "it goes on there" in said
    assert '"step": "shorts", "passed": true' in document
    assert '"step": "greeting", "passed": false' in document
    page = (home / "record.html").read_text(encoding="utf-8")
    assert page.count("<tr><td>") == 5
    assert "not finished" in page
    assert "signature" in page
    again = walk("n\n", 1)
    assert '"passed": false' in again[1]


def test_a_step_that_there_is_not_is_refused(home: Path) -> None:
    code, _document, said = walk("", 99)
    assert code == 2
    assert "There is no step 99" in said
