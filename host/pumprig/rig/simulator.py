"""The private simulated rig as a program in the background.

Owns: starting it, finding its port again, ending it.
Rules: one per state folder; whether it lives is told by a lock that only the living process holds, never by a process
id alone; what it is and where, the simulator writes itself, so that a command which is interrupted during the start
leaves a rig that the next one finds; it is a separate program: nothing of it is imported here.
Units: seconds.
Leaves: what the simulated rig does to the program rigsim.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

from pumpwire import spec

from pumprig import paths
from pumprig.errors import PumpError, UsageError

START_S = 15.0
STOP_S = 5.0
IDLE_S = 86_400  # a rig that no host has talked to for a day ends, and goes on at the next command
PYPY_FROM_MS = 7 * 86_400_000  # simulated; below it PyPy's compiler has not yet paid for itself
# A tick is long and branches much: by PyPy's usual settings, where each collection of its small nursery lets the
# compiler forget a little of what ran often, most of it is never compiled (docs/decisions/pypy.md)
PYPY_OPTIONS = ("--jit", "decay=0,threshold=500,function_threshold=700,trace_eagerness=80")
PYPY_NURSERY = "16M"
WINDOWS = sys.platform == "win32"


def command(arguments: list[str]) -> list[str]:
    """The command line of the simulator's program. Raises UsageError if it is not installed."""
    if importlib.util.find_spec("rigsim") is None:
        raise UsageError(
            "The simulated rig (package rigsim) is not installed.",
            "Nothing was started.",
            "Install pumprig anew.",
        )
    return [sys.executable, "-m", "rigsim", *arguments]


def rehearsing(for_ms: int) -> tuple[list[str], dict[str, str], dict[str, object]]:
    """Command, environment and additions to each request of a simulator that takes run after run.

    PyPy, where there is one, runs the same files some four times as fast once its compiler is warm; before that it is
    slower, so short work stays with this interpreter. Both give the same reports to the byte (docs/decisions/pypy.md).
    """
    arguments = command(["rehearse", "--many"])
    fast = pypy() if for_ms >= PYPY_FROM_MS else None
    if fast is None:
        return arguments, environment(), {}
    spec = importlib.util.find_spec("rigsim")
    home = Path((spec.submodule_search_locations or [""])[0] if spec else "")
    folders = [str(home.parent), *(str(folder) for folder in (home / "firmware" / "lib",) if folder.is_dir())]
    folders += [str(Path(place).parent) for place in _places("pumpwire")]
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    heads = tomllib.loads((home / "data" / "pumphead.toml").read_text("utf-8"))
    return (
        [fast, *PYPY_OPTIONS, *arguments[1:]],
        {
            "PYPY_GC_NURSERY": PYPY_NURSERY,
            **settings,
            "PYTHONPATH": os.pathsep.join(folders),
            "PYTHONIOENCODING": "utf-8",
        },
        {"head_table": heads},
    )


def _places(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)
    return list(spec.submodule_search_locations or []) if spec else []


@cache
def pypy() -> str | None:
    """The PyPy (3.9 or newer) to be used: PUMPRIG_PYPY (empty: none), else `pypy3` on the path. None: there is none.

    Raises UsageError where PUMPRIG_PYPY names something else.
    """
    named = os.environ.get("PUMPRIG_PYPY")
    found = shutil.which("pypy3") if named is None else named or None
    if found is None:
        return None
    code = "import sys; print(sys.implementation.name, sys.version_info >= (3, 9))"
    try:
        said = subprocess.run(
            [found, "-c", code], capture_output=True, text=True, check=False, timeout=30
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    if said.strip() == "pypy True":
        return found
    if named:
        raise UsageError(
            f"PUMPRIG_PYPY names {named}, which is no PyPy 3.9 or newer.",
            "Nothing was started.",
            "Name one, or set it empty to use this Python.",
        )
    return None


def environment() -> dict[str, str]:
    """The environment in which the program finds the same packages as this one."""
    folders = [folder for folder in sys.path if folder]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}


