"""The requirement trace: every mark names a known requirement, and the page follows from the tests alone.

Owns: tests of tests/tracing.py.
Rules: runs a real pytest in a folder of its own where a run is needed.
Callers: pytest.
Units: none.
Leaves: the requirements themselves to the tests that name them.
"""

import subprocess
import sys
from pathlib import Path

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
        assert tracing.last_results() == {"test_case.py::test_x": "failed"}
    finally:
        tracing.RESULTS = kept
