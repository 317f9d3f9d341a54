"""The lab's servers and programs for a test: pumprig.lab.servers, skipped by name where one is not installed."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from pumprig.errors import PumpError
from pumprig.lab import servers
from pumprig.lab.servers import until
from pumprig.rig import simulator

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
Running = dict[str, subprocess.Popen[bytes]]
Rows = list[tuple[int, int, bytes]]
__all__ = ["Running", "broker", "ended", "fresh", "held_by", "in_database", "postgres", "program", "until"]


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


def fresh(server: servers.Postgres, name: str) -> str:
    """The address of an empty database of a cluster."""
    with psycopg.connect(server.address, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}".encode())
    return server.address.rsplit("/", 1)[0] + f"/{name}"


def held_by(store: Path) -> tuple[str, Rows]:
    """(device, records) of a store, in its order."""
    with sqlite3.connect(store) as db:
        rows = db.execute("SELECT boot, number, raw FROM records ORDER BY rowid").fetchall()
        device = db.execute("SELECT DISTINCT device_id FROM records").fetchone()[0]
    return str(device), [(boot, number, bytes(raw)) for boot, number, raw in rows]


def in_database(address: str, device: str = "") -> Rows:
    """All records that a database has, of one device or of all."""
    with psycopg.connect(address) as db:
        try:
            rows = db.execute(
                "SELECT boot, number, raw FROM records WHERE %(device)s IN ('', device) ORDER BY device, number, boot",
                {"device": device},
            ).fetchall()
        except psycopg.errors.UndefinedTable:
            return []
    return [(boot, number, bytes(raw)) for boot, number, raw in rows]
