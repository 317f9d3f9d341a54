"""pumpwire.program at its edges: the row before, at and after each instant, each count and each highest rate.

Owns: zones, days, ramps, phases, turns and demand boluses by small tables.
Rules: each expectation is worked out by hand beside the table.
Units: nL, nL/day; microseconds; seconds.
Leaves: drawn programs in drawn seasons to test_program.py, the most in any 24 h to test_daily.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from parts import program
from pumpwire import program as programs

S_US = 1_000_000
DAY_S = 86_400
DAY_US = DAY_S * S_US
NEVER_US = 1 << 62
ZONE = ((1_000, DAY_S + 3_600), (2_000, DAY_S + 7_200), (3_000, DAY_S - 1_800))


def test_the_units_of_time() -> None:
    assert (programs.NEVER_US, programs.SECOND_US, programs.DAY_US) == (NEVER_US, S_US, DAY_US)


@pytest.mark.parametrize(
    ("utc_us", "offset_s", "until_us"),
    [
        (0, 3_600, 1_000 * S_US),  # before the first row its offset is the nearest that is known
        (1_000 * S_US - 1, 3_600, 1_000 * S_US),
        (1_000 * S_US, 3_600, 2_000 * S_US),
        (2_000 * S_US - 1, 3_600, 2_000 * S_US),
        (2_000 * S_US, 7_200, 3_000 * S_US),
        (3_000 * S_US - 1, 7_200, 3_000 * S_US),
        (3_000 * S_US, -1_800, NEVER_US),
    ],
)
def test_an_offset_holds_from_its_row_to_the_next(utc_us: int, offset_s: int, until_us: int) -> None:
    assert programs.zone_offset(ZONE, utc_us) == (offset_s * S_US, until_us)
    assert programs.zone_offset((), utc_us) == (0, NEVER_US)


def test_a_zone_is_known_from_its_first_row_to_a_last_one_that_repeats_the_offset_before_it() -> None:
    assert programs.knows_zone((), 0)
    assert not programs.knows_zone(ZONE, 1_000 * S_US - 1)
    assert programs.knows_zone(ZONE, 1_000 * S_US)
    assert programs.knows_zone(ZONE, 10**15)
    ended = (*ZONE, (4_000, DAY_S - 1_800))
    assert programs.knows_zone(ended, 4_000 * S_US - 1)
    assert not programs.knows_zone(ended, 4_000 * S_US)
    assert programs.knows_zone(ZONE[:1], 10**15), "a single row ends nothing"
    short = (ZONE[0], (4_000, ZONE[0][1]))
    assert programs.knows_zone(short, 4_000 * S_US - 1)
    assert not programs.knows_zone(short, 4_000 * S_US), "two rows are enough"


def test_each_weekday_has_its_own_pattern_and_1970_began_on_a_thursday() -> None:
    days = ("thu", "fri", "sat", "sun", "mon", "tue", "wed")
    weekly = program(**{name: ((0, 1_000 * (k + 1)),) for k, name in enumerate(days)}, basal=((0, 99_000),))
    for day in range(21):
        for into_us in (0, DAY_US - 1):
            rate, holds_us = programs.day_rate(weekly, day * DAY_US + into_us)
            assert (rate, holds_us) == (1_000 * (day % 7 + 1), DAY_US - into_us)
    one = program(tue=((0, 1_000),), basal=((0, 99_000),))
    assert [programs.day_rate(one, day * DAY_US)[0] for day in range(7)] == [99_000] * 5 + [1_000, 99_000]


def test_a_step_of_the_day_holds_from_its_second_to_the_next() -> None:
    daily = program(basal=((0, 5_000), (100, 7_000), (200, 0)))
    for at_us, rate, until_s in (
        (0, 5_000, 100),
        (100 * S_US - 1, 5_000, 100),
        (100 * S_US, 7_000, 200),
        (200 * S_US - 1, 7_000, 200),
        (200 * S_US, 0, DAY_S),
    ):
        assert programs.day_rate(daily, at_us) == (rate, until_s * S_US - at_us)


@pytest.mark.parametrize(
    ("fields", "is_daily", "is_constant", "needs_clock", "mode"),
    [
        ({"basal": ((0, 5_000),)}, True, True, False, "constant"),
        ({"basal": ((0, 1_000),)}, True, True, False, "minimum"),
        ({"basal": ((0, 5_000), (100, 7_000))}, True, False, True, "flex"),
        ({"basal": ((0, 5_000),), "sun": ((0, 5_000),)}, False, False, True, "flex"),
        ({"basal": ((0, 5_000),), "mon": ((0, 5_000),)}, False, False, True, "flex"),
        ({"basal": ((0, 5_000),), "periodic": ((600, 10, 1_000, 0),)}, True, True, False, "flex"),
        ({"ramp": ((5_000, 100, 600, 9_000),)}, False, False, False, "ramp"),
        ({"phases": ((600, 5_000),)}, False, False, False, "phases"),
    ],
)
def test_what_sort_of_program_it_is(
    fields: Any, is_daily: bool, is_constant: bool, needs_clock: bool, mode: str
) -> None:
    made = program(**fields)
    assert programs.is_daily(made) is is_daily
    assert programs.is_constant(made) is is_constant
    assert programs.needs_clock(made) is needs_clock
    assert programs.mode_of(made, 1_000) == mode


def test_a_ramp_steps_at_each_interval_and_ends_at_its_ceiling() -> None:
    ramp = program(ramp=((5_000, 1_500, 600, 8_200),))
    interval_us = 600 * S_US
    for at_us, found in (
        (0, (5_000, interval_us)),
        (interval_us - 1, (5_000, 1)),
        (interval_us, (6_500, interval_us)),
        (2 * interval_us + 7, (8_000, interval_us - 7)),
        (3 * interval_us, (8_200, NEVER_US)),
        (99 * interval_us, (8_200, NEVER_US)),
    ):
        assert programs.base_rate(ramp, at_us, 0) == found
    exact = program(ramp=((5_000, 1_500, 600, 8_000),))
    assert programs.base_rate(exact, 2 * interval_us, 0) == (8_000, NEVER_US)
    flat = program(ramp=((5_000, 0, 600, 8_000),))
    assert programs.base_rate(flat, 99 * interval_us, 0) == (5_000, NEVER_US)


def test_phases_follow_one_another_and_the_last_one_stays() -> None:
    phases = program(phases=((600, 5_000), (60, 0), (120, 7_000)))
    for at_s, found in ((0, (5_000, 600)), (600, (0, 60)), (660, (7_000, 120))):
        assert programs.base_rate(phases, at_s * S_US, 0) == (found[0], found[1] * S_US)
        assert programs.base_rate(phases, at_s * S_US + 1, 0) == (found[0], found[1] * S_US - 1)
    assert programs.base_rate(phases, 780 * S_US - 1, 0) == (7_000, 1)
    assert programs.base_rate(phases, 780 * S_US, 0) == (7_000, NEVER_US)


def test_the_day_is_the_zone_s_and_without_a_clock_it_begins_with_the_program() -> None:
    daily = program(basal=((0, 5_000), (43_200, 7_000)), zone=ZONE)
    assert programs.base_rate(daily, 43_200 * S_US - 1, 0) == (5_000, 1)
    assert programs.base_rate(daily, 43_200 * S_US, 0) == (7_000, 43_200 * S_US)
    assert programs.base_rate(daily, 0, 1_500 * S_US) == (5_000, 500 * S_US), (
        "as far as the zone's next change"
    )
    utc_us = 1_000 * DAY_US
    at_noon_us = utc_us + 43_200 * S_US + 1_800 * S_US
    assert programs.base_rate(daily, 5, at_noon_us - 1) == (5_000, 1)
    assert programs.base_rate(daily, 5, at_noon_us) == (7_000, 43_200 * S_US)
    constant = program(basal=((0, 5_000),), zone=ZONE)
    assert programs.base_rate(constant, 5, 1_500 * S_US) == (5_000, NEVER_US)


def test_the_highest_rates() -> None:
    weekly = program(basal=((0, 5_000), (600, 6_000)), wed=((0, 4_000), (900, 8_000)))
    assert programs.max_base_rate(weekly) == 8_000
    assert programs.max_base_rate(program(basal=((0, 9_000),), wed=((0, 4_000),))) == 9_000
    assert programs.max_base_rate(program(phases=((600, 5_000), (60, 9_500), (60, 1_000)))) == 9_500
    assert programs.max_base_rate(program(ramp=((5_000, 100, 600, 9_000),))) == 9_000
    assert programs.max_day_nl(weekly) == -(-(4_000 * 900 + 8_000 * (DAY_S - 900)) // DAY_S)
    assert programs.max_day_nl(program(ramp=((5_000, 100, 600, 9_000),))) == 9_000
    assert programs.bridge_of(weekly) == (0, 0)
    bridged = program(basal=((0, 5_000),), bridge=((700, 30_000),))
    assert programs.bridge_of(bridged) == (700, 30_000)
    assert programs.peak_rate(bridged) == 30_000
    assert programs.peak_rate(program(basal=((0, 50_000),), bridge=((700, 30_000),))) == 50_000


def test_the_peak_is_the_base_flow_and_the_fastest_bolus() -> None:
    slow, fast = (3_600, 10, 60_000, 0), (7_200, 100, 60_000, 0)
    assert programs.peak_rate(program(basal=((0, 5_000),), periodic=(fast, slow))) == 5_000 + 100 * 1_440
    assert programs.peak_rate(program(basal=((0, 5_000),), periodic=(slow, fast))) == 5_000 + 100 * 1_440
    demand = ((200, 60_000, 600, 3),)
    assert programs.peak_rate(program(basal=((0, 5_000),), periodic=(fast,), demand=demand)) == 293_000
    assert (
        programs.peak_rate(program(basal=((0, 5_000),), periodic=(fast,), demand=((1, 60_000, 9, 3),)))
        == 149_000
    )


@pytest.mark.parametrize(
    ("row", "first_s"), [((600, 1, 1, 0), 600), ((600, 1, 1, 50), 50), ((600, 1, 1, 900), 900)]
)
def test_a_turn_falls_due_first_and_then_every_interval(row: Any, first_s: int) -> None:
    for turn in range(4):
        at_us = (first_s + turn * 600) * S_US
        assert programs.due_us(row, turn) == at_us
        assert programs.turns_before(row, at_us) == turn
        assert programs.turns_before(row, at_us + 1) == turn + 1
    assert programs.turns_before(row, 0) == programs.turns_before(row, -(10**12)) == 0


@pytest.mark.parametrize(
    ("lockout_s", "most", "a_day"),
    [
        (0, 5, 5),
        (3_600, 30, 24),
        (3_600, 23, 23),
        (3_601, 30, 24),
        (43_200, 9, 2),
        (43_199, 9, 3),
        (86_400, 9, 1),
    ],
)
def test_as_many_demand_boluses_a_day_as_count_and_lockout_allow(
    lockout_s: int, most: int, a_day: int
) -> None:
    made = program(basal=((0, 5_000),), demand=((70, 60_000, lockout_s, most),))
    assert programs.demands_a_day(made) == a_day
    assert programs.demand_a_day_nl(made) == 70 * a_day
    assert programs.demands_a_day(program(basal=((0, 5_000),))) == 0
    assert programs.demand_a_day_nl(program(basal=((0, 5_000),))) == 0


def test_periodic_boluses_a_day_are_told_rounded_up() -> None:
    rows = ((7_000, 10, 1_000, 0), (3_600, 20, 1_000, 0))
    made = program(basal=((0, 5_000),), periodic=rows)
    assert programs.periodic_a_day_nl(made) == 124 + 480
