"""The ring of the last 24 h against a list of all that flowed: how long a request waits, what a record carries."""

from __future__ import annotations

from random import Random

import pytest
from parts import dosing_of
from rig.flow import day_cap, grants
from rig.flow.day_cap import MOST_TEXT, MOST_WORDS, SLOT_US, SLOTS, DayCap

S_US = 1_000_000
DAY_US = 86_400 * S_US
TEN_MIN_US = 600 * S_US


def cap_of(step_nl: int = 3) -> DayCap:
    return DayCap(dosing_of(step_nl))


def test_a_new_ring_is_empty_and_in_the_slot_after_a_day() -> None:
    cap = cap_of()
    assert (cap.own_steps, cap.asked_steps, cap.pending_steps) == (0, 0, 0)
    assert (cap.cap_nl, cap.own_day_nl, cap.found) == (0, 0, (0, 0))
    assert (cap._slot, cap._cursor, cap._from) == (SLOTS, 0, 0)
    assert cap.own_most_nl() == 0
    assert (SLOT_US, SLOTS, MOST_WORDS, MOST_TEXT) == (TEN_MIN_US, 145, 12, 56)
    assert day_cap.UNCAPPED_NL == 14_400_000_000
    assert day_cap.TOLERANCE_STEPS == 4


def test_what_was_found_to_come_holds_until_its_instant_and_only_where_it_is_less() -> None:
    cap = cap_of()
    cap.use(1_000, 900, (), 5)
    assert cap.shortfall_nl(150, 5) == 50
    cap.found = (10, 800)
    assert (cap.shortfall_nl(150, 9), cap.shortfall_nl(150, 10)) == (-50, 50)
    cap.found = (10, 1_000)
    assert cap.shortfall_nl(150, 9) == 50
    cap.found = (0, 0)
    assert cap.shortfall_nl(150, 0) == 50


@pytest.mark.parametrize("moved_s", [None, 601, 650, 700])
def test_what_flowed_before_a_slot_began_is_put_there_whether_or_not_the_ring_has_moved_on(moved_s) -> None:
    """Evenly from 500 s to 700 s: half of it in each of two slots of ten minutes."""
    cap = cap_of()
    cap.add(500 * S_US, 0, 0)
    if moved_s:
        cap.advance(moved_s * S_US)
    cap.add(700 * S_US, 200, 40)
    assert [cap.held(back) for back in (1, 0)] == [(100, 20), (100, 20)]
    cap.add(900 * S_US, 7, 0)
    assert [cap.held(back) for back in (1, 0)] == [(100, 20), (107, 20)]
    assert (cap.own_steps, cap.asked_steps) == (207, 40)


def wait_of(cap: DayCap, volume_nl: int, now_us: int) -> int:
    return grants.cap_wait_s(cap, dosing_of(), volume_nl, now_us)


@pytest.mark.parametrize("seed", range(30))
def test_a_request_fits_after_the_wait_that_is_told_and_not_ten_minutes_sooner(seed: int) -> None:
    draw = Random(seed)
    cap = cap_of()
    now_us = 0
    flowed: list[tuple[int, int]] = []  # when, steps of requests
    for _ in range(draw.randrange(1, 40)):
        now_us += draw.randrange(1, 3 * 3_600) * S_US
        cap.add(now_us - 1, 0, 0)
        cap.add(now_us, 0, steps := draw.randrange(1, 2_000))
        flowed.append((now_us, steps))
    own_nl = draw.choice([0, 10_000, 240_000])
    cap.use(own_nl + draw.randrange(1_000, 30_000), own_nl, (), now_us)
    wanted_nl = draw.randrange(1, 20_000)
    cap.pending_steps = draw.choice([0, draw.randrange(2_000)])

    def fits(at_us: int, day_us: int) -> bool:
        asked = sum(steps for when_us, steps in flowed if when_us > at_us - day_us)
        return 3 * (asked + cap.pending_steps) + own_nl + wanted_nl <= cap.cap_nl

    wait_s = wait_of(cap, wanted_nl, now_us)
    if wanted_nl + own_nl + 3 * cap.pending_steps > cap.cap_nl:
        assert wait_s == 0
        return
    if fits(now_us, DAY_US + SLOT_US):
        return
    assert 0 < wait_s <= DAY_US // S_US + 601
    assert fits(now_us + wait_s * S_US, DAY_US)
    assert not fits(now_us + (wait_s - 602) * S_US, DAY_US)
    if wait_s > 2:  # a whole second is told, and it is not told too long
        assert cap.shortfall_nl(wanted_nl, now_us + (wait_s - 2) * S_US) > -3 * 4 - 1  # but for the tolerance
    assert cap.shortfall_nl(wanted_nl, now_us + wait_s * S_US) <= 0


def told(cap: DayCap, now_us: int, demands_us: list[int]) -> dict[str, str]:
    """What a checkpoint carries of the day, as text."""
    return {name: value.decode() for name, value in cap.told(now_us, demands_us)}


