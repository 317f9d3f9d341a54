"""What is asked beside a bridge that was interrupted: by arithmetic of its own, as if nothing had interfered.

A bridge ends when its volume has left at its rate; from then on the base flow is asked for, by the program's own time.
"""

import pytest
from pumprig import rehearsal
from sim import asked, rehearsed

BRIDGE_NL, BRIDGE_NL_PER_H = 40_000, 250_000 / 24
END_H = BRIDGE_NL / BRIDGE_NL_PER_H  # 3.84
RISE_H, BEFORE_NL_PER_H, AFTER_NL_PER_H = 4, 25_000, 50_000
PROGRAM = """
name = "bridged"
[reservoir]
volume = "18 ml"
low_alert = "2 ml"
[drug]
name = "saline"
concentration = "1 mg/ml"
[limits]
hard_max_rate = "20 ml/day"
[basal]
phases = [{for = "4 h", rate = "25 ul/h"}, {for = "20 h", rate = "50 ul/h"}]
[bridge]
volume = "40 ul"
rate = "0.25 ml/day"
"""
EVENTS = {
    "nothing": ([], ()),
    "a stop": ([asked.event(1, "stop"), asked.event(2.5, "resume")], ("stopped",)),
    "the button, twice": (
        [
            asked.event(1, "press_stop"),
            asked.event(1.5, "resume"),
            asked.event(2, "press_stop"),
            asked.event(2.75, "resume"),
        ],
        ("stopped",),
    ),
    "a stop across the bridge's own end": ([asked.event(3, "stop"), asked.event(5, "resume")], ("stopped",)),
    "two stops, the second beyond its own end": (
        [
            asked.event(1, "stop"),
            asked.event(3, "resume"),
            asked.event(4.5, "stop"),
            asked.event(5.5, "resume"),
        ],
        ("stopped",),
    ),
    "a stop that goes on": ([asked.event(1, "stop")], ("stopped",)),
    "a loss of power": ([asked.event(2, "power_cut", for_ms=1_000)], ("power",)),
    "a loss of power whose length is known at once": (
        [asked.event(2, "power_cut", for_ms=1_800_000), asked.event(2.6, "set_clock", by_ms=0)],
        ("power",),
    ),
    "a loss of power whose length is known when the bridge has ended early": (
        [asked.event(2, "power_cut", for_ms=300_000), asked.event(3.83, "set_clock", by_ms=0)],
        ("power",),
    ),
    "a loss of power in its first second": ([asked.event(0.0001, "power_cut", for_ms=300)], ("power",)),
    "many losses of power": (
        [asked.event(1 + k / 5, "power_cut", for_ms=1_000) for k in range(12)],
        ("power",),
    ),
    "a loss of power and a short stop": (
        [
            asked.event(2, "power_cut", for_ms=1_000),
            asked.event(3, "stop"),
            asked.event(3.01, "resume"),
        ],
        ("power", "stopped"),
    ),
    "a loss of power and a long stop across the bridge's own end": (
        [
            asked.event(2, "power_cut", for_ms=1_000),
            asked.event(3.5, "stop"),
            asked.event(4.1, "resume"),
        ],
        ("power", "stopped"),
    ),
    "a loss of power and a stop between the bridge's end and its own end": (
        [
            asked.event(2, "power_cut", for_ms=1_000),
            asked.event(3.75, "stop"),
            asked.event(3.8, "resume"),
        ],
        ("power", "stopped"),
    ),
}


def by_hand_nl(until_h):
    bridge_nl = min(BRIDGE_NL, BRIDGE_NL_PER_H * until_h)
    before_nl = BEFORE_NL_PER_H * max(0, min(until_h, RISE_H) - END_H)
    return bridge_nl + before_nl + AFTER_NL_PER_H * max(0, until_h - RISE_H)


