"""rig.watch.reservoir: what is left, how well that is known, and what a refill is compared with.

Owns: the estimate by counting, losses that are assumed, the combined uncertainty.
Rules: the judge is the standard library's arithmetic on what was drawn.
Units: steps of 3 nL, nL; uncertainties are k = 2.
Leaves: alarms to tests/requirements, the correction of a calibration to test_therapy_implant.py.
"""

from __future__ import annotations

from math import isqrt
from random import Random

import pytest
from rig.flow.dosing import Dosing
from rig.watch.reservoir import Reservoir

STEP_NL = 3


def parts() -> tuple[Dosing, Reservoir]:
    """A ledger that counts steps of 3 nL, known to 2 %, and its reservoir."""
    dosing = Dosing(3200, 1)
    dosing.calibrate(7, 3200 * STEP_NL, 1, 20_000)
    return dosing, Reservoir(dosing)


def root_up(value: int) -> int:
    """The square root, rounded up."""
    return isqrt(value) + (isqrt(value) ** 2 < value)


@pytest.mark.parametrize("seed", range(30))
def test_the_estimate_is_what_was_filled_less_what_left_and_never_surer_than_its_parts(seed: int) -> None:
    draw = Random(seed)
    dosing, reservoir = parts()
    assert (reservoir.volume_nl(), reservoir.u_nl()) == (0, 0)
    counted = 0
    for _ in range(3):
        counted += draw.randrange(100_000)
        dosing.settle(counted)
        fill_nl = draw.choice([0, 150_000, 199_999, 200_000, 18_000_000])
        reservoir.fill(fill_nl)
        u_fill_nl = max(1_000, fill_nl // 200)  # half a per cent, and no person sees less than a microlitre
        used = assumed_nl = 0
        held_nl = fill_nl
        for _ in range(20):
            assert reservoir.volume_nl() == max(0, held_nl - STEP_NL * used)
            u_counted_nl = STEP_NL * used * 20_000 // 1_000_000
            assert reservoir.u_nl() == root_up((u_fill_nl + assumed_nl) ** 2 + u_counted_nl**2)
            told = dict(reservoir.told())
            assert told["used_nl"] == STEP_NL * used
            assert told["u_base_nl"] == u_fill_nl + assumed_nl
            assert reservoir.assumed_nl == assumed_nl, "since the fill, for the next record"
            assert told["nl_num"] / told["nl_den"] == 3200 * STEP_NL
            made = draw.randrange(50_000)
            counted, used = counted + made, used + made
            dosing.settle(counted)
            if draw.random() < 0.3:
                lost_nl = draw.randrange(2_000)
                reservoir.assume(lost_nl)
                held_nl, assumed_nl = max(0, held_nl - lost_nl), assumed_nl + lost_nl


@pytest.mark.parametrize(
    "value", [0, 1, 2, 3, 4, 5, 8, 9, 10, 15, 16, 17, 24, 25, 26, 10**12, 10**12 + 1, 10**12 - 1]
)
def test_the_uncertainty_of_a_fill_alone_is_rounded_up_and_exact_where_it_can_be(value: int) -> None:
    dosing, reservoir = parts()
    reservoir.u_base_nl = value
    assert reservoir.u_nl() == value
    dosing.settle(100 * 1_000 // STEP_NL)  # 99 999 nL: 2 % of it is 1 999
    assert reservoir.u_nl() == root_up(value**2 + 1_999**2)


def test_a_fill_right_after_a_calibration_is_under_that_one_and_a_loss_never_makes_volume() -> None:
    dosing, reservoir = parts()
    dosing.settle(1_000)
    dosing.calibrate(8, 3200 * 4, 1, 20_000)
    reservoir.fill(2_000)
    assert dict(reservoir.told())["used_nl"] == 0
    reservoir.assume(1_500)
    assert reservoir.volume_nl() == 500
    reservoir.assume(1_500)
    assert reservoir.volume_nl() == 0


def test_what_is_assumed_is_kept_as_far_as_a_record_has_room_and_a_new_reservoir_has_lost_nothing() -> None:
    _dosing, reservoir = parts()
    assert reservoir.assumed_nl == 0
    reservoir.fill(30_000_000)
    for assumed_nl, kept_nl in ((16_777_214, 16_777_214), (1, 2**24 - 1), (5, 2**24 - 1)):
        reservoir.assume(assumed_nl)
        assert reservoir.assumed_nl == kept_nl
    assert reservoir.volume_nl() == 30_000_000 - 16_777_220


def test_a_refill_under_another_calibration_corrects_nothing() -> None:
    dosing, reservoir = parts()
    dosing.settle(1_000)
    reservoir.fill(5_000_000)
    dosing.settle(3_000)
    assert dict(reservoir.told())["used_nl"] == 6_000
    dosing.calibrate(8, 3200 * 4, 1, 20_000)
    dosing.settle(4_000)
    assert reservoir.told() == ()
    assert reservoir.volume_nl() == 5_000_000 - 6_000 - 4_000
    reservoir.fill(1_000_000)
    dosing.settle(4_500)
    assert dict(reservoir.told())["used_nl"] == 2_000
