"""What an outlet pressure tells, whatever the sensor read when the power came: the judge of it, reading by reading."""

from __future__ import annotations

from random import Random

import pytest
from rig.watch import thresholds
from rig.watch.pressure import Pressure

AIR_PA = (
    62_000,
    70_000,
    87_000,
    101_325,
    108_000,
)  # at 4 000 m, Bogota, Denver, at the sea, in the highest of highs
TEN_PSI_PA = 68_948


def noisy(draw: Random, pa: float) -> int:
    return int(pa + draw.gauss(0, 30))


@pytest.mark.requirement("SR-15")
@pytest.mark.parametrize("air_pa", [air for air in AIR_PA if air >= 95_000])
def test_a_line_that_is_under_pressure_at_power_on_still_alarms_below_ten_psi(air_pa: int) -> None:
    draw = Random(air_pa)
    for held_pa in range(0, 60_000, 5_000):
        judge = Pressure()
        judge.read(noisy(draw, air_pa + held_pa), False, True)
        rises = range(held_pa, 90_000, 200)
        told = next(
            pa for pa in rises if judge.read(noisy(draw, air_pa + pa), False, True) and judge.is_occluded()
        )
        assert told < TEN_PSI_PA + max(0, thresholds.HIGHEST_AIR_PA - 101_325)


@pytest.mark.parametrize("air_pa", AIR_PA)
def test_a_line_that_was_released_while_the_pump_stood_does_not_run_backwards(air_pa: int) -> None:
    draw = Random(air_pa)
    for held_pa in range(0, 80_000, 10_000):
        judge = Pressure()
        judge.read(noisy(draw, air_pa + held_pa), False, True)
        for _ in range(5):
            judge.read(noisy(draw, air_pa), True, True)
        for _ in range(20):
            judge.read(noisy(draw, air_pa + 3_000), False, False)
            assert not judge.is_drawn(True)
        for k in range(20):
            judge.read(noisy(draw, air_pa - 9_000), False, False)
            drawn = judge.is_drawn(True)
            assert drawn is (k + 1 >= thresholds.BACKWARDS_READINGS)


def test_a_pressure_beyond_the_sensors_range_is_an_occlusion_and_no_stuck_sensor() -> None:
    judge = Pressure()
    assert judge.read(101_325, True, True)
    for _ in range(10 * thresholds.STUCK_READINGS):
        assert judge.read(193_915, False, False)
        assert judge.is_occluded()


@pytest.mark.parametrize("pa", [51_000, 101_325, 172_000])
def test_a_reading_that_never_changes_within_the_range_is_a_stuck_sensor(pa: int) -> None:
    judge = Pressure()
    works = [judge.read(pa, False, False) for _ in range(thresholds.STUCK_READINGS + 1)]
    assert works == [True] * thresholds.STUCK_READINGS + [False]


SEA_PA = 101_000
REVOLUTION = 3_200


def relieving(absolute_pa: int | None) -> Pressure:
    """Under this pressure, with a relief just begun."""
    pressure = Pressure()
    pressure.read(SEA_PA, True, True)
    pressure.read(absolute_pa, False, True)
    pressure.begin_relief(REVOLUTION)
    return pressure


def test_a_relief_goes_back_a_quarter_of_a_revolution_at_the_most_and_no_step_more() -> None:
    pressure = relieving(SEA_PA + 60_000)
    taken = [pressure.relief_steps(300) for _ in range(5)]
    assert taken == [300, 300, 200, 0, 0]


@pytest.mark.parametrize("absolute_pa", [SEA_PA, SEA_PA + 14_000, None])
def test_a_relief_ends_where_the_line_is_relieved_or_its_pressure_unknown_and_does_not_begin_again(
    absolute_pa: int | None,
) -> None:
    pressure = relieving(SEA_PA + 60_000)
    assert pressure.relief_steps(16) == 16
    pressure.read(absolute_pa, False, True)
    assert pressure.relief_steps(16) == 0
    pressure.read(SEA_PA + 60_000, False, True)
    assert pressure.relief_steps(16) == 0, "it is over"


def test_a_pascal_above_the_relieved_line_the_relief_goes_on() -> None:
    pressure = relieving(SEA_PA + 60_000)
    pressure.read(SEA_PA + 14_001, False, True)
    assert pressure.relief_steps(16) == 16
