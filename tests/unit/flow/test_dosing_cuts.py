"""rig.flow.dosing by hand: what is counted, what a cut gives back, and both by the angle map.

Owns: small plans whose every step is counted here.
Rules: a step is 1 nL and one step a second is 86 400 nL a day; what is commanded is rate x time, to the unit.
Units: nL, steps, cycles of 8 ns, units of a step.
Leaves: what is planned to test_dosing_exact.py, drawn plans to test_dosing.py, the map itself to test_angle_map.py.
"""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import pytest
from planned import DAY_S, SECOND, SINGLE, SPREAD, flowing, made, plan
from rig.flow.anglemap import AngleMap
from rig.flow.dosing import BASAL, Dosing
from rig.flow.overlay import Overlay

# --- what is counted


def with_a_bolus() -> tuple[Any, Any]:
    """(dosing, overlay): a bolus of 5 steps between two stretches of the base flow, 2 s and 3 s."""
    dosing = made()
    overlay = Overlay(SINGLE, 5, 3 * DAY_S)
    plan(dosing, 2)
    plan(dosing, 10, 1, overlay)
    plan(dosing, 3)
    return dosing, overlay


def test_what_is_counted_belongs_to_the_stretch_that_planned_it() -> None:
    dosing, overlay = with_a_bolus()
    assert dosing.settle(2) == (2, 0)
    assert len(dosing.spans) == 3, "the rest of its time may be given back"
    assert dosing.settle(4) == (2, 0)
    assert len(dosing.spans) == 2
    assert dosing.settle(20, SPREAD) == (16, 20 - 11)
    assert dosing.kind_steps[SPREAD] == 9
    assert (dosing.kind_steps[BASAL], dosing.kind_steps[SINGLE], overlay.done_steps) == (6, 5, 5)
    assert len(dosing.spans) == 1
    assert dosing.settle(20) == (0, 0)


def test_booking_may_stop_at_the_end_of_a_bolus() -> None:
    dosing = made()
    overlay = Overlay(SINGLE, 5, 3 * DAY_S)
    plan(dosing, 10, 1, overlay)
    plan(dosing, 3)
    assert dosing.settle(4, BASAL, False) == (4, 0)
    assert dosing.settle(9, BASAL, False) == (3, 0)
    assert overlay.left() == 0
    assert dosing.settle(9, BASAL, False) == (2, 0)
    assert sum(dosing.kind_steps) == 9
    assert dosing.settle(20, BASAL, False) == (11, 11)


