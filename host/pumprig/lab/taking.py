"""One message of records against what the database holds: what is new in it, what is refused.

Owns: the rule by which a record enters.
Rules: its seal is right and it follows what is held of its source, by number and by chain; the same record twice is the
same as once; the same place with other bytes is a forgery; nothing behind a forgery or a gap is taken.
Units: boots and record numbers.
Leaves: asking and storing to database.py, the form of messages to wire.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from pumpwire import records

from pumprig.lab.wire import Batch, Place
from pumprig.store.record import Record


class Taking:
    """One message against what is held: what is new in it, and where the watermark is afterwards."""

    def __init__(
        self, last: Place | None, link: bytes | None, batch: Batch, held: dict[Place, bytes]
    ) -> None:
        self.last, self.link = last, link
        self._batch, self._held = batch, held
        self.calibrations: list[Record] = []  # among the new ones
        self.refused: bytes | None = None
        self.why = ""

    def records(self) -> Iterator[Record]:
        """What is new, up to the first record that is forged, damaged, or has something missing before it."""
        after, held = self._batch.after, self._held
        for raw in self._batch.raws:
            why, record = _read(raw)
            if record is None:
                self.refused, self.why = raw, why
                return
            here = (record.boot, record.number)
            stored = held.get(here)
            if stored is not None and stored != raw:
                self.refused, self.why = raw, f"record {record.number} is there with other bytes"
                return
            follows = after == self.last
            after = here
            if not follows:
                if stored is None:
                    return  # something is missing before it: the gateway begins again from the watermark
                continue  # a message that came twice
            if self._breaks_chain(record):
                self.refused, self.why = raw, f"record {record.number} does not follow its chain"
                return
            self.last, self.link = here, records.link(raw)
            if stored is None:
                held[here] = raw
                if record.event == "calibration":
                    self.calibrations.append(record)
                yield record

    def _breaks_chain(self, record: Record) -> bool:
        if self.last is None or self.link is None or record.number != self.last[1] + 1:
            return False
        return record.chain != self.link


def _read(raw: bytes) -> tuple[str, Record | None]:
    """Why it is none, or the record."""
    try:
        record = Record(raw)
        _ = record.text  # which is text, or no record
    except (records.RecordError, ValueError) as error:
        return f"its seal is broken ({error})", None
    if record.raw != raw:
        return "something follows its seal", None
    return "", record
