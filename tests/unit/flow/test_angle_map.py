"""The angle map in the firmware: an even flow, a turn's volume unchanged, every step still accounted for.

Owns: the cells' arithmetic, the ledger with a map, and pulsation before and after in one simulated rig.
Rules: maps are random or made from the simulated head's own displacement; the true flow is the simulator's.
Units: cells of 1/96 turn, weights in 1/1000, nL, steps.
Leaves: the estimate of a map from a weighing to test_calibration_tools.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pumprig.calibration.anglemap import AngleMap as Estimate
from pumpwire import documents
from pumpwire.spec import KINDS
from pumpwire.terms import ANGLE_CELLS as CELLS
from pumpwire.terms import ANGLE_MEAN as MEAN
from pumpwire.terms import CYCLES_PER_US
from rig.flow.anglemap import AngleMap
from rig.flow.dosing import BASAL, Dosing
from rig.flow.overlay import Overlay
from upy.device.softboard import Time
from upy.device.softstepper import Pump, SoftStepper

from bench import Bench, program

SINGLE = KINDS.index("single")
MOTORS = ((3_200, 1), (200, 1), (40_757_728, 10_000))


@st.composite
def maps(draw: st.DrawFn) -> list[int]:
    """Weights of 250 to 4000 whose mean is 1000."""
    weights = [MEAN] * CELLS
    for _ in range(draw(st.integers(0, 60))):
        one, other = draw(st.integers(0, CELLS - 1)), draw(st.integers(0, CELLS - 1))
        moved = draw(st.integers(0, min(weights[one] - 250, 4_000 - weights[other])))
        weights[one] -= moved
        weights[other] += moved
    return weights


@given(maps(), st.sampled_from(MOTORS), st.integers(10**6, 10**21), st.integers(0, 10**6))
def test_the_steps_of_a_turn_are_worth_a_turn_and_cells_join_without_gap(
    weights: list[int], motor: tuple[int, int], quantum: int, turn: int
) -> None:
    num, den = motor
    angle_map = AngleMap(weights, num, den)
    at = first = -(-turn * num // den)
    last = -(-(turn + den) * num // den)  # so many turns are a whole number of steps
    if den > 1:
        last = -(-(turn + 1) * num // den)
    worth = cells = 0
    while at < last:
        units, left = angle_map.cell(at, quantum)
        assert left > 0
        assert angle_map.cell(at + left - 1, quantum) == (units, 1)
        worth += units * left
        at += left
        cells += 1
    assert (cells, at) == (CELLS, last)
    assert abs(worth - quantum * num // den) <= 2 * (last - first)


@settings(max_examples=60, deadline=None)
@given(
    maps(),
    st.lists(
        st.tuples(st.integers(0, 26_000_000), st.integers(1, 60_000), st.integers(0, 4095)),
        min_size=1,
        max_size=12,
    ),
)
def test_with_a_map_commanded_volume_is_still_rate_times_time_and_every_step_is_in_the_ledger(
    weights: list[int], stretches: list[tuple[int, int, int]]
) -> None:
    time = Time()
    stepper: Any = SoftStepper(time, Pump())
    dosing: Any = Dosing(3_200, 1)
    dosing.calibrate(1, 9_973, 1, 20_000, weights)
    commanded = 0
    for rate, ms, angle in stretches:
        stepper.open()
        dosing.align(angle)
        left, opened_us = ms * 1_000 * CYCLES_PER_US, time.us
        while left:
            left -= dosing.plan(stepper.append, BASAL, rate, None, left)
        span_us = ms * 1_000 * 2 // 3  # a third of it is cut off
        time.us += span_us
        dosing.settle(stepper.counted())
        ahead = stepper.appended_cycles - (time.us - opened_us) * CYCLES_PER_US
        before = sum(dosing.kind_steps)
        dosing.settle(stepper.cut())
        assert sum(dosing.kind_steps) == before
        dosing.rewind(ahead)
        commanded += rate * dosing.volume_den * span_us * CYCLES_PER_US
        assert dosing.commanded_units == commanded
        assert not dosing.spans
    assert sum(dosing.kind_steps) == stepper.counted()


@settings(max_examples=40, deadline=None)
@given(maps(), st.integers(1, 3_000), st.integers(100_000, 12_000_000), st.integers(0, 12_000_000))
def test_a_bolus_gets_exactly_its_steps_and_no_more_time_than_the_map_moves(
    weights: list[int], steps: int, bolus_rate: int, base_rate: int
) -> None:
    time = Time()
    stepper: Any = SoftStepper(time, Pump())
    dosing: Any = Dosing(3_200, 1)
    dosing.calibrate(1, 9_973, 1, 20_000, weights)
    stepper.open()
    dosing.align(0)
    overlay = Overlay(SINGLE, steps, bolus_rate)
    taken = 0
    while overlay.planned_steps < steps:
        taken += dosing.plan(stepper.append, BASAL, base_rate, overlay, 1 << 40)
    time.us += taken // CYCLES_PER_US + 1
    dosing.settle(stepper.counted())
    assert overlay.done_steps == dosing.kind_steps[SINGLE] == steps
    even_cycles = steps * dosing.quantum // (bolus_rate * dosing.volume_den)
    turn_cycles = 3_200 * dosing.quantum // (bolus_rate * dosing.volume_den)
    assert abs(taken - even_cycles) <= turn_cycles


def weights_of_head(bench: Bench) -> list[int]:
    """The map of the simulated head, from its own displacement, over the encoder's angle."""
    head, fine = bench.sim.pump.head, CELLS * 16
    turns = (np.arange(fine) + 0.5) / fine
    offset = bench.sim.pump.truth.encoder_offset_counts / 4096
    slope = np.array([head.slope_nl_per_rad(float(turn)) for turn in 2 * np.pi * (turns - offset)])
    slope *= 2 * np.pi / head.nl_per_rev
    phase = 2 * np.pi * np.arange(1, 25)[:, None] * turns[None, :]
    a, b = 2 * (slope * np.cos(phase)).mean(axis=1), 2 * (slope * np.sin(phase)).mean(axis=1)
    return Estimate(head.nl_per_rev, a, b, a * 0).table()