def words(text: str) -> tuple[int, list[tuple[int, int, int]]]:
    first, _colon, told = text.partition(":")
    rows = []
    for word in told.split(","):
        parts = [int(part or "0", 16) for part in word.split(".")]
        rows.append((parts[0] if word else 0, *[*parts[1:], 0, 0][:2]))
    return int(first.split(".")[0], 16), rows


@pytest.mark.parametrize("seed", range(20))
def test_the_checkpoints_of_a_slot_carry_the_whole_ring_and_nothing_else(seed: int) -> None:
    draw = Random(seed)
    cap = cap_of()
    truth: dict[int, list[int]] = {}
    now_us = 0
    demands: list[int] = []

    def check(fields: dict[str, str], slot: int) -> None:
        newest, new = words(fields["day"])
        assert newest == slot
        assert int(fields["day"].partition(":")[0].partition(".")[2], 16) == now_us % SLOT_US // S_US
        oldest, old = words(fields["old"])
        assert len(old) <= MOST_WORDS
        assert len(f"day={fields['day']} old={fields['old']}") <= MOST_TEXT or old == [(0, 0, 0)]
        following = oldest + len(old)
        if len(old) < MOST_WORDS and following <= slot - 3:  # not all of them: one more would fill the text
            assert len(f"day={fields['day']} old={fields['old']},{word(following)}") > MOST_TEXT
        for number, row in [*((newest - k, row) for k, row in enumerate(new))]:
            assert list(row[:2]) == truth.get(number, [0, 0, 0])[:2]
        for number, row in [*((oldest + k, row) for k, row in enumerate(old))]:
            assert slot - SLOTS < number <= slot
            assert list(row[:2]) == truth.get(number, [0, 0, 0])[:2]

    def word(number: int) -> str:
        own, asked, given = truth.get(number, [0, 0, 0])
        if given:
            return f"{own:x}.{asked:x}.{given:x}"
        return f"{own:x}.{asked:x}" if asked else f"{own:x}" if own else ""

    for _ in range(draw.randrange(1, 220)):
        now_us += draw.randrange(1, SLOT_US)
        cap.advance(now_us)
        slot = now_us // SLOT_US + SLOTS
        own, asked = draw.choice([0, draw.randrange(2_000)]), draw.choice([0, 0, draw.randrange(3_000)])
        cap.put(slot, own, asked)
        held = truth.setdefault(slot, [0, 0, 0])
        held[0] += own
        held[1] += asked
        if draw.random() < 0.1:
            demands.append(now_us)
            held[2] += 1
        if draw.random() < 0.5:  # leaves the turn anywhere
            check(told(cap, now_us, demands), slot)
    now_us += draw.choice([0, 0, draw.randrange(30) * 3_600 * S_US])  # nothing flows
    slot = now_us // SLOT_US + SLOTS
    demands = [at_us for at_us in demands if at_us // SLOT_US + SLOTS > slot - SLOTS]
    found: dict[int, list[int]] = {}
    for _ in range(60):
        fields = told(cap, now_us, demands)
        check(fields, slot)
        newest, rows = words(fields["day"])
        assert newest == slot
        found |= {newest - back: list(row) for back, row in enumerate(rows)}
        oldest, rows = words(fields["old"])
        assert slot - SLOTS < oldest
        found |= {oldest + k: list(row) for k, row in enumerate(rows)}
    wanted = range(slot - SLOTS + 1, slot + 1)
    assert set(wanted) <= set(found)
    assert {number: found[number] for number in found if any(found[number])} == {
        number: truth[number] for number in wanted if any(truth.get(number, ()))
    }


class Flowed:
    """Spans of even flow, and what of them lies in each slot of ten minutes."""

    def __init__(self) -> None:
        self.slots: dict[int, list[int]] = {}
        self.until_us = 0

    def add(self, now_us: int, *steps: int) -> None:
        begin_us = now_us // TEN_MIN_US * TEN_MIN_US
        before_us, passed_us = max(0, begin_us - self.until_us), now_us - self.until_us
        for k, made in enumerate(steps):
            before = made * before_us // passed_us if passed_us else 0
            self.slots.setdefault(begin_us // TEN_MIN_US - 1, [0, 0])[k] += before
            self.slots.setdefault(begin_us // TEN_MIN_US, [0, 0])[k] += made - before
        self.until_us = now_us

    def of(self, kind: int, now_us: int, wholly: bool) -> int:
        """Steps in the slots that are within the last 24 h, wholly or in part."""
        now = now_us // TEN_MIN_US
        return sum(
            row[kind] for slot, row in self.slots.items() if now - 144 + (1 if wholly else 0) <= slot <= now
        )


@pytest.mark.parametrize("seed", range(20))
def test_alarm_and_requests_are_judged_by_what_flowed_in_24_h(seed: int) -> None:
    draw = Random(seed)
    cap, truth = cap_of(), Flowed()
    now_us = 0
    often_us = draw.choice([200, 900, 3_000]) * S_US
    for turn in range(draw.randrange(2, 400)):
        stood_us = now_us
        now_us += draw.choice([1, draw.randrange(1, 1_000), often_us])
        if draw.random() < 0.1:
            now_us = (now_us // TEN_MIN_US + 1) * TEN_MIN_US + draw.choice([-1, 0, 1])
        assert cap.is_due(now_us) == (now_us // TEN_MIN_US != stood_us // TEN_MIN_US)
        own, asked = draw.randrange(300), draw.choice([0, draw.randrange(1_000)])
        cap.add(now_us, own, asked)
        truth.add(now_us, own, asked)
        assert cap.slot_end_us(now_us) == (now_us // TEN_MIN_US + 1) * TEN_MIN_US
        if turn % 10:
            continue
        for back in range(145):
            assert list(cap.held(back)) == truth.slots.get(now_us // TEN_MIN_US - back, [0, 0])
        cap.pending_steps = draw.choice([0, draw.randrange(500)])
        own_nl, wanted_nl = draw.choice([0, draw.randrange(1_000_000)]), draw.randrange(1, 10_000)
        # never too little for a request, but for the rounding: 4 steps
        asked_nl = 3 * max(0, truth.of(1, now_us, wholly=False) + cap.pending_steps - 4)
        cap.use(own_nl + asked_nl + wanted_nl, own_nl, (), now_us)
        assert cap.shortfall_nl(wanted_nl, now_us) == 0
        assert cap.shortfall_nl(wanted_nl + 3, now_us) == 3
        # never too much for the alarm
        certain = max(0, sum(truth.of(kind, now_us, wholly=True) for kind in (0, 1)) - 4)
        cap.use(3 * certain, own_nl, (), now_us)
        assert not cap.is_full(now_us)
        cap.use(3 * certain - 1, own_nl, (), now_us)
        assert cap.is_full(now_us)
    cap.use(1, 0, (), now_us)
    later_us = now_us + DAY_US + TEN_MIN_US + draw.randrange(10**11)
    assert not cap.is_full(later_us)
    assert [cap.held(back) for back in range(145)] == [(0, 0)] * 145


def test_what_the_program_will_need_in_its_fullest_day_to_come_is_kept_free() -> None:
    """The own volumes of the coming slots: each holds for its time, and the program's most at the least."""
    cap = cap_of()
    begin_us = 7 * 3_600 * S_US
    cap.use(10_000, 4_000, (5_000, 9_000, 9_000, 2_000), begin_us)
    course = (
        (0, 5_000),
        (9, 5_000),
        (10, 9_000),
        (19, 9_000),
        (29, 9_000),
        (30, 4_000),
        (40, 4_000),
        (999, 4_000),
    )
    for minute, own_nl in course:
        now_us = begin_us + minute * 60 * S_US
        assert cap.shortfall_nl(1_000, now_us) == own_nl + 1_000 - 10_000
        if own_nl + 6_000 > 10_000:  # until minute 30, and a second is for rounding
            assert wait_of(cap, 6_000, now_us) == (30 - minute) * 60 + 1


@pytest.mark.parametrize("seed", range(10))
def test_after_a_boot_the_slot_goes_on_where_it_stood(seed: int) -> None:
    """What counted before the cut ages on: the clock of a boot begins anew, the ring's does not."""
    draw = Random(seed)
    slot, into_us, now_us = draw.randrange(145, 9_999), draw.randrange(600) * S_US, draw.randrange(9 * S_US)
    cap = cap_of()
    cap.begin_at(slot, into_us, now_us)
    cap.use(30_000, 0, (), now_us)
    cap.put(slot - 144, 0, 1_000)
    cap.put(slot, 0, 2_000)
    assert told(cap, now_us, [])["day"] == f"{slot:x}.{into_us // S_US:x}:0.7d0,,"
    full_us = now_us + TEN_MIN_US - into_us  # the slot's end
    assert cap.slot_end_us(now_us) == full_us
    assert cap.held(144) == (0, 1_000)
    cap.add(full_us - 1, 0, 0)
    assert cap.asked_steps == 3_000
    cap.add(full_us, 0, 0)
    assert cap.asked_steps == 2_000
    cap.advance(full_us + 144 * TEN_MIN_US - 1)
    assert cap.asked_steps == 2_000
    cap.advance(full_us + 144 * TEN_MIN_US)
    assert (cap.asked_steps, cap.own_steps) == (0, 0)
    cap.begin_at(slot, into_us, now_us)
    cap.add(full_us + into_us, 600, 6_000)  # ten minutes, in two slots
    assert cap.held(1) == (600 - into_us // S_US, 10 * (600 - into_us // S_US))
    assert cap.held(0) == (into_us // S_US, 10 * (into_us // S_US))
