"""Asked, given, not given: they add up for whatever interferes, and what is asked is what arithmetic by hand says."""

import random

import pytest
from pumprig import rehearsal
from sim import asked, rehearsed


@pytest.mark.parametrize(
    "name",
    [
        "a stop in a bolus",
        "a loss of power in a bolus",
        "an occlusion",
        "a stall",
        "a loss of power that a small bolus does not survive",
        "a loss of power and two clocks",
        "a stall in a young bolus",
        "another rate",
        "a demand bolus within the lockout",
        "a bolus beyond the limit",
    ],
)
def test_what_interferes_with_a_constant_program_is_told_and_what_was_asked_is_rate_times_time(name):
    report, by_hand_nl, why = asked.constant(name)
    assert asked.adds_up(report) == []
    assert {why} - {""} <= {row["why"] for row in report["not_given"]}
    assert abs(report["asked_nl"] - by_hand_nl) <= 2 * asked.STEP_NL, report["not_given"]


@pytest.mark.parametrize("seed", range(3))
def test_many_losses_of_power_at_a_slow_flow_leave_nothing_unexplained(seed):
    """At each the base flow may lose the part of a step that it was owed."""
    draw = random.Random(seed)
    rows, at_h = [], 1.0
    while len(rows) < 40:
        rows += [asked.event(at_h, "power_cut"), asked.event(at_h + draw.choice([0.001, 0.01]), "power_on")]
        at_h += draw.uniform(0.1, 0.4)
    slow = asked.parsed('name = "slow"\n[basal]\nrate = "1.5 ul/h"\n')
    report = rehearsed.run(rehearsal.request(slow, 12 * asked.HOUR_MS, events=rows, seed=seed))
    assert asked.adds_up(report) == []
    assert report["power_cuts"] == 20
    assert report["asked_nl"] == pytest.approx(18_000, abs=22 * asked.STEP_NL)


def test_an_occlusion_at_night_is_no_delivery_as_asked():
    (example,) = [path for path in asked.programs() if path.stem == "occlusion-drill"]
    report = asked.example(example, 12 * asked.HOUR_MS)
    assert asked.adds_up(report) == []
    (row,) = [row for row in report["not_given"] if row["why"] == "alarm"]
    assert row["name"] == "occlusion"
    assert row["nl"] > 30_000
    assert report["asked_nl"] > report["delivered_nl"] + row["nl"] - asked.STEP_NL


# what happens, and how often each reason was one, by counting
OFTEN = {
    "two stops, with a refill and a refused request in the first": (
        [
            asked.event(1, "stop"),
            asked.event(2, "refill", volume_nl=18_000_000),
            asked.event(2.5, "press_bolus"),
            asked.event(3, "resume"),
            asked.event(5, "press_stop"),
            asked.event(6, "resume"),
        ],
        {"stopped": (2, 3 * 3600), "refused": (1, 0)},
    ),
    "a stop that a loss of power does not end": (
        [
            asked.event(4, "stop"),
            asked.event(5, "power_cut"),
            asked.event(5.5, "power_on"),
            asked.event(6, "set_clock"),
            asked.event(7, "resume"),
        ],
        {"stopped": (1, 3 * 3600)},
    ),
    "three losses of power": (
        [asked.event(hour, "power_cut", for_ms=60_000) for hour in (3, 5, 7)],
        {"power": (3, None)},
    ),
}


@pytest.mark.parametrize("name", OFTEN)
def test_how_often_a_reason_was_one_is_told_by_its_stretches_not_by_the_records_within(name):
    rows, expected = OFTEN[name]
    request = asked.rehearsal.request(asked.parsed(asked.CONSTANT), asked.FOR_MS, events=rows)
    told = {row["why"]: row for row in rehearsed.run(request)["not_given"]}
    assert {why: row["times"] for why, row in told.items()} == {
        why: times for why, (times, _s) in expected.items()
    }
    for why, (_times, for_s) in expected.items():
        assert for_s is None or abs(told[why]["for_s"] - for_s) < 2, told[why]