def flow_of_three_turns(rate_nl_per_day: int, mapped: bool) -> tuple[Any, Bench]:
    """True flow over 1/96 turn each, relative to the mean, of the very firmware in the simulated rig; and its bench."""
    bench = Bench(seed=3)
    head = bench.sim.pump.head
    calibration: dict[str, Any] = {
        "kind": "calibration",
        "id": 9,
        "nl_num": round(head.nl_per_rev * 1_000),
        "nl_den": 1_000,
        "u_ppm": 5_000,
    }
    if mapped:
        calibration["angle_weights"] = tuple((weight,) for weight in weights_of_head(bench))
    bench.load(documents.canonical(calibration))
    bench.load(program(basal=rate_nl_per_day))
    bench.run("10 min")
    cell_us = round(head.nl_per_rev / rate_nl_per_day * 86_400e6 / CELLS)
    delivered = [bench.sim.pump.true_nl()]
    for _ in range(3 * CELLS):
        bench.sim.run_us(cell_us)
        delivered.append(bench.sim.pump.true_nl())
    flow = np.diff(delivered) * CELLS / head.nl_per_rev
    return flow, bench


@pytest.mark.parametrize("rate_nl_per_day", [480_000, 4_800_000, 24_000_000])
def test_pulsation_in_the_rig_falls_to_a_third_and_a_turn_delivers_the_same(rate_nl_per_day: int) -> None:
    before, plain = flow_of_three_turns(rate_nl_per_day, False)
    after, mapped = flow_of_three_turns(rate_nl_per_day, True)
    assert np.ptp(after) <= np.ptp(before) / 3
    assert abs(after.mean() / before.mean() - 1) < 0.005
    mapped.run("1 h")
    assert mapped.alarms() == plain.alarms() == []
    status = mapped.status()
    moved_nl = (
        plain.sim.pump.head.nl_per_rev / 10
    )  # what a map moves within a turn is less than a tenth of one
    assert abs(status["delivered_nl"] - status["commanded_nl"]) < moved_nl


def test_a_rotor_whose_angle_is_not_known_is_stepped_evenly() -> None:
    bench = Bench(seed=3)
    weights = weights_of_head(bench)
    text = {"kind": "calibration", "id": 9, "nl_num": 9_973, "nl_den": 1, "u_ppm": 5_000}
    bench.load(documents.canonical({**text, "angle_weights": tuple((weight,) for weight in weights)}))
    bench.happen("sensor_fail", sensor="encoder")
    bench.run("1 s")
    bench.load(program(basal=4_800_000))
    bench.run("1 min")
    dosing = bench.sim.rig.dosing
    assert not dosing.is_mapped()
    assert {span.quantum for span in dosing.spans} == {dosing.quantum}


@pytest.mark.parametrize(
    "weights", [[1_000] * 95, [1_001] + [1_000] * 95, [249, 1_751] + [1_000] * 94, [4_001] + [968] * 95]
)
def test_a_map_that_would_change_the_volume_of_a_turn_is_refused(weights: list[int]) -> None:
    text = "kind=calibration id=9 nl_num=9973 nl_den=1 u_ppm=5000 angle_weights=" + ",".join(
        str(weight) for weight in weights
    )
    with pytest.raises(documents.DocumentError, match="angle_weights"):
        documents.parse(text)
