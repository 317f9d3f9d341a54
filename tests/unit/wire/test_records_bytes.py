"""pumpwire.records byte by byte: the page as the format says it, built here a second time, and every way to be none.

Owns: where each field stands in each version, what shares a field, which words a page has no room for, why bytes are
refused.
Rules: the table of fields is said once more here, for a version's fields never change; the CRC is zlib's.
Units: bytes, as in pumpwire.records.
Leaves: damage bit by bit to test_records.py, pages on flash to tests/unit/log.
"""

from __future__ import annotations

import zlib
from random import Random
from typing import Any

import pytest
from pumpwire import records

# name, bytes: 30 of version 1, 8 more of version 2, 4 more of version 3 and on
FIELDS = (
    *((f"{kind}_steps", 5) for kind in ("basal", "periodic", "demand", "single", "spread", "bridge")),
    *((f"{kind}_steps", 5) for kind in ("prime", "relief", "calibration")),
    *(
        ("delivered_base_nl", 6),
        ("base_steps", 5),
        ("reservoir_base_nl", 5),
        ("reservoir_base_delivered_nl", 6),
    ),
    *(("assumed_steps", 5), ("lost_steps", 5), ("last_seq", 4), ("last_code", 1), ("mode", 1)),
    *(("program_hash", 4), ("bolus_kind", 1), ("bolus_steps", 4), ("bolus_done_steps", 4)),
    *(("bolus_rate_nl_per_day", 5), ("spread_steps_asked", 4), ("spread_done_steps", 4)),
    *(
        ("spread_rate_nl_per_day", 5),
        ("demand_wait_s", 4),
        ("program_elapsed_s", 4),
        ("alarms", 4),
        ("acked", 4),
    ),
    *(("later", 2), ("ramp", 3), ("tube_rev", 3), ("tube_day", 2), ("battery_j", 2), ("battery_h", 2)),
    *(("eri_days", 1), ("demands", 1)),
    *(("second_kind", 1), ("waiting", 1), ("elapsed_part", 2), ("last_crc", 2)),
)
COUNTS = {1: 30, 2: 38, 3: 42, 4: 42, 5: 42, 6: 42, 7: 42}
HEADER = {"event": 1, "number": 4, "boot": 4, "mono_us": 8, "utc_us": 8, "calibration_id": 4}


def built(header: dict[str, Any], fields: dict[str, int], words: bytes, version: int = 7) -> bytes:
    """A record from its fields as they stand, shared or not."""
    state = b"".join(fields[name].to_bytes(size, "little") for name, size in FIELDS[: COUNTS[version]])
    raw = b"PR" + bytes([version, header["event"]]) + (len(state) + len(words)).to_bytes(2, "little")
    for name in ("number", "boot", "mono_us", "utc_us", "calibration_id"):
        raw += header[name].to_bytes(HEADER[name], "little")
    return sealed(raw + header["chain"] + state + words)


def sealed(raw: bytes) -> bytes:
    return raw + zlib.crc32(raw).to_bytes(4, "little")


def drawn(draw: Random) -> tuple[dict[str, Any], dict[str, int]]:
    """(header, fields of a page), each field anywhere in its bytes."""
    header: dict[str, Any] = {name: draw.randrange(1 << 8 * size) for name, size in HEADER.items()}
    header["chain"] = draw.randbytes(8)
    return header, {name: draw.choice([0, draw.randrange(1 << 8 * size)]) for name, size in FIELDS}


def meant(fields: dict[str, int]) -> dict[str, int]:
    """What the fields of a page stand for, since version 7."""
    told = dict(fields)
    told["mode"], told["halted"] = fields["mode"] & 7, fields["mode"] >> 3
    told["second_kind"], told["stood"] = fields["second_kind"] & 127, fields["second_kind"] >> 7
    told["demand_wait_s"] = fields["demand_wait_s"] & 0xFFFFFF
    told["ramp"] = fields["ramp"] | fields["demand_wait_s"] >> 24 << 24
    told["reservoir_assumed_nl"] = 0
    for byte, name in enumerate(("reservoir_base_nl", "assumed_steps", "lost_steps")):
        told[name] = fields[name] & 0xFFFFFFFF
        told["reservoir_assumed_nl"] += fields[name] >> 32 << 8 * byte
    return told


def test_the_figures_of_a_page() -> None:
    assert (records.PAGE, records.HEADER_SIZE, records.CHAIN, records.VERSION) == (256, 42, 8, 7)
    assert FIELDS == records.STATE
    assert COUNTS == records.FIELDS
    sizes = [sum(size for _name, size in FIELDS[:count]) for count in COUNTS.values()]
    assert list(records.SIZES) == sizes
    assert sizes[-1] == records.STATE_SIZE
    assert 256 - 42 - sizes[-1] - 4 == records.MAX_EVENT_TEXT
    assert [FIELDS[place][0] for place in (records.MODE, records.SECOND)] == ["mode", "second_kind"]