class PrivateRig:
    """The simulated rig of one state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._told = folder / "process.json"  # written by the simulator itself

    def facts(self) -> dict[str, Any] | None:
        """What runs: `port`, `pid`, `speed`, `seed`, `balance`; None where none runs, or it is not ready."""
        facts = self._read()
        return facts if "port" in facts and self._lives() else None

    def port(self) -> str | None:
        """Its port if it lives."""
        facts = self.facts()
        return str(facts["port"]) if facts else None

    def ensure(self, arguments: list[str] | None = None) -> str:
        """Its port, after starting it where it does not live. Raises PumpError.

        One that an interrupted command began is waited for and taken.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PumpError(
                f"The state folder {self.folder} cannot be made: {error.strerror}.",
                "No simulated rig was started.",
            ) from None
        with self._starting():
            facts = self._settled()
            if facts and facts.get("digest") != spec.digest():
                self.stop()  # an older version's firmware runs in it: as after `flash`, it resumes with the new one
                facts = None
            return str(facts["port"]) if facts else self._start(arguments or [])

    def stop(self) -> bool:
        """End it as a power loss would, ready or not; returns whether it lived. Raises PumpError if it does not end."""
        if not self._lives():
            return False
        pid = 0
        until_s = time.monotonic() + START_S  # one that is being started says its process a little later
        while self._lives():
            told = int(self._read().get("pid", 0))  # 0 while it is being written, or has just been taken away
            if told not in (0, pid):
                pid = told
                until_s = time.monotonic() + STOP_S
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            if time.monotonic() > until_s:
                raise PumpError(f"The simulated rig (process {pid}) did not end.", "", f"kill -9 {pid}")
            time.sleep(0.02)
        return True

    def throw_away(self) -> None:
        """Forget the rig that was: the next start makes a new one. It has to have ended."""
        for name in ("rig.json", "flash.bin", "flash.new", "process.json"):
            (self.folder / name).unlink(missing_ok=True)

    def _settled(self) -> dict[str, Any] | None:
        """The living rig's facts once it is ready; None where none lives, or one that does not get ready was ended."""
        until_s = time.monotonic() + START_S
        while self._lives():
            facts = self._read()
            if "port" in facts:
                return facts
            if time.monotonic() > until_s:
                self.stop()
                return None
            time.sleep(0.02)
        return None

    def _start(self, arguments: list[str]) -> str:
        line = ["serve", "--state", str(self.folder), "--idle-end", str(IDLE_S)]
        line += ["--tcp", "0"] if WINDOWS else []
        errors = self.folder / "stderr.txt"
        self._told.unlink(missing_ok=True)
        with open(errors, "w") as stderr, self._handed_over() as locked:
            child = subprocess.Popen(
                command(line + [word for fd in locked for word in ("--locked", str(fd))] + arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environment(),
                start_new_session=not WINDOWS,
                pass_fds=locked,
            )
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s:
            facts = self.facts()
            if facts:
                return str(facts["port"])
            if child.poll() is not None:
                break
            time.sleep(0.01)
        child.terminate()
        why = errors.read_text(errors="replace").strip().splitlines() or ["no reason given"]
        if paths.is_full(self.folder):
            why = ["the disk that holds its state is full"]
        raise PumpError(
            f"The simulated rig did not start: {why[-1]}.",
            "Nothing was sent.",
            f"The whole message is in {errors}.",
        )

    def _read(self) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = json.loads(self._told.read_text())
        except (OSError, ValueError):
            return {}
        return facts

    def _lives(self) -> bool:
        """Whether some process holds the state folder's lock; it ends with the process, however that ends."""
        try:
            with open(self.folder / "lock", "r+") as file:
                return not try_lock(file)
        except OSError:
            return False

    @contextmanager
    def _handed_over(self) -> Generator[tuple[int, ...]]:
        """The lock of the state folder, for the rig to inherit: so it lives for everybody from its first instant.

        A start that is killed at any moment leaves either no rig or one that `stop` finds. Not on Windows.
        """
        if WINDOWS:
            yield ()
            return
        with open(self.folder / "lock", "a") as file:
            os.chmod(file.fileno(), 0o600)
            until_s = time.monotonic() + STOP_S
            while not try_lock(file) and time.monotonic() < until_s:
                time.sleep(0.01)  # somebody looks whether a rig lives
            yield (file.fileno(),)

    @contextmanager
    def _starting(self) -> Generator[None]:
        """One start at a time. Raises PumpError where another one does not end."""
        with open(self.folder / "start.lock", "w") as file:
            until_s = time.monotonic() + START_S + STOP_S
            while not try_lock(file):
                if time.monotonic() > until_s:
                    raise PumpError(
                        "Another pumprig is starting the simulated rig and does not come to an end.",
                        "Nothing was sent.",
                        "End that program, then run this again.",
                    )
                time.sleep(0.05)
            yield


def try_lock(file: IO[str]) -> bool:
    """Lock an open file until it is closed; False if another process holds the lock."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
