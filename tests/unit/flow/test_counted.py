"""rig.flow.counted: the counted rate over the last one to two minutes, exactly.

Owns: marks a minute apart, and the rate between one of them and now.
Rules: what is delivered is told by the test; the rate is worked out from it.
Units: nL, nL/day, microseconds.
Leaves: what is shown of it to tests/requirements/test_delivery.py.
"""

from __future__ import annotations

from typing import Any

from rig.flow.counted import CountedRate

MIN_US = 60_000_000
DAY_MIN = 1_440


class Delivered:
    """As much as the test says."""

    nl = 0

    def delivered_nl(self) -> int:
        return self.nl


def test_the_rate_is_what_was_delivered_since_the_mark_before_the_last() -> None:
    dosing = Delivered()
    counted: Any = CountedRate(dosing)
    dosing.nl = 5_000
    began_us = 7 * MIN_US
    counted.begin(began_us)
    assert counted.nl_per_day(began_us) == 0
    dosing.nl += 30
    assert counted.nl_per_day(began_us + 1) == 30 * DAY_MIN * MIN_US
    assert counted.look(began_us + MIN_US - 1) is False
    assert counted.nl_per_day(began_us + MIN_US) == 30 * DAY_MIN
    assert counted.look(began_us + MIN_US) is True
    assert counted.look(began_us + MIN_US) is False
    dosing.nl += 70
    assert counted.nl_per_day(began_us + 2 * MIN_US) == 50 * DAY_MIN, "of two minutes"
    assert counted.look(began_us + 2 * MIN_US) is True
    assert counted.nl_per_day(began_us + 2 * MIN_US) == 70 * DAY_MIN, "of the last one"
    dosing.nl += 10
    assert counted.nl_per_day(began_us + 3 * MIN_US) == 40 * DAY_MIN


def test_before_it_has_begun_it_counts_from_power_on() -> None:
    dosing = Delivered()
    counted: Any = CountedRate(dosing)
    dosing.nl = 20
    assert counted.nl_per_day(0) == 0
    assert counted.nl_per_day(2 * MIN_US) == 10 * DAY_MIN
    assert counted.look(MIN_US) is True