TITRATION = asked.CONSTANT.replace(
    'rate = "20 ul/h"',
    'ramp = {start = "240 ul/day", step = "240 ul/day", ceiling = "9600 ul/day", interval = "10 min"}',
)


@pytest.mark.parametrize("set_s", [5, 300, 590, 1500])
def test_a_titration_that_is_held_asks_without_power_for_the_rate_that_it_is_held_at(set_s):
    rows = [
        asked.event(1.05, "titrate", ramp="hold"),  # on its seventh step
        asked.event(2, "power_cut", for_ms=1_800_000),
        asked.event(2.5 + set_s / 3600, "set_clock"),
    ]
    request = asked.rehearsal.request(asked.parsed(TITRATION), 4 * asked.HOUR_MS, events=rows)
    report = rehearsed.run(request)
    assert asked.adds_up(report) == []
    by_hand_nl = 240_000 * sum(range(1, 7)) / 144 + 7 * 240_000 / 24 * 3
    assert abs(report["asked_nl"] - by_hand_nl) <= 3 * asked.STEP_NL, report["not_given"]


HOURLY = asked.CONSTANT + '[[periodic_bolus]]\nevery = "1 h"\nvolume = "10 ul"\nover = "5 min"\n'


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [asked.event(1.5, "power_cut", for_ms=600_000)],
        [asked.event(1.5, "power_cut", for_ms=370)],
        [asked.event(1.5, "power_cut", for_ms=600_000), asked.event(2, "power_cut", for_ms=612_345)],
        [asked.event(1.5, "power_cut", for_ms=600_000), asked.event(3, "set_clock")],
        [asked.event(3.7, "power_cut", for_ms=20_000)],
        [asked.event(1, "set_clock", by_ms=asked.HOUR_MS)],
    ],
    ids=["nothing", "10 min", "0.4 s", "two", "clock set", "shortly before", "a wrong clock"],
)
@pytest.mark.parametrize(("for_ms", "turns"), [(4 * asked.HOUR_MS, 3), (4 * asked.HOUR_MS + 600_000, 4)])
def test_a_turn_that_falls_due_at_the_very_end_is_not_asked_with_or_without_a_loss_of_power(
    rows, for_ms, turns
):
    request = asked.rehearsal.request(asked.parsed(HOURLY), for_ms, events=rows)
    report = rehearsed.run(request)
    assert asked.adds_up(report) == []
    by_hand_nl = asked.RATE_NL_PER_H * for_ms // asked.HOUR_MS + turns * 10_000
    assert abs(report["asked_nl"] - by_hand_nl) <= 3 * asked.STEP_NL, report["not_given"]


RAMP = """name = "ramp"
[reservoir]
volume = "20 ml"
[basal]
ramp = {start = "200 ul/day", step = "160 ul/day", ceiling = "8 ml/day", interval = "5 min"}
"""


@pytest.mark.parametrize("held_ms", [900, 148_900, 600_950])
def test_a_titration_that_was_held_for_a_part_of_a_second_is_asked_for_as_it_flowed(held_ms):
    """A record tells of it to the second; the rest would be asked for at each step that follows."""
    rows = [
        {"at_ms": 1_950_000, "do": "titrate", "ramp": "hold"},
        {"at_ms": 1_950_000 + held_ms, "do": "titrate", "ramp": "go"},
        asked.event(1, "stop"),
    ]
    report = rehearsed.run(asked.rehearsal.request(asked.parsed(RAMP), 4 * asked.HOUR_MS, events=rows))
    assert asked.adds_up(report) == []
    assert [row["why"] for row in report["not_given"]] == ["stopped"]
    held_s, rates = held_ms / 1_000, [min(200 + 160 * k, 8_000) / 86.4 for k in range(48)]  # nL/s
    flowing = sum(rate * min(300, max(0, 14_400 - held_s - 300 * k)) for k, rate in enumerate(rates))
    by_hand_nl = flowing + held_s * rates[6]
    assert abs(report["asked_nl"] - by_hand_nl) <= 3 * asked.STEP_NL
