"""pumpwire.daily: the most in any 24 h against a window slid over the program second by second.

Owns: the most of patterns, weekdays, phases, repeated hours, boluses and bridges; the constant program.
Rules: the judge slides a window of 24 h over minutes of flow that are read off the document, not off the code.
Units: nL, nL/day, minutes.
Leaves: what the rig does with it to tests/requirements/test_interrupted.py.
"""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from itertools import accumulate
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import program
from pumpwire import daily, documents

DAY_MIN = 1_440
RATES = st.integers(1, 10_000).map(lambda hundreds: hundreds * 1_440)  # whole nL a minute


def widest(minutes: list[int]) -> int:
    """The most of DAY_MIN neighbours, in nL, of a list of nL/day a minute."""
    window = sum(minutes[:DAY_MIN])
    most = window
    for i in range(DAY_MIN, len(minutes)):
        window += minutes[i] - minutes[i - DAY_MIN]
        most = max(most, window)
    return -(-most // DAY_MIN)


def most(document: dict[str, Any]) -> int:
    """What the code says."""
    return daily.finish(daily.most_own_nl(document))


@st.composite
def patterns(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Steps of a day, at whole minutes."""
    at = sorted(draw(st.sets(st.integers(1, DAY_MIN - 1), max_size=4)))
    return tuple((minute * 60, draw(RATES)) for minute in [0, *at])


def day_of(steps: tuple[tuple[int, int], ...]) -> list[int]:
    """The rate at each minute of a day."""
    return [[rate for from_s, rate in steps if from_s <= minute * 60][-1] for minute in range(DAY_MIN)]


@settings(max_examples=15)
@given(patterns(), st.dictionaries(st.sampled_from(documents.WEEKDAYS), patterns(), max_size=3))
def test_the_most_of_a_week_is_that_of_the_fullest_window(
    basal: tuple[tuple[int, int], ...], days: dict[str, tuple[tuple[int, int], ...]]
) -> None:
    week = [rate for name in documents.WEEKDAYS for rate in day_of(days.get(name, basal))]
    assert most(program(basal=basal, **days)) == widest(week + week[: 2 * DAY_MIN])


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 3_000), RATES), min_size=1, max_size=6))
def test_the_most_of_phases_is_that_of_the_fullest_window(phases: list[tuple[int, int]]) -> None:
    minutes = [rate for for_min, rate in phases for _ in range(for_min)] + [phases[-1][1]] * 2 * DAY_MIN
    document = program(phases=tuple((for_min * 60, rate) for for_min, rate in phases))
    assert most(document) == widest(minutes)


@settings(max_examples=10)
@given(patterns(), st.integers(0, 600))
def test_a_repeated_hour_belongs_to_the_day_that_has_it(
    basal: tuple[tuple[int, int], ...], change_min: int
) -> None:
    """At change_min past local midnight of day 20 001 the clock goes back an hour."""
    change_s = 20_001 * 86_400 + change_min * 60
    zone = ((change_s - 10**7, 86_400 + 3_600), (change_s - 3_600, 86_400))
    day = day_of(basal)
    minutes = (day * 4)[: 2 * DAY_MIN + change_min] + (day * 4)[2 * DAY_MIN + change_min - 60 : 6 * DAY_MIN]
    assert most(program(basal=basal, zone=zone)) == widest(minutes)


@settings(max_examples=20)
@given(RATES, st.integers(1, 3_000), st.integers(1, 1_440), st.integers(1, 200))
def test_boluses_count_as_many_as_fit_with_their_parts(
    rate: int, every_min: int, over_min: int, volume_ul: int
) -> None:
    over_min = min(over_min, every_min)
    volume_nl = volume_ul * over_min * DAY_MIN  # a whole number of nL a minute, in every window
    if volume_nl > 20_000_000:
        return
    each = volume_nl * DAY_MIN // over_min
    minutes = [
        rate + (each if minute % every_min < over_min else 0) for minute in range(3 * DAY_MIN + every_min)
    ]
    document = program(
        basal=((0, rate),), periodic=((every_min * 60, volume_nl, over_min * 60_000, every_min * 60),)
    )
    assert most(document) == widest(minutes)


@given(RATES, RATES, st.integers(1, 20_000_000))
def test_a_bridge_counts_with_the_base_flow_that_follows_it(base: int, rate: int, volume_nl: int) -> None:
    document = program(basal=((0, base),), bridge=((volume_nl, rate),))
    bridged_days = volume_nl / rate
    right = max(base, rate if bridged_days >= 1 else volume_nl + base * (1 - bridged_days))
    assert abs(most(document) - right) <= 1


def test_rate_changes_the_base_flow_alone() -> None:
    active = program(
        ramp=((1_000, 1_000, 60, 9_000),),
        periodic=((3_600, 10, 60_000, 0),),
        demand=((5, 60_000, 60, 2),),
        cap_nl=77_000_000,
        hard_nl_per_day=50_000_000,
        soft_nl_per_day=40_000_000,
        on_return="stop",
        on_stall="retry",
        drug="dye",
        concentration="1 mg/ml",
        reservoir_nl=5_000_000,
        low_nl=1_000,
        catheter_nl=7,
        bridge=((10, 1_000),),
    )
    made = program(**daily.constant(active, 480_000))
    changed = {name for name in active if made[name] != active[name]}
    assert changed == {"name", "basal", "ramp", "bridge"}
    assert made["basal"] == ((0, 480_000),)
    assert made["bridge"] == made["ramp"] == ()


@pytest.mark.parametrize("seed", range(40))
def test_no_24_hours_of_waiting_boluses_hold_more_than_is_said(seed: int) -> None:
    """One at a time, the longest waiting first, missed at its own next turn: flown second by second, then summed."""
    draw = Random(f"waiting {seed}")
    rows = []
    for _ in range(draw.randrange(1, 4)):
        every_s = draw.choice([1_200, 3_600, 7_200, 21_600, 43_200])
        over_s = draw.choice([30, 300, 600, 1_200, every_s // 2])
        rows.append(
            (every_s, draw.randrange(1, 30_000), min(over_s, every_s) * 1_000, draw.choice([0, 30, 600]))
        )
    flown: list[tuple[int, int, int]] = []  # from, until, volume
    turns = [0] * len(rows)
    now = 0
    while now < 5 * 86_400:
        due = sorted((row[3] + turns[i] * row[0], i) for i, row in enumerate(rows))
        at, i = due[0]
        if at + rows[i][0] <= now:
            turns[i] += 1  # missed
            continue
        now = max(now, at) + rows[i][2] // 1_000
        turns[i] += 1
        flown.append((now - rows[i][2] // 1_000, now, rows[i][1]))
    most = daily.most_periodic_nl({"periodic": rows})
    ends = [until for _since, until, _nl in flown]
    whole = [0, *accumulate(nl for _since, _until, nl in flown)]

    def by(at: int) -> Fraction:
        """The volume of all that flowed before an instant, exactly."""
        over = bisect_right(ends, at)
        since, until, nl = flown[over] if over < len(flown) else (at, at + 1, 0)
        return whole[over] + Fraction(nl * max(0, at - since), until - since)

    for start in {since for since, _until, _nl in flown} | {until - 86_400 for until in ends}:
        assert by(start + 86_400) - by(start) <= most


SLOT_MIN = 10


@pytest.mark.parametrize("seed", range(40))
def test_what_a_program_brings_slot_by_slot_is_that_of_its_minutes(seed: int) -> None:
    """Day pattern, weekday or phases, a bridge in the base flow's place, periodic boluses under way and to come."""
    draw = Random(f"slots {seed}")
    elapsed_min, utc_min = draw.randrange(0, 5_000), draw.choice([0, draw.randrange(10**6, 2 * 10**6)])
    if draw.random() < 0.5:
        steps = tuple(
            (minute * 60, 1_440 * draw.randrange(900))
            for minute in (0, *sorted(draw.sample(range(1, 1_440), 4)))
        )
        document = program(basal=steps)
        day = day_of(steps)
        base = [day[(minute + (utc_min or elapsed_min)) % DAY_MIN] for minute in range(2 * DAY_MIN)]
    else:
        phases = [(draw.randrange(1, 3_000), 1_440 * draw.randrange(900)) for _ in range(3)]
        document = program(phases=tuple((for_min * 60, rate) for for_min, rate in phases))
        flat = [rate for for_min, rate in phases for _ in range(for_min)] + [phases[-1][1]] * 9 * DAY_MIN
        base = flat[elapsed_min : elapsed_min + 2 * DAY_MIN]
    bridge_min = draw.choice([0, draw.randrange(1, 2_000)])
    bridge = (bridge_min * (each := draw.randrange(1, 500)), 1_440 * each)
    minutes = [each if minute < bridge_min else base[minute] // 1_440 for minute in range(2 * DAY_MIN)]
    rows = []
    for _ in range(draw.randrange(3)):
        every_min = draw.randrange(1, 900)
        over_min = draw.randrange(1, every_min + 1)
        first_min, each_nl = draw.choice([0, draw.randrange(1, 900)]), draw.randrange(1, 40)
        rows.append((every_min * 60, each_nl * over_min, over_min * 60_000, first_min * 60))
        for minute in range(2 * DAY_MIN):
            since = elapsed_min + minute - (first_min or every_min)
            if since >= 0 and since % every_min < over_min:
                minutes[minute] += each_nl
    document["periodic"] = tuple(rows)
    first_min = draw.randrange(1, SLOT_MIN + 1)
    minute_us = 60_000_000
    brought = daily.finish(
        daily.slots_nl(
            document,
            elapsed_min * minute_us,
            utc_min * minute_us,
            bridge,
            first_min * minute_us,
            SLOT_MIN * minute_us,
            144,
        )
    )
    assert brought == [sum(minutes[: first_min + SLOT_MIN * slot]) for slot in range(144)]
