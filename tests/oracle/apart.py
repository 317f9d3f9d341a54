"""Runs in a process of their own: in PyPy where there is one, which is several times as fast once its compiler is warm.

Owns: that process, and when a new one takes its place.
Rules: the same rows to the byte as in this process (test_apart.py).
Units: runs.
Leaves: which Python it is to pumprig/rig/simulator.py, the run to played.py.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from pumprig.rig import simulator

TESTS = Path(__file__).resolve().parents[1]
# What a compiler has learnt takes memory, too.
RUNS_A_PROCESS = 400


class Apart:
    """A player of scenarios (drive.Play) until the block ends."""

    def __init__(self) -> None:
        command, environment, self._additions = simulator.rehearsing(simulator.PYPY_FROM_MS)
        self._command = [*command[: command.index("-m")], "-m", "oracle.played"]
        folders = os.pathsep.join((environment["PYTHONPATH"], str(TESTS.parent / "firmware"), str(TESTS)))
        self._environment = {**environment, "PYTHONPATH": folders}
        self._process: subprocess.Popen[str] | None = None
        self._runs = 0

    def __enter__(self) -> Apart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ):
        self._end()

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """One run. Raises RuntimeError where it broke."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({**request, **self._additions}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        self._runs += 1
        if not line or self._runs == RUNS_A_PROCESS:
            self._end()
        if not line:
            raise RuntimeError("the run ended without an answer; what it said stands above")
        return json.loads(line)

    def _end(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait()
        self._process, self._runs = None, 0
