"""The base installation: all but weighing works without the bench's libraries, and weighing says how they come."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pumprig.extras import BENCH, to_install
from pumprig.rig import simulator
from pumprig.rig.simulator import PrivateRig

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"
WITHOUT = (
    "import sys\n"
    f"for name in {BENCH!r}: sys.modules[name] = None\n"
    "from pumprig.cli import run\n"
    "sys.exit(run(sys.argv[1:]))\n"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    yield folder
    PrivateRig(folder / "state" / "sim").stop()


def run(home: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """A command in an interpreter that has none of the bench's libraries."""
    environment = {**simulator.environment(), "PUMPRIG_HOME": str(home)}
    line = [sys.executable, "-c", WITHOUT, *map(str, words)]
    done = subprocess.run(
        line, capture_output=True, text=True, env=environment, cwd=home, timeout=120, check=False
    )
    assert "did not foresee" not in done.stderr, done.stderr
    return done


def test_a_rig_is_programmed_run_logged_and_reported_with_the_base_alone(home: Path) -> None:
    for words in (
        ("program", "check", EXAMPLES / "night-step.toml"),
        ("-p", "sim", "calibrate", "nominal", "--per-rev", "10 ul", "--yes"),
        ("-p", "sim", "program", "load", EXAMPLES / "night-step.toml", "--yes"),
        ("-p", "sim", "status", "--json"),
        ("calibrate", "list"),
        ("-p", "sim", "bolus", "5 ul", "--over", "10 min", "--yes"),
        ("-p", "sim", "stop"),
        ("-p", "sim", "log", "pull"),
        ("log", "verify"),
        ("log", "total", "--json"),
        ("report", "-o", home / "report.html"),
        ("rehearse", EXAMPLES / "night-step.toml", "--for", "1 h"),
    ):
        done = run(home, *words)
        assert done.returncode == 0, (words, done.stderr)


@pytest.mark.parametrize(
    "words",
    [
        ("program", "plot", EXAMPLES / "night-step.toml", "-o", "week.svg"),
        ("calibrate", "fit", EXAMPLES / "calibration" / "weighing-20ul-per-h.csv"),
        ("sim", "--background", "--balance", "0"),
        ("accuracy", EXAMPLES / "calibration" / "weighing-20ul-per-h.csv", "--rate", "20 ul/h"),
    ],
)
def test_what_needs_the_bench_s_libraries_names_the_command_that_brings_them(
    home: Path, words: tuple[object, ...]
) -> None:
    done = run(home, *words)
    assert done.returncode == 1
    assert to_install("bench") in done.stderr
    assert "is not installed" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_other_module_of_the_tool_can_be_loaded_without_them() -> None:
    """Only the rooms of weighing may need them when they are loaded."""
    host = ROOT / "host" / "pumprig"
    rooms = ("calibration", "accuracy", "balance", "integrations")
    names = [
        ".".join(("pumprig", *path.relative_to(host).with_suffix("").parts)).removesuffix(".__init__")
        for path in sorted(host.rglob("*.py"))
        if path.relative_to(host).parts[0] not in rooms and path.name != "__main__.py"
    ]
    script = WITHOUT.rsplit("from pumprig", 1)[0] + "import importlib\n"
    script += f"for name in {names!r}: importlib.import_module(name)\n"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**simulator.environment(), **{k: v for k, v in os.environ.items() if k == "HOME"}},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
