"""The requirement trace: every mark names a known requirement, and the page follows from the tests alone.

Owns: tests of tests/tracing.py.
Rules: runs a real pytest in a folder of its own where a run is needed.
Units: none.
Leaves: the requirements themselves to the tests that name them.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tracing

HEADER = "import pytest\n\n\n"


def run_pytest_with(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_case.py").write_text(HEADER + source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    paths = f"import sys; sys.path.insert(0, {str(tracing.ROOT / 'tests')!r})\n"
    hooks = "import tracing\ntracing.RESULTS = __import__('pathlib').Path('results.json').absolute()\n"
    mark = '    config.addinivalue_line("markers", "requirement(id): x")\n'
    (folder / "conftest.py").write_text(
        paths
        + hooks
        + "def pytest_configure(config):\n"
        + mark
        + "    config.pluginmanager.register(tracing.TracePlugin())\n"
    )
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_all_38_requirements_are_numbered_without_a_gap() -> None:
    rows, _ = tracing.requirements()
    assert list(rows) == [f"SR-{number:02}" for number in range(1, 39)]
    assert all(row.text and row.source for row in rows.values())


def test_no_test_of_the_tree_names_an_unknown_requirement_and_none_is_open_unless_allowed() -> None:
    assert tracing.problems() == []


def test_a_test_that_names_an_unknown_requirement_fails(tmp_path: Path) -> None:
    run = run_pytest_with(tmp_path, '@pytest.mark.requirement("SR-99")\ndef test_x():\n    assert True\n')
    assert run.returncode == 1
    assert "unknown requirement 'SR-99'" in run.stdout


def test_a_failed_case_among_passed_ones_makes_the_requirement_failed(tmp_path: Path) -> None:
    marks = '@pytest.mark.requirement("SR-01")\n@pytest.mark.parametrize("n", [1, 2, 3])\n'
    cases = marks + "def test_x(n):\n    assert n != 2\n"
    run = run_pytest_with(tmp_path, cases)
    assert run.returncode == 1
    kept = tracing.RESULTS
    try:
        tracing.RESULTS = tmp_path / "results.json"
        result = tracing.last_results()["test_case.py::test_x"]
        assert result.outcome == "failed"
        assert result.commit == tracing.commit()
        assert result.at.endswith("UTC")
    finally:
        tracing.RESULTS = kept


def test_the_tracked_page_says_nothing_of_any_run_and_a_trace_leaves_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked = tracing.ROOT / "docs" / "requirements.md"
    before = tracked.read_bytes()
    monkeypatch.setattr(tracing, "RESULTS", tmp_path / "results.json")
    pages = [tracing.page()]
    named = tracing.named_tests()
    rows = {named[0].node: "failed", named[1].node + "[a]": "passed"}
    made = {
        case: {"outcome": told, "at": "2026-01-01 00:00:00 UTC", "commit": "abc"}
        for case, told in rows.items()
    }
    tracing.RESULTS.write_text(json.dumps(made))
    pages.append(tracing.page())
    assert pages[0] == pages[1]
    assert not {"passed", "failed", "not run"} & {cell.strip() for cell in pages[0].split("|")}
    results = tracing.last_results()
    text, page = tracing.text_of(results), tracing.html_of(results)
    assert f"failed   {named[0].node}  2026-01-01 00:00:00 UTC at abc" in text
    assert "<td style='background:#f8d7d7'>failed</td>" in page
    assert tracked.read_bytes() == before
