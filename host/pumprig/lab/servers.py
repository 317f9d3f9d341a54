"""A broker and a database of one's own: mosquitto and PostgreSQL on loopback, as ordinary users, in a given folder.

Owns: finding, setting up, starting and ending both.
Rules: nothing outside of the folder is touched, and nobody but this computer can reach them; every wait has a limit and
says what was not seen; a server that runs as root gives itself another user, because PostgreSQL refuses root.
Units: seconds.
Leaves: what the lab does with them to gateway.py and ingest.py; servers of a real lab to docs/how-to/lab.md.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pumprig.errors import PumpError

WITHIN_S = 300.0
LOOK_S = 0.05
OWNER = "postgres"  # Debian's user, taken only where we are root
Child = subprocess.Popen[Any]


def until(
    seen: Callable[[], object],
    what: str,
    running: Iterable[tuple[str, Child]] = (),
    within_s: float = WITHIN_S,
) -> None:
    """Wait until `seen` is true. Raises PumpError: too long, or a program that has to run has ended."""
    ends_s = time.monotonic() + within_s
    pause = threading.Event()
    while not seen():
        for name, child in running:
            if child.poll() is not None:
                raise PumpError(f"{name} ended with exit code {child.returncode}, before {what}.")
        if time.monotonic() > ends_s:
            raise PumpError(f"Not seen within {within_s:.0f} s: {what}.")
        pause.wait(LOOK_S)


def free_port() -> int:
    """A TCP port of loopback that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _missing(what: str, package: str) -> PumpError:
    return PumpError(
        f"{what} is not installed.", "Nothing was started.", f"On Debian: apt-get install {package}."
    )


class Broker:
    """mosquitto. `kill` is a SIGKILL, after which nothing that was not on disk is left."""

    def __init__(self, folder: Path, port: int = 0, lines: Iterable[str] = ("allow_anonymous true",)) -> None:
        """`lines`: of its configuration, after the listener. Raises PumpError."""
        found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if found is None:
            raise _missing("mosquitto", "mosquitto")
        self.port = port or free_port()
        file = folder / "mosquitto.conf"
        file.write_text("\n".join([f"listener {self.port} 127.0.0.1", *lines, ""]), "utf-8")
        self._command = [found, "-c", str(file)]
        self.log = folder / "mosquitto.log"
        self.child: Child | None = None
        self.start()

    @property
    def address(self) -> str:
        """For --broker."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Until it takes connections. Raises PumpError."""
        with self.log.open("ab") as log:
            child = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)
        self.child = child
        until(self._answers, f"a connection to mosquitto at port {self.port}", [("mosquitto", child)])

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """SIGKILL."""
        if self.child is not None:
            self.child.kill()
            self.child.wait()


class Postgres:
    """A cluster of its own; `folder` must not exist, or be one that this class made."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        """Raises PumpError."""
        places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        place = next((str(p) for p in places if (p / "initdb").exists()), os.environ.get("PATH", ""))
        initdb = shutil.which("initdb", path=place)
        if initdb is None:
            raise _missing("PostgreSQL", "postgresql")
        self._server = str(Path(initdb).with_name("postgres"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as = {"user": OWNER, "group": OWNER, "extra_groups": []}
        self.folder, self.port = folder, port or free_port()
        self._data = folder / "data"
        self._log = folder / "postgres.log"
        self.child: Child | None = None
        if not self._data.exists():
            self._make(initdb)
        self.start()

    def _make(self, initdb: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        self._data.mkdir()
        if self._as:
            shutil.chown(self._data, OWNER, OWNER)
        made = subprocess.run(
            [initdb, "-D", str(self._data), "-U", "lab", "-A", "trust", "--no-sync", "-E", "UTF8"],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            **self._as,
        )
        if made.returncode:
            shutil.rmtree(self._data, ignore_errors=True)
            raise PumpError(
                f"initdb failed: {made.stderr.strip()}",
                "No database was made.",
                "May its user enter the folder?",
            )

    @property
    def address(self) -> str:
        """For --database."""
        return f"postgresql://lab@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Until it answers; after a kill it cannot start before the last of its old processes has ended."""
        ends_s = time.monotonic() + WITHIN_S
        pause = threading.Event()
        words = ["-D", str(self._data), "-p", str(self.port), "-c", "listen_addresses=127.0.0.1"]
        while time.monotonic() < ends_s:
            with self._log.open("ab") as log:
                child = subprocess.Popen(
                    [self._server, *words, "-c", "unix_socket_directories="],
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    start_new_session=True,
                    **self._as,
                )
            self.child = child
            while child.poll() is None and time.monotonic() < ends_s:
                if self._answers():
                    return
                pause.wait(LOOK_S)
            pause.wait(LOOK_S)
        raise PumpError(
            f"Not seen within {WITHIN_S:.0f} s: an answer of PostgreSQL; its words are in {self._log}."
        )

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.address, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL."""
        if self.child is not None:
            self.child.kill()
            self.child.wait()

    def end(self) -> None:
        """Kill it, and take its folder away."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