@pytest.mark.parametrize("until_h", [2, 3.5, 4.25, 5.25, 7, 9])
@pytest.mark.parametrize("name", EVENTS)
def test_what_is_asked_beside_an_interrupted_bridge_is_what_would_have_flowed(name, until_h):
    rows, reasons = EVENTS[name]
    rows = [row for row in rows if row["at_ms"] < until_h * asked.HOUR_MS]
    request = rehearsal.request(asked.parsed(PROGRAM), round(until_h * asked.HOUR_MS), events=rows)
    report = rehearsed.run(request)
    assert asked.adds_up(report) == []
    slack = 8 + 3 * len([row for row in rows if row["do"] == "power_cut"])
    assert report["asked_nl"] == pytest.approx(by_hand_nl(until_h), abs=slack * asked.STEP_NL)
    assert {row["why"] for row in report["not_given"]} <= set(reasons)


@pytest.mark.parametrize(
    ("clock_h", "cut_h"), [(3.0, 1), (3.8, 1), (4.5, 1), (7.0, 1), (None, 1), (5.0, 3.7), (None, 3.7)]
)
def test_a_rate_after_a_loss_of_power_in_a_bridge_asks_for_nothing_before_the_bridge_has_ended(
    clock_h, cut_h
):
    rows = [
        asked.event(cut_h, "power_cut", for_ms=1_800_000),
        asked.event(cut_h + 0.6, "rate", rate_nl_per_day=2_400_000),
    ]
    rows += [] if clock_h is None else [asked.event(clock_h, "set_clock", by_ms=0)]
    report = rehearsed.run(rehearsal.request(asked.parsed(PROGRAM), 9 * asked.HOUR_MS, events=rows))
    assert asked.adds_up(report) == []
    rate_h = max(END_H, cut_h + 0.6)
    base_nl = BEFORE_NL_PER_H * (min(RISE_H, rate_h) - END_H) + AFTER_NL_PER_H * max(0, rate_h - RISE_H)
    assert report["asked_nl"] == pytest.approx(
        BRIDGE_NL + base_nl + 100_000 * (9 - rate_h), abs=15 * asked.STEP_NL
    )


def test_the_end_of_a_bridge_is_told_after_the_one_that_takes_its_place_has_begun():
    slower = asked.parsed(PROGRAM.replace("0.25 ml/day", "0.1 ml/day")).text
    rows = [asked.event(1, "stop"), asked.event(2.5, "resume"), asked.event(3, "load", document=slower)]
    rows += [asked.event(5, "stop"), asked.event(6, "resume")]
    report = rehearsed.run(rehearsal.request(asked.parsed(PROGRAM), 9 * asked.HOUR_MS, events=rows))
    assert asked.adds_up(report) == []
    assert report["asked_nl"] == pytest.approx(BRIDGE_NL + 6 * 100_000 / 24, abs=15 * asked.STEP_NL)
    why = {row["why"]: row["nl"] for row in report["not_given"]}
    assert why["cancelled"] == pytest.approx(BRIDGE_NL - 3 * BRIDGE_NL_PER_H, abs=4 * asked.STEP_NL)


def test_a_bridge_that_made_up_for_a_stop_leaves_only_base_flow_that_was_not_given():
    rows, _reasons = EVENTS["a stop"]
    report = rehearsed.run(rehearsal.request(asked.parsed(PROGRAM), 9 * asked.HOUR_MS, events=rows))
    assert report["by_kind"]["bridge"] == pytest.approx(BRIDGE_NL, abs=asked.STEP_NL)
    (row,) = report["not_given"]
    displaced_nl = by_hand_nl(END_H + 1.5) - BRIDGE_NL
    assert row["nl"] == pytest.approx(displaced_nl, abs=8 * asked.STEP_NL)
    assert row["for_s"] == pytest.approx(1.5 * 3600, abs=1)


