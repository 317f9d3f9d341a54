"""One request on a shared line: whose it is, what is written for it, when it has waited too long.

Owns: the value that line.py keeps in its queue, and taking lines apart.
Rules: a numbered request is kept as the very line that its user sealed; a reading is kept without its number.
Units: seconds, characters.
Leaves: the order of requests to line.py.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

from pumprig.errors import LinkError
from pumprig.rig import stopping

CONFIRM_S = 5.0
# Of one request while others use the port, too: a page of 64 would take it for a quarter second
LOG_ROWS = 16


class User(Protocol):
    """Who asks: told lines, in order."""

    def tell(self, line: str) -> None:
        """Send a line, soon; never blocks."""
        ...

    def flush(self) -> None:
        """Send what was told now."""
        ...


class Openings:
    """How often a port was opened, and of which opening each user has heard: at a new one another rig may be there."""

    def __init__(self) -> None:
        self.times = 0
        self._heard_of: WeakKeyDictionary[User, int] = WeakKeyDictionary()

    def told(self, user: User) -> None:
        """This user knows of the present opening."""
        self._heard_of[user] = self.times

    def are_news_to(self, user: User) -> bool:
        """Whether a user spoke with the port before its present opening and does not know it yet; now it does."""
        heard_of = self._heard_of.get(user)
        if heard_of == self.times:
            return False
        self.told(user)
        return heard_of is not None


class Caller:
    """A User in another thread, that waits for the confirmation of its stop."""

    def __init__(self) -> None:
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()

    def tell(self, line: str) -> None:
        """Hand a line over."""
        self._heard.put(line)

    def flush(self) -> None:
        """Nothing waits here."""

    def confirmed(self) -> dict[str, str]:
        """The confirmation's fields. Raises LinkError where none comes."""
        try:
            while True:
                line = self._heard.get(timeout=CONFIRM_S)
                fields = stopping.confirmed(line)
                if fields is not None:
                    return fields
                if line.startswith(("!none", "!broken")):
                    raise LinkError(f"The stop was not confirmed: {line.partition(' ')[2]}.", "unknown")
        except queue.Empty:
            raise LinkError("The stop was not confirmed.", "unknown") from None


@dataclass(eq=False)
class Exchange:
    """One request and those who hear its answer: (user, the number under which it was asked)."""

    verb: str
    body: str  # of a reading without its number, of another request its whole line
    users: list[tuple[User, str]]
    changes: bool
    number: str = ""  # under which it is on the line
    until_s: float = 0.0  # when its answer has to have come


def parts_of(body: str) -> tuple[str, str, str]:
    """`>12 log start=3` -> ("12", "log", "log start=3"). Raises ValueError."""
    number, _blank, rest = body[1:].partition(" ")
    if not number.isdigit() or not rest:
        raise ValueError(body)
    return number, rest.partition(" ")[0], rest


def fewer_rows(body: str) -> str:
    """A request for log rows that leaves room for others."""
    words = body.split(" ")
    for i, word in enumerate(words):
        name, _equals, value = word.partition("=")
        if name == "count" and value.isdigit():
            words[i] = f"count={min(LOG_ROWS, int(value))}"
    return " ".join(words)
