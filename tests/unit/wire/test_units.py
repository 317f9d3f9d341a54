"""pumpwire.units: what is parsed is exact, what is shown is taken back, what is not a quantity is refused.

Owns: the properties of parsing and showing quantities.
Rules: expected values are computed with fractions, never with floats.
Units: canonical units of each kind, as in pumpwire.units.
Leaves: limits of arguments to test_wire_rig.py.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pumpwire import units

KINDS = sorted(units.UNITS)
ROWS = [(kind, row[0], row[1]) for kind in KINDS for row in units.UNITS[kind]]


@given(st.sampled_from(KINDS), st.integers(0, 10**17))
def test_what_is_shown_is_parsed_back_to_the_same_value(kind: str, value: int) -> None:
    assert units.parse(units.show(value, kind), kind) == value


@given(st.sampled_from(ROWS), st.integers(0, 10**11 - 1), st.integers(0, 6), st.sampled_from(["", " ", "  "]))
def test_a_decimal_number_is_parsed_exactly_and_rounded_once(
    row: tuple[str, str, int], digits: int, decimals: int, gap: str
) -> None:
    kind, unit, size = row
    text = str(digits).rjust(decimals + 1, "0")
    if decimals:
        text = f"{text[:-decimals]}.{text[-decimals:]}"
    exact = Fraction(digits, 10**decimals) * size
    rounded = int(exact + Fraction(1, 2))
    if exact and not rounded:
        with pytest.raises(units.UnitError, match="below the smallest step"):
            units.parse(text + gap + unit, kind)
    else:
        assert units.parse(text + gap + unit, kind) == rounded


@given(
    st.lists(
        st.tuples(st.integers(0, 999), st.sampled_from(["d", "h", "min", "s", "ms"])), min_size=1, max_size=5
    )
)
def test_parts_of_a_time_add_up(parts: list[tuple[int, str]]) -> None:
    sizes = {row[0]: row[1] for row in units.UNITS["time"]}
    text = " ".join(f"{number} {unit}" for number, unit in parts)
    assert units.parse(text, "time") == sum(number * sizes[unit] for number, unit in parts)


@given(st.sampled_from(KINDS), st.text(max_size=40))
def test_any_text_is_a_whole_number_of_units_or_refused(kind: str, text: str) -> None:
    try:
        value = units.parse(text, kind)
    except units.UnitError:
        return
    assert isinstance(value, int)
    assert value >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_without_a_unit_is_refused_with_the_list_of_units(kind: str) -> None:
    with pytest.raises(units.UnitError) as refused:
        units.parse("20", kind)
    for row in units.UNITS[kind]:
        assert row[0] in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "-5 ul/h",
        "+5 ul/h",
        "nan ul/h",
        "inf ul/h",
        "1e3 ul/h",
        "0x10 ul/h",
        "1,5 ul/h",
        "1.2.3 ul/h",
        ".",
        "5. ul/h",
        "1_000 ul/h",
        "٣ ul/h",
        "５ ul/h",
        "",
        " ",
        "ul/h",
        "20 ul",
        "20 furlong/h",
        "0.00001 ul/h",
        "1" * 19 + " ul/h",
    ],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(units.UnitError):
        units.parse(text, "rate")


@pytest.mark.parametrize("text", ["20 µl/h", "20 μl/h", "20 UL/H", "20ul/h", " 20 ul/h "])
def test_micro_signs_capitals_and_blanks_make_no_difference(text: str) -> None:
    assert units.parse(text, "rate") == 480_000


def test_every_unit_of_a_rate_is_a_whole_number_of_nl_per_day() -> None:
    per_day = {"h": 24, "min": 1_440, "day": 1, "d": 1}
    volume = {row[0]: row[1] for row in units.UNITS["volume"]}
    for name, size, divisor in units.UNITS["rate"]:
        over, _, under = name.partition("/")
        assert (size, divisor) == (volume[over] * per_day[under], 1)
