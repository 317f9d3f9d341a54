"""What passes between client and rig, as values: greetings, answers, read-backs, intents.

Owns: these types, and cutting a document into parts that fit a line.
Rules: values only; nothing here talks to anything.
Units: as in pumpwire.spec.
Leaves: the conversation to client.py, keeping intents to store/intents.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pumpwire import codec

from pumprig.errors import LinkError
from pumprig.rig.understood import Fields, kinds_of


@dataclass(frozen=True)
class Greeting:
    """What the device said of itself."""

    device_id: str
    firmware: str
    protocol: int
    digest: str
    boot: int
    last_seq: int
    last_code: int
    last_crc: int = 0


@dataclass(frozen=True)
class Answer:
    """The rows of an answer; `fields` merges them. Asking for a field that did not come raises LinkError."""

    rows: list[Fields] = field(default_factory=list[Fields])
    outcome: str = "not done"  # of the request, said where its answer is not what it should be
    verb: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """The fields of all rows, each by its kind in the table: numbers as int, flags as bool. Raises LinkError."""
        return values_of(self.verb, self.rows)

    @property
    def fields(self) -> Fields:
        merged = Fields({}, self.outcome)
        for row in self.rows:
            merged.update(row)
        return merged


@dataclass(frozen=True)
class Staged:
    """What the device read back of a staged document."""

    hash: str
    numbers: dict[str, int]


class Intents(Protocol):
    """Where intents are kept; the store's is on disk."""

    def begin(self, device_id: str, boot: int, seq: int, verb: str, line: str) -> int:
        """Keep an intent, durably; returns its id."""
        ...

    def settle(self, intent: int, outcome: str, code: int) -> None:
        """Its outcome: done, refused, not done or unknown."""
        ...

    def learn(self, greeting: Greeting, verb: str, rows: Sequence[Mapping[str, str]]) -> None:
        """What the rig said of its calibration and its programs, or was given to stage; never raises."""
        ...


class NoIntents:
    """For readers, which change nothing."""

    def begin(self, device_id: str, boot: int, seq: int, verb: str, line: str) -> int:
        return 0

    def settle(self, intent: int, outcome: str, code: int) -> None:
        return

    def learn(self, greeting: Greeting, verb: str, rows: Sequence[Mapping[str, str]]) -> None:
        return


def values_of(verb: str, rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Rows of an answer -> {field: value} by the table. Raises LinkError for what the table does not know."""
    kinds = kinds_of(verb)
    values: dict[str, Any] = {}
    for row in rows:
        for name, text in row.items():
            try:
                values[name] = value_of(kinds[name].rstrip("?"), text)
            except (KeyError, ValueError):
                raise LinkError(f"The rig's answer to `{verb}` was not understood: {name}={text}.") from None
    return values


def value_of(kind: str, text: str) -> Any:
    """A field's text -> its value. Raises ValueError."""
    if kind in ("text", "base64", "hex"):
        if kind == "hex":
            int(text or "0", 16)
        return text
    if kind == "flag":
        return {"0": False, "1": True}[text]
    return int(text)


class NoAnswer(Exception):
    pass


class SaidNo(Exception):
    """The device answered with an error: its fields."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields.get("name", ""))
        self.fields = fields
        self.name = fields.get("name", "")


def staged_of(answer: Answer) -> Staged:
    """The read-back of a staging answer. Raises LinkError if the answer was lost for good."""
    fields = dict(answer.fields)
    if "hash" not in fields:
        raise LinkError("The read-back of what was staged was lost.", "not done", "Run the command again.")
    return Staged(
        fields.pop("hash"),
        {name: int(text) for name, text in fields.items() if text.isdigit()},
    )


def parts_of(text: str, limit: int = 400) -> Iterator[str]:
    """Cut a text so that no part's escaped form is longer than `limit` characters."""
    start = size = 0
    for i, character in enumerate(text):
        grown = len(codec.escape(character))
        if size + grown > limit:
            yield text[start:i]
            start, size = i, 0
        size += grown
    yield text[start:]