@pytest.mark.parametrize("ahead_tenths", [0, 1, 7, 13, 24, 25, 40, 70])
def test_a_cut_gives_back_time_and_steps_to_each_flow(ahead_tenths: int) -> None:
    """2 s of base flow, a bolus of 7/4 s, 3 s of base flow; cut so long before the end."""
    dosing, overlay = with_a_bolus()
    total = Fraction(27, 4)
    passed = max(Fraction(0), total - Fraction(ahead_tenths, 10))
    bolus_s = min(max(Fraction(0), passed - 2), Fraction(7, 4))
    ended = bolus_s == Fraction(7, 4)
    exact = passed + (5 if ended else 3 * bolus_s)
    phase = Fraction(-1, 4) if ended else 0
    if not ended:
        counted = int(passed + 3 * bolus_s)
    else:
        counted = (
            9 + int(passed - Fraction(15, 4) + Fraction(0) + phase + 1) - 1 if passed > Fraction(15, 4) else 9
        )
    dosing.settle(counted)
    dosing.rewind(ahead_tenths * SECOND // 10)
    assert dosing.spans == []
    assert dosing.commanded_units == exact * dosing.quantum
    assert dosing.commanded_units == counted * dosing.quantum + dosing.base_acc + overlay.acc
    assert overlay.planned_steps == overlay.done_steps
    assert dosing.kind_steps[BASAL] + overlay.done_steps == counted
    if not ended:
        assert overlay.acc == 3 * bolus_s * dosing.quantum - overlay.done_steps * dosing.quantum


@pytest.mark.parametrize("passed_tenths", [0, 13, 30, 36, 40, 50, 57])
def test_a_cut_gives_back_what_a_bolus_had_taken_over_from_the_one_before_it(passed_tenths: int) -> None:
    """2 s of base flow, 7/4 s with a bolus, 2 s with another that took a quarter of a step over."""
    dosing = made()
    one, other = Overlay(SINGLE, 5, 3 * DAY_S), Overlay(SPREAD, 50, 3 * DAY_S)
    plan(dosing, 2)
    plan(dosing, 10, 1, one)
    plan(dosing, 2, 1, other)
    assert dosing.spans[1].heir is other
    passed = Fraction(passed_tenths, 10)
    ended = passed >= Fraction(15, 4)
    exact = passed + 3 * max(Fraction(0), passed - 2)
    counted = int(exact)
    dosing.settle(counted)
    dosing.rewind((Fraction(23, 4) - passed) * SECOND // 1)
    assert dosing.commanded_units == exact * dosing.quantum, "what two boluses asked for, without a gap"
    phases = dosing.base_acc + one.acc + other.acc
    assert dosing.commanded_units == counted * dosing.quantum + phases
    assert (one.planned_steps, other.planned_steps) == (one.done_steps, other.done_steps)
    if not ended:
        assert (other.acc, other.done_steps) == (0, 0), "it has not begun"


def test_what_is_commanded_now_is_the_plan_less_what_lies_ahead() -> None:
    dosing, _overlay = with_a_bolus()
    for ahead_tenths, nl in ((0, 11), (10, 10), (30, 8), (40, 5), (47, 2), (67, 0)):
        cycles = ahead_tenths * SECOND // 10
        assert abs(dosing.commanded_nl(cycles) - nl) <= 1
        assert dosing.commanded_steps(cycles) == dosing.commanded_nl(cycles)
    assert dosing.commanded_nl(0) == 11
    assert dosing.commanded_nl(10**15) == dosing.commanded_nl(27 * SECOND // 4)


# --- by the angle map


WEIGHTS = tuple([700, 1_300] * 48)


def test_where_the_rotor_stands_is_known_by_angle_and_only_with_a_map() -> None:
    dosing = made(WEIGHTS, 960)
    for angle, steps in ((0, 0), (1, 0), (2_048, 480), (4_095, 959)):
        dosing.align(angle)
        assert (dosing.is_mapped(), dosing._at_steps) == (True, steps)
    dosing.align(None)
    assert (dosing.is_mapped(), dosing._at_steps) == (False, -1)
    plain = made()
    plain.align(5)
    assert (plain.is_mapped(), plain._at_steps) == (False, -1)
    plan(plain, 3)
    assert plain._at_steps == -1
    dosing.align(7)
    dosing.calibrate(2, 960, 1, 1)
    assert dosing._map is None
    gear: Any = Dosing(40_960, 10)
    gear.calibrate(1, 1, 1, 1, WEIGHTS)
    gear.align(777)
    assert gear._at_steps == 777


def test_by_the_map_a_stretch_ends_with_its_cell_and_each_step_is_worth_its_cell_s() -> None:
    dosing = made(WEIGHTS, 960)  # ten steps a cell
    dosing.align(0)
    for cell in range(6):
        seconds = plan(dosing, 100)
        assert abs(seconds - Fraction(WEIGHTS[cell], 100)) < Fraction(1, 10**6)
        span = dosing.spans[-1]
        assert span.steps == 10
        assert abs(Fraction(span.quantum, dosing.quantum) - Fraction(WEIGHTS[cell], 1_000)) < Fraction(
            1, 10**9
        )
        assert dosing._at_steps == 10 * (cell + 1)
    dosing.align(0)
    assert plan(dosing, 3) == 3
    assert dosing.spans[-1].steps == 4


@pytest.mark.parametrize(("rate", "is_even"), [(99, True), (100, True), (101, False)])
def test_above_100_steps_a_second_flow_is_not_evened_out(rate: int, is_even: bool) -> None:
    dosing = made(WEIGHTS, 960)
    dosing.align(0)
    plan(dosing, 0.01, rate)
    assert (dosing.spans[-1].quantum != dosing.quantum) is is_even
    assert dosing.is_mapped()


class Queue:
    """What was appended since the stream began, as stretches; counts the steps that have left until an instant."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int, int]] = []
        self.cycles = 0

    def append(self, acc: int, inc: int, quantum: int, cycles: int, leave_inc: int) -> tuple[int, int, int]:
        taken, steps, after = flowing(acc, inc, quantum, cycles, leave_inc)
        self.rows.append((self.cycles, acc, inc, quantum, steps))
        self.cycles += taken
        return taken, steps, after

    def counted(self, at_cycles: int) -> int:
        left = 0
        for start, acc, inc, quantum, steps in self.rows:
            if start < at_cycles:
                left += max(0, min(steps, (acc + inc * (at_cycles - start)) // quantum))
        return left


@pytest.mark.parametrize("seed", range(16))
def test_by_the_map_what_is_commanded_is_the_worth_of_the_steps_and_a_phase_at_any_cut(seed: int) -> None:
    draw = Random(seed)
    dosing = made(tuple(draw.randrange(500, 1_500) for _ in range(96)), 960)
    angles: Any = AngleMap(dosing._map._weights, 960, 1)
    counted = worth = passed = 0  # steps, units, units of flow
    begin = 0
    for _ in range(12):
        queue = Queue()
        dosing.align(-(-(begin + counted) % 960 * 4_096 // 960) % 4_096)
        base = dosing._at_steps - counted
        flows: list[tuple[int, int]] = []
        for _ in range(draw.randrange(1, 12)):
            rate = draw.choice([0, 1, 7, 60]) * DAY_S
            taken = dosing.plan(queue.append, BASAL, rate, None, draw.randrange(1, 3 * SECOND))
            flows.append((taken, rate * dosing.volume_den))
        at_cycles = draw.randrange(queue.cycles + 1)
        new = queue.counted(at_cycles)
        assert dosing.settle(counted + new) == (new, 0)
        for step in range(new):
            worth += angles.cell(base + counted + step, dosing.quantum)[0]
        counted += new
        dosing.rewind(queue.cycles - at_cycles)
        for taken, inc in flows:
            passed += min(taken, at_cycles) * inc
            at_cycles -= min(taken, at_cycles)
        assert dosing.spans == []
        assert dosing.commanded_units == passed == worth + dosing.base_acc
        assert abs(dosing.commanded_steps(0) - counted) <= 2
        assert -1 <= Fraction(dosing.base_acc, dosing.quantum) <= 2
