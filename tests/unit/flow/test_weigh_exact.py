"""rig.flow.weigh to the nanolitre: each window of the coming 24 h slot by slot, what waits, what flows, the clock.

Owns: the walk of a request (145 slots), of a program that begins later by the time of the day, and the pace of both.
Rules: the judge holds one list of slots, the filling one among them, and adds up each window by itself.
Units: slots of ten minutes, steps of 3 nL, nL, nL/day, microseconds.
Leaves: drawn programs in whole to test_weigh.py.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from bedside import Bedside
from parts import S_US, STEP_NL, bolus, dosing_of, program
from pumpwire import daily
from pumpwire.spec import KINDS
from rig.flow import weigh
from rig.flow.day_cap import SLOT_US, SLOTS, DayCap
from rig.refused import Refused

DAY_US = 86_400 * S_US


def test_the_figures_of_the_walk() -> None:
    assert weigh.FOUND_US == 2 * S_US
    assert (weigh.TURNS, weigh.SLOT_TURNS) == (6, 24)
    assert len(list(weigh.slowly(iter(range(109)), 36))) == 3
    assert len(list(weigh.slowly(iter([None, False, 1, None])))) == 0
    assert len(list(weigh.slowly(iter([None, True, None, True])))) == 2, "a turn that fills a tick by itself"
    held = [(1, 1)] * SLOTS
    for walk in (
        weigh._fullest(held, [0] * 3, 0, dosing_of()),
        weigh._ahead(held, [0] * SLOTS, 1, dosing_of()),
    ):
        assert [row for row in walk if row] == [True], "the sums over a day do"


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("count", [SLOTS, SLOTS + 1, SLOTS + 36])
@pytest.mark.parametrize("late", [False, True])
def test_the_fullest_window_of_a_request_is_that_of_145_slots(seed: int, count: int, late: bool) -> None:
    """Drawn, some with all that comes in the slots behind the first day, so that the last windows are the fullest."""
    draw = Random(f"{seed} {count}")
    held = [
        (draw.choice([0, draw.randrange(900)]), draw.choice([0, draw.randrange(900)])) for _ in range(SLOTS)
    ]
    each = [draw.choice([0, draw.randrange(2_000)]) for _ in range(count)]
    if late:
        each = [9_000, *[0] * (SLOTS - 1), *[200_000 + draw.randrange(9) for _ in range(count - SLOTS)]]
    comes = [sum(each[: k + 1]) for k in range(count)]
    own_nl = draw.choice([10**9, draw.randrange(1, 10**6)])
    most = 0
    for end in range(count):
        gone = max(0, end)  # slots that are older than the window, from the oldest on
        kept = held[: max(0, SLOTS - gone)]
        own = STEP_NL * sum(row[0] for row in kept) + sum(each[max(0, end - SLOTS + 1) : end + 1])
        most = max(most, min(own, own_nl) + STEP_NL * sum(row[1] for row in kept))
    assert daily.finish(weigh._fullest(held, comes, own_nl, dosing_of())) == most


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("late", [0, 1, 77, 143, 144])
def test_the_windows_of_a_program_are_those_of_24_hours_up_to_each_slot_s_end(seed: int, late: int) -> None:
    draw = Random(f"{seed} {late}")
    held = [(draw.choice([0, draw.randrange(9)]), draw.randrange(900)) for _ in range(SLOTS)]
    comes = sorted(draw.randrange(10**5) for _ in range(SLOTS - 1))
    own, total = daily.finish(weigh._ahead(held, comes, late, dosing_of()))
    assert len(own) == len(total) == SLOTS - 1
    for end in range(SLOTS - 1):
        own_steps = sum(row[0] for row in held[: max(0, SLOTS - 1 - late - end)])
        asked_steps = sum(row[1] for row in held[: max(0, SLOTS - late - end)])
        assert own[end] == STEP_NL * max(0, own_steps - 4) + comes[end]
        assert total[end] == own[end] + STEP_NL * asked_steps


def found_nl(bedside: Bedside, now_us: int, over_us: int = 0, utc_us: int = 0) -> int:
    """The most that any of the coming 24 h holds, as it is found."""
    parts = bedside.therapy, bedside.cap, bedside.dosing
    daily.finish(weigh.coming(parts, now_us, utc_us, over_us))
    until_us, nl = bedside.cap.found
    assert until_us == now_us + 2 * S_US
    return int(nl)


QUIET = {"basal": ((0, 0),), "own_nl": 10**9, "cap_nl": 10**9}


def test_a_turn_that_waits_counts_whole_and_one_that_flows_with_its_rest() -> None:
    rows = ((3_600, 300, 60_000, 0), (86_400, 900, 60_000, 3_000), (86_400, 3_000, 60_000, 0))
    now_us = 3_600 * S_US
    base = Bedside(**QUIET)
    calm_nl = found_nl(base, now_us)
    assert calm_nl == 0
    bedside = Bedside(**QUIET, periodic=rows)
    coming_nl = 24 * 300 + 900 + 3_000  # the next day's: the longest of the rows that are due by then
    waits_nl = found_nl(bedside, now_us)
    overlay = bedside.therapy.boluses.begin_turn(now_us)
    assert overlay.row == 1
    bedside.therapy.pass_time(now_us)
    begun_nl = found_nl(bedside, now_us)
    assert begun_nl == waits_nl, "the turn of 900 has begun, and none of it has left"
    overlay.planned_steps = overlay.done_steps = 100
    assert found_nl(bedside, now_us) == waits_nl - 300
    bedside.therapy.add(bolus(KINDS.index("single")))
    assert found_nl(bedside, now_us) == waits_nl - 300, "what was requested counts as pending"
    bedside.cap.pending_steps = 70
    assert found_nl(bedside, now_us) == waits_nl - 300 + 210
    assert abs(waits_nl - coming_nl - 300 - 900) <= 600


def test_the_turn_of_the_first_row_counts_with_its_rest_like_any_other() -> None:
    bedside = Bedside(**QUIET, periodic=((172_800, 3_000, 600_000, 3_600),))
    now_us = 3_600 * S_US
    whole_nl = found_nl(bedside, now_us)
    turn = bedside.therapy.boluses.begin_turn(now_us)
    bedside.therapy.pass_time(now_us)
    assert (turn.row, turn.begun) == (0, True)
    assert found_nl(bedside, now_us) == whole_nl == 3_000, "once"
    turn.planned_steps = turn.done_steps = 600
    assert found_nl(bedside, now_us) == whole_nl - 1_800


def test_what_a_bridge_has_left_stands_in_the_base_flow_s_place() -> None:
    bedside = Bedside(**(QUIET | {"basal": ((0, 144_000),)}))
    now_us = 5 * SLOT_US
    plain_nl = found_nl(bedside, now_us)
    bridge = bolus(KINDS.index("bridge"), 0, 1_100)
    bridge.done_steps, bridge.rate_nl_per_day = 100, 72_000
    bedside.therapy.bridge = bridge
    hours = 3_000 / 72_000 * 24
    assert abs(found_nl(bedside, now_us) - (plain_nl + 3_000 - hours * 6_000)) <= 1


def test_a_request_is_looked_after_until_it_is_a_day_old() -> None:
    phases = ((86_400 + 3_600, 1_000), (86_400, 144_000))
    bedside = Bedside(**(QUIET | {"basal": ()}), phases=phases)
    found = [found_nl(bedside, 0, over_us) for over_us in (0, 599 * S_US, 4_200 * S_US, 4_800 * S_US)]
    assert found[0] == found[1] < found[2] < found[3]
    assert abs(found[3] - found[2] - 1_000) <= 10, "a slot of it"


@pytest.mark.parametrize("hour", range(24))
def test_a_program_that_begins_later_begins_at_that_time_of_the_day(hour: int) -> None:
    """The night brings ten times the day; the wait is until the fullest window has room, by the wall clock."""
    document = program(basal=((0, 288_000), (43_200, 28_800)), cap_nl=190_000)
    dosing = dosing_of()
    cap: Any = DayCap(dosing)
    at_us = 3 * SLOT_US
    cap.advance(at_us)
    cap.put(3 + SLOTS, 20_000, 0)  # 60 µL, ten minutes ago at the most
    utc_us = 20_000 * DAY_US + hour * 3_600 * S_US

    def fits(late: int) -> bool:
        """Begun so many slots later, at a slot's begin; late 0: now."""
        for end in range(1, SLOTS):
            begin_s = hour * 3_600 + late * 600
            minutes = [(begin_s // 60 + k) % 1_440 for k in range(end * 10)]
            comes = sum(200 if minute < 720 else 20 for minute in minutes)
            kept = 60_000 - 12 if late + end <= SLOTS - 1 else 0
            if kept + comes > 190_000:
                return False
        return True

    assert not fits(0)
    with pytest.raises(Refused) as refused:
        daily.finish(weigh.room(document, cap, dosing, None, at_us, utc_us))
    wait_s = dict(refused.value.args[1])["wait_s"]
    assert wait_s % 600 == 1
    assert fits(wait_s // 600)
    assert wait_s <= DAY_US // S_US + 1
    if hour in (3, 6, 9):
        assert not fits(wait_s // 600 - 1)
    wait_us = wait_s * S_US
    daily.finish(weigh.room(document, cap, dosing, None, at_us + wait_us, utc_us + wait_us))


@pytest.mark.parametrize("late_nl", [0, 777])
def test_a_program_that_fits_with_the_next_slot_fits_to_the_nanolitre_beside_what_is_under_way(
    late_nl: int,
) -> None:
    """1 µL a slot. Begun with a slot it brings 143 within 24 h of the 30 µL that flowed; begun now, a part more."""
    dosing = dosing_of()
    cap: Any = DayCap(dosing)
    at_us = 3 * SLOT_US + 200 * S_US
    cap.advance(at_us)
    cap.put(3 + SLOTS, 10_000, 0)
    later_nl = 30_000 - 12 + 143_000
    document = program(basal=((0, 144_000),))

    def wait_s(cap_nl: int) -> int:
        document["cap_nl"] = cap_nl
        try:
            daily.finish(weigh.room(document, cap, dosing, None, at_us, 0, 0, late_nl))
        except Refused as refused:
            told = dict(refused.args[1])
            assert told == {"held_nl": 30_000, "cap_nl": cap_nl, "wait_s": told["wait_s"]}
            return int(told["wait_s"])
        return 0

    assert wait_s(later_nl + late_nl) == 401, "with the next slot"
    assert wait_s(later_nl + late_nl - 1) == 1_001, "a slot later"
    assert wait_s(later_nl + late_nl + 666) == 0, "400 s of it"
    assert wait_s(later_nl + late_nl + 665) == 401


def test_a_program_of_phases_that_begins_later_begins_with_its_first_phase() -> None:
    """Half a day of 20 nL a minute, then 200, beside 150 µL that have just flowed."""
    document = program(phases=((43_200, 28_800), (86_400, 288_000)), cap_nl=288_000)
    dosing = dosing_of()
    cap: Any = DayCap(dosing)
    cap.advance(3 * SLOT_US)
    cap.put(3 + SLOTS, 50_000, 0)

    def fits(late: int) -> bool:
        """Begun so many slots later: what flowed is in each 24 h that end within a day of its slot."""
        minutes = (SLOTS - 1 - late) * 10
        return 150_000 - 12 + 20 * min(minutes, 720) + 200 * max(0, minutes - 720) <= 288_000

    right = next(late for late in range(SLOTS) if fits(late))
    assert 1 < right < 72
    with pytest.raises(Refused) as refused:
        daily.finish(weigh.room(document, cap, dosing, None, 3 * SLOT_US, 0))
    assert dict(refused.value.args[1])["wait_s"] == right * 600 + 1
    daily.finish(weigh.room(document, cap, dosing, None, 3 * SLOT_US + (right * 600 + 1) * S_US, 0))


def test_a_program_beside_nothing_fits_to_the_nanolitre() -> None:
    dosing = dosing_of()
    cap: Any = DayCap(dosing)
    document = program(basal=((0, 240_000),), cap_nl=240_000)
    assert daily.finish(weigh.room(document, cap, dosing, None, 5, 0)) == (240_000, ())
    cap.put(SLOTS, 100, 0)
    document["cap_nl"] = 240_300
    own_nl, ahead = daily.finish(weigh.room(document, cap, dosing, None, 5, 0))
    assert own_nl == 240_000
    assert len(ahead) == SLOTS - 1


def test_what_flowed_more_than_a_day_ago_is_no_more() -> None:
    """Each of the three looks at the ring as of its own instant."""
    later_us = 3 * DAY_US
    bedside = Bedside(cap_nl=240_000)
    parts = bedside.cap, bedside.dosing, None
    for act in (
        lambda: daily.finish(weigh.room(bedside.therapy.program, *parts, later_us, 0)),
        lambda: daily.finish(weigh.going_on(bedside.therapy.program, *parts, later_us, 0, 0)),
        lambda: found_nl(bedside, later_us),
    ):
        bedside.cap = parts[0]
        bedside.cap._slot = SLOTS
        bedside.cap.put(SLOTS, 9_000, 9_000)
        act()
        assert (bedside.cap.own_steps, bedside.cap.asked_steps) == (0, 0)
