"""Asked, given, not given: they add up for whatever interferes, and what is asked is what arithmetic by hand says."""

import pytest
from sim import asked


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


def test_an_occlusion_at_night_is_no_delivery_as_asked():
    (example,) = [path for path in asked.programs() if path.stem == "occlusion-drill"]
    report = asked.example(example, 12 * asked.HOUR_MS)
    assert asked.adds_up(report) == []
    (row,) = [row for row in report["not_given"] if row["why"] == "alarm"]
    assert row["name"] == "occlusion"
    assert row["nl"] > 30_000
    assert report["asked_nl"] > report["delivered_nl"] + row["nl"] - asked.STEP_NL
