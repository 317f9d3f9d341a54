"""pumpwire.program: the rate is a pure function of program and instant, and holds as long as it says.

Owns: day patterns, weekdays, zones with the repeated and the missing hour, ramps and phases.
Rules: expected rates come from the standard library's calendar and zones, not from the code under test.
Units: nL/day; microseconds; seconds of the local day.
Leaves: what a whole rig does over a change of the clock to tests/sim.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import program
from pumpwire import documents
from pumpwire import program as programs

DAY_S = 86_400
SECOND_US = 1_000_000
ZURICH = ZoneInfo("Europe/Zurich")
WINTER_S = int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp())  # 03:00 local becomes 02:00
SUMMER_S = int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp())  # 02:00 local becomes 03:00
ZONE = ((SUMMER_S - 10**7, DAY_S + 3_600), (SUMMER_S, DAY_S + 7_200), (WINTER_S, DAY_S + 3_600))
RATES = st.just(0) | st.integers(1_000, 10**7)  # no rate, or at least the lowest there is
INSTANTS_S = st.integers(SUMMER_S - 10**6, WINTER_S + 10**7)


@st.composite
def patterns(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Steps of a day."""
    times = sorted(draw(st.sets(st.integers(1, DAY_S - 1), max_size=5)))
    return tuple((time, draw(RATES)) for time in [0, *times])


def local_rate(basal: tuple[tuple[int, int], ...], at: datetime) -> int:
    """The rate of a pattern at a wall-clock time."""
    second = at.hour * 3_600 + at.minute * 60 + at.second
    return [rate for from_s, rate in basal if from_s <= second][-1]


@pytest.mark.requirement("SR-32")
@given(patterns(), st.dictionaries(st.sampled_from(documents.WEEKDAYS), patterns(), max_size=3), INSTANTS_S)
def test_the_rate_is_the_one_of_the_wall_clock_s_weekday_and_time_in_any_zone_and_season(
    basal: tuple[tuple[int, int], ...], days: dict[str, tuple[tuple[int, int], ...]], utc_s: int
) -> None:
    whole = program(basal=basal, zone=ZONE, **days)
    local = datetime.fromtimestamp(utc_s, ZURICH)
    pattern = days.get(documents.WEEKDAYS[local.weekday()], basal)
    rate, _holds_us = programs.base_rate(whole, 0, utc_s * SECOND_US)
    assert rate == local_rate(pattern, local)


@pytest.mark.requirement("SR-32")
@given(patterns(), INSTANTS_S, st.integers(0, 999_999))
def test_a_rate_holds_exactly_until_it_is_said_to(
    basal: tuple[tuple[int, int], ...], utc_s: int, part: int
) -> None:
    whole = program(basal=basal, zone=ZONE)
    utc_us = utc_s * SECOND_US + part
    rate, holds_us = programs.base_rate(whole, 0, utc_us)
    assert holds_us > 0
    last_us = utc_us + min(holds_us, 40 * programs.DAY_US) - 1
    assert programs.base_rate(whole, 0, last_us)[0] == rate
    middle_us = utc_us + (last_us - utc_us) // 2
    assert programs.base_rate(whole, 0, middle_us)[0] == rate


def delivered_nl(whole: dict[str, Any], from_s: int, to_s: int) -> int:
    """Volume between two instants, by walking from change to change."""
    at_us, end_us, units = from_s * SECOND_US, to_s * SECOND_US, 0
    while at_us < end_us:
        rate, holds_us = programs.base_rate(whole, 0, at_us)
        span_us = min(holds_us, end_us - at_us)
        units += rate * span_us
        at_us += span_us
    return units // programs.DAY_US


@pytest.mark.requirement("SR-32")
def test_a_repeated_hour_runs_twice_at_its_wall_clock_rate_and_a_missing_one_not_at_all() -> None:
    whole = program(basal=((0, 24_000), (2 * 3_600, 240_000), (3 * 3_600, 24_000)), zone=ZONE)
    midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert delivered_nl(
        whole, int(midnight.timestamp()), int((midnight + timedelta(hours=25)).timestamp())
    ) == (23 * 1_000 + 2 * 10_000)
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert delivered_nl(
        whole, int(midnight.timestamp()), int((midnight + timedelta(hours=23)).timestamp())
    ) == (23 * 1_000)


@given(patterns(), st.integers(0, 400))
def test_a_day_s_volume_is_never_above_what_is_told_for_it(
    basal: tuple[tuple[int, int], ...], day: int
) -> None:
    whole = program(basal=basal)
    volume_nl = delivered_nl(whole, day * DAY_S, (day + 1) * DAY_S)
    assert volume_nl <= programs.max_day_nl(whole) <= volume_nl + 1


@given(patterns(), st.integers(0, 10 * DAY_S))
def test_without_a_clock_the_day_begins_with_the_program(
    basal: tuple[tuple[int, int], ...], elapsed_s: int
) -> None:
    whole = program(basal=basal)
    at = datetime(2026, 1, 1) + timedelta(seconds=elapsed_s)
    assert programs.base_rate(whole, elapsed_s * SECOND_US, 0)[0] == local_rate(basal, at)


@given(
    RATES,
    st.integers(0, 10**5),
    st.integers(60, 10**6),
    st.integers(1_000, 2 * 10**6),
    st.integers(0, 10**9),
)
def test_a_titration_rises_step_by_step_to_its_ceiling_and_holds_it(
    start: int, step: int, interval_s: int, ceiling: int, elapsed_s: int
) -> None:
    start = min(start, ceiling)
    whole = program(ramp=((start, step, interval_s, ceiling),))
    rate, holds_us = programs.base_rate(whole, elapsed_s * SECOND_US, 0)
    assert rate == min(ceiling, start + elapsed_s // interval_s * step)
    if rate < ceiling and step:
        assert holds_us == (interval_s - elapsed_s % interval_s) * SECOND_US
    else:
        assert holds_us >= programs.NEVER_US // 2


@given(
    st.lists(st.tuples(st.integers(60, 10**6), RATES), min_size=1, max_size=4),
    st.integers(0, 10**7),
)
def test_phases_follow_each_other_and_the_last_one_stays(
    phases: list[tuple[int, int]], elapsed_s: int
) -> None:
    whole = program(phases=tuple(phases))
    rate, holds_us = programs.base_rate(whole, elapsed_s * SECOND_US, 0)
    left_s = elapsed_s
    for for_s, expected in phases:
        if left_s < for_s:
            assert (rate, holds_us) == (expected, (for_s - left_s) * SECOND_US)
            return
        left_s -= for_s
    assert rate == phases[-1][1]


def test_a_constant_rate_needs_no_clock_and_never_changes() -> None:
    whole = program(basal=((0, 480_000),))
    assert not programs.needs_clock(whole)
    assert programs.base_rate(whole, 5, 0) == (480_000, programs.NEVER_US)
    assert programs.needs_clock(program(basal=((0, 1_000), (60, 2_000))))
    assert programs.needs_clock(program(basal=((0, 1_000),), sun=((0, 2_000),)))
