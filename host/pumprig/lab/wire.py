"""What goes over the broker: topics, and the messages on them.

Owns: the names of the topics, the JSON of each message, who may be meant by a name.
Rules: records travel as they are, sealed, in the order of the store; each message of records says after which record it
comes, so that a gap shows; an acknowledgement names the last record that the *database* holds; what is not of this form
is refused by name and never guessed.
Units: boots and record numbers; sessions are milliseconds UTC at a gateway's start.
Leaves: sending to gateway.py, checking seals to ingest.py.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

ROOT = "pumprig"
INGESTER = f"{ROOT}/ingester"  # it is here: whoever waits for an answer asks again
BATCH = 2_000  # records in a message, at the most
MOST_BYTES = 16_777_216  # of a message; a full one of records has 700 kB
MOST_NUMBER = 2**32  # of a boot, of a record: their fields in the log have 32 bits
MOST_SESSION = 2**53
_NO_NUMBER = (KeyError, TypeError, ValueError, OverflowError)  # the last is that of a JSON 1e999
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

Place = tuple[int, int]  # boot, number


class WireError(ValueError):
    """A topic or message that is not of the right form; the text says which and why."""


def topic(site: str, device: str, name: str) -> str:
    """A topic. Raises WireError for a name that would reach into another topic."""
    for part in (site, device):
        if part != "+" and not _NAME.fullmatch(part):
            raise WireError(f"{part!r} is no name for a topic: letters, digits, _ . -, 64 at the most")
    return f"{ROOT}/{site}/{device}/{name}"


def parts_of(name: str) -> tuple[str, str, str]:
    """(site, device, last part) of a topic. Raises WireError."""
    parts = name.split("/")
    if len(parts) != 4 or parts[0] != ROOT or not all(_NAME.fullmatch(part) for part in parts[1:3]):
        raise WireError(f"{name!r} is no topic of a rig")
    return parts[1], parts[2], parts[3]


@dataclass(frozen=True)
class Documents:
    """What a store knows of a device beside its records: whoever keeps accounts needs it."""

    programs: list[str]  # canonical texts
    calibrations: list[tuple[int, int, int, int]]  # id, num, den, u_ppm
    ties: list[tuple[int, int]]  # boot, host UTC minus the rig's time since that boot, us

    @property
    def digest(self) -> str:
        """Names this very knowledge."""
        return sha256(json.dumps(self.__dict__).encode()).hexdigest()[:16]

    @staticmethod
    def of(told: Any) -> Documents:
        """From a message's part. Raises KeyError, TypeError, ValueError, OverflowError."""
        programs = [str(text) for text in told["programs"]]
        "".join(programs).encode()  # half a character of UTF-16 is a ValueError, too
        calibrations = [(int(i), int(num), int(den), int(ppm)) for i, num, den, ppm in told["calibrations"]]
        if any(min(num, den) <= 0 or ppm < 0 for _i, num, den, ppm in calibrations):
            raise ValueError("figures that no calibration has")
        return Documents(programs, calibrations, [(int(boot), int(us)) for boot, us in told["ties"]])


@dataclass(frozen=True)
class Batch:
    """Records of one device in the store's order; `after`: the one before them in that store, None for its first."""

    after: Place | None
    raws: list[bytes]
    documents: Documents | None = None

    def encode(self) -> bytes:
        """As a message."""
        told: dict[str, Any] = {
            "after": self.after,
            "records": [b64encode(raw).decode() for raw in self.raws],
        }
        if self.documents is not None:
            told["documents"] = self.documents.__dict__
        return json.dumps(told).encode()

    @staticmethod
    def decode(data: bytes) -> Batch:
        """From a message. Raises WireError."""
        told = _object(data)
        try:
            known = told.get("documents")
            raws = [b64decode(text, validate=True) for text in told["records"]]
            return Batch(_place(told["after"]), raws, None if known is None else Documents.of(known))
        except _NO_NUMBER as error:
            raise WireError(f"no message of records: {error}") from None


@dataclass(frozen=True)
class Ack:
    """The last record that the database holds of a device, None for none; `refused`: why a message was not taken.

    `documents`: the digest of the documents that it holds.
    """

    last: Place | None
    refused: str = ""
    documents: str = ""

    def encode(self) -> bytes:
        """As a message."""
        return json.dumps({"last": self.last, "refused": self.refused, "documents": self.documents}).encode()

    @staticmethod
    def decode(data: bytes) -> Ack:
        """From a message. Raises WireError."""
        told = _object(data)
        try:
            last, refused, known = _place(told["last"]), told.get("refused", ""), told.get("documents", "")
            return Ack(last, str(refused).encode(errors="replace").decode(), str(known))
        except _NO_NUMBER as error:
            raise WireError(f"no acknowledgement: {error}") from None


def birth(session: int, online: bool, **facts: Any) -> bytes:
    """A gateway's birth, or its last will. Who reads it believes the highest session."""
    return json.dumps({"session": session, "online": online, **facts}).encode()


def session_of(data: bytes) -> int:
    """The session of a birth or a will; 0 for what is none."""
    try:
        session = int(_object(data).get("session", 0))
    except _NO_NUMBER:
        return 0
    return session if 0 <= session < MOST_SESSION else 0


def value_of(data: bytes) -> object:
    """JSON as it came. Raises WireError."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # the latter for a thousand brackets
        raise WireError(f"no JSON: {error}") from None


def _object(data: bytes) -> dict[str, Any]:
    told = value_of(data)
    if not isinstance(told, dict):
        raise WireError("no JSON object")
    return cast(dict[str, Any], told)


def _place(value: Any) -> Place | None:
    if value is None:
        return None
    boot, number = (int(part) for part in value)
    if not (0 <= boot < MOST_NUMBER and 0 <= number < MOST_NUMBER):
        raise ValueError("no boot or number of a record")
    return boot, number
