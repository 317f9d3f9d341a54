"""rig.flow.apart: a dose from standing, priming, calibration; and when it is looked at what really comes.

Owns: the limits of what flows apart from the program; the room beside its most.
Rules: a therapy with its dosing and its cap, without a rig.
Units: steps of 3 nL, nL, nL/day, microseconds.
Leaves: requests while the program runs to test_grants.py, what really comes to test_weigh.py.
"""

from __future__ import annotations

from typing import Any

from bedside import RATE, Bedside, outcome
from parts import S_US
from pumpwire.spec import KINDS
from rig.flow import apart, grants

SLOT_US = 600 * S_US
SINGLE, PRIME, CALIBRATION = (KINDS.index(name) for name in ("single", "prime", "calibration"))


# --- from standing


def standing(**fields: Any) -> Bedside:
    bedside = Bedside(**fields)
    bedside.therapy.mode = "stopped"
    return bedside


def dispense(bedside: Bedside, volume_nl: int = 900, rate: int = 1_000_000) -> Any:
    return outcome(lambda: apart.dispense(bedside.requests, volume_nl, rate, 5), bedside)


def prime(bedside: Bedside, volume_nl: int = 900) -> Any:
    return outcome(lambda: apart.prime(bedside.requests, volume_nl, 5), bedside)


def calibrate(bedside: Bedside, rate: int = 1_000_000) -> Any:
    return outcome(lambda: apart.calibrate(bedside.requests, rate, 900, 5), bedside)


def test_a_dose_from_standing_flows_apart_within_the_motor_s_and_the_program_s_limit() -> None:
    bedside = standing()
    overlay = dispense(bedside)
    assert (overlay.kind, overlay.steps, overlay.rate_nl_per_day, overlay.start_us) == (
        SINGLE,
        300,
        1_000_000,
        5,
    )
    assert bedside.therapy.mode == "dispensing"
    assert bedside.needed == [900]
    assert dispense(bedside) == ("state", {"why": "stop the pump first"})
    for program, motor, limit in ((10**6, 10**7, 10**6), (10**7, 10**6, 10**6), (10**6, 10**6 + 1, 10**6)):
        bedside = standing()
        bedside.therapy.program["hard_nl_per_day"], bedside.therapy.max_rate_nl_per_day = program, motor
        told = dispense(bedside, rate=limit + 1)
        assert told == ("limit", {"rate_nl_per_day": limit + 1, "limit_nl_per_day": limit})
        assert dispense(bedside, rate=limit).kind == SINGLE
    bedside = standing(loaded=False)
    bedside.therapy.max_rate_nl_per_day = 10**6
    assert dispense(bedside, rate=10**6 + 1)[0] == "limit"
    assert dispense(bedside, rate=10**6).kind == SINGLE, "without a program there is no cap either"
    bedside = standing(cap_nl=RATE + 899)
    assert dispense(bedside)[0] == "cap"
    assert bedside.needed == []


def test_priming_is_the_catheter_s_volume_where_none_is_named() -> None:
    bedside = standing(catheter_nl=600)
    bedside.requests.prime_rate_nl_per_day = 77_000
    overlay = prime(bedside, 0)
    assert (overlay.kind, overlay.steps, overlay.rate_nl_per_day) == (PRIME, 200, 77_000)
    assert bedside.therapy.mode == "priming"
    assert bedside.needed == [600]
    assert prime(bedside) == ("state", {"why": "stop the pump first"})
    assert prime(standing(catheter_nl=600)).steps == 300
    for bedside in (standing(), standing(loaded=False)):
        assert prime(bedside, 0) == ("value", {"why": "no catheter volume is stored: name one"})
        assert prime(bedside).steps == 300


def test_a_calibration_is_held_to_the_motor_s_rate() -> None:
    bedside = standing()
    bedside.therapy.max_rate_nl_per_day = 10**6
    assert calibrate(bedside, 10**6 + 1) == ("limit", {"limit_nl_per_day": 10**6})
    overlay = calibrate(bedside, 10**6)
    assert (overlay.kind, overlay.steps, overlay.rate_nl_per_day) == (CALIBRATION, 300, 10**6)
    assert bedside.therapy.mode == "priming"


# --- what really comes


class FixedClock:
    def now_us(self) -> int:
        return 3 * SLOT_US

    def utc_us(self, now_us: int) -> int:
        return 0


def pieces(steps: Any) -> int:
    return len(list(steps))


def test_what_really_comes_is_looked_at_only_where_a_request_has_no_room_beside_the_most() -> None:
    bedside = Bedside(cap_nl=RATE + 900)
    assert pieces(grants.weighing(bedside.requests, 900, 60 * S_US, FixedClock())) == 0
    assert bedside.cap.found == (0, 0)
    assert pieces(grants.weighing(bedside.requests, 901, 60 * S_US, FixedClock())) > 0
    assert bedside.cap.found[0] == 3 * SLOT_US + 2 * S_US
    bedside.cap.found = (0, 0)
    assert pieces(grants.demand_weighing(bedside.requests, FixedClock())) == 0
    bedside.cap.cap_nl -= 1
    assert pieces(grants.demand_weighing(bedside.requests, FixedClock())) > 0
    assert bedside.cap.found[0] > 0
    bedside.therapy.mode = "stopped"
    bedside.cap.found = (0, 0)
    assert pieces(grants.demand_weighing(bedside.requests, FixedClock())) == 0
    assert bedside.cap.found == (0, 0), "it is refused at once"
    for other in (Bedside(loaded=False), Bedside(demand=(), cap_nl=RATE)):
        assert pieces(grants.demand_weighing(other.requests, FixedClock())) == 0
    assert pieces(grants.weighing(Bedside(loaded=False).requests, 10**9, 1, FixedClock())) == 0


def test_a_demand_bolus_of_two_hours_is_looked_after_until_it_is_a_day_old() -> None:
    phases = ((90_000, 1_000), (86_400, 144_000))  # the flow rises 25 h after the program's begin
    found = []
    for over_ms in (60_000, 7_199_999, 7_200_000):
        bedside = Bedside(basal=(), phases=phases, own_nl=10**9, demand=((9, over_ms, 0, 3),))
        bedside.cap.cap_nl = 100_000
        assert pieces(grants.demand_weighing(bedside.requests, FixedClock())) > 0
        found.append(bedside.cap.found[1])
    assert found[0] < 1_100
    assert found[2] > found[1] > 2_000, "a slot of it more, to the millisecond"
