"""Files onto a MicroPython board over its raw prompt, through mpremote.

Owns: the order of writing, and the check of every file on the device itself.
Rules: a file that already has the right SHA-256 is not written again; main.py goes first and comes last, so that a
cut in between leaves a prompt and never half a firmware; the journal's files are made once and never touched again.
Units: bytes; timeouts in seconds.
Leaves: what the files are to image.py, pulling the log and greeting to the command.
"""

from __future__ import annotations

import hashlib
import io
import math
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from pumprig.errors import LinkError, PumpError, UsageError
from pumprig.extras import to_install
from pumprig.flash.image import BLOCK, JOURNAL_FOLDER

OLDEST, NEWEST = (1, 26), (1, 28)  # the MicroPythons that the firmware has run on (docs/how-to/firmware.md)
FIRST = f"{JOURNAL_FOLDER}/log000.bin"  # made last, and with it the journal is whole
RESERVE_BYTES = 64 * 1024
STEP_S = 60
PROMPT_S = 8  # for the prompt to come
MOST_S = 180  # for a step, or a file, whatever comes meanwhile
OURS = ("rig", "lib/pumpwire")  # in these nothing else may stand
Progress = Callable[[int, int], None]


@dataclass
class Installed:
    """What an installation did; paths on the device."""

    version: str
    written: list[str] = field(default_factory=list[str])
    unchanged: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    journal_made: int = 0


class TimedSerial:
    """A serial port whose reading ends at an instant, however much still comes: mpremote's own limits are for silence
    alone. Everything else is the port's own.
    """

    def __init__(self, port: Any) -> None:
        self._port = port
        self.until_s = math.inf

    def _look(self) -> None:
        if time.monotonic() > self.until_s:
            raise OSError("what is there does not stop talking")

    def read(self, size: int = 1) -> bytes:
        self._look()
        return bytes(self._port.read(size))

    def inWaiting(self) -> int:
        self._look()
        return int(self._port.in_waiting)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class Board:
    """A board at its raw prompt."""

    def __init__(self, address: str) -> None:
        try:
            from mpremote.transport_serial import SerialTransport
        except ImportError:
            raise UsageError(
                "mpremote is not installed.", "Nothing was written.", to_install("flash")
            ) from None
        transport: Any = SerialTransport
        try:
            self._transport: Any = transport(address, baudrate=115200, timeout=5)
            self._transport.serial = self._line = TimedSerial(self._transport.serial)
            # mpremote waits 10 s for a step; compacting a full filesystem, or an emulated board, may take longer
            self._transport.exec_raw = partial(self._transport.exec_raw, timeout=STEP_S)
            # mpremote prints what it heard; the error says it, too
            with redirect_stdout(io.StringIO()), self._within(PROMPT_S):
                self._transport.enter_raw_repl(soft_reset=False, timeout_overall=5)
        except Exception as error:  # mpremote, pyserial and the system each raise their own
            with suppress(Exception):
                self._transport.close()
            raise LinkError(
                f"{address} gives no MicroPython prompt: {error}.",
                "not done",
                "If a rig runs there, stop it with `pumprig stop`, or hold its stop button for 3 s at power-on.",
            ) from None

    def run(self, code: str) -> str:
        """Run code; returns what it printed. Raises PumpError."""
        try:
            with self._within(MOST_S):
                return bytes(self._transport.exec(code)).decode()
        except Exception as error:
            raise self._failed("a step on the board", error) from None

    @contextmanager
    def _within(self, seconds: float) -> Generator[None]:
        """A step that may take so long."""
        self._line.until_s = time.monotonic() + seconds
        try:
            yield
        finally:
            self._line.until_s = math.inf

    def _failed(self, what: str, error: Exception) -> PumpError:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return PumpError(
            f"The board failed at {what}: {lines[-1]}.",
            "The installation is not complete; the journal is untouched.",
            "Run `pumprig flash` again: it goes on where it ended.",
        )

    def digest(self, path: str) -> bytes | None:
        """The SHA-256 of a file as the board itself computes it; None if there is no such file."""
        try:
            with self._within(MOST_S):
                if not self._transport.fs_exists(path):
                    return None
                return bytes(self._transport.fs_hashfile(path, "sha256"))
        except Exception as error:
            raise self._failed(f"reading {path}", error) from None

    def write(self, path: str, content: bytes) -> None:
        """Write a file. Raises PumpError."""
        try:
            with self._within(MOST_S):
                self._transport.fs_writefile(path, content, chunk_size=512)
        except Exception as error:
            raise self._failed(f"writing {path}", error) from None

    def reset(self) -> None:
        """Restart the board; the link ends with it."""
        try:
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")
        finally:
            self.close()

    def close(self) -> None:
        """Give the port back."""
        self._transport.close()


