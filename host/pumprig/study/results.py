"""The results of a study on disk: DIR/runs.jsonl, one line a run.

Owns: the folder, its lock, the line's keys, reading what an earlier run of the study left.
Rules: a line is appended whole and never changed; a line that a crash cut off is dropped; a result counts for a run
only if their keys are equal, so a changed program, event, time or code is run anew; one process writes at a time.
Units: figures as the report states them.
Leaves: what a key is made of to plan.py.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from pumprig.errors import PumpError
from pumprig.rig.simulator import try_lock
from pumprig.study.plan import Study, copy_of

LINES = "runs.jsonl"
Result = dict[str, Any]


class Results:
    """The folder of a study, held by this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock: IO[str] | None = open(folder / "lock", "w", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise PumpError(
                f"The folder {folder} cannot be used: {error.strerror}.",
                "Nothing was run.",
                "Name another with -o.",
            ) from None
        if not try_lock(self._lock):
            self._lock.close()
            raise PumpError(
                f"Another study runs in {folder}.",
                "Nothing was run.",
                "Wait for its end, or name another folder with -o.",
            )
        self._mend()
        self._file = open(folder / LINES, "a", encoding="utf-8")  # noqa: SIM115

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._lock is not None:
            self._lock.close()

    def _mend(self) -> None:
        """Drop a last line that was not written to its end."""
        path = self.folder / LINES
        if not path.exists():
            return
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            with open(path, "r+b") as file:
                file.truncate(whole)

    def add(self, result: Result) -> None:
        """Append a run's line; it is on disk when this returns."""
        self._file.write(json.dumps(result) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def keep_programs(self, study: Study) -> None:
        """Copies of the programs, so that a run can be repeated after the files have changed."""
        kept = self.folder / "programs"
        kept.mkdir(exist_ok=True)
        for index, file in enumerate(study.files):
            if file.resolve() != copy_of(kept, index).resolve():
                shutil.copyfile(file, copy_of(kept, index))


def read(folder: Path) -> dict[str, Result]:
    """{key: line} of a folder; the last line of a key counts. Raises PumpError."""
    try:
        text = (folder / LINES).read_text("utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise PumpError(
            f"{folder / LINES} cannot be read: {error.strerror}.", "Nothing was reported."
        ) from None
    found: dict[str, Result] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line or (not text.endswith("\n") and number == text.count("\n") + 1):
            continue
        try:
            row = json.loads(line)
            found[row["key"]] = row
        except (ValueError, KeyError, TypeError):
            raise PumpError(
                f"{folder / LINES}:{number} is no line of a study.",
                "Nothing was reported.",
                "Remove that line and run the study again.",
            ) from None
    return found
