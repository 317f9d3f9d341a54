"""`pumprig flash` onto a fresh emulated Pico, its boot, `pumprig status` over the same port: one run, real tools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 1500
PATIENT = Path(__file__).parent / "patient.py"


@pytest.fixture
def port(timing: Any, tmp_path: Path) -> Iterator[str]:
    """The port of an emulated Pico that has MicroPython and nothing else."""
    timing.write_bootrom(tmp_path)
    script = Path(__file__).parent / "serve.mjs"
    server = subprocess.Popen(
        ["node", str(script), os.environ["PUMPRIG_UF2"], str(tmp_path / "bootrom.bin"), "-"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        ready, number = server.stdout.readline().split()
        assert ready == "ready"
        yield f"socket://127.0.0.1:{number}"
    finally:
        server.terminate()
        server.wait()


def tool(folder: Path, port: str, *words: str) -> Any:
    """What the command-line tool answers as JSON; its exit code has to be 0."""
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT / 'host'}:{ROOT / 'firmware' / 'lib'}",
        "PUMPRIG_STATE": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_STATE_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    done = subprocess.run(
        [sys.executable, str(PATIENT), "--json", "-p", port, *words],
        capture_output=True,
        text=True,
        env=environment,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.uf2
def test_a_fresh_pico_is_flashed_boots_and_answers_the_real_tool(tmp_path: Path, port: str) -> None:
    installed = tool(tmp_path, port, "flash", "--yes", "--no-key")
    assert installed["written"][-1] == "main.py"
    assert installed["journal_made"] > 0
    status = tool(tmp_path, port, "status")
    assert status["device_id"] == installed["device_id"]
    assert status["state"] == "stopped"
    assert status["firmware"] == installed["firmware"]
