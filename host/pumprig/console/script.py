"""A session as a script: what `--record` writes and `--play` reads.

Owns: the format.
Rules: one command a line; `> yes` answers the question before it; `!3 rate 99 ml/h` is a command that must end with
exit code 3; `#` begins a remark; each command is on disk before the next is asked for; every fault of a script is told
with its line before anything is sent.
Units: exit codes as the command-line contract states them.
Leaves: commands to grammar.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from pumprig import __version__, quantities, textfile
from pumprig.console.grammar import command_of
from pumprig.errors import InputFileError, PumpError, UsageError

ANSWERS = ("yes", "no", "stop")
EXPECTED = re.compile(r"!(\d+)\s+(.*)")


@dataclass
class Step:
    """A command of a script, its answers, and the exit code that it must have."""

    number: int
    line: str
    code: int = 0
    answers: list[str] = field(default_factory=list[str])

    def text(self) -> str:
        """The lines of a script that stand for it."""
        lines = [f"!{self.code} {self.line}" if self.code else self.line]
        return "\n".join([*lines, *(f"> {answer}" for answer in self.answers)]) + "\n"


def load(path: Path) -> list[Step]:
    """The steps of a script. Raises InputFileError with every fault and its line."""
    try:
        lines = textfile.read(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(f"{path} cannot be read: {error}.", []) from None
    steps: list[Step] = []
    faults: list[str] = []
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            _take(steps, number, line)
        except UsageError as error:
            faults.append(f"{path}:{number}: {line}: {error.happened}")
    if faults:
        raise InputFileError(f"{path} is no script of the console.", faults)
    return steps


def _take(steps: list[Step], number: int, line: str) -> None:
    if line.startswith(">"):
        answer = line[1:].strip()
        if answer not in ANSWERS or not steps:
            raise UsageError(f"an answer is one of {', '.join(ANSWERS)}, after a command.")
        steps[-1].answers.append(answer)
        return
    expected = EXPECTED.match(line)
    code, line = (int(expected[1]), expected[2]) if expected else (0, line)
    command_of(line)
    steps.append(Step(number, line, code))


class Recorder:
    """Writes a session to a new file as it happens."""

    def __init__(self, path: Path, port: str) -> None:
        self._path = path
        began = quantities.iso(quantities.now_utc_us())
        head = (
            f"# pumprig {__version__} console on {port}, {began}\n# repeat it: pumprig console --play FILE\n"
        )
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(head)
        except FileExistsError:
            raise PumpError(
                f"{path} exists.", "Nothing was begun.", "Name a new file with --record."
            ) from None
        except OSError as error:
            raise PumpError(f"{path} cannot be written: {error.strerror}.", "Nothing was begun.") from None

    def keep(self, step: Step) -> None:
        """Add one command with its answers and its exit code. Raises PumpError."""
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(step.text())
        except OSError as error:
            why = f"{self._path} cannot be written: {error.strerror}."
            raise PumpError(why, "The record ends here; the command itself was carried out.") from None
