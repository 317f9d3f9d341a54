"""Intents: what is about to be sent, kept before it is sent, settled by the device's own number; and what was learnt.

Owns: the table of intents and the settling of old ones; which of the rig's answers the store keeps.
Rules: an intent is on the disk before its first byte leaves; it is settled as done or refused only if the device's
log or its last accepted number says so, as not done only if that number was never reached; otherwise it stays
unknown.
Units: numbers as on the wire; times in microseconds UTC.
Leaves: the wire to client.py.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from pumpwire import codec, documents, records

from pumprig.errors import StoreError
from pumprig.quantities import now_utc_us
from pumprig.store import seals
from pumprig.store.database import Store

CRC_SINCE = 3  # the version of a record that says which command used up its number


@dataclass(frozen=True)
class Settled:
    """An intent of an earlier run and its outcome, now known."""

    verb: str
    line: str
    begun_utc_us: int
    outcome: str
    code: int


class Met(Protocol):
    """Who answered: a greeting, of which only this is needed here."""

    @property
    def device_id(self) -> str: ...
    @property
    def firmware(self) -> str: ...
    @property
    def protocol(self) -> int: ...


class StoredIntents:
    """The client's Intents, on disk."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owner = threading.get_ident()
        self._learnt: set[tuple[str, object]] = set()

    def begin(self, device_id: str, boot: int, seq: int, verb: str, line: str) -> int:
        """Keep an intent; it is on the disk when this returns. Raises StoreError."""
        with self._store.transaction() as db:
            number = seals.next_id(db, "intents")
            row = {"id": number, "device_id": device_id, "boot": boot, "seq": seq, "verb": verb, "line": line}
            row |= {"begun_utc_us": now_utc_us(), "outcome": None, "code": None, "settled_utc_us": None}
            seals.insert(db, "intents", row)
            return number

    def settle(self, intent: int, outcome: str, code: int) -> None:
        """Keep an outcome. Raises StoreError."""
        with self._store.transaction() as db:
            changes = {"outcome": outcome, "code": code, "settled_utc_us": now_utc_us()}
            seals.update(db, "intents", {"id": intent}, changes)

    def learn(self, greeting: Met, verb: str, rows: Sequence[Mapping[str, str]]) -> None:
        """Keep the calibration that a status names, a program that was read back, one that is about to be staged.

        Only in the thread that opened the store, and only what is new; what cannot be kept now is met again.
        """
        if threading.get_ident() != self._owner or self._store.read_only:
            return
        with suppress(StoreError, ValueError):
            if verb == "status":
                self._learn_calibration(greeting, {key: value for row in rows for key, value in row.items()})
            else:
                for name in ("text", "later"):  # what runs or is staged, and what waits for its time
                    self._learn_program(greeting, "".join(row.get(name, "") for row in rows))

    def _learn_calibration(self, greeting: Met, status: dict[str, str]) -> None:
        figures = tuple(
            int(status.get(name) or 0) for name in ("calibration_id", "step_nl_num", "step_nl_den", "u_ppm")
        )
        if figures[0] and figures[2] and (greeting.device_id, figures) not in self._learnt:
            self._meet(greeting)
            self._store.note_calibration(greeting.device_id, *figures)
            self._learnt.add((greeting.device_id, figures))

    def _learn_program(self, greeting: Met, text: str) -> None:
        if text.startswith("kind=program ") and (greeting.device_id, text) not in self._learnt:
            self._meet(greeting)
            self._store.note_program(greeting.device_id, documents.digest(text), text)
            self._learnt.add((greeting.device_id, text))

    def _meet(self, greeting: Met) -> None:
        if greeting.device_id not in self._store.devices():
            self._store.note_device(greeting.device_id, greeting.firmware, greeting.protocol)

    def settle_by_number(self, device_id: str, last_seq: int) -> list[Settled]:
        """After a greeting: intents whose number the device never reached were not done. Returns what is now known.

        What was sent under a number that was reached is settled by the log, which says whose command that was.
        """
        settled: list[Settled] = []
        for row in self._open(device_id):
            if row[1] > last_seq:
                self.settle(row[0], "not done", 0)
                settled.append(Settled(row[2], row[3], row[4], "not done", 0))
        return settled

    def settle_by_log(self, device_id: str) -> list[Settled]:
        """After a pull: the log names number, verb and line of every command that used up its number.

        Where another command has used up an intent's number, the intent was not done, and never can be. Returns what is
        now known.
        """
        settled: list[Settled] = []
        for intent, seq, verb, line, begun_us, boot in self._open(device_id):
            with self._store.guard():
                rows = self._store.db.execute(
                    "SELECT event, text, raw FROM records WHERE device_id = ? AND boot >= ? "
                    "AND event <> 'checkpoint' AND event IN ('command', 'refused')",
                    (device_id, boot),
                ).fetchall()
            crc = _crc_of(line)
            for event, text, raw in rows:
                told = fields_of(text)
                if told.get("seq") == str(seq):
                    ours = told.get("verb") == verb and crc in (None, _crc_in(raw, seq, crc))
                    outcome = "not done" if not ours else "done" if event == "command" else "refused"
                    self.settle(intent, outcome, 0)
                    settled.append(Settled(verb, line, begun_us, outcome, 0))
                    break
        return settled

    def unknown(self, device_id: str) -> list[tuple[str, str]]:
        """(verb, line) of the intents whose outcome is not known."""
        return [(row[2], row[3]) for row in self._open(device_id)]

    def staged(self, device_id: str) -> list[str]:
        """The documents that this computer has staged there, as canonical texts, oldest first."""
        with self._store.guard():
            lines = self._store.db.execute(
                "SELECT line FROM intents WHERE device_id = ? AND verb = 'stage' AND outcome = 'done' ORDER BY id",
                (device_id,),
            ).fetchall()
        texts: list[str] = []
        for row in lines:
            fields = codec.parse(str(row[0]), ">")[2]
            if fields["part"] == "1":
                texts.append("")
            if texts:
                texts[-1] += fields["text"]
        return texts

    def _open(self, device_id: str) -> list[tuple[int, int, str, str, int, int]]:
        with self._store.guard():
            return [
                (int(row[0]), int(row[1]), str(row[2]), str(row[3]), int(row[4]), int(row[5]))
                for row in self._store.db.execute(
                    "SELECT id, seq, verb, line, begun_utc_us, boot FROM intents "
                    "WHERE device_id = ? AND (outcome IS NULL OR outcome = 'unknown') ORDER BY id",
                    (device_id,),
                )
            ]


def _crc_in(raw: bytes, seq: int, crc: int | None) -> int | None:
    """What the record of a command says of which one it was; a record that cannot say it agrees."""
    header, state, _text = records.unpack(raw)
    knows = header["version"] >= CRC_SINCE and state["last_seq"] == seq
    return state["last_crc"] if knows else crc


def _crc_of(line: str) -> int | None:
    """What names a kept line beside its number; None where that is not known."""
    if line.startswith(">"):
        return codec.name_of(line)
    kept = fields_of(line).get("crc", "")  # of a secret only this was kept
    return int(kept) if kept.isdigit() else None


def fields_of(text: str) -> dict[str, str]:
    """The words `name=value` of an event's text."""
    fields: dict[str, str] = {}
    for word in text.split(" "):
        name, equals, value = word.partition("=")
        if equals:
            fields[name] = codec.unescape(value)
    return fields
