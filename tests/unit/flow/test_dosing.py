"""rig.flow.dosing: volume is conserved to the unit over any plan, bolus, cut and replan.

Owns: the properties of the plan and its ledger, against a model that keeps every stretch it planned.
Rules: exact integers; what the model expects follows from rate x time alone.
Units: PIO cycles, steps, the accumulator's units.
Leaves: the same in a whole rig to test_dosing_rig.py, edges to test_motion.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pumpwire.spec import KINDS
from pumpwire.terms import CYCLES_PER_US
from rig.flow.dosing import BASAL, CYCLES_PER_DAY, Dosing
from rig.flow.overlay import Overlay
from upy.device.softboard import Time
from upy.device.softstepper import Pump, SoftStepper

SINGLE = KINDS.index("single")
RATES_NL_PER_DAY = st.integers(0, 40_000_000)
CALIBRATIONS = st.sampled_from([(9_973, 1), (10_000, 1), (31_415_927, 3_001), (7, 3)])


def dosing_with(calibration: tuple[int, int]) -> Any:
    """A calibrated Dosing of 3200 steps a revolution."""
    dosing: Any = Dosing(3_200, 1)
    dosing.calibrate(1, *calibration, 20_000)
    return dosing


class Ledger(RuleBasedStateMachine):
    """Random flows, boluses and cuts; the model keeps (base units, bolus, bolus units, cycles) of each stretch."""

    @initialize(calibration=CALIBRATIONS)
    def start(self, calibration: tuple[int, int]) -> None:
        self.time = Time()
        self.stepper: Any = SoftStepper(self.time, Pump())
        self.dosing = dosing_with(calibration)
        self.stretches: list[list[Any]] = []
        self.overlay: Any = None
        self.overlays: list[Any] = []
        self.open_us = 0
        self.changes = 0  # of flow while a bolus runs: each may round its share anew
        self.stepper.open()

    def ahead_cycles(self) -> int:
        """How far the plan reaches beyond now."""
        return max(0, self.stepper.appended_cycles - (self.time.us - self.open_us) * CYCLES_PER_US)

    @rule(rate=RATES_NL_PER_DAY, ms=st.integers(1, 40_000))
    def plan(self, rate: int, ms: int) -> None:
        overlay = self.overlay
        if overlay is not None and overlay.planned_steps >= overlay.steps:
            overlay = self.overlay = None
        den = self.dosing.volume_den
        cycles = self.dosing.plan(self.stepper.append, BASAL, rate, overlay, ms * 1_000 * CYCLES_PER_US)
        assert 0 < cycles <= ms * 1_000 * CYCLES_PER_US
        over_inc = overlay.rate_nl_per_day * den if overlay else 0
        self.changes += overlay is not None
        self.stretches.append([rate * den, overlay, over_inc, cycles])

    @precondition(lambda self: self.overlay is None)
    @rule(steps=st.integers(1, 5_000), rate=st.integers(1, 40_000_000))
    def bolus(self, steps: int, rate: int) -> None:
        self.overlay = Overlay(SINGLE, steps, rate)
        self.overlays.append(self.overlay)

    @rule(part=st.integers(0, 1_000))
    def wait(self, part: int) -> None:
        """Let a part of what is queued pass."""
        self.time.us += self.ahead_cycles() // CYCLES_PER_US * part // 1_000
        self.settle()

    @rule(part=st.integers(0, 1_000))
    def cut(self, part: int) -> None:
        """Cut somewhere in what is queued, give back the rest, open anew; a bolus under way goes on."""
        self.wait(part)
        ahead = self.ahead_cycles()
        _new, surplus = self.dosing.settle(self.stepper.cut())
        assert surplus == 0
        self.dosing.rewind(ahead)
        while ahead:
            stretch = self.stretches[-1]
            taken = min(ahead, stretch[3])
            stretch[3] -= taken
            ahead -= taken
            if not stretch[3]:
                self.stretches.pop()
        unfinished = [overlay for overlay in self.overlays if overlay.planned_steps < overlay.steps]
        self.overlay = unfinished[0] if unfinished else None
        self.open_us = self.time.us
        self.stepper.open()

    def settle(self) -> None:
        _new, surplus = self.dosing.settle(self.stepper.counted())
        assert surplus == 0

    @invariant()
    def kinds_add_up_to_what_was_counted(self) -> None:
        self.settle()
        assert sum(self.dosing.kind_steps) == self.stepper.counted()

    @invariant()
    def a_bolus_never_gets_more_than_its_steps(self) -> None:
        for overlay in self.overlays:
            assert 0 <= overlay.done_steps <= overlay.planned_steps <= overlay.steps
        assert sum(overlay.done_steps for overlay in self.overlays) == self.dosing.kind_steps[SINGLE]

    @invariant()
    def commanded_volume_is_rate_times_time_and_each_finished_bolus_exactly(self) -> None:
        expected = sum(base_inc * cycles for base_inc, _overlay, _inc, cycles in self.stretches)
        for overlay in self.overlays:
            if overlay.planned_steps == overlay.steps:
                expected += overlay.steps * self.dosing.quantum
            else:
                expected += sum(inc * cycles for _base, of, inc, cycles in self.stretches if of is overlay)
        assert self.dosing.commanded_units == expected

    @invariant()
    def what_is_commanded_and_not_planned_is_the_phase(self) -> None:
        dosing = self.dosing
        planned = sum(dosing.kind_steps) + sum(span.steps - span.counted for span in dosing.spans)
        active = sum(overlay.acc for overlay in self.overlays)
        assert dosing.commanded_units == planned * dosing.quantum + dosing.base_acc + active

    @invariant()
    def the_base_flow_is_ahead_or_behind_by_a_step_for_each_change_at_most(self) -> None:
        assert abs(self.dosing.base_acc) < (2 + self.changes) * self.dosing.quantum


TestLedger = pytest.mark.requirement("SR-31")(Ledger.TestCase)
TestLedger.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)


@given(
    CALIBRATIONS, st.integers(1, 40_000_000), st.lists(st.integers(1, 30_000_000), min_size=1, max_size=30)
)
def test_at_a_constant_rate_delivered_is_within_one_step_of_commanded_at_any_instant(
    calibration: tuple[int, int], rate: int, waits_us: list[int]
) -> None:
    time = Time()
    stepper: Any = SoftStepper(time, Pump())
    dosing = dosing_with(calibration)
    stepper.open()
    for wait_us in waits_us:
        dosing.plan(stepper.append, BASAL, rate, None, wait_us * CYCLES_PER_US)
        time.us += wait_us
        dosing.settle(stepper.counted())
        exact_units = rate * dosing.volume_den * time.us * CYCLES_PER_US
        counted_units = dosing.kind_steps[BASAL] * dosing.quantum
        # a step that falls on the very end of a stretch leaves in the next one
        assert -dosing.quantum < counted_units - exact_units <= 0 or dosing.base_acc == 0
        assert dosing.commanded_nl(0) == exact_units // (dosing.volume_den * CYCLES_PER_DAY)


@given(CALIBRATIONS, st.integers(1, 20_000_000))
def test_a_volume_becomes_the_nearest_whole_number_of_steps(
    calibration: tuple[int, int], volume_nl: int
) -> None:
    dosing = dosing_with(calibration)
    steps = dosing.steps_of(volume_nl)
    if steps > 1:
        assert abs(2 * (steps * dosing.volume_num - volume_nl * dosing.volume_den)) <= dosing.volume_num
    assert dosing.nl_of(steps) * dosing.volume_den <= steps * dosing.volume_num


@pytest.mark.requirement("SR-37")
@given(CALIBRATIONS, CALIBRATIONS, st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_new_calibration_keeps_the_volume_of_what_was_delivered_before(
    one: tuple[int, int], other: tuple[int, int], before: int, after: int
) -> None:
    dosing = dosing_with(one)
    dosing.kind_steps[BASAL] = before
    delivered_nl = dosing.delivered_nl()
    dosing.calibrate(2, *other, 20_000)
    assert dosing.delivered_nl() == delivered_nl
    dosing.kind_steps[BASAL] += after
    assert dosing.delivered_nl() == delivered_nl + after * other[0] // (other[1] * 3_200)


def test_lost_steps_are_taken_from_their_flow_first_and_keep_the_position() -> None:
    dosing = dosing_with((10_000, 1))
    dosing.kind_steps[BASAL], dosing.kind_steps[SINGLE] = 100, 30
    position = dosing.position_steps()
    dosing.lose(40, SINGLE)
    assert (dosing.kind_steps[BASAL], dosing.kind_steps[SINGLE]) == (90, 0)
    assert dosing.position_steps() == position


# --- the example of docs/explanation/dosing.md: a step is 1 nL, one step a second of base flow, a bolus of 5 at three

DAY_S = 86_400
SECOND = 1_000_000 * CYCLES_PER_US


def flowing(acc: int, inc: int, quantum: int, cycles: int, _leave_inc: int) -> tuple[int, int, int]:
    """A stepper that takes everything and has no ramps."""
    steps, rest = divmod(acc + inc * cycles, quantum)
    return cycles, steps, rest


def example() -> tuple[Any, Any]:
    dosing: Any = Dosing(1_000, 1)
    dosing.calibrate(1, 1_000, 1, 0)
    return dosing, Overlay(SINGLE, 5, 3 * DAY_S, 0)


@pytest.mark.parametrize(
    ("quarters", "of_the_bolus"), [(1, 0), (2, 1), (3, 2), (4, 3), (5, 3), (6, 4), (7, 5)]
)
def test_the_page_s_steps_are_the_bolus_s_and_the_base_flow_s_as_it_says(
    quarters: int, of_the_bolus: int
) -> None:
    dosing, bolus = example()
    dosing.plan(flowing, BASAL, DAY_S, bolus, quarters * SECOND // 4)
    dosing.settle(quarters)
    assert (bolus.done_steps, dosing.kind_steps[BASAL]) == (of_the_bolus, quarters - of_the_bolus)


def test_a_span_that_ends_early_hands_its_carry_on_as_the_page_says() -> None:
    dosing, bolus = example()
    dosing.plan(flowing, BASAL, DAY_S, bolus, SECOND // 2)
    assert dosing.spans[-1].carry == 0
    assert dosing.spans[-1].next_carry() == 2 * dosing.spans[-1].base_inc  # a quarter is the base flow's part


def test_a_finished_bolus_leaves_a_quarter_of_a_step_behind_and_a_cut_gives_it_back() -> None:
    dosing, bolus = example()
    taken = dosing.plan(flowing, BASAL, DAY_S, bolus, 10 * SECOND)
    assert taken == 7 * SECOND // 4
    assert dosing.spans[-1].closed_acc * 4 == dosing.quantum
    assert dosing.base_acc * 4 == -dosing.quantum
    assert dosing.commanded_nl(0) == 6  # 1.75 of the base flow and 5 of the bolus, rounded down
    dosing.settle(6)
    dosing.rewind(SECOND // 4)
    assert bolus.planned_steps == 4
    assert bolus.acc * 2 == dosing.quantum  # in 1.5 s it has brought 4.5 and had 4
    assert dosing.commanded_nl(0) == 6


def test_a_bolus_that_begins_where_another_ends_takes_over_what_it_left() -> None:
    dosing, bolus = example()
    dosing.plan(flowing, BASAL, DAY_S, bolus, 10 * SECOND)
    heir: Any = Overlay(SINGLE, 5, 3 * DAY_S, 0)
    dosing.plan(flowing, BASAL, DAY_S, heir, SECOND // 4)
    assert dosing.spans[0].heir is heir
    assert (
        heir.acc + heir.planned_steps * dosing.quantum == dosing.quantum
    )  # 0.25 left behind and 0.75 of its own
