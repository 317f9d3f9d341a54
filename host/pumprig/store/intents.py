"""Intents: what is about to be sent, kept before it is sent, settled by the device's own number.

Owns: the table of intents and the settling of old ones.
Rules: an intent is on the disk before its first byte leaves; it is settled as done or refused only if the device's
log or its last accepted number says so, as not done only if that number was never reached; otherwise it stays
unknown.
Callers: client.py through its Intents protocol; the command line after each greeting; pull.py after new records.
Units: numbers as on the wire; times in microseconds UTC.
Leaves: the wire to client.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from pumpwire import codec

from pumprig.quantities import now_utc_us
from pumprig.store.database import Store


@dataclass(frozen=True)
class Settled:
    """An intent of an earlier run and its outcome, now known."""

    verb: str
    line: str
    begun_utc_us: int
    outcome: str
    code: int


class StoredIntents:
    """The client's Intents, on disk."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, device_id: str, boot: int, seq: int, verb: str, line: str) -> int:
        """Keep an intent; it is on the disk when this returns. Raises StoreError."""
        with self._store.transaction() as db:
            cursor = db.execute(
                "INSERT INTO intents (device_id, boot, seq, verb, line, begun_utc_us) VALUES (?, ?, ?, ?, ?, ?)",
                (device_id, boot, seq, verb, line, now_utc_us()),
            )
            return int(cursor.lastrowid or 0)

    def settle(self, intent: int, outcome: str, code: int) -> None:
        """Keep an outcome. Raises StoreError."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE intents SET outcome = ?, code = ?, settled_utc_us = ? WHERE id = ?",
                (outcome, code, now_utc_us(), intent),
            )

    def settle_by_number(self, device_id: str, last_seq: int) -> list[Settled]:
        """After a greeting: intents whose number the device never reached were not done. Returns what is now known."""
        settled: list[Settled] = []
        for row in self._open(device_id):
            if row[1] > last_seq:
                self.settle(row[0], "not done", 0)
                settled.append(Settled(row[2], row[3], row[4], "not done", 0))
        return settled

    def settle_by_log(self, device_id: str) -> list[Settled]:
        """After a pull: the log names number and verb of every accepted command. Returns what is now known."""
        settled: list[Settled] = []
        for intent, seq, verb, line, begun_us, boot in self._open(device_id):
            with self._store.guard():
                rows = self._store.db.execute(
                    "SELECT event, text FROM records WHERE device_id = ? AND boot >= ? "
                    "AND event IN ('command', 'refused')",
                    (device_id, boot),
                ).fetchall()
            for event, text in rows:
                told = fields_of(text)
                if told.get("seq") == str(seq) and told.get("verb") == verb:
                    outcome = "done" if event == "command" else "refused"
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


def fields_of(text: str) -> dict[str, str]:
    """The words `name=value` of an event's text."""
    fields: dict[str, str] = {}
    for word in text.split(" "):
        name, equals, value = word.partition("=")
        if equals:
            fields[name] = codec.unescape(value)
    return fields
