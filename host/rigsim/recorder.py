"""Every log record of a rehearsal, taken as it is programmed into flash and checked against its predecessor.

Owns: what the log says happened: alarms, requests, refusals, undelivered volume; whether the chain held.
Rules: keeps counts and alarms only, never the records, so memory stays flat; a record that does not follow
the one before (number, chain, CRC) makes the log unverified and is named.
Units: microseconds UTC of the simulated world.
Leaves: the bytes to pumpwire.records.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable
from typing import IO, Any

from pumpwire import codec, records, spec

KEEP_ALARMS = 100_000
# Of a record only its head and its words are asked for here; its state is 42 fields
_NAMES = tuple(row[0] for row in records.HEADER)
_HEADER = struct.Struct("<" + "".join(row[1] for row in records.HEADER))


class Recorder:
    """Reads records as they are written. `utc_us` tells the world's time, `file` gets all as base64 lines,
    `told` those that are no checkpoints."""

    def __init__(self, utc_us: Callable[[], int], file: IO[str] | None, told: IO[str] | None = None) -> None:
        self._utc_us = utc_us
        self._file = file
        self._told = told
        self._kept, self._boot = b"", 0  # a checkpoint, which may come to be the last record of its boot
        self._previous: bytes | None = None
        self._priorities = {row[1]: row[2] for row in spec.alarms()}
        self._open: dict[str, dict[str, Any]] = {}
        self.count = 0
        self.end = (0, 0, 1)  # boot and mono_us of the last record, number of the next
        self.faults: list[str] = []
        self.alarms: list[dict[str, Any]] = []
        self.refills = 0
        self.undelivered_nl = 0
        self.demand_asked = self.demand_given = self.demand_refused = 0

    def take(self, page: int, data: bytes) -> None:
        """A page was programmed; what is no record (a header, a setting) is passed over."""
        if data[:2] != records.MAGIC:
            return
        try:
            raw = records.unseal(data)
        except records.RecordError as error:
            self.faults.append(f"a record that is no record ({error}) after {self.count}")
            return
        header = dict(zip(_NAMES, _HEADER.unpack_from(raw)))
        self._follow(raw, header)
        self.count += 1
        self.end = (header["boot"], header["mono_us"], header["number"] + 1)
        if self._file is not None:
            self._file.write(b64encode(raw).decode() + "\n")
        event = records.EVENTS[header["event"]]
        self._tell(raw, header["boot"], event)
        if event != "checkpoint":
            self._note(event, raw[_HEADER.size + records.SIZES[raw[2] - 1] : -4].decode())

    def program_began_utc_us(self) -> int:
        """By the newest record: UTC, less the program's own time."""
        assert self._previous is not None
        header, state, _text = records.unpack(self._previous)
        own_us = state["program_elapsed_s"] * 1_000_000 + state["elapsed_part"] * 1_000_000 // 65_536
        return int(header["utc_us"]) - own_us

    def relief_steps(self) -> int:
        """By the newest record."""
        assert self._previous is not None
        return int(records.unpack(self._previous)[1]["relief_steps"])

    def _follow(self, raw: bytes, header: dict[str, Any]) -> None:
        before = self._previous
        self._previous = raw
        if before is None:
            return
        number = int.from_bytes(before[6:10], "little") + 1
        if header["number"] != number:
            self.faults.append(f"record {header['number']} follows {number - 1}")
        elif header["chain"] != records.link(before):
            self.faults.append(f"record {number} does not carry the hash of {number - 1}")

    def _tell(self, raw: bytes, boot: int, event: str) -> None:
        """Pass on what tells of an event, and the last record of each boot."""
        if self._told is None:
            return
        if self._kept and boot != self._boot:
            self._told.write(b64encode(self._kept).decode() + "\n")
        self._kept, self._boot = (raw, boot) if event == "checkpoint" else (b"", boot)
        if event != "checkpoint":
            self._told.write(b64encode(raw).decode() + "\n")

    def _note(self, event: str, text: str) -> None:
        fields = parse_fields(text)
        name = fields.get("name", "")
        if event == "alarm":
            row = {
                "at": self._utc_us(),
                "name": name,
                "priority": self._priorities.get(name, ""),
                "cleared_at": None,
            }
            self._open[name] = row
            if len(self.alarms) < KEEP_ALARMS:
                self.alarms.append(row)
        elif event == "alarm_end":
            row = self._open.pop(name, None)
            if row is not None:
                row["cleared_at"] = self._utc_us()
        elif event == "command" and fields.get("verb") == "refill":
            self.refills += 1
        elif event == "undelivered":
            self.undelivered_nl += int(fields.get("nl", "0"))
        self._note_demand(event, fields)

    def _note_demand(self, event: str, fields: dict[str, str]) -> None:
        by_button = event in ("request", "refused") and fields.get("what", "request") == "request"
        by_line = event in ("command", "refused") and fields.get("verb") == "demand"
        if event == "refused" and "verb" in fields:
            by_button = False
        if by_button or by_line:
            self.demand_asked += 1
            if event == "refused":
                self.demand_refused += 1
            else:
                self.demand_given += 1


def parse_fields(text: str) -> dict[str, str]:
    """`name=value name=value` of an event's text -> a dictionary; a word that the page cut off is left out."""
    fields: dict[str, str] = {}
    for word in text.split(" "):
        name, equals, value = word.partition("=")
        if equals:
            try:
                fields[name] = codec.unescape(value)
            except codec.WireError:
                continue
    return fields
