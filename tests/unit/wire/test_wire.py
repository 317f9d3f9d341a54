"""pumpwire.codec and auth: a damaged machine line is refused, never half believed.

Owns: the properties of lines as text.
Rules: every bit, every cut and every join of a line is tried, not a sample of them.
Units: none.
Leaves: what a rig does with lines to test_wire_rig.py.
"""

from __future__ import annotations

import hmac
import zlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pumpwire import auth, codec

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
VALUES = st.text(max_size=20) | st.integers(0, 10**18)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=4)
LINES = [
    codec.request(1, "stop"),
    codec.request(4_294_967_295, "rate", (("rate_nl_per_day", 480_000),)),
    codec.request(14, "stage", (("part", 1), ("parts", 1), ("text", "kind=program name=x basal=0:1"))),
    codec.request(9, "ack", (), lambda body: "0123456789abcdef"),
]


def heard(line: str, mark: str = ">") -> tuple[int, str, dict[str, str]] | None:
    """What a line says, or None where it is refused."""
    try:
        return codec.parse(line, mark)
    except codec.WireError:
        return None


@given(st.integers(0, 2**32), NAMES, FIELDS)
def test_a_line_says_what_was_put_into_it(seq: int, verb: str, fields: dict[str, str | int]) -> None:
    expected = seq, verb, {name: str(value) for name, value in fields.items()}
    line = codec.request(seq, verb, fields.items())
    assert line.isascii()
    assert line.isprintable()
    if len(line) <= codec.MAX_LINE:
        assert heard(line) == expected
        assert heard(codec.answer(seq, verb, fields.items()), "<") == expected
        assert heard(line, "<") is None
    else:
        assert heard(line) is None


@given(st.text(max_size=80))
def test_an_escaped_value_has_no_blank_and_comes_back(text: str) -> None:
    escaped = codec.escape(text)
    assert not set(escaped) & set(" =*\r\n")
    assert codec.unescape(escaped) == text


@pytest.mark.requirement("SR-30")
@pytest.mark.parametrize("line", LINES)
def test_every_line_with_one_flipped_bit_is_refused(line: str) -> None:
    data = line.encode()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert heard(damaged.decode("latin-1")) is None


@pytest.mark.requirement("SR-30")
@given(st.sampled_from(LINES), st.integers(0, 10**6), st.binary(min_size=1, max_size=4))
def test_every_burst_of_up_to_32_bits_is_refused(line: str, at: int, burst: bytes) -> None:
    data = bytearray(line.encode())
    at %= len(data) - len(burst) + 1
    for i, mask in enumerate(burst):
        data[at + i] ^= mask
    if bytes(data) != line.encode():
        assert heard(data.decode("latin-1")) is None


@pytest.mark.requirement("SR-30")
@pytest.mark.parametrize("line", LINES)
def test_every_line_that_lost_its_start_its_end_or_a_part_is_refused(line: str) -> None:
    for i in range(len(line)):
        assert heard(line[i + 1 :]) is None
        assert heard(line[:i]) is None
        for length in (1, 2, 9):
            if line[:i] + line[i + length :] != line:
                assert heard(line[:i] + line[i + length :]) is None


@pytest.mark.requirement("SR-30")
@pytest.mark.parametrize("one", LINES)
@pytest.mark.parametrize("other", LINES)
def test_lines_that_ran_together_are_refused(one: str, other: str) -> None:
    assert heard(one + other) is None
    for i in range(0, len(one), 3):
        assert heard(one[:i] + other) is None or i == 0


@given(st.text(max_size=120) | st.text(">0123456789 abc=%*ABCDEF", max_size=60))
def test_any_text_is_a_line_or_refused(text: str) -> None:
    assert heard(text) is None


@given(st.text(max_size=60))
def test_any_sealed_text_is_a_line_or_refused(text: str) -> None:
    said = heard(codec.seal(text))
    if said is not None:
        assert text[0] == ">"


@given(st.text(max_size=30))
def test_a_number_is_plain_digits_and_nothing_else(text: str) -> None:
    try:
        value = codec.number(text)
    except codec.WireError:
        assert not (text.isascii() and text.isdigit() and len(text) <= 20)
    else:
        assert text.isascii()
        assert text.isdigit()
        assert value == int(text)


