"""pumpwire.documents: one canonical text for each document, every limit held, nothing else accepted.

Owns: the properties of therapy programs, calibrations and access documents as text.
Rules: documents are generated from the table of fields, so that a new field is tested when it is added.
Units: by the fields' names.
Leaves: what a program does to test_program.py and test_dosing.py.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pumpwire import documents
from pumpwire.codec import escape

PLAIN = "kind=program name=x basal=0:480000"
CALIBRATION = "kind=calibration id=7 nl_num=9973 nl_den=1 u_ppm=20000"


def _steps(low: int, high: int) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    times = st.lists(st.integers(1, documents.DAY_S - 1), unique=True, max_size=4).map(sorted)
    return times.flatmap(
        lambda rest: st.lists(st.integers(low, high), min_size=len(rest) + 1, max_size=len(rest) + 1).map(
            lambda rates: tuple(zip([0, *rest], rates, strict=True))
        )
    )


def _value(name: str, kind: Any) -> st.SearchStrategy[Any]:
    if kind == "text":
        return st.text(min_size=1, max_size=40)
    if isinstance(kind[0], str):
        return st.sampled_from(kind)
    if kind is documents.STEP:
        return _steps(0, 10_000_000)
    if isinstance(kind[0], tuple):
        row = st.tuples(*[st.integers(low, high) for _name, low, high in kind])
        return st.lists(row, min_size=1, max_size=1 if name in documents.SINGLE else 3).map(tuple)
    return st.integers(*kind)


BASES = ("basal", "ramp", "phases")
BINDING = ("hard_nl_per_day", "soft_nl_per_day", "low_nl")  # fields that most others can break


@st.composite
def any_document(draw: st.DrawFn) -> dict[str, Any]:
    """A document of any kind with some of its fields; now and then it breaks rules that bind fields to each other."""
    kind = draw(st.sampled_from(sorted(documents.FIELDS)))
    document: dict[str, Any] = {"kind": kind}
    base = draw(st.sampled_from(BASES))
    for name, shape, default in documents.FIELDS[kind]:
        wanted = draw(st.booleans())
        if name in BASES:
            wanted = name == base
        elif name in documents.WEEKDAYS:
            wanted = wanted and base == "basal"
        elif name in BINDING:
            wanted = wanted and draw(st.integers(0, 4)) == 0
        if default is None or wanted:
            document[name] = draw(_value(name, shape))
    return document


def refusal(text: str) -> documents.DocumentError | None:
    """What is wrong with a text, or None."""
    try:
        documents.parse(text)
    except documents.DocumentError as error:
        return error
    return None


@given(any_document())
def test_the_canonical_text_is_a_fixed_point_and_names_one_document(document: dict[str, Any]) -> None:
    text = documents.canonical(document)
    assume(refusal(text) is None)
    parsed = documents.parse(text)
    assert documents.canonical(parsed) == text
    for name, value in document.items():
        assert parsed[name] == value


@given(any_document(), st.randoms(use_true_random=False))
def test_the_order_of_words_does_not_change_the_canonical_text(document: dict[str, Any], random: Any) -> None:
    text = documents.canonical(document)
    assume(refusal(text) is None)
    words = text.split(" ")
    random.shuffle(words)
    shuffled = documents.parse(" ".join(words))
    assert documents.digest(documents.canonical(shuffled)) == documents.digest(text)


@example("=%")
@given(st.text(max_size=200) | st.text("kindprogamebsl=:,0123456789 %", max_size=200))
def test_any_text_is_a_document_or_refused_with_a_field_and_a_reason(text: str) -> None:
    error = refusal(text)
    if error is not None:
        field, why = error.args
        assert field
        assert why


@given(st.integers(0, len(PLAIN) - 1), st.characters(codec="utf-8"))
def test_a_changed_character_never_keeps_the_hash(at: int, character: str) -> None:
    changed = PLAIN[:at] + character + PLAIN[at + 1 :]
    assume(changed != PLAIN)
    if refusal(changed) is None:
        parsed = documents.parse(changed)
        same = parsed == documents.parse(PLAIN)
        assert (documents.digest(documents.canonical(parsed)) == documents.digest(PLAIN)) == same


def bounds() -> list[tuple[str, str, int, int]]:
    """(kind, field, lowest, highest) of every plain number of the table."""
    rows: list[tuple[str, str, int, int]] = []
    for kind, fields in documents.FIELDS.items():
        for name, shape, _default in fields:
            if shape != "text" and isinstance(shape[0], int):
                rows.append((kind, name, shape[0], shape[1]))
    return rows


@pytest.mark.requirement("SR-19")
@pytest.mark.parametrize(("kind", "name", "low", "high"), bounds())
def test_a_number_beyond_its_range_is_refused_with_the_range(
    kind: str, name: str, low: int, high: int
) -> None:
    base = {"program": PLAIN, "calibration": CALIBRATION}.get(kind, "kind=" + kind)
    base = re.sub(rf" {name}=\S+", "", base)
    beyond = [high + 1, *([low - 1] if low > 0 else [])]
    for value in beyond:
        error = refusal(f"{base} {name}={value}")
        assert error is not None
        assert error.args[0] == name
        assert f"{low} to {high}" in error.args[1]


@pytest.mark.requirement("SR-19")
@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("name=x", "basal"),
        ("name=x basal=0:1 ramp=1:1:60:5", "basal"),
        ("name=x basal=5:1", "basal"),
        ("name=x basal=0:1,60:2,60:3", "basal"),
        ("name=x basal=0:1,90:2,60:3", "basal"),
        ("name=x basal=0:1:2", "basal"),
        ("name=x basal=0:-1", "basal"),
        ("name=x basal=0:1e3", "basal"),
        ("name=x ramp=9:1:60:5", "ramp"),
        ("name=x ramp=1:1:60:5,1:1:60:5", "ramp"),
        ("name=x phases=60:1 mon=0:1", "mon"),
        ("name=x basal=0:999", "basal"),
        ("name=x basal=0:1000 low_nl=20000000", "low_nl"),
        ("name=x basal=0:1000 soft_nl_per_day=9 hard_nl_per_day=8", "soft_nl_per_day"),
        ("name=x basal=0:9 hard_nl_per_day=8", "basal"),
        ("name=x basal=0:1000 mon=0:1009 hard_nl_per_day=1008", "mon"),
        ("name=x basal=0:1000 periodic=60:1000:1000:0 hard_nl_per_day=86399999", "periodic"),
        ("name=x basal=0:1000 demand=1000:1000:0:1 hard_nl_per_day=86399999", "demand"),
        ("name=x basal=0:1 name=y", "name"),
        ("name=x basal=0:1 colour=red", "colour"),
        ("name=%GG basal=0:1", "name"),
        ("name=" + "x" * 65 + " basal=0:1", "name"),
        ("name=x basal=0:1 on_return=maybe", "on_return"),
    ],
)
def test_a_program_that_breaks_a_rule_is_refused_by_the_field(words: str, field: str) -> None:
    error = refusal("kind=program " + words)
    assert error is not None
    assert error.args[0] == field


def test_a_bolus_s_rate_is_never_below_what_its_time_asks() -> None:
    assert documents.bolus_rate_nl_per_day(50_000, 600_000) == 7_200_000
    for volume_nl in (1, 7, 9_999):
        for over_ms in (1_000, 60_001, 86_400_000):
            rate = documents.bolus_rate_nl_per_day(volume_nl, over_ms)
            assert (rate - 1) * over_ms < volume_nl * 86_400_000 <= rate * over_ms


@given(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=40))
@example("rate – “night” … ‰")
def test_a_name_of_any_printable_characters_survives_the_text(name: str) -> None:
    assume(name)
    assert documents.parse(f"kind=program name={escape(name)} basal=0:1000")["name"] == name
