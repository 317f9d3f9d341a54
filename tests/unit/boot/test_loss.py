"""rig.boot.loss: what may have flowed between the last record and a cut, to the step.

Owns: rule 4 of docs/explanation/interrupted-therapy.md: as long as the rig had been up before its last record,
half a second to ten minutes, 5 µL or 10 s of flow; of a bolus 500 nL, then as much as it has given; the first end has a
record.
Rules: a rig on the software board with 3 nL a step; the steps are worked out here by hand, with 1 for rounding.
Units: nL, steps, microseconds of virtual time.
Leaves: when a record is due to tests/unit/log/test_checkpoint.py, what a boot makes of the loss to test_boot.py.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from parts import S_US, bolus
from pumpwire.spec import KINDS
from rig.boot import loss as module
from watched import NL_A_SECOND, Watched, just_booted

SINGLE, SPREAD, BRIDGE = (KINDS.index(name) for name in ("single", "spread", "bridge"))


def losses(rig: Watched, since_boot_s: float) -> list[tuple[Any, int]]:
    now_us = rig.rig.clock.now_us()
    found: list[tuple[Any, int]] = module.losses(rig.rig, now_us, int(since_boot_s * S_US))
    return found


@pytest.mark.parametrize(
    ("nl_a_second", "since_s", "steps"),
    [
        (1_000, 0.3, 217 + 1),  # half a second and the slack: 650 nL
        (1_000, 0.5, 217 + 1),
        (1_000, 2, 717 + 1),  # as long as it had been up
        (1_000, 100, 3_717 + 1),  # by volume: ten seconds of flow, and a look and the slack of it
        (10, 300, 1_000 + 1),
        (10, 100_000, 1_670 + 1),  # by volume: 5 µL and 11 nL
        (1, 100_000, 200 + 1),  # ten minutes
        (0, 100_000, 0 + 1),
    ],
)
def test_of_the_base_flow_what_flows_until_the_next_record_was_due_is_assumed(
    tmp_path: Path, nl_a_second: int, since_s: float, steps: int
) -> None:
    rig = just_booted(tmp_path, f"basal=0:{nl_a_second * NL_A_SECOND}")
    assert losses(rig, since_s) == [(None, steps)]
    rig.rig.therapy.mode = "stopped"
    assert losses(rig, since_s) == [(None, 1)]


@pytest.mark.parametrize(
    ("phases", "ran_s", "nl"),
    [
        (((60, 10), (60, 5), (600, 1)), 0, 600 + 300 + 480.15),  # each for its time
        (((60, 10), (60, 5), (600, 1)), 50, 100 + 300 + 530.15),
        (((60, 10), (60, 5), (600, 9)), 0, 600 + 300 + 0.45),  # a rise: a record was due 100 ms before
        (((60, 0), (600, 9), (600, 1)), 0, 0.45),
        (((60, 10), (60, 5), (600, 900)), 0, 600 + 300 + 45),  # 50 ms of it, for a record may be late by 150
        (((60, 1), (600, 9), (600, 1)), 59.95, 0.05 + 5_000 + 10),  # it was told of: 5 µL, and 1.15 s
        (((60, 1), (600, 9), (600, 1)), 59.9, 0.1 + 5_000 + 10),  # also 100 ms before, to the microsecond
        (((60, 1), (600, 1)), 0, 600.15),  # a phase of the same flow is no rise and has no record
    ],
)
def test_of_a_base_flow_that_falls_no_more_is_assumed_than_flows(
    tmp_path: Path, phases: Any, ran_s: float, nl: float
) -> None:
    rows = ",".join(f"{for_s}:{nl_a_second * NL_A_SECOND}" for for_s, nl_a_second in phases)
    rig = just_booted(tmp_path, f"phases={rows}")
    rig.rig.therapy.start_us = rig.rig.clock.now_us() - int(ran_s * S_US)
    ((base, steps),) = losses(rig, 100_000)
    assert base is None
    assert abs(steps - 1 - nl / 3) <= 1


def test_of_a_titration_that_is_held_the_step_on_which_it_is_is_assumed(tmp_path: Path) -> None:
    rig = just_booted(tmp_path, f"ramp={NL_A_SECOND}:{NL_A_SECOND}:60:{9 * NL_A_SECOND}")
    for held_us in (rig.rig.clock.now_us(), 0):  # a boot holds it at its first instant
        rig.rig.therapy.set_ramp(0, True, held_us)
        assert losses(rig, 100_000) == [(None, 200 + 1)], "ten minutes"
    rig.rig.therapy.set_ramp(0, False, rig.rig.clock.now_us())
    ((_base, steps),) = losses(rig, 100_000)
    assert steps <= 20 + 2, "a minute: the next step has a record"


def flowing(tmp_path: Path, *kinds: tuple[int, int, int]) -> tuple[Watched, list[Any]]:
    """On 10 nL a second, overlays of (kind, steps, nL a second)."""
    rig = just_booted(tmp_path)
    made = []
    for kind, steps, nl_a_second in kinds:
        overlay = bolus(kind, rig.rig.clock.now_us(), steps)
        overlay.rate_nl_per_day = nl_a_second * NL_A_SECOND
        if kind == BRIDGE:
            rig.rig.therapy.bridge = overlay
        else:
            rig.rig.therapy.add(overlay)
        made.append(overlay)
    return rig, made


def test_of_a_bolus_500_nl_and_what_flows_in_a_look_are_assumed_or_as_much_again_as_it_had_given(
    tmp_path: Path,
) -> None:
    rig, (single,) = flowing(tmp_path, (SINGLE, 1_000, 100))
    assert losses(rig, 300) == [(single, 209 + 1), (None, 0)]  # 500 nL, and 1.15 s of 110
    assert losses(rig, 1) == [(single, 38 + 1), (None, 4 + 1)]  # 1.15 s of each
    single.done_steps = 400
    assert losses(rig, 300) == [(single, 442 + 1), (None, 0)]
    single.done_steps = 800
    assert losses(rig, 300) == [(single, 200), (None, 21 + 1)], "its end has a record: 6.03 s, and 250 ms"
    single.done_steps = 999
    assert losses(rig, 300) == [(single, 1), (None, 1 + 1)]
    single.done_steps = 1_000
    assert losses(rig, 300) == [(None, 1 + 1)]


def test_the_time_is_that_of_what_it_has_left_and_a_step_more(tmp_path: Path) -> None:
    rig, (single,) = flowing(tmp_path, (SINGLE, 10, 1))
    assert losses(rig, 300) == [(single, 10), (None, 111 + 1)], "33.25 s"


def test_of_a_long_bolus_no_more_is_assumed_than_of_a_base_flow(tmp_path: Path) -> None:
    rig, (single,) = flowing(tmp_path, (SINGLE, 100_000, 100))
    single.done_steps = 50_000
    assert losses(rig, 300) == [(single, 1_709 + 1), (None, 0)]


def test_what_cannot_begin_before_a_record_is_due_by_volume_does_not_count(tmp_path: Path) -> None:
    rig, (single, spread) = flowing(tmp_path, (SINGLE, 100_000, 100), (SPREAD, 5_000, 1_000))
    single.done_steps = 50_000
    assert losses(rig, 300) == [(single, 1_709 + 1), (None, 0)], "as if nothing waited behind it"
    assert spread.done_steps == 0


@pytest.mark.parametrize(
    ("base", "left", "behind"),
    [
        # 30 and 10 nL a second: 5 046 nL, a look included, are 1 682 steps, and 1 for rounding.
        # The base flow has 420 beside 1 262 of the bolus, 421 beside 1 263; one of them may be the bolus's
        (10, 1_200, 50 + 1),
        (10, 1_262, 50 + 1),
        (10, 1_263, 0),
        (10, 1_300, 0),
        # 30 alone: 5 034.5 nL are 1 678, and 1
        (0, 1_678, 50 + 1),
        (0, 1_679, 0),
    ],
)
def test_the_base_flow_beside_a_bolus_counts_towards_the_record_that_is_due_by_volume(
    tmp_path: Path, base: int, left: int, behind: int
) -> None:
    """What waits behind a bolus may have flowed only where less flows until its end than a record is due by."""
    rig, (single, spread) = flowing(tmp_path, (SINGLE, 4_000, 30), (SPREAD, 5_000, 1_000))
    rig.rig.therapy.program["basal"] = ((0, base * NL_A_SECOND),)
    single.done_steps = 4_000 - left
    rows = losses(rig, 300)
    assert rows[0] == (single, left)
    assert [steps for overlay, steps in rows if overlay is spread] == ([behind] if behind else [])


def test_two_boluses_share_the_time_one_after_the_other(tmp_path: Path) -> None:
    rig, (single, spread) = flowing(tmp_path, (SINGLE, 2_000, 100), (SPREAD, 5_000, 50))
    single.done_steps = 1_700
    assert losses(rig, 20) == [(single, 300), (spread, 2 + 1), (None, 31 + 1)], "9.28 s, 0.15 of them behind"
    assert losses(rig, 9.05) == [(single, 300), (spread, 2 + 1), (None, 31 + 1)]
    single.done_steps = 1_200
    assert losses(rig, 5) == [(single, 172 + 1), (None, 17 + 1)], "the first alone fills the time"


def test_the_base_flow_has_the_time_that_a_bridge_leaves(tmp_path: Path) -> None:
    rig, (bridge,) = flowing(tmp_path, (BRIDGE, 100, 100))
    assert losses(rig, 10) == [(bridge, 100), (None, 0 + 1)], "0.15 s"
    bridge.steps = 1_000
    assert losses(rig, 2) == [(bridge, 72 + 1), (None, 0 + 1)]


PERIODIC = "periodic=1800:3000:1000:1,1800:600:1000:1"  # 1000 and 200 steps a second


@pytest.mark.parametrize(("left", "behind"), [(30, 150 + 1), (250, 150 + 1), (600, 50 + 1), (700, 0)])
def test_of_a_turn_that_waits_what_flows_until_the_record_of_the_end_before_it_is_assumed(
    tmp_path: Path, left: int, behind: int
) -> None:
    """After 0.5 s of power, 0.65 s: of a bolus of 1000 steps a second some are left. Two turns wait behind it."""
    rig = just_booted(tmp_path, f"basal=0:864000 {PERIODIC}")
    therapy = rig.rig.therapy
    now_us = rig.rig.clock.now_us()
    single = bolus(SINGLE, now_us, 1_000)
    single.rate_nl_per_day, single.begun = 3_000 * NL_A_SECOND, True
    single.done_steps = single.planned_steps = 1_000 - left
    therapy.boluses.use(therapy.program["periodic"], now_us - int(1.2 * S_US), now_us, 0b11)
    therapy.boluses.queue = [single]
    rows = losses(rig, 0.5)
    kinds = [(overlay.kind, steps) for overlay, steps in rows if overlay is not None]
    assert kinds == [(SINGLE, min(left, 650 + 1)), (KINDS.index("periodic"), behind)][: 2 if behind else 1]
    assert therapy.boluses.turns == [bool(behind), 0], "the second waits behind both"
    assert [overlay.row for overlay in therapy.boluses.queue] == ([-1, 0] if behind else [-1])


def test_a_turn_that_cannot_have_begun_waits_on_as_it_did(tmp_path: Path) -> None:
    """5 µL of the bolus ahead of it had a record of their own."""
    rig = just_booted(tmp_path, f"basal=0:864000 {PERIODIC}")
    therapy, now_us = rig.rig.therapy, rig.rig.clock.now_us()
    single = bolus(SINGLE, now_us, 20_000)
    single.rate_nl_per_day, single.begun = 30 * NL_A_SECOND, True
    single.done_steps = single.planned_steps = 18_000
    therapy.boluses.use(therapy.program["periodic"], now_us - int(1.2 * S_US), now_us, 0b11)
    therapy.boluses.queue = [single]
    assert losses(rig, 300) == [(single, 1_682 + 1), (None, 0)]
    assert therapy.boluses.queue == [single]
    assert (therapy.boluses.turns, therapy.boluses.waiting(now_us, None)) == ([0, 0], 0b11)
    turn = therapy.boluses.begin_turn(now_us)
    assert (turn.row, turn.turn, turn.steps, turn.begun) == (0, 0, 1_000, False)


def test_a_bridge_comes_before_the_turn_that_was_told_of_ahead(tmp_path: Path) -> None:
    rig, (bridge, single) = flowing(tmp_path, (BRIDGE, 8, 100), (SINGLE, 1_000, 30))
    assert losses(rig, 10) == [(bridge, 8), (single, 1 + 1), (None, 0 + 1)], "0.15 s behind it"
    assert losses(rig, 0.5)[0] == (bridge, 8)


def test_while_the_program_stands_only_what_flows_apart_can_have_flowed(tmp_path: Path) -> None:
    rig, (spread, bridge) = flowing(tmp_path, (SPREAD, 5_000, 50), (BRIDGE, 100, 100))
    prime = bolus(KINDS.index("prime"), rig.rig.clock.now_us(), 1_000)
    prime.rate_nl_per_day = 100 * NL_A_SECOND
    rig.rig.therapy.add_apart(prime, "priming")
    assert losses(rig, 1) == [(prime, 38 + 1), (None, 0 + 1)]
    assert [spread, bridge] == rig.rig.therapy.overlays()[:0:-1]


def test_what_is_assumed_covers_all_that_flows_until_the_next_record_and_no_bolus_more_than_it_had(
    tmp_path: Path,
) -> None:
    """Drawn boluses: the judge lets them flow one after the other until the first one's end has its record."""
    draw = Random(7)
    rig, (single,) = flowing(tmp_path, (SINGLE, 1_000, 100))
    for _ in range(300):
        single.steps = draw.randrange(1, 4_000)
        single.done_steps = draw.randrange(single.steps)
        single.rate_nl_per_day = draw.choice([1, 10, 100, 1_000]) * NL_A_SECOND
        since_s = draw.choice([0.2, 3, 70, 10_000])
        rate_nl_a_s = single.rate_nl_per_day / NL_A_SECOND
        given_nl = single.done_steps * 3
        by_volume_s = min(max(5_000, 10 * (10 + rate_nl_a_s)), max(500, given_nl)) / (10 + rate_nl_a_s)
        flows_s = min(max(0.5, min(since_s, 600)), by_volume_s, single.left() * 3 / rate_nl_a_s)
        rows = dict(losses(rig, since_s))
        assert rows[single] >= min(single.left(), int(flows_s * rate_nl_a_s / 3))
        assert rows[single] <= single.left()
        assert rows[single] + rows[None] >= int(flows_s * (rate_nl_a_s + 10) / 3)