def test_a_new_program_takes_away_only_what_no_stop_had_kept_from_the_bridge():
    rows = [
        asked.event(1, "stop"),
        asked.event(2, "resume"),
        asked.event(3, "load", document=asked.parsed(PROGRAM.replace("40 ul", "20 ul")).text),
    ]
    report = rehearsed.run(rehearsal.request(asked.parsed(PROGRAM), 4 * asked.HOUR_MS, events=rows))
    missing = {row["why"]: row["nl"] for row in report["not_given"]}
    assert missing == {
        "stopped": pytest.approx(BRIDGE_NL_PER_H, abs=8 * asked.STEP_NL),
        "cancelled": pytest.approx(BRIDGE_NL - 3 * BRIDGE_NL_PER_H, abs=8 * asked.STEP_NL),
    }
    assert report["asked_nl"] == pytest.approx(BRIDGE_NL + BRIDGE_NL_PER_H, abs=8 * asked.STEP_NL)


def test_the_base_flow_is_asked_for_from_the_bridge_s_end_on_whatever_program_is_in_force_then():
    """By hand: 150 µL at 0.25 mL a day end at 14.4 h; then 2 mL a day, which came at 5.5 h, while the pump stood."""
    text = PROGRAM.replace("40 ul", "150 ul").replace(
        'phases = [{for = "4 h", rate = "25 ul/h"}, {for = "20 h", rate = "50 ul/h"}]', 'rate = "0.5 ml/day"'
    )
    later = text.replace("0.5 ml/day", "2 ml/day")
    rows = [
        asked.event(5, "stop"),
        asked.event(5.5, "load", document=asked.parsed(later[: later.index("[bridge]")]).text),
    ]
    report = rehearsed.run(rehearsal.request(asked.parsed(text), 24 * asked.HOUR_MS, events=rows))
    assert asked.adds_up(report) == []
    assert report["asked_nl"] == pytest.approx(150_000 + 9.6 * 2_000_000 / 24, abs=8 * asked.STEP_NL)


@pytest.mark.parametrize("ms", range(40, 160, 20))
def test_what_a_new_program_cancels_is_asked_for_also_where_a_cut_leaves_its_end_untold(ms):
    program = asked.parsed(PROGRAM[: PROGRAM.index("[bridge]")])
    at_h = 1 + 60 / 3600
    rows = [
        asked.event(1, "bolus", volume_nl=6_000, over_ms=120_000),
        asked.event(1.001, "bolus", volume_nl=9_000, over_ms=600_000, spread=1),
        asked.event(at_h, "load", document=program.text.replace("name=bridged", "name=other")),
    ]
    cut = asked.event(at_h, "power_cut", for_ms=1_000)
    cut["at_ms"] += ms
    reports = [
        rehearsed.run(rehearsal.request(program, round(1.5 * asked.HOUR_MS), events=events))
        for events in (rows, [*rows, cut])
    ]
    why = [
        {row["because"]: row["nl"] for row in report["not_given"] if row.get("because")} for report in reports
    ]
    if "spread" in why[1]:  # else the power went before the commit
        assert why[1] == pytest.approx(why[0], abs=4 * asked.STEP_NL)
        assert reports[1]["asked_nl"] == pytest.approx(reports[0]["asked_nl"], abs=8 * asked.STEP_NL)
    else:
        assert reports[1]["by_kind"]["spread"] > 8_000


def test_a_bridge_that_goes_on_under_a_new_program_is_asked_for_once_also_after_a_cut():
    """The contract's third rule: a new program of the same drug without a bridge keeps its rest."""
    program = asked.parsed(PROGRAM)
    later = asked.parsed(PROGRAM[: PROGRAM.index("[bridge]")].replace("bridged", "other"))
    load = asked.event(0.5, "load", document=later.text)
    cut = asked.event(0.6, "power_cut", for_ms=1_000)
    reports = [
        rehearsed.run(rehearsal.request(program, round(1.5 * asked.HOUR_MS), events=events))
        for events in ([load], [load, cut])
    ]
    assert not [one for one in asked.adds_up(reports[1]) if one]
    assert reports[1]["asked_nl"] == pytest.approx(reports[0]["asked_nl"], abs=8 * asked.STEP_NL)
