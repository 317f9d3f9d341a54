"""pumpwire.records: what is packed is unpacked, and no damage passes for a record.

Owns: the properties of a log record's bytes.
Rules: every bit of a record is flipped, not a sample of them.
Units: as in pumpwire.records.
Leaves: pages on flash to test_journal.py.
"""

from __future__ import annotations

from binascii import crc32
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pumpwire import records, shapes, spec
from rig.boot import recovery, snapshot

HEADER_LIMITS = {"B": 1 << 8, "H": 1 << 16, "I": 1 << 32, "Q": 1 << 64}
FREE = [row for row in records.HEADER if row[0] not in ("magic", "version", "length", "chain")]


@st.composite
def any_record(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, int], str]:
    """Header, state and text of a record."""
    header: dict[str, Any] = {name: draw(st.integers(0, HEADER_LIMITS[code] - 1)) for name, code in FREE}
    header["chain"] = draw(st.binary(min_size=records.CHAIN, max_size=records.CHAIN))
    state = {name: draw(st.integers(0, (1 << 8 * size) - 1)) for name, size in records.STATE}
    state["mode"], state["halted"] = draw(st.integers(0, 7)), draw(st.integers(0, 31))
    state["demand_wait_s"], state["ramp"] = (
        draw(st.integers(0, (1 << 24) - 1)),
        draw(st.integers(0, (1 << 32) - 1)),
    )
    state["second_kind"], state["stood"] = draw(st.integers(0, 127)), draw(st.integers(0, 1))
    for name in records.PARTS:
        state[name] = draw(st.integers(0, (1 << records.PARTS_BITS) - 1))
    state["reservoir_assumed_nl"] = draw(st.integers(0, (1 << 24) - 1))
    return header, state, draw(st.text("abc =_.0123456789%", max_size=records.MAX_EVENT_TEXT + 20))


def sample() -> bytes:
    """A record with something in every part."""
    header = {"event": 3, "number": 77, "boot": 2, "mono_us": 10**12, "utc_us": 10**15, "calibration_id": 7}
    state = {name: 3 + i for i, (name, _size) in enumerate(records.STATE)}
    return records.pack({**header, "chain": b"\x01\xfe" * 4}, state, "verb=bolus seq=9 volume_nl=50000")


@given(any_record())
def test_what_is_packed_is_unpacked_and_fits_a_page(
    record: tuple[dict[str, Any], dict[str, int], str],
) -> None:
    header, state, text = record
    raw = records.pack(dict(header), state, text)
    assert len(raw) <= records.PAGE
    page = raw + b"\xff" * (records.PAGE - len(raw))
    assert records.unseal(page) == raw
    got_header, got_state, got_text = records.unpack(page)
    assert {name: got_header[name] for name in header} == header
    assert got_state == state
    assert len(got_text) <= records.MAX_EVENT_TEXT
    assert got_text == text or text.startswith(got_text)


@pytest.mark.requirement("SR-38")
def test_every_single_bit_flip_of_a_record_is_refused() -> None:
    raw = sample()
    for bit in range(8 * len(raw)):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(records.RecordError):
            records.unseal(bytes(damaged) + b"\xff" * (records.PAGE - len(raw)))


@pytest.mark.requirement("SR-13")
def test_a_page_whose_programming_was_cut_short_anywhere_is_no_record() -> None:
    raw = sample()
    for cut in range(len(raw)):
        with pytest.raises(records.RecordError):
            records.unseal(raw[:cut] + b"\xff" * (records.PAGE - cut))


@given(st.binary(max_size=records.PAGE))
def test_any_bytes_are_a_record_or_refused(data: bytes) -> None:
    with pytest.raises(records.RecordError):
        records.unseal(data)


@pytest.mark.requirement("SR-38")
@settings(max_examples=30)
@given(any_record(), st.integers(0, 10**6))
def test_an_edit_that_is_sealed_anew_breaks_the_chain(
    record: tuple[dict[str, Any], dict[str, int], str], nudge: int
) -> None:
    header, state, text = record
    raw = records.pack(dict(header), state, text)
    edited_state = {**state, "basal_steps": (state["basal_steps"] + 1 + nudge) % (1 << 40)}
    edited = records.pack(dict(header), edited_state, text)
    assert records.link(edited) != records.link(raw)


def test_the_state_block_has_room_for_a_century_at_the_head_s_fastest_rate() -> None:
    sizes = dict(records.STATE)
    century_s = 100 * 366 * 86_400
    assert century_s * 200 < 1 << 8 * sizes["basal_steps"]
    assert century_s * 600 < 1 << 8 * sizes["delivered_base_nl"]


