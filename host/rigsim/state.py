"""A simulated rig that outlives its process: one directory with its flash, its physics and its time.

Owns: the files of a state directory: `flash.bin`, `rig.json`, `lock`, `process.json`.
Rules: one process at a time has a directory, told by a lock that ends with the process; the flash file always holds
what the cells hold; rig.json is replaced whole, so a killed process leaves the last good one, at most a few seconds
old; a rig that was killed before it was ready was never there: its flash begins under another name.
Units: cycles of 8 ns, seconds of wall time.
Leaves: what the numbers mean to physics/ and chip.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import Any

from rigsim.chip import CYCLES_PER_S
from rigsim.driver import SimRig
from rigsim.flash import NorFlash

VERSION = 1
LOCK_TRIES, LOCK_PAUSE_S = 20, 0.05  # who looks whether a rig lives holds the lock for a moment


class StateError(RuntimeError):
    """The directory cannot be used; the text says why."""


class StateDir:
    """A directory with a lock on it; `held`: its descriptor, where whoever started this process has locked it."""

    def __init__(self, path: str, held: int | None = None) -> None:
        self.path = path
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            lock = os.path.join(path, "lock")
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600) if held is None else held
        except OSError as error:
            raise StateError(f"{path} cannot be used: {error.strerror}") from error
        self._inode = os.fstat(self._lock).st_ino
        try:
            _lock_file(self._lock)
        except OSError as error:
            os.close(self._lock)
            raise StateError(f"another simulated rig already uses {path}") from error
        self._flash: NorFlash | None = None
        self._unborn = False  # the flash has not yet the name under which it is found again
        self.tell({})

    def tell(self, facts: dict[str, Any]) -> None:
        """Let others know who runs here: the process, and once it is ready its port and more."""
        self._replace("process.json", {"pid": os.getpid(), **facts})

    def _replace(self, name: str, content: dict[str, Any]) -> None:
        fresh = self._file(name + ".new")
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(content, file)
        os.replace(fresh, self._file(name))

    def _file(self, name: str) -> str:
        return os.path.join(self.path, name)

    def load(self, seed: int) -> tuple[NorFlash, dict[str, Any]]:
        """The flash and what was kept beside it ({} for a new rig)."""
        kept: dict[str, Any] = {}
        try:
            with open(self._file("rig.json"), encoding="utf-8") as file:
                kept = json.load(file)
        except FileNotFoundError:
            pass
        except ValueError as error:
            raise StateError(f"{self._file('rig.json')} is damaged: {error}") from error
        if kept and kept.get("version") != VERSION:
            raise StateError(
                f"{self.path} was written by another version of the simulator; delete it to begin anew"
            )
        self._unborn = not os.path.exists(self._file("flash.bin"))
        if self._unborn:
            kept = {}  # without its flash there is no rig to go on with
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._file("flash.new"))
        name = "flash.new" if self._unborn else "flash.bin"
        self._flash = NorFlash(self._file(name), seed=kept.get("seed", seed))
        return self._flash, kept

    def resume(self, rig: SimRig, kept: dict[str, Any]) -> None:
        """Put a rig where it was when the power went, and let the time since then pass without power."""
        if not kept:
            return
        rig.chip.now = int(kept["cycles"])
        rig.pump.restore(kept["pump"])
        off_s = max(0.0, time.time() - float(kept["wall_s"]))
        rig.run_until(rig.chip.now + int(off_s * CYCLES_PER_S))

    def save(self, rig: SimRig) -> None:
        """Replace rig.json."""
        kept = {
            "version": VERSION,
            "seed": rig.chip.seed,
            "identity": rig.chip.unique_id.hex(),
            "cycles": rig.chip.now,
            "wall_s": time.time(),
            "pump": rig.pump.snapshot(),
        }
        if self._unborn:
            os.replace(self._file("flash.new"), self._file("flash.bin"))
            self._unborn = False
        self._replace("rig.json", kept)

    def is_ours(self) -> bool:
        """Whether the directory and our lock in it are still there."""
        try:
            return os.stat(self._file("lock")).st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Let go of flash and lock."""
        if self._flash is not None:
            self._flash.close()
        if self.is_ours():
            with contextlib.suppress(OSError):
                os.unlink(self._file("process.json"))
        os.close(self._lock)


def _lock_file(descriptor: int) -> None:
    for turn in range(LOCK_TRIES):
        try:
            _try_lock(descriptor)
            return
        except OSError:
            if turn == LOCK_TRIES - 1:
                raise
            time.sleep(LOCK_PAUSE_S)


def _try_lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
