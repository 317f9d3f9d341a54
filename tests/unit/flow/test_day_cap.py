"""The ring of the last 24 h against a list of all that flowed: how long a request waits, what a record carries."""

from __future__ import annotations

from random import Random

import pytest
from rig.flow.day_cap import MOST_TEXT, SLOT_US, SLOTS, DayCap
from rig.flow.dosing import Dosing

S_US = 1_000_000
DAY_US = 86_400 * S_US


def cap_of(step_nl: int = 3) -> DayCap:
    dosing = Dosing(3200, 1)
    dosing.calibrate(1, 3200 * step_nl, 1, 10_000)
    return DayCap(dosing)


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

    def fits(at_us: int, day_us: int) -> bool:
        asked = sum(steps for when_us, steps in flowed if when_us > at_us - day_us)
        return 3 * asked + own_nl + wanted_nl <= cap.cap_nl

    wait_s = cap.wait_s(wanted_nl, now_us)
    if wanted_nl + own_nl > cap.cap_nl:
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
        if draw.random() < 0.3:
            cap.told(now_us, demands)  # leaves the turn anywhere
    slot = now_us // SLOT_US + SLOTS
    demands = [at_us for at_us in demands if at_us // SLOT_US + SLOTS > slot - SLOTS]
    found: dict[int, list[int]] = {}
    for _ in range(60):
        fields = dict(cap.told(now_us, demands))
        assert len(" ".join(f"{name}={value}" for name, value in fields.items())) <= MOST_TEXT + 24
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
