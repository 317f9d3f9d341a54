"""The lab's servers and programs for a test: pumprig.lab.servers, skipped by name where one is not installed."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from pumprig.errors import PumpError
from pumprig.lab import servers
from pumprig.lab.servers import until
from pumprig.rig import simulator

Running = dict[str, subprocess.Popen[bytes]]
__all__ = ["Running", "broker", "ended", "postgres", "program", "until"]


def broker(folder: Path, **how: object) -> servers.Broker:
    try:
        return servers.Broker(folder, **how)  # type: ignore[arg-type]
    except PumpError as error:
        if "not installed" in str(error):
            pytest.skip(str(error))
        raise


def postgres() -> servers.Postgres:
    folder = Path(tempfile.mkdtemp(prefix="pumprig-postgres-"))  # pytest's own is closed to other users
    try:
        return servers.Postgres(folder)
    except PumpError as error:
        if "not installed" in str(error):
            pytest.skip(str(error))
        raise


def program(*words: object, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pumprig", *map(str, words)],
        env={**simulator.environment(), **environment},
        stderr=subprocess.DEVNULL,
    )


def ended(*children: subprocess.Popen[bytes]) -> None:
    for child in children:
        child.send_signal(signal.SIGTERM)
    for child in children:
        assert child.wait(120) in (0, -signal.SIGTERM)  # the latter where it had only just begun
