"""rig.flow.grants and requests: what is granted, what is refused with which numbers, at each limit.

Owns: lockout, count, limits, the free slot, the reservoir and the cap, to the microsecond, nanolitre and step.
Rules: a therapy with its dosing and its cap, without a rig; each request that is refused was an attempt and gives
nothing.
Units: steps of 3 nL, nL, nL/day, microseconds.
Leaves: doses from standing to test_grants_standing.py, what really comes under a cap to test_weigh.py, a rig's
answers to tests/requirements.
"""

from __future__ import annotations

import pytest
from bedside import RATE, Bedside
from parts import S_US, STEP_NL
from pumpwire.spec import KINDS
from rig.flow import grants
from rig.flow.overlay import Overlay

DAY_US = 86_400 * S_US
SLOT_US = 600 * S_US
SINGLE, SPREAD, DEMAND = (KINDS.index(name) for name in ("single", "spread", "demand"))


# --- demand boluses


def test_a_demand_bolus_is_the_program_s_and_begins_now() -> None:
    bedside = Bedside()
    overlay = bedside.demand(5)
    assert (overlay.kind, overlay.steps, overlay.start_us) == (DEMAND, 300, 5)
    assert overlay.rate_nl_per_day == 900 * 1_440
    assert bedside.therapy.overlays() == [overlay]
    assert (bedside.requests.asked, bedside.requests.given, bedside.requests.demands_us) == (1, 1, [5])
    assert bedside.needed == [900]


def test_without_a_program_or_its_demand_bolus_a_press_is_an_attempt() -> None:
    for bedside in (Bedside(loaded=False), Bedside(demand=())):
        assert bedside.demand(5) == ("state", {"why": "the program has no demand bolus"})
        assert (bedside.requests.asked, bedside.requests.given) == (1, 0)
        assert bedside.requests.wait_s(5) == 0


def test_a_lockout_lasts_to_the_microsecond_and_is_told_in_whole_seconds() -> None:
    bedside = Bedside()
    assert bedside.requests.wait_s(0) == 0
    bedside.demand(7)
    bedside.end()
    for after_us, wait_s in ((0, 1_800), (1, 1_800), (S_US - 1, 1_800), (S_US, 1_799), (1_800 * S_US - 1, 1)):
        assert bedside.requests.wait_s(7 + after_us) == wait_s
        assert bedside.demand(7 + after_us) == ("lockout", {"wait_s": wait_s})
    assert bedside.requests.wait_s(7 + 1_800 * S_US) == 0
    assert bedside.requests.wait_s(7 + 9_800 * S_US) == 0
    assert bedside.demand(7 + 1_800 * S_US).kind == DEMAND
    assert (bedside.requests.asked, bedside.requests.given) == (7, 2)


def test_the_count_is_that_of_the_last_24_hours_and_the_wait_until_the_oldest_of_it_is_a_day_old() -> None:
    bedside = Bedside(demand=((900, 60_000, 0, 3),))
    for at_s in (100, 200, 300):
        bedside.demand(at_s * S_US)
        bedside.end()
    refused = bedside.demand(400 * S_US)
    assert refused == ("count", {"max_per_24h": 3, "wait_s": 86_400 - 300})
    assert bedside.demand(100 * S_US + DAY_US - 1) == ("count", {"max_per_24h": 3, "wait_s": 1})
    assert bedside.demand(100 * S_US + DAY_US).kind == DEMAND
    bedside.end()
    assert bedside.requests.demands_us == [200 * S_US, 300 * S_US, 100 * S_US + DAY_US]
    assert bedside.demand(101 * S_US + DAY_US)[1]["wait_s"] == 99
    assert bedside.demand(101 * S_US + DAY_US - 1)[1]["wait_s"] == 100
    assert bedside.demand(100 * S_US + DAY_US)[1]["wait_s"] == 100


