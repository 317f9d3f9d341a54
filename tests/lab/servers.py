"""A real broker and a real database for a test: mosquitto and PostgreSQL on loopback, in a folder of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """mosquitto; `kill` is a SIGKILL, after which nothing that was not on disk is left."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if found is None:
            pytest.skip("mosquitto is not installed; on Debian: apt-get install mosquitto")
        self._command = [found, "-c", str(folder / "mosquitto.conf")]
        self.port = free_port()
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\n", "utf-8"
        )
        self._child: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def address(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._child = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._child.poll() is None
            os.sched_yield()

    def kill(self) -> None:
        assert self._child is not None
        self._child.kill()
        self._child.wait()


class Postgres:
    """A cluster of its own, as an ordinary user."""

    def __init__(self) -> None:
        places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        place = next((str(p) for p in places if (p / "initdb").exists()), os.environ.get("PATH", ""))
        initdb = shutil.which("initdb", path=place)
        if initdb is None:
            pytest.skip("PostgreSQL is not installed; on Debian: apt-get install postgresql-15")
        self._server = str(Path(initdb).with_name("postgres"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            self._as = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self._folder = Path(
            tempfile.mkdtemp(prefix="pumprig-postgres-")
        )  # pytest's own is closed to other users
        self._folder.chmod(0o711)
        self._data = self._folder / "data"
        self._data.mkdir()
        if self._as:
            shutil.chown(self._data, "postgres", "postgres")
        self.port = free_port()
        subprocess.run(
            [initdb, "-D", str(self._data), "-U", "lab", "-A", "trust", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **self._as,
        )
        self._child: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def address(self) -> str:
        return f"postgresql://lab@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Until it answers; after a kill it cannot start before the last of its old processes has ended."""
        words = ["-D", str(self._data), "-p", str(self.port), "-c", "listen_addresses=127.0.0.1"]
        for _attempt in range(200):
            self._child = subprocess.Popen(
                [self._server, *words, "-c", "unix_socket_directories="],
                stderr=subprocess.DEVNULL,
                cwd="/",
                **self._as,
            )
            while self._child.poll() is None:
                try:
                    psycopg.connect(self.address, connect_timeout=2).close()
                    return
                except psycopg.OperationalError:
                    os.sched_yield()
        raise AssertionError("PostgreSQL does not start")

    def kill(self) -> None:
        assert self._child is not None
        self._child.kill()
        self._child.wait()

    def end(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