def test_events_keep_their_numbers() -> None:
    named = [name for name in records.EVENTS if name]
    assert len(set(named)) == len(named)
    assert len(records.EVENTS) < 256
    assert records.EVENTS[:4] == ("checkpoint", "boot", "first_boot", "command")


# A record as version 1 wrote it: what `sample` packs, byte by byte.
VERSION_1 = bytes.fromhex(
    "50520103a2004d000000020000000010a5d4e80000000080c6a47e8d03000700000001fe01fe01fe01fe030000000004"
    "00000000050000000006000000000700000000080000000009000000000a000000000b000000000c00000000000d0000"
    "00000e000000000f0000000000100000000011000000001200000013141500000016170000001800000019000000001a"
    "0000001b0000001c000000001d0000001e0000001f00000020000000766572623d626f6c7573207365713d3920766f6c"
    "756d655f6e6c3d3530303030ade9ddb1"
)


@pytest.mark.requirement("SR-13")
def test_a_record_of_version_1_is_read_for_ever_and_what_it_lacks_is_0() -> None:
    header, state, text = records.unpack(VERSION_1)
    assert (header["version"], header["number"], text) == (1, 77, "verb=bolus seq=9 volume_nl=50000")
    for i, (name, _size) in enumerate(records.STATE):
        assert state[name] == (3 + i if i < records.FIELDS[1] else 0), name


def test_each_version_adds_fields_and_the_newest_has_them_all() -> None:
    assert records.FIELDS[records.VERSION] == len(records.STATE)
    assert list(records.FIELDS) == list(range(1, records.VERSION + 1))
    counts = list(records.FIELDS.values())
    assert counts == sorted(counts)
    assert sorted(set(counts)) == [
        30,
        38,
        42,
    ]  # versions 4 to 7 put a second value above `mode`, the lockout, three others and `second_kind`


@pytest.mark.requirement("SR-13")
def test_mode_and_why_the_pump_stands_share_a_byte_that_has_room_for_every_alarm() -> None:
    assert len(spec.MODES) <= 1 << records.MODE_BITS
    assert max(row[0] for row in spec.alarms()) + 2 < 1 << 8 - records.MODE_BITS
    for why in ["stopped", "power", *(f"alarm {row[1]}" for row in spec.alarms())]:
        assert recovery.halted_text(snapshot.halted_number(why)) == why


def test_a_lockout_leaves_its_high_byte_to_a_titration_that_is_far_behind() -> None:
    lockout_s = {name: most for name, _least, most in shapes.DEMAND}["lockout_s"]
    assert lockout_s < 1 << records.WAIT_BITS
    assert 60 * 366 * 86_400 * 2 < 1 << 32, "sixty years are told"


def test_a_fill_of_any_size_leaves_room_for_what_was_assumed_since() -> None:
    _verb, arguments, *_rest = spec.command("refill")
    assert max(row[3] for row in arguments) < 1 << records.PARTS_BITS
    state = dict.fromkeys(records.PARTS, (1 << records.PARTS_BITS) - 1) | {"reservoir_assumed_nl": 0x123456}
    header = {row[0]: 0 for row in FREE} | {"chain": bytes(records.CHAIN)}
    _header, got, _text = records.unpack(records.pack(header, state, ""))
    assert {name: got[name] for name in state} == state


def test_the_longest_words_of_a_command_fit() -> None:
    longest = (
        "verb=commit seq=9999999 override=1 hash=0123456789abcdef",
        "verb=commit seq=9999999 override=1 at=4294967295 hash=0123",
        "verb=silence n=9999999 first=4294967295 last=4294967295",
    )
    assert max(map(len, longest)) <= records.MAX_EVENT_TEXT, "an event's words still say what happened"


def test_a_whole_record_of_a_newer_version_is_named_as_such_and_not_as_damage() -> None:
    newer = bytearray(sample()[:-4])
    newer[2] = records.VERSION + 1
    sealed = bytes(newer) + (crc32(newer) & 0xFFFFFFFF).to_bytes(4, "little")
    with pytest.raises(records.RecordError, match="version"):
        records.unseal(sealed)


def test_the_state_begins_with_the_steps_of_each_kind_in_the_order_of_the_table() -> None:
    assert [name + "_steps" for name in spec.KINDS] == [row[0] for row in records.STATE[: len(spec.KINDS)]]
    assert records.STATE[records.MODE][0] == "mode"