def install(
    board: Board, files: dict[str, bytes], journal: dict[str, bytes], progress: Progress | None
) -> Installed:
    """Bring the board's files to `files`, and lay out the journal where it is not. Raises PumpError, LinkError."""
    result = Installed(check(board))
    digests = {path: hashlib.sha256(content).digest() for path, content in files.items()}
    board.run(_folders(_parents(files)))
    stale = [path for path in digests if board.digest(path) != digests[path]]
    result.unchanged = [path for path in files if path not in stale]
    if stale:
        _check_room(board, sum(len(files[path]) for path in stale) + len(journal) * BLOCK)
        board.run("import os\ntry:\n os.remove('main.py')\nexcept OSError:\n pass")
        ordered = [path for path in files if path != "main.py" and path in stale] + ["main.py"]
        for number, path in enumerate(ordered):
            if progress:
                progress(number, len(ordered))
            board.write(path, files[path])
            if board.digest(path) != digests[path]:
                raise PumpError(
                    f"{path} is not on the board as it was sent: its SHA-256 differs.",
                    "The installation is not complete; the journal is untouched.",
                    "Run `pumprig flash` again; if it happens again, the flash chip is worn.",
                )
            result.written.append(path)
    result.removed = _remove_foreign(board, set(files))
    result.journal_made = _lay_out(board, journal)
    return result


def check(board: Board) -> str:
    """The board's MicroPython version, if it is new enough. Raises PumpError."""
    name, *parts = board.run("import sys\nprint(sys.implementation[0], *sys.implementation[1][:3])").split()
    version = ".".join(parts)
    if name != "micropython" or tuple(int(part) for part in parts[:2]) < OLDEST:
        raise PumpError(
            f"The board runs {name} {version}, older than 1.26.",
            "Nothing was written.",
            "Install MicroPython 1.26 or newer for the Pico (a UF2 file, with the BOOTSEL button held).",
        )
    return version


def untried(version: str) -> str:
    """What to say of a MicroPython that is newer than any that was tried; empty for one that was."""
    if tuple(int(part) for part in version.split(".")[:2]) <= NEWEST:
        return ""
    newest = ".".join(map(str, NEWEST))
    return (
        f"MicroPython {version} is newer than any that was tried here (up to {newest}): do the bring-up anew"
    )


def chip_id(board: Board) -> str:
    """The number of the board's chip; empty on a board without one."""
    code = "try:\n import machine\n print(machine.unique_id().hex())\nexcept (ImportError, AttributeError):\n pass"
    return board.run(code).strip()


def is_blank(board: Board) -> bool:
    """Whether no journal was ever laid out: a new board, or one whose filesystem was reformatted."""
    code = f"import os\ntry:\n print(os.stat({FIRST!r})[6])\nexcept OSError:\n print(0)"
    return int(board.run(code)) < BLOCK


def _parents(files: Iterable[str]) -> tuple[str, ...]:
    """The folders of these files, each after the one it stands in."""
    found = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    return tuple(sorted(found - {"."}))


def _folders(paths: tuple[str, ...]) -> str:
    return f"import os\nfor p in {paths!r}:\n try:\n  os.mkdir(p)\n except OSError:\n  pass"


def _check_room(board: Board, needed: int) -> None:
    free = int(board.run("import os\ns = os.statvfs('/')\nprint(s[0] * s[3])"))
    if free < needed + RESERVE_BYTES:
        raise PumpError(
            f"The board has {free // 1024} KiB free; {(needed + RESERVE_BYTES) // 1024} KiB are needed.",
            "Nothing was written.",
            "Remove other files from it with mpremote.",
        )


def _remove_foreign(board: Board, wanted: set[str]) -> list[str]:
    """Remove modules of an older version, which would be imported still."""
    removed: list[str] = []
    for folder in [path for path in _parents(wanted) if path.startswith(OURS)]:
        for name in board.run(f"import os\nfor n in os.listdir({folder!r}):\n print(n)").split():
            path = f"{folder}/{name}"
            if path not in wanted and path.endswith((".py", ".mpy")):
                board.run(f"import os\nos.remove({path!r})")
                removed.append(path)
    return removed


def _lay_out(board: Board, journal: dict[str, bytes]) -> int:
    """Make the journal's one-block files that are missing; returns how many. An existing whole one is never opened."""
    board.run(_folders((JOURNAL_FOLDER,)))
    there = set(board.run(f"import os\nfor n in os.listdir({JOURNAL_FOLDER!r}):\n print(n)").split())
    missing = {path: head for path, head in journal.items() if path.rsplit("/", 1)[1] not in there}
    if FIRST in journal and is_blank(board):
        missing[FIRST] = journal[FIRST]
    for path, head in sorted(missing.items(), key=lambda row: row[0] == FIRST):
        board.run(
            f"h = {head!r}\nwith open({path!r}, 'wb') as f:\n f.write(h + b'\\xff' * ({BLOCK} - len(h)))"
        )
    return len(missing)
