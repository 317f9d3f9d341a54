"""A simulated rig in a process of its own, and a hub in another, both with homes of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from pumprig.rig.simulator import PrivateRig


class Place:
    """One user's home with a private simulated rig, and the processes that were started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PUMPRIG_HOME": str(folder),
            "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
        }
        self.started: list[subprocess.Popen[str]] = []
        self.private = PrivateRig(folder / "state" / "sim")

    def start(self, *words: str, script: str | None = None) -> subprocess.Popen[str]:
        """A pumprig command, or a script, in a process of its own."""
        line = ["-c", script] if script is not None else ["-m", "pumprig", *words]
        child = subprocess.Popen(
            [sys.executable, *line],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(child)
        return child

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A pumprig command to its end."""
        line = [sys.executable, "-m", "pumprig", *words]
        return subprocess.run(
            line, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def hub(self, *words: str) -> subprocess.Popen[str]:
        """A hub that is ready."""
        child = self.start("hub", *words)
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line.startswith("ready "), line + (child.stderr.read() if child.stderr else "")
        return child

    def end(self) -> None:
        for child in self.started:
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.terminate()  # `sim` passes it on to the rig
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
            for pipe in (child.stdout, child.stderr):
                if pipe is not None:
                    pipe.close()
        self.private.stop()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Place]:
    made = Place(tmp_path)
    for name in ("PUMPRIG_PORT", "PUMPRIG_DB"):
        monkeypatch.delenv(name, raising=False)
        made.environment.pop(name, None)
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    yield made
    made.end()
