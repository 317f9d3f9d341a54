"""One record of the log as the host reads it: its seal checked at once, its state decoded where it is asked for.

Owns: the class Record, where each field of a version lies, and the words of its text.
Rules: nothing is decoded that its CRC does not cover; places follow from the tables of pumpwire.records, so that a new
version needs nothing here; the bytes are kept as they came.
Units: by the names' endings; steps are net counted steps since the rig's first boot.
Leaves: the bytes of a record to pumpwire.records.
"""

from __future__ import annotations

import struct
from binascii import crc32
from typing import Any

from pumpwire import codec, records, spec

_HEADER = struct.Struct("<" + "".join(row[1] for row in records.HEADER))
_FIELD = {row[0]: i for i, row in enumerate(records.HEADER)}
_VERSION, _EVENT, _NUMBER, _BOOT = (_FIELD[name] for name in ("version", "event", "number", "boot"))
_MONO, _UTC, _CALIBRATION, _CHAIN = (
    _FIELD[name] for name in ("mono_us", "utc_us", "calibration_id", "chain")
)
_LENGTH = _FIELD["length"]
_AT = records.HEADER_SIZE
_BARE = _AT + 4  # a record's bytes beside its state and its text
_WHOLE = 0x2144DF1C  # the CRC-32 of anything with its own CRC-32 behind it


def _places(fields: int) -> list[tuple[str, int, int]]:
    """(name, first byte, byte after the last) of a version's fields."""
    places: list[tuple[str, int, int]] = []
    at = _AT
    for name, size in records.STATE[:fields]:
        places.append((name, at, at + size))
        at += size
    return places


_PLACES = {version: _places(fields) for version, fields in records.FIELDS.items()}
_PLAIN = {1: "B", 2: "H", 4: "I"}  # sizes that `struct` reads at once; of the others each is put together


def _at_once(
    places: list[tuple[str, int, int]],
) -> tuple[struct.Struct, list[str], list[tuple[str, int, int]]]:
    """How to read a version's state: the struct and names of the plain fields, the places of the others."""
    form = "".join(_PLAIN.get(j - i, f"{j - i}x") for _name, i, j in places)
    plain = [name for name, i, j in places if j - i in _PLAIN]
    return struct.Struct("<" + form), plain, [row for row in places if row[2] - row[1] not in _PLAIN]


_READ = {version: _at_once(places) for version, places in _PLACES.items()}
_END = {version: places[-1][2] for version, places in _PLACES.items()}
_EVENTS = [known or f"event {number}" for number, known in enumerate((*records.EVENTS, *[""] * 256))]
_NUMBER_AT = struct.calcsize("<" + "".join(row[1] for row in records.HEADER[:_NUMBER]))
_LEAST = {version: end - _AT for version, end in _END.items()}
_NONE = {version: {row[0]: 0 for row in records.STATE[fields:]} for version, fields in records.FIELDS.items()}
_KINDS = [(row[1], row[2]) for row in _PLACES[1][: len(spec.KINDS)]]
_STEPS = struct.Struct("<" + "IB" * len(_KINDS))  # 40 bits each
assert {j - i for i, j in _KINDS} == {5}
_RELIEF = _KINDS[spec.KINDS.index("relief")]
_PROGRAM = next(row[1:] for row in _PLACES[1] if row[0] == "program_hash")
_int = int.from_bytes


def number_of(raw: bytes) -> int:
    """What its header says, its seal not looked at; -1 for what is too short to say."""
    return _int(raw[_NUMBER_AT : _NUMBER_AT + 4], "little") if len(raw) > _AT else -1


def place_of(raw: bytes) -> tuple[int, int] | None:
    """(boot, number) as its header says, its seal not looked at; None for what is too short to say."""
    values = _HEADER.unpack_from(raw) if len(raw) > _AT else None
    return None if values is None else (values[_BOOT], values[_NUMBER])


class Record:
    """One record, decoded. `at_utc_us` is None where no clock knows the time; `rig_utc_us` is the rig's own clock."""

    __slots__ = (
        "_kinds",
        "_state",
        "at_utc_us",
        "boot",
        "calibration_id",
        "chain",
        "event",
        "mono_us",
        "number",
        "raw",
        "rig_utc_us",
        "version",
    )

    def __init__(self, page: bytes) -> None:
        """Raises pumpwire.records.RecordError, ValueError."""
        values: tuple[Any, ...] = (b"",)
        if page.__class__ is bytes and len(page) > _AT:
            values = _HEADER.unpack_from(page)
        if (
            values[0] != records.MAGIC
            or len(page) != _BARE + values[_LENGTH]
            or len(page) > records.PAGE
            or values[_LENGTH] < _LEAST.get(values[_VERSION], len(page))
            or crc32(page) != _WHOLE
        ):  # a page, or no record: then the rule itself says why
            page = records.unseal(page)
            values = _HEADER.unpack_from(page)
        self.raw: bytes = page
        self.version: int = values[_VERSION]
        self.number: int = values[_NUMBER]
        self.boot: int = values[_BOOT]
        self.mono_us: int = values[_MONO]
        self.rig_utc_us: int | None = values[_UTC] or None
        self.at_utc_us: int | None = self.rig_utc_us
        self.calibration_id: int = values[_CALIBRATION]
        self.chain: bytes = values[_CHAIN]
        event = values[_EVENT]
        self.event: str = _EVENTS[event]
        self._kinds: dict[str, int] | None = None
        self._state: dict[str, int] | None = None

    @property
    def text(self) -> str:
        """The event's own words."""
        return self.raw[_END[self.version] : -4].decode()

    @property
    def state(self) -> dict[str, int]:
        """The whole state that the record carries, 0 for what its version lacks."""
        if self._state is None:
            raw = self.raw
            form, plain, others = _READ[self.version]
            state = dict(zip(plain, form.unpack_from(raw, _AT), strict=True))
            for name, i, j in others:
                state[name] = _int(raw[i:j], "little")
            state.update(_NONE[self.version])
            records.split(state, self.version)
            self._state = state
        return self._state

    @property
    def program_hash(self) -> int:
        """The first half of the active program's hash, as a number; 0 for none."""
        return _int(self.raw[_PROGRAM[0] : _PROGRAM[1]], "little")

    @property
    def net_steps(self) -> int:
        """Counted steps forward minus counted steps of pressure relief."""
        raw = self.raw
        total = sum([_int(raw[i:j], "little") for i, j in _KINDS])
        return total - 2 * _int(raw[_RELIEF[0] : _RELIEF[1]], "little")

    def counted(self) -> list[int]:
        """Counted steps in the order of spec.KINDS, as the record has them."""
        parts = _STEPS.unpack_from(self.raw, _AT)
        low, high = parts[::2], parts[1::2]
        return [part + (more << 32) for part, more in zip(low, high, strict=True)] if any(high) else list(low)

    def kind_steps(self) -> dict[str, int]:
        """Counted steps by what they were made for, since the first boot; relief counts negative."""
        if self._kinds is None:
            self._kinds = dict(zip(spec.KINDS, self.counted(), strict=True))
            self._kinds["relief"] = -self._kinds["relief"]
        return self._kinds


def fields_of(text: str) -> dict[str, str | int]:
    """An event's words, decoded; whole numbers as numbers; of a name that stands twice the first."""
    fields: dict[str, str | int] = {}
    for word in text.split(" "):
        name, equals, value = word.partition("=")
        if not equals:
            continue
        try:
            told = codec.unescape(value)
        except codec.WireError:
            told = value
        fields.setdefault(name, int(told) if told.lstrip("-").isdigit() and len(told) < 19 else told)
    return fields
