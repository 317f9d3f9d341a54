"""rig.watch.monitor on a coupling that slips: what is booked, when it is told, and a flow that is too low or too high.

Owns: the quarter of an hour between two records of what slips have cost, to the microsecond; both infusion alarms.
Rules: the very firmware on the software board; the rotor loses or gains a share of each second's rotation.
Units: encoder counts (4096 a turn), steps (3200 a turn), seconds of virtual time.
Leaves: slips on the simulated pump to tests/requirements/test_rotation.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from watched import PROGRAM, S_US, Watched

WINDOW_US = 900 * S_US


@pytest.mark.parametrize(
    ("percent", "name"), [(-20, "under_infusion"), (20, "over_infusion"), (-8, ""), (8, "")]
)
def test_a_flow_that_is_off_by_a_fifth_for_a_quarter_of_an_hour_is_told(
    tmp_path: Path, percent: int, name: str
) -> None:
    """Ten steps a second; what is gained at once stays below 5 degrees, as a rotor that runs ahead is told at once."""
    rig = Watched(tmp_path, PROGRAM % 2_692_710)
    counts_a_s = 10 * 4_096 / 3_200
    gained = 0.0
    for second in range(1_400):
        rig.bench.run(S_US)
        gained += counts_a_s * percent / 100
        if percent > 0 and second % 20 == 0:
            rig.rig.monitor._rotation._reference = None  # a rotor that is taken as right over and over
        rig.ahead_counts = int(gained)
        if rig.active:
            break
    assert rig.active == ({name} if name else set())
    if name == "under_infusion":
        assert 800 <= second <= 1_150
        assert rig.rig.therapy.mode == "running", "its action is to go on and tell"


def slipping(tmp_path: Path) -> Watched:
    """Some steps were lost little by little, and are booked and not yet told."""
    rig = Watched(tmp_path, PROGRAM % 24_000_000)
    rig.bench.run(1_000 * S_US)
    while not rig.rig.monitor._slipped:
        rig.bench.run(S_US // 2)
        rig.ahead_counts -= 14
    while rig.rig.monitor._slipped and rig.rig.monitor._slips_told_us == 0:
        rig.bench.run(S_US)
    rig.rig.monitor._slipped = 77
    return rig


def told(rig: Watched) -> int:
    return len(rig.told("undelivered"))


def test_what_slips_have_cost_is_told_once_a_quarter_of_an_hour_is_over(tmp_path: Path) -> None:
    rig = slipping(tmp_path)
    before = told(rig)
    for since_us, count in ((WINDOW_US - 1, 0), (WINDOW_US, 1)):
        rig.rig.monitor._slips_told_us = rig.rig.clock.now_us() + 1_000 - since_us
        rig.run(1_000)
        assert told(rig) == before + count, since_us
    assert rig.told("undelivered")[-1].split()[0] == "steps=77"
    assert rig.rig.monitor._slips_told_us == rig.rig.clock.now_us()
    rig.rig.monitor._slips_told_us -= WINDOW_US
    rig.run(1_000)
    assert told(rig) == before + 1, "nothing more was lost"


def test_a_stall_tells_of_what_slipped_before_it_first(tmp_path: Path) -> None:
    rig = slipping(tmp_path)
    before = told(rig)
    rig.bench.pump.stuck = True
    while "stall" not in rig.active:
        rig.bench.run(100_000)
    rows = [text.split()[0] for text in rig.told("undelivered")[before:]]
    assert rows[0] == "steps=77"
    assert len(rows) == 2
    assert rig.rig.monitor._slipped == 0
