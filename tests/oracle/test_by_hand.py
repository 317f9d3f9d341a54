"""Weeks written by hand about one instant: model and firmware agree on either side of it.

Owns: sweeps about a due turn, a lockout's end, a titration's next step, a commit, a bridge's end.
Rules: a case is a program and what happens; what is right comes from the model alone.
Units: ms since the program's start.
Leaves: random weeks to weeks.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from oracle.drive import Drive
from oracle.judge import Judge
from oracle.program import Demand, Periodic, Program
from oracle.scenario import Event, Scenario
from oracle.weeks import START_UTC_S

MINUTE = 60_000


def constant(nl_per_h: int, **also) -> Program:
    return Program("by hand", days={"": ((0, nl_per_h * 24),)}, **also)


def faults(program: Program, events: list[Event], for_ms: int) -> list[str]:
    scenario = Scenario(1, START_UTC_S * 1_000_000, program, tuple(events), for_ms)
    seen = Drive(scenario).run()
    assert seen.rows, seen.refused_files
    return Judge(scenario, seen).run()


THREE = constant(
    10_000,
    periodic=(
        Periodic(600, 3_000, 30_000),
        Periodic(1_200, 5_000, 60_000),
        Periodic(300, 700, 1_000, 150),
    ),
    demand=Demand(2_000, 10_000, 0, 7),
    cap_nl=2_000_000,
)
DUE = 20 * MINUTE
ABOUT_A_TURN = {
    "stop": lambda at: [Event(at, "stop"), Event(at + 1_000, "resume")],
    "resume": lambda at: [Event(900_000, "stop"), Event(at, "resume"), Event(at + 700, "stop")],
    "resume while it flows": lambda at: [Event(at, "resume")],
    "cut": lambda at: [Event(at, "power_cut", {"for_ms": 300}), Event(at + 9_000, "set_clock", {"by_ms": 0})],
    "rate": lambda at: [Event(at, "rate", {"rate_nl_per_day": 500_000})],
    "press": lambda at: [Event(at, "press_bolus"), Event(at + 700, "demand")],
}


@pytest.mark.parametrize("off_ms", [-100, -60, -20, 0, 40, 29_980, 30_020, 90_040])
@pytest.mark.parametrize("what", ABOUT_A_TURN)
def test_at_a_turn(what, off_ms):
    assert not faults(THREE, ABOUT_A_TURN[what](DUE + off_ms), DUE + 4 * MINUTE)


@pytest.mark.parametrize("off_ms", [-1_100, -100, 0, 100, 1_100])
@pytest.mark.parametrize("cut", [[], [Event(200_000, "power_cut", {"for_ms": 1_000})]])
def test_at_the_end_of_a_lockout(cut, off_ms):
    program = constant(10_000, demand=Demand(2_000, 10_000, 600, 3), cap_nl=300_000)
    again_ms = 660_000 + off_ms + (1_700 if cut else 0)
    assert not faults(
        program, [Event(60_000, "press_bolus"), *cut, Event(again_ms, "press_bolus")], 15 * MINUTE
    )


@pytest.mark.parametrize("off_ms", [-400, -100, 0, 100])
@pytest.mark.parametrize("on_return", ["resume", "stop"])
def test_a_titration_held_about_its_next_step(on_return, off_ms):
    turns = (Periodic(600, 3_000, 30_000, 1),)  # what is missed meanwhile has records
    program = Program("by hand", ramp=(100_000, 50_000, 600, 700_000), on_return=on_return, periodic=turns)
    at = 30 * MINUTE + off_ms
    events = [
        Event(at, "titrate", {"ramp": "hold"}),
        Event(at + 1_000, "stop"),
        Event(at + 400_000, "titrate", {"ramp": "go"}),
        Event(at + 500_000, "resume"),
    ]
    assert not faults(program, events, 60 * MINUTE)


@pytest.mark.parametrize("off_ms", [0, 20, 60, 100, 260, 1_100])
def test_a_power_cut_about_a_commit(off_ms):
    program = constant(10_000, periodic=(Periodic(600, 3_000, 30_000),), cap_nl=900_000)
    other = constant(20_000, periodic=(Periodic(300, 2_000, 10_000, 1),), cap_nl=1_200_000)
    at = 10 * MINUTE + 500
    events = [Event(at, "load", {}, other), Event(at + off_ms, "power_cut", {"for_ms": 1_000})]
    assert not faults(program, events, 20 * MINUTE)


@pytest.mark.parametrize("off_ms", [1_080, 1_086, 1_260, 1_300])
@pytest.mark.parametrize("over_ms", [300_000, 3_000])
def test_a_cut_at_the_boot_after_one_at_a_turn(over_ms, off_ms):
    """What is assumed may be all of the bolus, and the boot may be all that is there to tell of it."""
    program = constant(10_000, periodic=(Periodic(600, 500 if over_ms < 9_000 else 3_000, over_ms, 30),))
    events = [
        Event(29_980, "power_cut", {"for_ms": 1_000}),
        Event(29_980 + off_ms, "power_cut", {"for_ms": 300}),
    ]
    assert not faults(program, events, 20 * MINUTE)


@pytest.mark.parametrize("off_ms", [-140, -120, -106, -80, 0])
def test_a_new_program_about_a_turn_while_another_of_its_volume_waits(off_ms):
    rows = (Periodic(60, 300, 60_000, 1), Periodic(60, 300, 60_000))
    program = replace(
        constant(10_000, periodic=rows, drug="dye", concentration="1 mg/ml"), bridge=(60_000, 600_000)
    )
    events = [Event(121_000 + off_ms, "rate", {"rate_nl_per_day": 200_000})]
    assert not faults(program, events, 5 * MINUTE)


@pytest.mark.parametrize("off_ms", [700, 1_500, 6_900_000, 6_911_900, 6_912_100])
def test_a_bridge_stopped_then_kept_by_another_rate(off_ms):
    program = constant(10_000, drug="saline", concentration="1 mg/ml")
    bridged = replace(
        constant(8_000, drug="dye", concentration="1 mg/ml"),
        bridge=(20_000, 250_000),
        periodic=(Periodic(600, 3_000, 30_000),),
    )
    at = 5 * MINUTE + off_ms
    events = [Event(5 * MINUTE, "load", {}, bridged), Event(at, "stop")]
    events += [Event(at + 9_000, "rate", {"rate_nl_per_day": 300_000})]
    assert not faults(program, events, at + 30 * MINUTE)


@pytest.mark.parametrize("volume_nl", [5_000, 20_000])
def test_a_request_under_a_program_that_began_after_the_loss_of_power(volume_nl):
    """12 h of 100 µL a day have flowed, and 10 h more come: under a cap of 100 µL there is room for some 8 µL."""
    hour = 60 * MINUTE
    program = Program("by hand", days={"": ((0, 100_000),)}, cap_nl=100_000)
    other = Program("other", phases=((36_000, 100_000), (864_000, 0)), cap_nl=100_000)
    back = 22 * hour
    events = [
        Event(12 * hour, "power_cut", {"for_ms": 10 * hour}),
        Event(back + 10_000, "load", {}, other),
        Event(back + 60_000, "set_clock", {"by_ms": 0}),
        Event(back + 120_000, "bolus", {"volume_nl": volume_nl, "over_ms": 60_000}),
    ]
    assert not faults(program, events, back + hour)


@pytest.mark.parametrize("falls_s", [60, 120, 300])
@pytest.mark.parametrize("cut_ms", [-50, 0, 200, 60_000])
def test_a_rise_of_the_base_flow_behind_a_fall_has_its_record_before_a_cut(falls_s, cut_ms):
    """The fall comes before the next look at what has flowed: who looks for the rise has to see past it."""
    phases = ((720, 300_000), (falls_s, 1_000), (600, 4_000_000), (3_600, 300_000))
    program = Program("by hand", phases=phases)
    cut = Event((720 + falls_s) * 1_000 + cut_ms, "power_cut", {"for_ms": 10_000})
    assert not faults(program, [cut], 20 * MINUTE)


@pytest.mark.parametrize("lasts_s", [60, 120, 300])
def test_after_a_cut_no_more_of_a_short_phase_is_assumed_than_it_lasts(lasts_s):
    phases = ((900, 15_000), (lasts_s, 1_100_000), (3_600, 450_000))
    cut = Event(900_000 + 240_000, "power_cut", {"for_ms": 10_000})
    assert not faults(Program("by hand", phases=phases), [cut], 20 * MINUTE)


BEHIND = {  # what may begin before the record of the end ahead of it: (program, what happens, when the first ends)
    "two turns due together": (
        constant(10_000, periodic=(Periodic(1_800, 8_000, 1_000, 1), Periodic(1_800, 7_129, 1_000, 1))),
        [],
        2_000,
    ),
    "a turn due as another ends": (
        constant(10_000, periodic=(Periodic(1_800, 8_000, 1_000, 1), Periodic(1_800, 7_129, 1_000, 2))),
        [],
        2_000,
    ),
    "a spread bolus that was suspended": (
        constant(10_000, periodic=(Periodic(1_800, 8_000, 1_000, 1),)),
        [Event(500, "bolus", {"volume_nl": 50_000, "over_ms": 1_800_000, "spread": 1})],
        2_000,
    ),
    "a turn behind a single bolus": (
        constant(10_000, periodic=(Periodic(1_800, 8_000, 1_000, 1),)),
        [Event(500, "bolus", {"volume_nl": 8_000, "over_ms": 1_000})],
        1_520,
    ),
    "a turn that a rate takes back from the plan": (
        constant(10_000, periodic=(Periodic(1_800, 8_000, 1_000, 1),)),
        [Event(960, "rate", {"rate_nl_per_day": 500_000})],
        1_000,
    ),
    "a turn behind a bridge": (
        constant(10_000, drug="saline", concentration="1 mg/ml"),
        [
            Event(
                5_000,
                "load",
                {},
                replace(
                    constant(8_000, drug="dye", concentration="1 mg/ml"),
                    bridge=(8_100, 35_000_000),
                    periodic=(Periodic(1_800, 8_000, 1_000, 10),),
                ),
            )
        ],
        25_240,
    ),
}


@pytest.mark.parametrize("off_ms", [-100, -40, 0, 20, 30, 40, 60, 80])
@pytest.mark.parametrize("what", BEHIND)
def test_a_cut_at_what_begins_behind_another(what, off_ms):
    """Neither is more lost than assumed, nor does anything begin anew: the model weighs each of these."""
    program, events, ends_ms = BEHIND[what]
    cut = Event(ends_ms + off_ms, "power_cut", {"for_ms": 300})
    for on_return in ("resume", "stop"):
        assert not faults(replace(program, on_return=on_return), [*events, cut], ends_ms + 60_000)


@pytest.mark.parametrize("held_ms", [200, 600, 5_000])
@pytest.mark.parametrize("start", ["resume", "load", "rate"])
def test_a_start_while_the_stop_button_is_down(start, held_ms):
    again = constant(20_000, periodic=(Periodic(600, 3_000, 30_000),))
    fields = {"rate_nl_per_day": 500_000} if start == "rate" else {}
    events = [
        Event(60_000, "stop"),
        Event(65_000, "press_stop", {"for_ms": held_ms}),
        Event(65_150, start, fields, again if start == "load" else None),
        Event(80_000, "resume"),
    ]
    assert not faults(constant(10_000), events, 20 * MINUTE)


@pytest.mark.parametrize("again", ["go", "hold", "back", ""])
@pytest.mark.parametrize("before", ["hold", "back"])
def test_a_titration_that_was_held_over_a_loss_of_power_stands_still_in_it(before, again):
    """Also where it has been let go when the clock tells for how long there was no power."""
    program = Program(
        "by hand", ramp=(100_000, 50_000, 600, 900_000), periodic=(Periodic(900, 3_000, 30_000),)
    )
    events = [
        Event(25 * MINUTE, "titrate", {"ramp": before}),
        Event(40 * MINUTE, "power_cut", {"for_ms": 50 * MINUTE}),
        *([Event(95 * MINUTE, "titrate", {"ramp": again})] if again else []),
        Event(110 * MINUTE, "set_clock", {"by_ms": 0}),
    ]
    assert not faults(program, events, 150 * MINUTE)


@pytest.mark.parametrize("held", [(1, 0), (0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0)])
def test_a_titration_that_was_held_at_one_of_several_losses_of_power_has_not_gone_on_in_any(held):
    """No clock tells how long each of them was: it is rather behind than ahead."""
    program = Program("by hand", ramp=(100_000, 50_000, 600, 900_000))
    events, at_ms = [], 15 * MINUTE
    for is_held in held:
        events += [Event(at_ms, "titrate", {"ramp": "hold"})] if is_held else []
        events += [Event(at_ms + 2 * MINUTE, "power_cut", {"for_ms": 35 * MINUTE})]
        events += [Event(at_ms + 40 * MINUTE, "titrate", {"ramp": "go"})] if is_held else []
        at_ms += 45 * MINUTE
    events.append(Event(at_ms, "set_clock", {"by_ms": 0}))
    scenario = Scenario(1, START_UTC_S * 1_000_000, program, tuple(events), at_ms + 60 * MINUTE)
    seen = Drive(scenario).run()
    assert not Judge(scenario, seen).run()
    set_at = max(k for k, row in enumerate(seen.rows) if row.event == "clock")
    before, after = seen.rows[set_at - 2].state["ramp"], seen.rows[-1].state["ramp"]
    moved_s = int(seen.rows[set_at].fields["moved_us"]) // 1_000_000
    assert (after - before) // 2 == pytest.approx(moved_s if any(held) else 0, abs=2)