def test_the_crc_is_the_one_of_zlib() -> None:
    assert codec.seal(">1 stop") == f">1 stop *{zlib.crc32(b'>1 stop'):08X}"


@given(st.binary(max_size=100), st.binary(max_size=200))
def test_the_mark_is_hmac_sha256(key: bytes, message: bytes) -> None:
    assert auth.hmac_sha256(key, message) == hmac.new(key, message, sha256).digest()


@pytest.mark.requirement("SR-35")
@given(st.binary(min_size=32, max_size=32), NAMES, FIELDS, st.integers(1, 10**6))
def test_the_mark_covers_number_verb_and_fields(
    key: bytes, verb: str, fields: dict[str, str | int], seq: int
) -> None:
    line = codec.request(seq, verb, fields.items(), lambda body: auth.mark(key, body))
    covered, mark = codec.split_mark(line)
    assert auth.is_same(auth.mark(key, covered), mark)
    other = codec.request(seq + 1, verb, fields.items(), lambda body: mark)
    covered, mark = codec.split_mark(other)
    assert not auth.is_same(auth.mark(key, covered), mark)


def test_a_line_may_be_as_long_as_is_said_and_no_longer() -> None:
    room = codec.MAX_LINE - len(codec.request(1, "stage", (("text", ""),)))
    assert heard(codec.request(1, "stage", (("text", "x" * room),))) == (1, "stage", {"text": "x" * room})
    assert heard(codec.request(1, "stage", (("text", "x" * (room + 1)),))) is None


@pytest.mark.parametrize("line", LINES)
def test_a_request_is_named_by_its_crc_and_taken_apart_before_its_mark(line: str) -> None:
    body, _star, crc = line.rpartition(" *")
    assert codec.name_of(line) == int(crc, 16) % 65_536
    covered, mark = codec.split_mark(line)
    assert body == (f"{covered} mark={mark}" if mark else covered)
    assert bool(mark) == ("mark=" in line)


# --- each form by itself


@pytest.mark.parametrize(
    "body",
    [
        ">1",
        ">1 ",
        "<1 ack",
        ">x ack",
        ">1 ack a",
        ">1 ack =1",
        ">1 ack a=1 a=2",
        ">1 ack a=%4",
        ">1 ack a=%FF",
    ],
)
def test_what_is_sealed_and_has_not_the_form_of_a_request_is_refused(body: str) -> None:
    with pytest.raises(codec.WireError):
        codec.parse(codec.seal(body), ">")


def test_a_field_may_be_empty_and_hold_an_equals_sign_and_bytes_stand_as_they_are() -> None:
    assert codec.parse(codec.seal(">1 ack a= b==c"), ">") == (1, "ack", {"a": "", "b": "=c"})
    assert codec.joined(((b"a", b"Qx+/="), ("b", 7), ("c", None), ("d", "x y"))) == b" a=Qx+/= b=7 d=x%20y"
    assert codec.pairs(()) == ""


def test_a_number_has_twenty_digits_at_the_most() -> None:
    assert codec.number("1" * 20) == int("1" * 20)
    with pytest.raises(codec.WireError):
        codec.number("1" * 21)
    with pytest.raises(codec.WireError):
        codec.number("")


def test_the_shortest_sealed_line_has_nothing_in_it() -> None:
    assert codec.unseal(codec.seal("")) == ""
    assert len(codec.seal("")) == 10
    for line in (codec.seal("")[1:], " " + codec.seal("a")[2:]):
        with pytest.raises(codec.WireError):
            codec.unseal(line)


def test_a_line_has_480_characters_at_the_most() -> None:
    assert codec.MAX_LINE == 480
    assert len(codec.unseal(codec.seal("a" * 470))) == 470
    with pytest.raises(codec.WireError, match="size"):
        codec.unseal(codec.seal("a" * 471))


def test_letters_and_digits_together_and_each_plain_sign_need_no_escape() -> None:
    plain = "abcXYZ019-_.,:;/+()!?@~"
    assert codec.escape(plain) == plain
    assert codec.escape("a%b\n") == "a%25b%0A"
    assert codec.escape("é") == "%C3%A9"