@pytest.mark.parametrize("seed", range(40))
def test_a_record_is_these_bytes_and_no_others(seed: int) -> None:
    draw = Random(f"page {seed}")
    header, fields = drawn(draw)
    words = b"why=a b=%d" % seed
    raw = built(header, fields, words)
    state = meant(fields)
    text: Any = draw.choice([words, words.decode()])
    assert records.pack(header, state, text) == raw
    assert records.page(header, [fields[name] for name, _size in FIELDS], words) == raw
    got, told, text = records.unpack(raw)
    assert told == state
    assert text == words.decode()
    assert {name: got[name] for name in header} == header
    assert (got["magic"], got["version"], got["length"]) == (b"PR", 7, records.STATE_SIZE + len(words))


@pytest.mark.parametrize("version", COUNTS)
def test_a_record_of_each_version_is_read_for_ever(version: int) -> None:
    draw = Random(f"version {version}")
    header, fields = drawn(draw)
    if version < 4:
        fields["mode"] = 201  # a byte of its own
    state = records.unpack(built(header, fields, b"", version))[1]
    lacking = {name for name, _size in FIELDS[COUNTS[version] :]}
    wanted = meant({name: 0 if name in lacking else value for name, value in fields.items()})
    if version < 4:
        wanted["mode"], wanted["halted"] = 201, 0
    assert state == wanted


def test_what_a_state_does_not_name_is_0_and_a_number_more_than_its_field_runs_over_nothing() -> None:
    header: dict[str, Any] = {**dict.fromkeys(HEADER, 0), "chain": bytes(8)}
    assert records.pack(header, {}, "") == built(header, dict.fromkeys(dict(FIELDS), 0), b"")
    state = records.unpack(records.pack(header, {"last_crc": 0xFFFF}, ""))[1]
    assert {name for name, value in state.items() if value} == {"last_crc"}


MOST = records.MAX_EVENT_TEXT


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (b"a" * MOST, b"a" * MOST),
        (b"a" * (MOST + 1), b"a" * MOST),  # one word: what of it has room
        (b"a" * MOST + b" b", b"a" * MOST),
        (b"a" * (MOST - 2) + b" b", b"a" * (MOST - 2) + b" b"),
        (b"a" * (MOST - 2) + b" bc", b"a" * (MOST - 2)),  # the last word alone is left out
        (b"a b " + b"c" * MOST, b"a b"),
        (b"a " + b"c" * MOST, b"a"),
        (b"a " + b"c" * (MOST - 2) + b" d", b"a " + b"c" * (MOST - 2)),  # just so many
        (b"a " + b"c" * (MOST - 1) + b" d", b"a"),
        (b"a" * (MOST + 1) + b" d", b"a" * MOST),
        (b" " + b"c" * MOST, b" " + b"c" * (MOST - 1)),
    ],
)
def test_a_text_that_is_too_long_loses_its_last_words(words: bytes, kept: bytes) -> None:
    header: dict[str, Any] = {**dict.fromkeys(HEADER, 0), "chain": bytes(8)}
    raw = records.pack(header, {}, words)
    assert records.unpack(raw)[2] == kept.decode()
    assert len(raw) == 256 - (MOST - len(kept))


def page_of(length: int, words: bytes, version: int = 7) -> bytes:
    """A sealed record that says that it is so long."""
    header, fields = drawn(Random(5))
    raw = bytearray(built(header, fields, words, version)[:-4])
    raw[4:6] = length.to_bytes(2, "little")
    return sealed(bytes(raw))


def test_what_is_no_record_is_refused_with_what_is_wrong_first() -> None:
    whole = page_of(records.STATE_SIZE + 3, b"abc")
    assert records.unseal(whole) == records.unseal(whole + b"\xff" * 9) == whole
    size = records.STATE_SIZE
    for data, why in (
        (b"", "magic"),
        (b"PX" + whole[2:], "magic"),
        (b"\xff\xff" + whole[2:], "erased"),
        (b"\xff", "magic"),
        (whole[:45], "length"),
        (whole[:46], "length"),
        (whole[:-1], "length"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "crc"),
        (page_of(size + 2, b"abc"), "crc"),
        (page_of(256 - 42 - 4 + 1, b"abc") + bytes(300), "length"),
        (page_of(0x0100 + size + 3, b"abc") + bytes(300), "length"),
        (page_of(size - 1, b"")[: 42 + size - 1] + b"....", "crc"),
    ):
        with pytest.raises(records.RecordError, match=f"^{why}$"):
            records.unseal(data)
    full = records.pack({**dict.fromkeys(HEADER, 0), "chain": bytes(8)}, {}, b"x" * MOST)
    assert records.unseal(full) == full
    assert len(full) == 256


@pytest.mark.parametrize("version", COUNTS)
def test_a_sealed_record_with_less_than_its_version_s_state_is_refused(version: int) -> None:
    header, fields = drawn(Random(version))
    raw = bytearray(built(header, fields, b"", version)[:-4])
    assert records.unseal(sealed(bytes(raw)))
    raw.pop()
    raw[4:6] = (len(raw) - 42).to_bytes(2, "little")
    with pytest.raises(records.RecordError, match="length"):
        records.unseal(sealed(bytes(raw)))


def test_each_event_keeps_its_place_for_ever() -> None:
    events = (
        "checkpoint boot first_boot command refused - stop program calibration bolus_start bolus_end - alarm"
        " alarm_end - clock power_return late request staged_expired maintenance access undelivered - relief"
        " stall_end reminder self_test fault kept moved missed"
    )
    assert list(records.EVENTS) == events.replace("-", "").split(" ")