def test_of_more_than_the_count_that_a_program_before_gave_the_wait_is_until_enough_are_old() -> None:
    bedside = Bedside(demand=((900, 60_000, 0, 9),))
    for at_s in (100, 200, 300, 400):
        bedside.demand(at_s * S_US)
        bedside.end()
    bedside.load(demand=((900, 60_000, 0, 2),))
    assert bedside.demand(400 * S_US) == ("count", {"max_per_24h": 2, "wait_s": 86_400 - 100})


def test_a_count_of_none_has_no_wait() -> None:
    bedside = Bedside()
    bedside.therapy.program["demand"] = ((900, 60_000, 0, 0),)
    assert bedside.demand(0) == ("count", {"max_per_24h": 0})


def test_small_demand_boluses_add_up_and_each_has_a_step_and_a_new_program_counts_anew() -> None:
    bedside = Bedside(demand=((10, 1_000, 0, 99),))
    steps = []
    for k in range(7):
        overlay = bedside.demand(k)
        steps.append(overlay.steps)
        bedside.end()
    near = [(2 * 10 * k + STEP_NL) // (2 * STEP_NL) for k in range(9)]
    assert steps == [near[k + 1] - near[k] for k in range(7)]
    assert near[8] - near[7] == 4
    bedside.load(demand=((10, 1_000, 0, 99),))
    assert bedside.demand(9).steps == 3
    bedside.end()
    bedside.load(demand=((1, 1_000, 0, 99),))
    assert [bedside.requests.next_steps(1) for _ in range(4)] == [1, 1, 1, 1]


# --- after a boot


def test_what_a_boot_knows_of_demand_boluses_is_never_younger_than_the_lockout_says() -> None:
    bedside = Bedside()
    now_us = 5_000 * S_US
    restore = bedside.requests.restore
    restore([now_us - 3_000 * S_US, now_us - 20 * S_US], 600, now_us)
    assert bedside.requests.demands_us == [now_us - 3_000 * S_US, now_us - 1_200 * S_US]
    assert bedside.requests.wait_s(now_us) == 600
    restore([], 600, now_us)
    assert bedside.requests.demands_us == [now_us - 1_200 * S_US]
    assert bedside.requests.wait_s(now_us) == 600
    restore([], 0, now_us)
    assert bedside.requests.demands_us == []
    restore([now_us - 20 * S_US], 0, now_us)
    assert bedside.requests.demands_us == [now_us - 1_800 * S_US]
    assert bedside.requests.wait_s(now_us) == 0
    restore([now_us - 4_000 * S_US], 0, now_us)
    assert bedside.requests.demands_us == [now_us - 4_000 * S_US]
    for other in (Bedside(loaded=False), Bedside(demand=())):
        other.requests.restore([5, 6], 600, now_us)
        assert other.requests.demands_us == [5, 6]


def test_new_requests_have_given_nothing() -> None:
    requests = Bedside(loaded=False).requests
    assert (requests.prime_rate_nl_per_day, requests.demands_us) == (0, [])
    assert (requests.asked, requests.given) == (0, 0)


# --- single and spread boluses


def test_a_bolus_has_its_volume_in_whole_steps_and_its_rate_rounded_up() -> None:
    bedside = Bedside()
    overlay = bedside.bolus(1_000, 7_000, now_us=9)
    assert (overlay.kind, overlay.steps, overlay.start_us) == (SINGLE, 333, 9)
    assert overlay.rate_nl_per_day == -(-1_000 * 86_400_000 // 7_000)
    spread = bedside.bolus(1_000, 7_000, spread=1, now_us=9)
    assert spread.kind == SPREAD
    assert bedside.therapy.spread is spread


@pytest.mark.parametrize("mode", ["stopped", "priming", "dispensing"])
def test_no_bolus_is_granted_while_the_program_does_not_run(mode: str) -> None:
    bedside = Bedside()
    bedside.therapy.mode = mode
    why = ("state", {"why": "the pump is not running"})
    assert bedside.bolus(1_000) == bedside.bolus(1_000, spread=1) == bedside.demand(0) == why


def test_a_bridge_and_a_bolus_block_requests_and_a_spread_bolus_only_another() -> None:
    bedside = Bedside()
    bedside.therapy.bridge = Overlay(KINDS.index("bridge"), 10, 1_000)
    busy = ("busy", {"why": "a bridge is under way"})
    assert bedside.bolus(1_000) == bedside.bolus(1_000, spread=1) == bedside.demand(0) == busy
    bedside.therapy.bridge = None
    bedside.bolus(1_000, spread=1)
    assert bedside.bolus(1_000, spread=1) == ("busy", {"why": "a spread bolus is under way"})
    assert bedside.bolus(1_000).kind == SINGLE
    assert bedside.bolus(1_000) == ("busy", {"why": "a bolus is under way"})
    assert bedside.demand(0) == ("busy", {"why": "a bolus is under way"})
    bedside.therapy.spread = None
    assert bedside.bolus(1_000, spread=1).kind == SPREAD


def test_the_limits_hold_for_bolus_and_base_flow_together_to_the_nanolitre() -> None:
    rate = 1_000 * 1_440
    for hard, motor, refused in ((0, -1, False), (-1, 0, True), (0, 0, False), (10, -1, True)):
        bedside = Bedside()
        bedside.therapy.program["hard_nl_per_day"] = rate + RATE + hard
        bedside.therapy.max_rate_nl_per_day = rate + RATE + (motor if hard == 10 else 10)
        told = bedside.bolus(1_000)
        if refused:
            numbers = {"rate_nl_per_day": rate + RATE, "limit_nl_per_day": rate + RATE - 1}
            assert told == ("limit", numbers)
            assert bedside.needed == []
        else:
            assert told.kind == SINGLE


# --- the cap


def test_a_request_has_room_under_the_cap_to_the_nanolitre_beside_the_program_and_what_was_asked_for() -> (
    None
):
    for cap_nl, fits in ((RATE + 1_500, True), (RATE + 1_499, False)):
        bedside = Bedside(cap_nl=cap_nl)
        bedside.cap.add(5, 0, 104)  # 4 are for rounding: 300 nL
        told = bedside.bolus(1_200, now_us=6)
        if fits:
            assert told.kind == SINGLE
        else:
            assert told[0] == "cap"
            assert told[1]["cap_nl"] == cap_nl
            assert told[1]["short_nl"] == 1
            assert told[1]["wait_s"] == 600 + DAY_US // S_US
            assert bedside.needed == []


def test_what_was_found_to_come_holds_for_one_request() -> None:
    bedside = Bedside(cap_nl=RATE + 1_000)
    bedside.cap.found = (10, RATE - 5_000)
    assert bedside.bolus(2_000, now_us=9).kind == SINGLE
    bedside.end()
    assert bedside.cap.found == (0, 0)
    assert bedside.bolus(2_000, now_us=9)[0] == "cap"


def test_a_request_that_never_fits_is_told_without_a_wait() -> None:
    bedside = Bedside(cap_nl=RATE + 1_000)
    assert bedside.bolus(1_001) == ("cap", {"cap_nl": RATE + 1_000, "short_nl": 1})


@pytest.mark.parametrize("back", [0, 1, 70, 143, 144])
def test_the_wait_is_until_the_slot_that_holds_what_was_asked_for_is_a_day_old(back: int) -> None:
    bedside = Bedside(cap_nl=RATE + 1_000)
    now_us = 200 * SLOT_US + 17 * S_US
    bedside.cap.advance(now_us)
    bedside.cap.put(200 + 145 - back, 0, 200)
    told = grants.cap_wait_s(bedside.cap, bedside.dosing, 500, now_us)
    assert told == (145 - back) * 600 - 17 + 1
    assert grants.cap_wait_s(bedside.cap, bedside.dosing, 1_000, now_us) == told, "to the nanolitre"
    assert grants.cap_wait_s(bedside.cap, bedside.dosing, 1_001, now_us) == 0
    bedside.cap.pending_steps = 200
    assert grants.cap_wait_s(bedside.cap, bedside.dosing, 500, now_us) == 0, "what still flows will count"
