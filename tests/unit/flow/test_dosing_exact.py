"""rig.flow.dosing by hand: conversions, what a stretch is planned to, who gets the next step, what a cut gives back.

Owns: small plans whose every step is counted here, with and without an angle map.
Rules: a step is 1 nL and one step a second is 86 400 nL a day; fractions of a step are written as such.
Units: nL, steps, cycles of 8 ns, units of a step.
Leaves: drawn plans to test_dosing.py, what the map itself says to test_angle_map.py.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from planned import DAY_S, SECOND, SINGLE, SPREAD, flowing, made, plan
from pumpwire.spec import KINDS
from rig.flow import dosing as module
from rig.flow.dosing import BASAL, RELIEF, Dosing, Span, _carry
from rig.flow.overlay import Overlay


def test_the_figures() -> None:
    assert module.CYCLES_PER_DAY == SECOND * DAY_S
    assert SECOND // 100 == module.EVEN_CYCLES
    assert module.SPAN_STEPS == 100_000


def test_a_new_ledger_is_empty_and_knows_no_volume() -> None:
    dosing: Any = Dosing(3_200, 1)
    assert dosing.kind_steps == [0] * len(KINDS)
    assert (dosing.calibration_id, dosing.u_ppm, dosing.quantum) == (0, 0, 0)
    assert (dosing.volume_num, dosing.volume_den) == (0, 1)
    assert (dosing.base_nl, dosing.base_steps, dosing.base_acc, dosing.lost_steps) == (0, 0, 0, 0)
    assert (dosing.commanded_units, dosing.commanded_base_nl, dosing.uneven_units) == (0, 0, 0)
    assert (dosing.commanded_steps(0), dosing.nl_of(7), dosing.delivered_nl()) == (0, 0, 0)
    assert not dosing.is_mapped()
    assert dosing._at_steps == dosing.seen_steps - 1 == -1
    span: Any = Span(BASAL, 1, None, 0, 7, 0)
    assert (span.cycles, span.steps, span.counted, span.closed_acc, span.heir) == (0, 0, 0, 0, None)


def test_conversions_of_a_gear_whose_turn_is_no_whole_number_of_steps() -> None:
    dosing: Any = Dosing(40_759, 10)
    dosing.calibrate(3, 9_973, 7, 15_000)
    assert (dosing.calibration_id, dosing.u_ppm) == (3, 15_000)
    assert dosing.nl_of(40_759) == 9_973 * 10 // 7
    assert dict(dosing.revolution_volume()) == {"nl_num": 9_973, "nl_den": 7}
    assert dict(dosing.told()) == {"num": 99_730, "den": 285_313, "u_ppm": 15_000}
    for steps, turns in ((4_075, 0), (4_076, 1), (8_151, 1), (8_152, 2), (40_759, 10)):
        assert dosing.revolutions_of(steps) == turns
    step_nl = Fraction(99_730, 285_313)
    assert dosing.step_cycles(0) == 0
    for rate in (1, 1_000, 86_400_000):
        assert dosing.step_cycles(rate) == int(step_nl * DAY_S * SECOND / rate)
    for nl in range(60):
        assert dosing.near_steps(nl) == int(nl / step_nl + Fraction(1, 2))
    assert (dosing.steps_of(0), dosing.near_steps(0)) == (1, 0)


def test_a_new_calibration_begins_its_books_anew_and_keeps_what_was() -> None:
    dosing = made()
    plan(dosing, 10.5)
    dosing.settle(10)
    dosing.kind_steps[RELIEF] = 3
    dosing.calibrate(2, 2_000, 1, 20_000)
    assert (dosing.base_nl, dosing.base_steps) == (7, 7)
    assert (dosing.base_acc, dosing.commanded_units, dosing.uneven_units) == (0, 0, 0)
    assert dosing.commanded_base_nl == 10
    assert dosing.net_steps() == dosing.position_steps() == 7
    dosing.kind_steps[BASAL] += 5
    assert dosing.delivered_nl() == 7 + 10


def test_lost_steps_are_their_own_kind_s_first_never_of_a_relief_and_none_below_zero() -> None:
    dosing = made()
    dosing.kind_steps[BASAL], dosing.kind_steps[SINGLE], dosing.kind_steps[RELIEF] = 5, 10, 100
    dosing.lose(7, SINGLE)
    assert (dosing.kind_steps[BASAL], dosing.kind_steps[SINGLE], dosing.lost_steps) == (5, 3, 7)
    dosing.lose(20, RELIEF)
    assert (dosing.kind_steps[BASAL], dosing.kind_steps[SINGLE], dosing.lost_steps) == (0, 0, 15)
    assert dosing.kind_steps[RELIEF] == 100
    dosing.lose(-3, BASAL)
    assert dosing.lost_steps == 15
    dosing.kind_steps[SINGLE] = 2
    dosing.lose(1, SINGLE)
    assert (dosing.kind_steps[SINGLE], dosing.lost_steps) == (1, 16)


def test_a_single_step_that_no_plan_explains_is_counted() -> None:
    dosing = made()
    assert dosing.settle(1, SPREAD) == (1, 1)
    assert (dosing.kind_steps[SPREAD], sum(dosing.kind_steps)) == (1, 1)


def test_what_a_cancelled_bolus_had_asked_for_beyond_its_steps_is_commanded_no_more() -> None:
    dosing = made()
    overlay = Overlay(SINGLE, 50, DAY_S)
    plan(dosing, 1.5, 0, overlay)
    assert (dosing.commanded_units, overlay.acc) == (dosing.quantum * 3 // 2, dosing.quantum // 2)
    dosing.forgo(overlay)
    assert (dosing.commanded_units, overlay.acc) == (dosing.quantum, 0)


def test_a_relief_s_steps_are_told_and_counted_once() -> None:
    dosing = made()
    dosing.settle(10)
    assert dosing.relieve(26) == 16
    assert dosing.relieve(26) == 0
    assert dosing.kind_steps[RELIEF] == 16
    assert dosing.settle(30) == (4, 4)


# --- a plan


def test_a_steady_flow_is_one_stretch_and_another_mix_a_new_one() -> None:
    dosing = made()
    one, other = Overlay(SINGLE, 10**6, DAY_S), Overlay(SPREAD, 10**6, DAY_S)
    for count, (rate, overlay) in enumerate([(1, None), (2, None), (2, one), (2, other), (2, None)], 1):
        for _ in range(2):
            assert plan(dosing, 3, rate, overlay) == 3
            assert len(dosing.spans) == count
    dosing.plan(flowing, SINGLE, 2 * DAY_S, None, SECOND)
    assert len(dosing.spans) == 6
    one.rate_nl_per_day += 1
    span = dosing.spans[2]
    assert span.is_mix(BASAL, 2 * DAY_S * 1_000, one, DAY_S * 1_000)
    assert not span.is_mix(BASAL, 2 * DAY_S * 1_000, one, DAY_S * 1_000 + 1)
    assert not span.is_mix(BASAL, 2 * DAY_S * 1_000 + 1, one, DAY_S * 1_000)
    assert not span.is_mix(SINGLE, 2 * DAY_S * 1_000, one, DAY_S * 1_000)
    assert not span.is_mix(BASAL, 2 * DAY_S * 1_000, other, DAY_S * 1_000)
    span.counted = 99_999
    assert span.is_mix(BASAL, 2 * DAY_S * 1_000, one, DAY_S * 1_000)
    span.counted = 100_000
    assert not span.is_mix(BASAL, 2 * DAY_S * 1_000, one, DAY_S * 1_000)


def test_a_full_queue_takes_nothing_and_changes_nothing() -> None:
    dosing = made()
    assert dosing.plan(lambda acc, *_rest: (0, 0, acc), BASAL, DAY_S, None, SECOND) == 0
    assert (dosing.spans, dosing.commanded_units, dosing.base_acc) == ([], 0, 0)


def test_no_flow_passes_time_and_has_no_steps() -> None:
    dosing = made()
    assert plan(dosing, 5, 0) == 5
    assert (dosing.spans[0].cycles, dosing.spans[0].steps) == (5 * SECOND, 0)
    assert dosing.commanded_nl(0) == 0
    assert dosing.spans[0].share(7) == 0
    assert dosing.spans[0].next_carry() == 0


def test_a_phase_of_more_than_a_step_is_a_step_that_is_due_at_once() -> None:
    dosing = made()
    asked: list[int] = []

    def append(acc: int, *rest: int) -> tuple[int, int, int]:
        asked.append(acc)
        return flowing(acc, *rest)  # type: ignore[arg-type]

    most = dosing.quantum - 1
    for acc, given in ((0, 0), (-5, -5), (most, most), (most + 1, most)):
        dosing.base_acc = acc
        dosing.plan(append, BASAL, DAY_S, None, SECOND)
        assert asked.pop() == given


@pytest.mark.parametrize(
    ("rate", "phase", "seconds"),
    [
        (1, Fraction(5, 2), Fraction(1, 2)),  # half a step later
        (1, Fraction(1), Fraction(1, 2)),
        (1, Fraction(99, 100), 3),  # less than a step: nothing is late
        (100, Fraction(5, 2), Fraction(1, 200)),
        (101, Fraction(5, 2), 3),  # a motor that turns so fast could not follow
        (0, Fraction(5, 2), 3),  # no flow, no step
    ],
)
def test_of_several_steps_that_are_late_a_slow_flow_makes_one_each_half_step(
    rate: int, phase: Fraction, seconds: Fraction
) -> None:
    dosing = made()
    dosing.base_acc = int(dosing.quantum * phase)
    assert plan(dosing, 3, rate) == seconds


def test_a_bolus_s_and_the_base_flow_s_phase_are_one() -> None:
    dosing = made()
    overlay = Overlay(SINGLE, 5, 3 * DAY_S)
    dosing.base_acc, overlay.acc = dosing.quantum // 4, dosing.quantum // 8
    asked: list[int] = []
    dosing.plan(
        lambda acc, *rest: asked.append(acc) or flowing(acc, *rest), BASAL, DAY_S, overlay, SECOND // 100
    )
    assert asked == [dosing.quantum * 3 // 8]


@pytest.mark.parametrize(
    ("tenths", "taken"), [(17, Fraction(17, 10)), (18, Fraction(7, 4)), (100, Fraction(7, 4))]
)
def test_a_plan_ends_with_the_step_that_completes_a_bolus_and_slows_down_towards_what_follows(
    tenths: int, taken: Fraction
) -> None:
    """Five steps at three a second, on one a second: the seventh step of both is its fifth."""
    dosing = made()
    overlay = Overlay(SINGLE, 5, 3 * DAY_S)
    leave: list[int] = []

    def append(*row: int) -> tuple[int, int, int]:
        leave.append(row[4] // (DAY_S * 1_000))
        return flowing(*row)

    assert Fraction(dosing.plan(append, BASAL, DAY_S, overlay, tenths * SECOND // 10), SECOND) == taken
    assert leave == [4 if tenths == 17 else 1]
    assert overlay.planned_steps == (5 if tenths > 17 else 4)


def test_a_bolus_that_is_planned_piece_by_piece_ends_at_the_same_step() -> None:
    """As above, in pieces of 0.3 s: with its fifth step after 1.75 s."""
    dosing = made()
    overlay = Overlay(SINGLE, 5, 3 * DAY_S)
    taken = [plan(dosing, Fraction(3, 10), 1, overlay) for _ in range(6)]
    assert taken[:5] == [Fraction(3, 10)] * 5
    assert sum(taken) == Fraction(7, 4)
    assert (overlay.planned_steps, len(dosing.spans), dosing.spans[0].steps) == (5, 1, 7)


def test_a_bolus_that_would_end_just_with_the_stretch_ends_there() -> None:
    dosing = made()
    overlay = Overlay(SINGLE, 5, 3 * DAY_S)
    leave: list[int] = []
    append: Any = lambda *row: leave.append(row[4]) or flowing(*row)  # noqa: E731
    assert dosing.plan(append, BASAL, DAY_S, overlay, SECOND * 7 // 4) == SECOND * 7 // 4
    assert leave == [DAY_S * 1_000]


def test_the_first_step_of_a_bolus_is_known_to_the_cycle() -> None:
    dosing = made()
    plan(dosing, 0.1)
    overlay = Overlay(SINGLE, 5, 3 * DAY_S)
    plan(dosing, 2, 1, overlay)
    first = next(k for k in range(1, 9) if dosing.spans[-1].share(k))
    assert overlay.first_cycles == -(-(first * 1_000 - 100) * SECOND // 4_000)
    alone = made()
    overlay = Overlay(SINGLE, 5, 3 * DAY_S)
    plan(alone, 0.2, 0, overlay)
    assert overlay.first_cycles == 0
    plan(alone, 0.2, 0, overlay)
    assert overlay.first_cycles == -(-SECOND // 3) - SECOND // 5
    slow = made()
    overlay = Overlay(SINGLE, 5, DAY_S // 2)
    for _ in range(3):
        assert not overlay.planned_steps
        plan(slow, 0.9, 3, overlay)
    assert overlay.first_cycles == SECOND // 5, (
        "the seventh step of both, after 2 s: 1.8 s were planned before"
    )


def test_an_heir_takes_over_once_and_only_what_is_there() -> None:
    dosing = made()
    bolus = Overlay(SINGLE, 5, 3 * DAY_S)
    plan(dosing, 10, 1, bolus)
    left = dosing.spans[-1].closed_acc
    assert left == dosing.quantum // 4
    first, second = Overlay(SINGLE, 5, 3 * DAY_S), Overlay(SPREAD, 5, 3 * DAY_S)
    for heir, acc in ((first, left), (second, 0)):
        dosing._inherit(heir, dosing.spans[-1])
        assert heir.acc == acc
    assert dosing.spans[-1].heir is first
    steps = dosing.spans[-1].steps
    phases = dosing.base_acc + bolus.acc + first.acc
    assert dosing.commanded_units == steps * dosing.quantum + phases, "the ledger"
    plain = made()
    plan(plain, 1)
    plain._inherit(second, plain.spans[-1])
    assert plain.spans[-1].heir is None, "nothing was left behind"


def test_a_new_mix_owes_a_bolus_what_it_had_asked_for_beyond_its_part() -> None:
    overlay = Overlay(SINGLE, 5, DAY_S)
    for acc, base_acc, carry in (
        (900, 100, 600),
        (100, 900, -2_600),
        (5_000, 0, 3_999),
        (750, 250, 0),
        (751, 249, 4),
    ):
        overlay.acc = acc
        assert _carry(overlay, base_acc, 4_000, 3_000, 1_000) == carry
    assert _carry(None, 700, 4_000, 0, 1_000) == 0


def test_steps_are_shared_in_proportion_and_the_carry_goes_on() -> None:
    span: Any = Span(BASAL, 1, Overlay(SINGLE, 9, 1), 3, 1, 2)
    assert [span.share(steps) for steps in range(6)] == [(2 + 3 * steps) // 4 for steps in range(6)]
    assert [span.steps_until(steps) for steps in (1, 2, 3, 4)] == [1, 2, 4, 5]
    span.steps = 5
    assert span.next_carry() == (2 + 15) % 4
    assert span.evenly(12, 1) == 12
    assert span.evenly(12, 3) == 36
    span.quantum = 5
    assert span.evenly(12, 3) == 7
