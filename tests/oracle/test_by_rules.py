"""Weeks written by hand whose right answer was worked out on paper from the rules, before anything ran.

Owns: what should have flowed of each kind, what is missed, refused and alarmed in each case.
Rules: rates of 10 nL/s and times in seconds, so that a reader can add up; the reference model has to agree, too.
Units: seconds since the program's start, nL.
Leaves: their shape to by_rules.py, those with a `rate` to cases_of_rate.py, sweeps about one instant to
test_by_hand.py, random weeks to weeks.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from oracle import cases_of_rate
from oracle.by_rules import DAY_S, TEN, TURNS, Case, flows
from oracle.drive import Drive
from oracle.judge import Judge
from oracle.program import Demand, Periodic, Program
from oracle.scenario import Event, Scenario
from oracle.weeks import START_UTC_S

SPRING_UTC_S = 1_774_742_400  # 2026-03-29T00:00:00Z: an hour later Zurich's clocks go from 02:00 to 03:00
SLACK_NL = 15  # rounding to steps of 3 nL, and a tick at each change
SALINE = flows(10, drug="saline", concentration="1 mg/ml")
BRIDGED = replace(flows(20, drug="dye", concentration="1 mg/ml"), bridge=(2_000, 10 * DAY_S))
DOSE, OFF, NOW = {"volume_nl": 60, "over_ms": 60_000}, {"for_ms": 100_000}, {"by_ms": 0}
CASES = {
    "a priming spans a turn: missed, for the pump was stopped": Case(
        TURNS,
        ((590, "stop", {}), (598, "prime", {"volume_nl": 40_000}), (660, "resume", {})),
        1_000,
        {"basal": 9_300, "prime": 40_000},
        missed=("stopped 1",),
    ),
    "a resume at a turn while it flows changes nothing": Case(
        TURNS, ((599.98, "resume", {}), (600, "resume", {})), 1_000, {"basal": 10_000, "periodic": 3_000}
    ),
    "a dose from standing that a loss of power ends: the pump stands for the stop, without power, too": Case(
        TEN,
        ((100, "stop", {}), (110, "dispense", DOSE), (140, "power_cut", OFF), (250, "set_clock", NOW)),
        450,
        {"basal": 1_000, "single": 3},
        alarms=("power_return",),
        not_given={"stopped": 10 * 350, "power": 57},
    ),
    "a dose from standing spans a turn": Case(
        TURNS,
        ((590, "stop", {}), (595, "dispense", {"volume_nl": 5_000, "over_ms": 120_000}), (720, "resume", {})),
        1_300,
        {"basal": 11_700, "single": 5_000, "periodic": 3_000},
        missed=("stopped 1",),
    ),
    "a stop in the last second of a bridge: its last second comes later": Case(
        SALINE,
        ((100, "load", {"program": "bridged"}), (299, "stop", {}), (400, "resume", {})),
        500,
        {"basal": 1_000 + 20 * 99, "bridge": 2_000},
        loads={"bridged": BRIDGED},
    ),
    "the same, and a power cut while it stands": Case(
        SALINE,
        (
            (100, "load", {"program": "bridged"}),
            (299, "stop", {}),
            (350, "power_cut", {"for_ms": 10_000}),
            (400, "resume", {}),
        ),
        500,
        {"basal": 1_000 + 20 * 99, "bridge": 2_000},
        loads={"bridged": BRIDGED},
    ),
    "another drug without a bridge of its own is refused while a bridge flows": Case(
        SALINE,
        ((100, "load", {"program": "bridged"}), (150, "load", {"program": "back"})),
        400,
        {"basal": 1_000 + 20 * 100, "bridge": 2_000},
        refused=(("stage", "bridge"),),
        loads={"bridged": BRIDGED, "back": replace(SALINE, name="back")},
    ),
    "one that wants none ends the bridge": Case(
        SALINE,
        ((100, "load", {"program": "bridged"}), (150, "load", {"program": "back"})),
        400,
        {"basal": 1_000 + 10 * 250, "bridge": 500},
        loads={"bridged": BRIDGED, "back": replace(SALINE, name="back", bridge=(0, 0))},
    ),
    "a rate during a bridge comes after it": Case(
        SALINE,
        ((100, "load", {"program": "bridged"}), (150, "rate", {"rate_nl_per_day": 30 * DAY_S})),
        400,
        {"basal": 1_000 + 30 * 100, "bridge": 2_000},
        loads={"bridged": BRIDGED},
    ),
    "a typed rate keeps the cap: too much is refused, what fits flows under it": Case(
        flows(10, cap_nl=900_000),
        ((100, "typed", {"rate_nl_per_day": 950_400}), (200, "bolus", {"volume_nl": 40_000})),
        300,
        {"basal": 3_000},
        refused=(("rate", "cap"), ("bolus", "cap")),
    ),
    "a bolus in which the power goes twice is given once, less what is assumed": Case(
        TEN,
        (
            (100, "bolus", {"volume_nl": 12_000, "over_ms": 600_000}),
            (220, "power_cut", {"for_ms": 1_000}),
            (300, "ack", {}),
            (400, "power_cut", {"for_ms": 1_000}),
        ),
        900,
        {"basal": None, "single": None},
        alarms=("power_return", "power_return"),
    ),
    "a refill in the middle of a bolus changes nothing of it": Case(
        TEN,
        (
            (100, "bolus", {"volume_nl": 6_000, "over_ms": 600_000}),
            (300, "refill", {"volume_nl": 18_000_000}),
        ),
        900,
        {"basal": 9_000, "single": 6_000},
        reservoir_nl=18_000_000 - 6_000 - 4_000,
    ),
    "the clocks change while the pump stands: it goes on at the wall's rate": Case(
        Program(
            "spring",
            days={"": ((0, 10 * DAY_S), (9_000, 20 * DAY_S), (14_400, 30 * DAY_S))},
            zone="Europe/Zurich",
        ),
        ((3_000, "stop", {}), (4_200, "resume", {})),
        7_800,
        {"basal": 30_000 + 20 * 3_000 + 30 * 600},
        start_utc_s=SPRING_UTC_S,
        alarms=("stopped_loaded",),
    ),
    "a spread bolus is suspended by another, and cancelled by a stop": Case(
        TEN,
        (
            (100, "bolus", {"volume_nl": 7_200, "over_ms": 720_000, "spread": 1}),
            (200, "bolus", {"volume_nl": 1_000, "over_ms": 100_000}),
            (500, "stop", {}),
            (510, "resume", {}),
        ),
        700,
        {"basal": 6_900, "spread": 3_000, "single": 1_000},
    ),
    "turn after turn without a pause: a stop costs the rest of one": Case(
        flows(10, periodic=(Periodic(600, 6_000, 600_000),)),
        ((900, "stop", {}), (905, "resume", {})),
        1_790,
        {"basal": 17_850, "periodic": 3_000 + 5_900},
    ),
    "a turn that waits when the pump is stopped is missed": Case(
        TURNS,
        (
            (590, "bolus", {"volume_nl": 6_000, "over_ms": 60_000}),
            (620, "stop", {}),
            (630, "resume", {}),
        ),
        1_000,
        {"basal": 9_900, "single": 3_000},
        missed=("stopped 1",),
    ),
    "one that waits until its own next turn is missed, and that one comes when the bolus ends": Case(
        TURNS,
        ((590, "bolus", {"volume_nl": 6_200, "over_ms": 620_000}),),
        1_300,
        {"basal": 13_000, "single": 6_200, "periodic": 3_000},
        missed=("overlap 1",),
    ),
    "one that waits through a power cut comes when the bolus ends": Case(
        TURNS,
        ((590, "bolus", {"volume_nl": 3_000, "over_ms": 300_000}), (700, "power_cut", {"for_ms": 1_000})),
        1_150,
        {"basal": None, "single": None, "periodic": 3_000},
        alarms=("power_return",),
    ),
    "turns without power are missed together, and the grid goes on": Case(
        TURNS,
        ((650, "power_cut", {"for_ms": 1_800_000}), (2_460, "set_clock", {"by_ms": 0})),
        3_100,
        {"basal": None, "periodic": 6_000},
        missed=("power 3",),
        alarms=("power_return",),
    ),
    "a program that was loaded after a power cut is not moved by the clock that is set then": Case(
        TURNS,
        (
            (100, "power_cut", {"for_ms": 1_800_000}),
            (1_910, "load", {"program": "other"}),
            (1_950, "set_clock", {"by_ms": 0}),
        ),
        2_500,
        {"basal": None, "periodic": 1_000},
        alarms=("power_return",),
        loads={"other": flows(10, periodic=(Periodic(500, 1_000, 10_000),))},
    ),
    "a stop by the button, then a cut: what falls due is missed for the button": Case(
        TURNS,
        (
            (500, "press_stop", {}),
            (550, "power_cut", {"for_ms": 10_000}),
            (561, "set_clock", {"by_ms": 0}),
            (700, "resume", {}),
        ),
        1_000,
        {"basal": 8_000},
        missed=("stopped 1",),
        alarms=("stop_button",),
    ),
    "a priming is refused while the pump runs": Case(
        TEN, ((100, "prime", {"volume_nl": 1_000}),), 200, {"basal": 2_000}, refused=(("prime", "state"),)
    ),
    "doses from standing and boluses share the room under the cap": Case(
        flows(10, cap_nl=864_000 + 5_000),
        (
            (100, "stop", {}),
            (110, "dispense", {"volume_nl": 6_000}),
            (120, "dispense", {"volume_nl": 4_000, "over_ms": 60_000}),
            (200, "resume", {}),
            (210, "bolus", {"volume_nl": 2_000, "over_ms": 60_000}),
            (220, "bolus", {"volume_nl": 900, "over_ms": 60_000}),
        ),
        400,
        {"basal": 3_000, "single": 4_900},
        refused=(("dispense", "cap"), ("bolus", "cap")),
    ),
    "a lower program under a lower cap waits until what flowed before it leaves room": Case(
        TEN,
        ((3_600, "load", {"program": "tight"}), (3_700, "load", {"program": "wide"})),
        4_000,
        {"basal": 37_000 + 300},
        refused=(("commit", "cap"),),
        loads={"tight": flows(1, cap_nl=118_000), "wide": flows(1, cap_nl=121_000)},
    ),
    "a program that is loaded while the pump stands flows at once": Case(
        TURNS,
        ((590, "stop", {}), (620, "load", {"program": "other"})),
        1_300,
        {"basal": 5_900 + 20 * 680, "periodic": 1_000},
        missed=("stopped 1",),
        loads={"other": flows(20, periodic=(Periodic(500, 1_000, 10_000),))},
    ),
    "a titration far from its ceiling has room for a request": Case(
        Program("rises", ramp=(10 * DAY_S, 10 * DAY_S, 43_200, 40 * DAY_S), cap_nl=41 * DAY_S),
        ((100, "bolus", {"volume_nl": 90_000, "over_ms": 100_000}),),
        300,
        {"basal": 3_000, "single": 90_000},
    ),
    "a titration that is held counts from where it stands, for it may be let go": Case(
        Program("held", ramp=(10 * DAY_S, 10 * DAY_S, 3_600, 40 * DAY_S), cap_nl=40 * DAY_S + 50_000),
        ((100, "titrate", {"ramp": "hold"}), (30_000, "bolus", {"volume_nl": 90_000, "over_ms": 600_000})),
        31_000,
        {"basal": 310_000, "single": 90_000},
    ),
    "what a stop took from a turn takes no room under the cap": Case(
        flows(10, periodic=(Periodic(43_200, 40_000, 43_200_000, 30),), cap_nl=954_000),
        ((600, "stop", {}), (700, "resume", {}), (800, "bolus", {"volume_nl": 30_000, "over_ms": 60_000})),
        900,
        {"basal": 8_000, "periodic": 528, "single": 30_000},
    ),
    "a press while the pump stands is refused for that, however soon it goes on": Case(
        flows(10, demand=Demand(30_000, 60_000, 0, 9), cap_nl=890_000),
        ((100, "stop", {}), (100.3, "press_bolus", {}), (100.6, "resume", {})),
        200,
        {"basal": 1_000 + 994},
        refused=(("request", "state"),),
    ),
    "a Sunday counts as far as it comes within 24 h": Case(
        Program("sunday", days={"": ((0, DAY_S),), "sun": ((0, 10 * DAY_S),)}, cap_nl=870_000),
        (
            (300, "bolus", {"volume_nl": 20_000, "over_ms": 60_000}),
            (3_000, "bolus", {"volume_nl": 50_000, "over_ms": 60_000}),
        ),
        3_100,
        {"basal": 3_100, "single": 20_000},
        refused=(("bolus", "cap"),),
        start_utc_s=START_UTC_S + 2 * DAY_S + 23 * 3_600,  # a Saturday evening
    ),
    "beside a pattern's half day a request is granted": Case(
        Program("half", days={"": ((0, 10 * DAY_S), (43_200, 0))}, cap_nl=440_000),
        ((45_360, "bolus", {"volume_nl": 5_000, "over_ms": 60_000}),),
        45_500,
        {"basal": 432_000, "single": 5_000},
    ),
    "after the clock was set back the half day comes again, and a request is refused": Case(
        Program("half", days={"": ((0, 10 * DAY_S), (43_200, 0))}, cap_nl=440_000),
        (
            (45_000, "set_clock", {"by_ms": -43_200_000}),
            (45_360, "bolus", {"volume_nl": 5_000, "over_ms": 60_000}),
        ),
        45_500,
        {"basal": 432_000 + 5_000},
        refused=(("bolus", "cap"),),
    ),
    "so it is after half a day without power, once the clock is set": Case(
        Program("half", days={"": ((0, 10 * DAY_S), (43_200, 0))}, cap_nl=440_000),
        (
            (43_300, "power_cut", {"for_ms": 43_200_000}),
            (86_600, "set_clock", {"by_ms": 0}),
            (86_700, "bolus", {"volume_nl": 5_000, "over_ms": 60_000}),
        ),
        86_900,
        {"basal": 432_000 + 3_000},
        refused=(("bolus", "cap"),),
        alarms=("power_return",),
    ),
}


ALL = {**CASES, **cases_of_rate.CASES}


@pytest.mark.parametrize("name", ALL)
def test_what_flows_is_what_the_rules_say(name: str) -> None:
    case = ALL[name]
    events = [
        Event(
            int(at_s * 1000),
            do,
            {} if do == "load" else fields,
            case.loads[fields["program"]] if do == "load" else None,
        )
        for at_s, do, fields in case.events
    ]
    scenario = Scenario(1, case.start_utc_s * 1_000_000, case.program, tuple(events), case.until_s * 1000)
    seen = Drive(scenario).run()
    assert seen.rows, seen.refused_files
    found = {kind: nl for kind, nl in seen.report["by_kind"].items() if nl}
    assert set(found) == set(case.gives)
    for kind, right_nl in case.gives.items():
        assert right_nl is None or abs(found[kind] - right_nl) <= SLACK_NL, (kind, found[kind], right_nl)
    rows = [(row.event, row.fields) for row in seen.rows]
    missed = [f"{told['why']} {told.get('times', 1)}" for event, told in rows if event == "missed"]
    assert tuple(missed) == case.missed
    refused = [(told.get("verb", "request"), told["why"]) for event, told in rows if event == "refused"]
    assert tuple(refused) == case.refused
    assert tuple(told["name"] for event, told in rows if event == "alarm") == case.alarms
    if case.reservoir_nl is not None:
        assert abs(seen.report["reservoir_nl"] - case.reservoir_nl) <= SLACK_NL
    if case.not_given is not None:
        by_reason = {row["why"]: row["nl"] for row in seen.report["not_given"]}
        assert set(by_reason) == set(case.not_given)
        assert all(abs(by_reason[why] - nl) <= 2 * SLACK_NL for why, nl in case.not_given.items()), by_reason
    bounds = [(event, told["kind"]) for event, told in rows if event in ("bolus_start", "bolus_end")]
    for kind in case.gives:
        begun = bounds.count(("bolus_start", kind))
        assert begun - bounds.count(("bolus_end", kind)) in (0, kind == "periodic")  # one may be under way
        assert begun == 1 or kind not in ("single", "spread", "bridge") or case.refused
    assert not Judge(scenario, seen).run()
