"""pumpwire.daily by hand: the most of boluses, weeks and repeated hours in small cases, and what is a rate's program.

Owns: each term of the most in any 24 h by itself, to the nanolitre.
Rules: each figure is worked out beside the case.
Units: nL, nL/day, s.
Leaves: drawn programs and their windows to test_daily.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from parts import program
from pumpwire import daily

DAY_S = 86_400
H = 3_600


def most(**fields: Any) -> int:
    found: int = daily.finish(daily.most_own_nl(program(**fields)))
    return found


def base(**fields: Any) -> int:
    found: int = daily.finish(daily.most_base_nl(program(**fields)))
    return found


@pytest.mark.parametrize(
    ("rows", "nl"),
    [
        (((H, 10, 60_000, 0),), 240),
        (((7 * H, 10, 60_000, 0),), 40),  # 24 h hold three intervals and one bolus more
        (((23 * H, 11, 2 * H * 1_000, 0),), 11 + 6),  # and half of the next one, rounded up
        (((24 * H, 11, 60_000, 0),), 11),
        (((24 * H + 1, 11, 60_000, 0),), 11),
        (((2 * 24 * H, 10, 24 * H * 1_000, 0),), 10),
        (((2 * 24 * H, 10, 48 * H * 1_000, 0),), 5),
        # a turn of the first may wait for two of the other: an hour more, of which its own interval is the most
        (((H, 10, 60_000, 0), (24 * H, 900, 1_800_000, 0)), 250 + 900 + 60),
        (((H, 10, 60_000, 0), (24 * H, 900, 900_000, 0)), 240 + 10 + 900 + 120),
        (((H, 10, 60_000, 0), (24 * H, 900, 24 * H * 1_000, 0)), 250 + 901 + 1),
    ],
)
def test_the_most_of_periodic_boluses(rows: Any, nl: int) -> None:
    assert daily.most_periodic_nl({"periodic": rows}) == nl
    assert daily.most_periodic_nl({"periodic": ()}) == 0


def test_a_bound_is_the_highest_rate_or_the_bridge_s_and_the_boluses() -> None:
    rows = ((H, 10, 60_000, 0),)
    assert daily.most_own_bound_nl(program(basal=((0, 5_000),), periodic=rows)) == 5_240
    assert daily.most_own_bound_nl(program(basal=((0, 5_000),), bridge=((9, 7_000),), periodic=rows)) == 7_240
    assert daily.most_own_bound_nl(program(basal=((0, 5_000),), bridge=((9, 3_000),))) == 5_000


def test_a_bridge_is_followed_by_the_base_flow_for_what_is_left_of_the_day() -> None:
    assert most(basal=((0, 24_000),), bridge=((6_000, 12_000),)) == 24_000
    assert most(basal=((0, 24_000),), bridge=((36_000, 48_000),)) == 36_000 + 6_000
    assert most(basal=((0, 24_000),), bridge=((96_000, 48_000),)) == 48_000
    assert most(basal=((0, 24_000),), bridge=((48_000, 48_000),)) == 48_000


def test_the_most_of_ramps_phases_and_constant_rates() -> None:
    assert base(basal=((0, 24_000),)) == 24_000
    assert base(ramp=((5_000, 100, 600, 9_000),)) == 9_000
    assert base(ramp=((5_000, 0, 600, 9_000),)) == 5_000
    assert base(phases=((12 * H, 24_000), (24 * H, 48_000), (H, 0))) == 48_000
    assert base(phases=((12 * H, 24_000), (12 * H, 48_000), (H, 0))) == 36_000
    assert base(phases=((30 * H, 0), (10 * H, 24_000), (20 * H, 48_000), (30 * H, 0))) == 40_000 + 4_000
    assert base(phases=((30 * H, 0), (20 * H, 48_000), (10 * H, 24_000), (30 * H, 0))) == 40_000 + 4_000
    assert base(phases=((60, 24_000),)) == 24_000
    assert base(phases=((60, 24_000), (60, 0))) == 17, "a minute of it, rounded up"


def test_the_fullest_window_may_lie_across_two_days_of_the_week() -> None:
    low, evening, morning = ((0, 24_000),), ((0, 24_000), (12 * H, 48_000)), ((0, 48_000), (12 * H, 24_000))
    for one, other in (("sun", "mon"), ("wed", "thu"), ("thu", "fri"), ("sat", "sun")):
        assert base(basal=low, **{one: evening, other: morning}) == 48_000
    assert base(basal=low, mon=evening) == 36_000
    assert base(basal=((0, 24_000), (12 * H, 48_000))) == 36_000


def zone(*rows: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """(when, offset in s) from a day of plain time on."""
    return tuple((at_s, DAY_S + offset_s) for at_s, offset_s in rows)


def test_an_hour_that_comes_twice_counts_twice_and_one_that_is_left_out_not_at_all() -> None:
    at_s = 20_000 * DAY_S + 2 * H  # local 02:00, as its offset is 0
    night = ((0, 24_000), (H, 240_000), (2 * H, 24_000))  # 10 µL between one and two
    plain = 23_000 + 10_000
    assert base(basal=night) == plain
    assert base(basal=night, zone=zone((0, 0), (at_s, -H))) == 22_000 + 20_000
    assert base(basal=night, zone=zone((0, 0), (at_s, H))) == 42_000, "the next night comes in 23 h"
    assert base(basal=night, zone=zone((0, 0), (at_s, 0))) == plain
    later_s = at_s + 3 * H
    assert base(basal=night, zone=zone((0, 0), (later_s, -H))) == plain, "another hour"
    both = zone((0, 0), (later_s, H), (later_s + 100 * DAY_S - H, 0), (at_s + 300 * DAY_S, -H))
    assert base(basal=night, zone=both) == 42_000
    half = zone((0, 0), (at_s, -1_800))
    assert base(basal=night, zone=half) == 23_000 - 500 + 15_000


def test_on_weekdays_a_repeated_hour_is_that_day_s() -> None:
    night = ((0, 24_000), (H, 240_000), (2 * H, 24_000))
    for day, name in ((3, "sun"), (4, "mon")):  # 1970-01-01 was a Thursday
        at_s = (20_002 + day - 3) * DAY_S + 2 * H
        assert (at_s // DAY_S + 3) % 7 == {"sun": 6, "mon": 0}[name]
        rows = zone((0, 0), (at_s, -H))
        assert base(basal=((0, 24_000),), zone=rows, **{name: night}) == 42_000
        other = "mon" if name == "sun" else "sun"
        assert base(basal=((0, 24_000),), zone=rows, **{other: night}) == 33_000


def test_each_repeated_hour_counts_whichever_came_before_it() -> None:
    at_s = 20_000 * DAY_S + 2 * H  # a Friday's local 02:00, as its offset is 0
    night = ((0, 24_000), (H, 240_000), (2 * H, 24_000))
    back = at_s + 100 * DAY_S - H  # at the same local time as the hour that was left out before it
    assert base(basal=night, zone=zone((0, 0), (at_s, H), (back, 0))) == 42_000
    sunday_s = at_s + 2 * DAY_S
    both = zone((0, 0), (sunday_s, H), (sunday_s + 98 * DAY_S - H, 0))
    assert base(basal=((0, 24_000),), zone=both, sun=night) == 42_000
    eight_days = zone((0, 0), (at_s, -H), (at_s + 4 * DAY_S, 0), (at_s + 8 * DAY_S, -H))
    assert (at_s // DAY_S + 8 + 3) % 7 == 5, "a Saturday"
    assert base(basal=((0, 24_000),), zone=eight_days, sat=night) == 42_000
    assert base(basal=((0, 24_000),), zone=eight_days, fri=night) == 42_000


def test_a_repeated_hour_around_midnight_counts_with_the_evening_of_the_day_behind_it() -> None:
    """At half past midnight it is half past eleven again: 400 µL/h then, and 50 from six the next evening on."""
    at_s = 20_009 * DAY_S + H // 2
    assert (at_s // DAY_S + 3) % 7 == 6, "a Sunday"
    days = {"sat": ((0, 0), (23 * H + H // 2, 9_600_000)), "sun": ((0, 0), (18 * H, 1_200_000))}
    assert base(basal=((0, 0),), **days) == 200_000 + 5_500 * 50
    assert base(basal=((0, 0),), **days, zone=zone((0, 0), (at_s, -H))) == 2 * 200_000 + 4_500 * 50


def test_what_rate_makes_of_a_program_is_known_again_and_nothing_else() -> None:
    active = program(basal=((0, 24_000), (H, 0)), periodic=((H, 10, 60_000, 0),), cap_nl=10**8, drug="dye")
    made = program(**daily.constant(active, 48_000))
    assert daily.is_base_alone(made, active) is True
    assert daily.is_base_alone(made, None) is False
    assert daily.is_base_alone(made | {"name": "other"}, active) is False
    assert daily.is_base_alone(made | {"bridge": ((10, 1_000),)}, active) is False
    assert daily.is_base_alone(made | {"basal": ((0, 1_000), (H, 0))}, active) is False
    for name, value in (
        ("drug", "ink"),
        ("periodic", ()),
        ("cap_nl", 7),
        ("on_stall", "retry"),
        ("low_nl", 5),
    ):
        assert daily.is_base_alone(made | {name: value}, active) is False
    assert daily.constant(None, 5_000) == {"kind": "program", "name": "constant", "basal": ((0, 5_000),)}


def test_a_titration_that_is_behind_comes_later_by_that_and_its_boluses_do_not() -> None:
    document = program(ramp=((1_440, 1_440, 1_200, 9_000),), periodic=((600, 100, 60_000, 0),))
    us = 600_000_000

    def brought(behind_us: int) -> Any:
        return daily.finish(daily.slots_nl(document, 2 * us, 0, (0, 0), us, us, 3, behind_us))

    assert brought(0) == [20 + 100, 40 + 200, 70 + 300]
    assert brought(us) == [10 + 100, 30 + 200, 50 + 300]
    assert brought(2 * us) == [10 + 100, 20 + 200, 40 + 300]


def test_what_comes_slot_by_slot_is_rounded_down_and_a_bridge_has_its_time_alone() -> None:
    document = program(basal=((0, 1_440),), periodic=((600, 100, 60_000, 0),))
    us, minute_us = 600_000_000, 60_000_000

    def brought(elapsed_us: int, bridge: tuple[int, int], first_us: int, count: int = 3) -> Any:
        return daily.finish(daily.slots_nl(document, elapsed_us, 0, bridge, first_us, us, count))

    assert brought(0, (0, 0), us) == [10, 20 + 100, 30 + 200]
    assert brought(us, (0, 0), us) == [10 + 100, 20 + 200, 30 + 300]
    assert brought(us + minute_us // 2, (0, 0), us) == [10 + 100, 20 + 200, 30 + 300]
    assert brought(0, (0, 0), us + minute_us // 2) == [10 + 50, 20 + 150, 30 + 250]
    assert brought(0, (30, 2_880), us) == [20, 30 + 5 + 100, 30 + 15 + 200]
    assert brought(0, (1, 1_440), minute_us // 2, 1) == [0]
    assert brought(0, (0, 0), 1, 0) == []


def test_of_turns_that_are_not_the_program_s_own_only_those_that_are_still_to_fall_due_come() -> None:
    document = program(basal=((0, 0),), periodic=((600, 100, 60_000, 0),))
    us = 600_000_000
    for is_begun, brought in ((True, [50 + 50, 150 + 50]), (False, [50, 150])):
        slots = daily.slots_nl(document, us + 30_000_000, 0, (0, 0), us, us, 2, 0, is_begun)
        assert daily.finish(slots) == brought
    slots = daily.slots_nl(document, us, 0, (0, 0), us, us, 2, 0, False)
    assert daily.finish(slots) == [0, 100], "what falls due in this very instant has fallen due"
