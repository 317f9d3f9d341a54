"""rig.boot.snapshot: up to where a record counts the program's time as over, and what it says where nothing is.

Owns: rules 2 and 4 of docs/explanation/interrupted-therapy.md: a record 100 ms before a bolus tells of it as begun; a
turn that falls due within these 100 ms, while the bolus ahead of it ends, counts as due in it.
Rules: a rig on the software board with 3 nL a step; what is due and what ends is said by the test, to the microsecond.
Units: steps, nL, microseconds of virtual time.
Leaves: the way back to test_recovery.py, bytes to tests/unit/wire/test_records.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from parts import S_US, SINGLE, bolus
from pumpwire import records
from rig.boot import snapshot
from watched import NL_A_SECOND, Watched, just_booted

PERIODIC = "basal=0:864000 periodic=1800:3000:1000:60"


def state_of(rig: Watched, now_us: int) -> dict[str, int]:
    """What a record made at an instant says."""
    made = dict(zip((row[0] for row in records.STATE), snapshot.state_of(rig.rig, now_us), strict=True))
    records.split(made, records.VERSION)
    return made


def due_in(tmp_path: Path, due_us: int) -> tuple[Watched, int]:
    """A rig whose periodic bolus falls due so long from now, and now."""
    rig = just_booted(tmp_path, PERIODIC)
    therapy, now_us = rig.rig.therapy, rig.rig.clock.now_us()
    therapy.start_us = now_us + due_us - 60 * S_US
    therapy.boluses.use(therapy.program["periodic"], therapy.start_us, now_us)
    return rig, now_us


def ahead_us(rig: Watched, now_us: int) -> int:
    """By how much the program's time in a record is ahead of now, less than 16 µs of rounding apart."""
    state = state_of(rig, now_us)
    parts = (state["program_elapsed_s"] << 16) + state["elapsed_part"]
    return parts * S_US // 65_536 - (now_us - rig.rig.therapy.start_us)


@pytest.mark.parametrize(("due_us", "is_told"), [(50_000, True), (100_000, True), (100_001, False)])
def test_a_turn_within_100_ms_has_begun_in_a_record_and_the_program_s_time_with_it(
    tmp_path: Path, due_us: int, is_told: bool
) -> None:
    rig, now_us = due_in(tmp_path, due_us)
    assert ahead_us(rig, now_us) in (range(due_us, due_us + 16) if is_told else range(16))
    assert (state_of(rig, now_us)["bolus_steps"] == 1_000) is is_told


@pytest.mark.parametrize("due_us", [1, 50_000, 100_000, 100_001, 5_000_000])
@pytest.mark.parametrize(
    ("nl_a_second", "left", "ends"),
    [
        # 10 ms a step: one of those that are left may be about to leave, and one may be shared out late
        (300, 12, True),
        (300, 13, False),
        (300, 1, True),
        (3, 2, True),  # a second a step
        (3, 3, False),
        (3, 1_000, False),
    ],
)
def test_a_turn_that_falls_due_in_the_100_ms_in_which_a_bolus_ends_counts_as_due(
    tmp_path: Path, due_us: int, nl_a_second: int, left: int, ends: bool
) -> None:
    rig, now_us = due_in(tmp_path, due_us)
    single = bolus(SINGLE, now_us - S_US, 1_000)
    single.rate_nl_per_day, single.begun = nl_a_second * NL_A_SECOND, True
    single.done_steps = single.planned_steps = 1_000 - left
    rig.rig.therapy.boluses.queue = [single]
    counts = ends and due_us <= 100_000
    assert ahead_us(rig, now_us) in (range(due_us, due_us + 16) if counts else range(16))
    assert state_of(rig, now_us)["waiting"] == counts, "it is the turn that waits"


def test_a_turn_that_has_waited_and_begins_at_once_puts_the_program_s_time_no_further(tmp_path: Path) -> None:
    rig, now_us = due_in(tmp_path, -3 * S_US)
    therapy = rig.rig.therapy
    therapy.boluses.use(therapy.program["periodic"], therapy.start_us, now_us, waiting=1)
    turn = therapy.boluses.begin_turn(now_us + 80_000)
    assert turn.start_us == now_us + 80_000
    assert ahead_us(rig, now_us) in range(16), "it fell due three seconds ago"
    assert state_of(rig, now_us)["bolus_steps"] == 1_000, "it is told of as begun"


def test_where_nothing_is_under_way_a_record_says_nothing_of_it(tmp_path: Path) -> None:
    rig, now_us = due_in(tmp_path, 5 * S_US)
    state = state_of(rig, now_us)
    named = ("bolus_kind", "bolus_steps", "second_kind", "spread_steps_asked", "waiting", "ramp", "stood")
    assert [state[name] for name in named] == [0] * len(named)
