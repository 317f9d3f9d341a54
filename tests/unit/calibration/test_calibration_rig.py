"""`calibrate run` on the simulated rig and its balance: real ports, the real firmware, a hundred times real time."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from rigsim.geometry import load_head
from rigsim.physics.truth import draw

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals need Linux or macOS")

SEED = 7
RATE_NL_PER_H = 1_000_000.0
RUN = ["--rate", "1 ml/h", "--for", "7 min", "--blank", "2 min", "--run-in", "1 min", "--speed", "100"]


def truth_nl_per_rev() -> float:
    """What a revolution of this rig gives at the rate, by its physics."""
    truth, head = draw(SEED), load_head()
    rev_per_s = RATE_NL_PER_H / 3600.0 / head.nl_per_rev
    lost = truth.rate_loss * rev_per_s / (rev_per_s + truth.rate_half_rev_per_s)
    return head.nl_per_rev * truth.stroke_factor * (1.0 - lost)


class Lab:
    """A rig with a balance, and command lines that use them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children: list[subprocess.Popen[str]] = []
        roots = [str(Path(__file__).resolve().parents[3] / name) for name in ("host", "firmware/lib")]
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(roots),
            "PUMPRIG_HOME": str(folder / "home"),
        }
        self.rig = self.power_on()

    def start(self, *words: str, **pipes: int | None) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-m", *words], env=self.environment, cwd=self.folder, text=True, **pipes
        )
        self.children.append(child)
        return child

    def power_on(self) -> subprocess.Popen[str]:
        words = ["rigsim", "serve", "--link", "rig", "--balance", "balance", "--speed", "100"]
        rig = self.start(*words, "--seed", str(SEED), "--state", "state", stdout=subprocess.PIPE)
        assert rig.stdout is not None
        assert rig.stdout.readline().startswith("ready ")
        assert rig.stdout.readline().startswith("balance ")
        return rig

    def run(self, *words: str) -> subprocess.Popen[str]:
        begin = ["pumprig", "-p", "rig", "--json", "calibrate", "run", "--balance", "balance", "--yes"]
        begin += ["--folder", "run", "--every", "2 s"]
        return self.start(*begin, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    for child in made.children:
        if child.poll() is None:
            child.kill()
        child.wait(10)
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()


def wait_for(stream: IO[str] | None, text: str) -> None:
    """Read lines until one holds `text`."""
    assert stream is not None
    while text not in (line := stream.readline()):
        assert line, f"{text!r} never came"


def more_readings(folder: Path, count: int) -> None:
    """Wait until so many more readings are stored; a look every tenth of a second."""
    path = folder / "run" / "readings.csv"
    goal = len(path.read_text().splitlines()) + count
    for _ in range(400):
        if len(path.read_text().splitlines()) >= goal:
            return
        select.select([], [], [], 0.1)
    pytest.fail("the readings do not go on")


def test_a_nominal_calibration_makes_a_new_rig_move_and_says_how_little_it_knows(lab: Lab) -> None:
    def tool(*words: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "pumprig", "-p", "rig", "--json", *words],
            env=lab.environment, cwd=lab.folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    nominal = tool("calibrate", "nominal", "--per-rev", "9.97 ul", "--yes")
    assert nominal["u_nl_per_rev"] == 1994.0
    status = tool("status")
    assert status["calibration_id"] == nominal["id"]
    other = tool("calibrate", "nominal", "--per-rev", "9.98 ul", "--yes")
    assert other["id"] != nominal["id"], "a number stands for one volume for good"
    assert status["reservoir_u_nl"] > 0


def test_ctrl_c_stops_the_pump_keeps_the_readings_and_says_how_to_go_on(lab: Lab) -> None:
    run = lab.run(*RUN)
    wait_for(run.stderr, "2/4 run-in")
    more_readings(lab.folder, 5)
    run.send_signal(signal.SIGINT)
    out, _errors = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "--resume --folder run" in json.loads(out)["next_step"]
    status = subprocess.run(
        [sys.executable, "-m", "pumprig", "-p", "rig", "--json", "status"],
        env=lab.environment, cwd=lab.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(status.stdout)["state"] == "stopped"


def test_a_run_whose_host_was_killed_goes_on_and_gives_the_rig_s_true_volume(lab: Lab) -> None:
    first = lab.run(*RUN)
    wait_for(first.stderr, "3/4 run")
    more_readings(lab.folder, 20)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    out, errors = lab.run("--resume").communicate(timeout=60)
    assert "weighings" in out, out + errors
    (weighing,) = json.loads(out)["weighings"]
    error = abs(weighing["nl_per_rev"] - truth_nl_per_rev())
    assert error < 2 * weighing["u_nl_per_rev"] < 0.05 * truth_nl_per_rev(), (
        errors
    )  # the noise is drawn anew each time
    status = subprocess.run(
        [sys.executable, "-m", "pumprig", "-p", "rig", "--json", "status"],
        env=lab.environment, cwd=lab.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(status.stdout)["state"] == "stopped"
    assert "# simulated: true" in (lab.folder / "run" / "weighing-1.csv").read_text()
    raw = (lab.folder / "run" / "readings.csv").read_text().splitlines()[1:]
    assert all(line.rsplit(",", 1)[1].startswith("S ") for line in raw)


def test_a_rig_that_loses_its_power_in_a_run_goes_on_and_the_figure_is_not_given(lab: Lab) -> None:
    run = lab.run(*RUN)
    wait_for(run.stderr, "3/4 run")
    more_readings(lab.folder, 20)
    lab.rig.send_signal(signal.SIGKILL)
    lab.rig.wait(10)
    lab.power_on()
    out, errors = run.communicate(timeout=90)
    assert run.returncode == 1
    assert json.loads(out)["error"] == "run gives no weighing."
    assert "no weighing at 1000 µL/h: pump restarted at" in errors
    rows = (lab.folder / "run" / "readings.csv").read_text().splitlines()
    counted = [int(row.split(",")[2]) for row in rows if ",run," in row]
    assert counted[-1] > counted[0] + 25_000  # it was started again for what was left of the run
    times_s = [float(row.split(",")[0]) for row in rows[1:]]
    assert times_s == sorted(times_s)


def test_balance_and_counts_are_recorded_beside_a_running_therapy_and_shown_side_by_side(lab: Lab) -> None:
    begin = ["pumprig", "-p", "rig", "--json"]
    lab.start(*begin, "calibrate", "nominal", "--per-rev", "10 ul", "--yes", stdout=subprocess.DEVNULL).wait(
        60
    )
    lab.start(*begin, "rate", "2 ml/h", "--yes", stdout=subprocess.DEVNULL).wait(60)
    words = [
        "calibrate",
        "record",
        "--balance",
        "balance",
        "--for",
        "8 min",
        "--every",
        "4 s",
        "--speed",
        "100",
    ]
    recorded = lab.start(*begin, *words, "-o", "record.csv", stdout=subprocess.PIPE)
    out, _ = recorded.communicate(timeout=120)
    assert recorded.returncode == 0
    assert json.loads(out)["readings"] > 60
    verified = lab.start(
        *begin, "calibrate", "verify", "record.csv", "--row", "4 min", stdout=subprocess.PIPE
    )
    document = json.loads(verified.communicate(timeout=60)[0])
    whole = document["whole"]
    assert whole["counted_nl"] == pytest.approx(whole["asked_nl"], rel=0.01)
    assert whole["asked_nl"] == pytest.approx(2e6 * 8 / 60, rel=0.05)
    assert whole["weighed_nl"] == pytest.approx(whole["counted_nl"], rel=0.1)  # the nominal volume is a guess
    assert len(document["hours"]) == 2


def test_a_stop_from_another_program_ends_the_run_and_it_starts_nothing_again(lab: Lab) -> None:
    run = lab.run(*RUN, "--for", "1 h")  # the stop has half a minute to come in
    wait_for(run.stderr, "3/4 run")
    more_readings(lab.folder, 5)
    stop = subprocess.run(
        [sys.executable, "-m", "pumprig", "-p", "rig", "stop"],
        env=lab.environment, cwd=lab.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert stop.returncode == 0, stop.stderr
    _out, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "Somebody else stopped the pump in run at 1000 µL/h" in err
    assert "weighed for" in err
    assert "it was not through" in err
    assert "--resume --folder run" in err
    status = subprocess.run(
        [sys.executable, "-m", "pumprig", "-p", "rig", "--json", "status"],
        env=lab.environment, cwd=lab.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(status.stdout)["state"] == "stopped"
