"""The one tree of errors of the host tool.

Owns: PumpError, its kinds, their three sentences and their exit codes.
Rules: an error says what happened, what was not done, and what to do next; nothing fails with a value like 0.0.
Units: exit codes as the command-line contract states them: 1 failed, 2 usage or no port, 3 refused, 4 link.
Leaves: the wording of each case to the module that meets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

MOST_FAULTS = 20  # of a file, told to a person


class PumpError(Exception):
    """Something failed; `str()` joins what happened, what was not done and the next step."""

    exit_code = 1

    def __init__(self, happened: str, not_done: str = "", next_step: str = "") -> None:
        super().__init__(happened)
        self.happened = happened
        self.not_done = not_done
        self.next_step = next_step

    def __reduce__(self) -> tuple[object, ...]:
        """Whole to another process, too: an error comes back from a pool of them."""
        return _made_again, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        return " ".join(part for part in (self.happened, self.not_done, self.next_step) if part)

    def lines(self) -> list[str]:
        """What is shown to a person, line by line."""
        return [str(self)]

    def details(self) -> dict[str, object]:
        """What `--json` prints beside the three sentences."""
        return {}


def _made_again(kind: type[PumpError], args: tuple[object, ...], facts: dict[str, object]) -> PumpError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class UsageError(PumpError):
    """The request itself is wrong: a quantity, an option, no port or several. Nothing was sent."""

    exit_code = 2


class InputFileError(PumpError):
    """A file given by the user cannot be accepted; every fault in it is listed. Nothing was sent."""

    def __init__(self, happened: str, faults: list[str], next_step: str = "") -> None:
        super().__init__(happened, "Nothing was sent.", next_step)
        self.faults = faults

    def __str__(self) -> str:
        return "\n  ".join(self.lines())

    def lines(self) -> list[str]:
        more = len(self.faults) - MOST_FAULTS
        rest = [f"and {more} more; --json lists them all"] if more > 0 else []
        return [super().__str__(), *self.faults[:MOST_FAULTS], *rest]

    def details(self) -> dict[str, object]:
        return {"faults": self.faults}


class RefusedError(PumpError):
    """The device said no: the rule, its numbers, and when the request would be allowed."""

    exit_code = 3

    def __init__(
        self,
        happened: str,
        not_done: str,
        next_step: str,
        code: int,
        name: str,
        numbers: Mapping[str, int | str],
    ) -> None:
        super().__init__(happened, not_done, next_step)
        self.code = code
        self.name = name
        self.numbers: dict[str, int | str] = dict(numbers)
        self._at = datetime.now(UTC)

    @property
    def rule(self) -> str:
        """The rule's name, as the command table has it."""
        return self.name

    @property
    def allowed_at(self) -> datetime | None:
        """When the request would be allowed, where time alone decides that; else None."""
        wait_s = self.numbers.get("wait_s")
        return self._at + timedelta(seconds=wait_s) if isinstance(wait_s, int) else None

    def details(self) -> dict[str, object]:
        return {"code": self.code, "rule": self.name, "numbers": self.numbers}


class LinkError(PumpError):
    """The link failed. `outcome` is `done`, `not done` or `unknown`; it is stated, never guessed."""

    exit_code = 4

    def __init__(self, happened: str, outcome: str = "not done", next_step: str = "") -> None:
        said = {
            "done": "The outcome is: done; only its answer was lost.",
            "not done": "The outcome is: not done.",
            "unknown": "The outcome is: unknown until the rig can be reached again.",
        }[outcome]
        super().__init__(happened, said, next_step)
        self.outcome = outcome

    def details(self) -> dict[str, object]:
        return {"outcome": self.outcome}


class OtherRigError(LinkError):
    """Another rig answers at the port now: whoever meant the former one has to connect anew."""


class StoreError(PumpError):
    """The local database cannot be read or written; what the rig holds is untouched."""


class Interrupted(PumpError):
    """Ctrl-C: the tool ends, the pump goes on as programmed."""

    exit_code = 130
