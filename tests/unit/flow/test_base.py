"""Therapy.base remembers a piece of the base flow: it says what the program says, whatever happened since it last did.

Owns: what is remembered, over every order of asking, clock settings, held ramps, outages and new programs.
Rules: the right answer is the program's own (pumpwire.program.base_rate) at the very instant.
Units: nL/day; microseconds.
Leaves: what the program says to test_program.py.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pumpwire import documents
from pumpwire import program as programs
from rig.flow.therapy import Therapy

S_US = 1_000_000
DAY_S = 86_400
UTC_S = 1_772_323_200  # 2026-03-01, four weeks before the clocks change
ZONE = ((UTC_S - 10**7, DAY_S + 3_600), (UTC_S + 28 * DAY_S, DAY_S + 7_200))
PROGRAMS = (
    {"basal": ((0, 240_000), (28_800, 480_000), (72_000, 120_000)), "zone": ZONE},
    {"basal": ((0, 240_000),)},
    {"ramp": ((100_000, 10_000, 7_200, 400_000),)},
    {"phases": ((3_600, 100_000), (90_000, 300_000), (60, 0))},
)
INSTANTS_S = st.integers(0, 40 * DAY_S)
HAPPENINGS = st.one_of(
    st.tuples(st.just("ask"), INSTANTS_S),
    st.tuples(st.just("ask on"), st.integers(0, 20_000)),
    st.tuples(st.just("clock"), st.integers(-DAY_S, DAY_S)),
    st.tuples(st.just("hold"), st.booleans()),
    st.tuples(st.just("step back"), st.integers(1, 20_000)),
    st.tuples(st.just("outage"), st.integers(1, 20_000)),
    st.tuples(st.just("load"), st.integers(0, len(PROGRAMS) - 1)),
)


class NoSteps:
    """Boluses, of which there are none here, ask it for nothing."""

    def steps_of(self, volume_nl: int) -> int:
        return volume_nl


def program(number: int) -> Any:
    return documents.parse(documents.canonical({"kind": "program", "name": "x", **PROGRAMS[number]}))


@given(st.integers(0, len(PROGRAMS) - 1), st.lists(HAPPENINGS, min_size=3, max_size=40), st.booleans())
def test_a_remembered_piece_is_what_the_program_says(
    first: int, happenings: list[tuple[str, Any]], is_set: bool
) -> None:
    therapy = Therapy(NoSteps())
    therapy.load(program(first), "", "", 0, 0)
    therapy.mode = "running"
    now_us, utc_less_us = 0, UTC_S * S_US if is_set else 0
    for what, value in [*happenings, ("ask on", 0)]:
        if what == "ask":
            now_us = value * S_US
        elif what == "ask on":
            now_us += value * S_US
        elif what == "clock":
            utc_less_us += value * S_US if is_set else 0
        elif what == "hold":
            therapy.set_ramp(therapy.ramp_behind_us(now_us), value, now_us)
        elif what == "step back":
            therapy.set_ramp(therapy.ramp_behind_us(now_us) + value * S_US, False, now_us)
        elif what == "outage":
            therapy.add_outage(value * S_US, now_us)
        else:
            therapy.load(program(value), "", "", now_us, now_us)  # taken up, so that an outage moves it
        utc_us = utc_less_us and utc_less_us + now_us
        _kind, rate, until_us = therapy.base(now_us, utc_us)
        right, holds_us = programs.base_rate(therapy.program, therapy.elapsed_us(now_us), utc_us)
        assert rate == right
        if therapy.ramp_held_us < 0:
            assert now_us < until_us
            assert min(until_us, now_us + programs.NEVER_US) <= now_us + holds_us
