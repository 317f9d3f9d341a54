"""What the host takes for a record is what the rule of pumpwire.records takes for one, byte for byte.

Owns: the short way of Record's constructor.
Rules: whatever bytes come, both say the same: the same record, or the same reason why it is none.
Units: bytes.
Leaves: the rule itself to tests/unit/log.
"""

from __future__ import annotations

from binascii import crc32

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pumprig.store.record import Record, number_of
from pumpwire import records

HEADER = {
    "event": 2,
    "number": 7,
    "boot": 3,
    "mono_us": 5,
    "utc_us": 9,
    "calibration_id": 1,
    "chain": bytes(8),
}
WHOLE = bytes(records.pack(HEADER, {"basal_steps": 2**40 - 1, "mode": 1}, b"kind=single nl=50000"))
LENGTH = slice(4, 6)


def sealed(body: bytes) -> bytes:
    """Anything under a right CRC."""
    return body + crc32(body).to_bytes(4, "little")


def longer(by: int) -> bytes:
    """A record whose length says so much more, under a right CRC."""
    body = bytearray(WHOLE[:-4] + bytes(by))
    body[LENGTH] = (len(body) - records.HEADER_SIZE).to_bytes(2, "little")
    return sealed(bytes(body))


def shorter(to: int) -> bytes:
    """A record that was cut to so many bytes, its length with it, under a right CRC."""
    body = bytearray(WHOLE[:to])
    body[LENGTH] = (to - records.HEADER_SIZE).to_bytes(2, "little")
    return sealed(bytes(body))


def of_version(number: int) -> bytes:
    """The same bytes as another version, under a right CRC."""
    body = bytearray(WHOLE[:-4])
    body[2] = number
    return sealed(bytes(body))


def said(page: bytes) -> tuple[str, bytes]:
    """Why it is none, or the record's own bytes."""
    try:
        return "", Record(page).raw
    except records.RecordError as error:
        return str(error), b""


def ruled(page: bytes) -> tuple[str, bytes]:
    try:
        return "", records.unseal(page)
    except records.RecordError as error:
        return str(error), b""


@given(
    st.one_of(
        st.binary(max_size=300),
        st.builds(lambda at: WHOLE[:at], st.integers(0, len(WHOLE))),
        st.builds(lambda more: WHOLE + more, st.binary(max_size=80)),
        st.builds(
            lambda at, bit: WHOLE[:at] + bytes([WHOLE[at] ^ 1 << bit]) + WHOLE[at + 1 :],
            st.integers(0, len(WHOLE) - 1),
            st.integers(0, 7),
        ),
        st.builds(longer, st.integers(0, 120)),
        st.builds(shorter, st.integers(records.HEADER_SIZE, len(WHOLE) - 4)),
        st.builds(of_version, st.integers(0, 255)),
        st.builds(sealed, st.binary(max_size=200).map(records.MAGIC.__add__)),
    )
)
@example(WHOLE)
@example(longer(records.PAGE - len(WHOLE)))  # just fits its page
@example(longer(records.PAGE - len(WHOLE) + 1))
def test_the_short_way_says_what_the_rule_says(page: bytes) -> None:
    assert said(page) == ruled(page)


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_whatever_the_bytes_come_in_a_record_keeps_its_own(form: type) -> None:
    assert type(Record(form(WHOLE + b"\xff" * 8)).raw) is bytes
    assert Record(form(WHOLE)).raw == WHOLE


def test_the_number_is_read_without_a_look_at_the_seal() -> None:
    assert number_of(WHOLE) == 7
    assert number_of(WHOLE[:-1] + b"\0") == 7
    assert number_of(b"") == number_of(WHOLE[:20]) == -1
