"""What an outlet pressure tells, whatever the sensor read when the power came: the judge of it, reading by reading."""

from __future__ import annotations

from random import Random

import pytest
from rig.watch import pressure, thresholds
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
@pytest.mark.parametrize("standing", [True, False])
def test_a_line_that_was_released_before_a_fast_flow_does_not_run_backwards(
    air_pa: int, standing: bool
) -> None:
    draw = Random(air_pa)
    for held_pa in range(0, 80_000, 10_000):
        judge = Pressure()
        judge.read(noisy(draw, air_pa + held_pa), False, True)
        for _ in range(5):
            judge.read(noisy(draw, air_pa), standing, True)
            assert not judge.is_drawn(False)
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
    judge = Pressure()
    judge.read(SEA_PA, True, True)
    judge.read(absolute_pa, False, True)
    judge.begin_relief(REVOLUTION)
    return judge


def test_a_relief_goes_back_a_quarter_of_a_revolution_at_the_most_and_no_step_more() -> None:
    judge = relieving(SEA_PA + 60_000)
    taken = [judge.relief_steps(300) for _ in range(5)]
    assert taken == [300, 300, 200, 0, 0]


@pytest.mark.parametrize("absolute_pa", [SEA_PA, SEA_PA + 14_000, None])
def test_a_relief_ends_where_the_line_is_relieved_or_its_pressure_unknown_and_does_not_begin_again(
    absolute_pa: int | None,
) -> None:
    judge = relieving(SEA_PA + 60_000)
    assert judge.relief_steps(16) == 16
    judge.read(absolute_pa, False, True)
    assert judge.relief_steps(16) == 0
    judge.read(SEA_PA + 60_000, False, True)
    assert judge.relief_steps(16) == 0, "it is over"


def test_a_pascal_above_the_relieved_line_the_relief_goes_on() -> None:
    judge = relieving(SEA_PA + 60_000)
    judge.read(SEA_PA + 14_001, False, True)
    assert judge.relief_steps(16) == 16


# --- reading by reading


def read(judge: Pressure, *rows: int | None, standing: bool = False, smooth: bool = False) -> list[bool]:
    """Whether the sensor works, after each."""
    return [judge.read(pa, standing, smooth) for pa in rows]


def test_the_weights_of_weather_and_of_a_line_that_is_let_go() -> None:
    assert (pressure.BASE_WEIGHT, pressure.SUNK_WEIGHT) == (64, 8)


def test_a_sensor_fails_at_its_third_silence_in_a_row_and_works_with_the_next_answer() -> None:
    judge = Pressure()
    assert read(judge, None, None, None, None) == [True, True, False, False]
    assert judge.now_pa is None
    assert not judge.is_occluded()
    assert read(judge, SEA_PA, None, None, SEA_PA, None, None, None) == [True] * 6 + [False]


def test_less_than_the_air_at_5500_m_is_no_reading() -> None:
    judge = Pressure()
    assert read(judge, 49_999, 49_999, 49_999) == [True, True, False]
    assert read(judge, 50_000) == [True]
    assert judge.now_pa == 0


def test_the_first_reading_is_the_base_up_to_the_highest_air() -> None:
    for first, base in ((108_499, 108_499), (108_500, 108_500), (108_501, 108_500), (150_000, 108_500)):
        judge = Pressure()
        read(judge, first)
        assert judge.now_pa == first - base


@pytest.mark.parametrize(
    ("off", "moved"),
    [
        (13_999, 13_999 // 64),
        (14_000, 0),  # under pressure: not relieved
        (640, 10),
        (-640, -10),
        (-3_000, -47),  # by the weather's weight, rounded down
        (-3_001, -376),  # sunk: by an eighth
        (-8_000, -1_000),
    ],
)
def test_a_standing_line_moves_its_base_towards_what_is_read(off: int, moved: int) -> None:
    judge = Pressure()
    read(judge, SEA_PA)
    read(judge, SEA_PA + off)
    assert judge.now_pa == off, "while something flows the base stays"
    read(judge, SEA_PA + off, standing=True)
    assert judge.now_pa == off - moved


def test_a_sensor_that_is_new_has_seen_no_draw_and_no_line_that_was_let_go() -> None:
    judge = Pressure()
    assert read(judge, SEA_PA, SEA_PA - 3_000) == [True, True]
    assert [judge.is_drawn(True) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("standing", [True, False])
def test_a_draw_is_judged_from_the_pressure_before_it(standing: bool) -> None:
    """Standing or in a slow flow: the base may be that of a line under pressure at power-on."""
    for below, is_below in ((2_999, False), (3_000, True), (3_001, True)):
        judge = Pressure()
        read(judge, SEA_PA)
        read(judge, SEA_PA - 2_000, standing=standing)
        assert not judge.is_drawn(False), "a slow flow tells nothing"
        for k in range(4):
            read(judge, SEA_PA - 2_000 - below)
            assert judge.is_drawn(True) is (is_below and k >= 2), below
    judge = Pressure()
    read(judge, SEA_PA)
    read(judge, SEA_PA + 2_000, standing=standing)
    assert not judge.is_drawn(False)
    for _ in range(3):
        read(judge, SEA_PA - 2_900)
        assert not judge.is_drawn(True), "above its base it had not sunk"
    fresh = Pressure()
    for _ in range(4):
        assert not fresh.is_drawn(True), "nothing was read"


def test_a_line_counts_as_blocked_from_55_kpa_on_and_the_highest_is_kept() -> None:
    judge = Pressure()
    assert (judge.peak_pa, judge.now_pa, judge.relief_left_steps) == (0, None, 0)
    assert not judge.is_occluded()
    assert judge.relief_steps(5) == 0
    read(judge, SEA_PA, SEA_PA + 54_999)
    assert not judge.is_occluded()
    read(judge, SEA_PA + 55_000)
    assert judge.is_occluded()
    read(judge, SEA_PA)
    assert judge.peak_pa == 55_000


def test_a_sensor_is_stuck_at_the_33rd_equal_reading_and_not_with_one_other_between() -> None:
    for pa, fails in ((SEA_PA, True), (172_368, True), (172_369, False), (180_000, False)):
        judge = Pressure()
        assert read(judge, *[pa] * 32) == [True] * 32
        assert read(judge, pa, pa) == [not fails, not fails]
        assert read(judge, pa + 1, pa) == [True, True]
        assert read(judge, *[pa] * 31) == [True] * 31
        assert read(judge, pa) == [not fails]


def jumps(judge: Pressure, count: int, off: int, smooth: bool = True) -> list[bool]:
    """To and fro, each second difference twice the jump."""
    rows = [SEA_PA + (off if k % 2 else 0) for k in range(count)]
    return read(judge, *rows, smooth=smooth)


def test_the_eighth_jump_to_and_fro_in_a_row_is_noise() -> None:
    assert jumps(Pressure(), 30, 1_500) == [True] * 30, "3 kPa of second difference is none"
    assert jumps(Pressure(), 30, 2_000, smooth=False) == [True] * 30, "nor are a fast flow's pulses"
    judge = Pressure()
    told = jumps(judge, 12, 1_501)
    assert told == [True] * 9 + [False] * 3, "the third reading has the first second difference"


def test_each_quieter_reading_takes_half_a_jump_back_and_noise_does_not_grow_without_end() -> None:
    judge = Pressure()
    jumps(judge, 200, 2_000)
    quiet = [SEA_PA + k % 2 for k in range(18)]
    assert read(judge, *quiet[:1], smooth=True) == [False]
    told = read(judge, *[SEA_PA + 100 * k for k in range(1, 20)], smooth=True)
    assert told.index(True) in (15, 16, 17)
    judge = Pressure()
    jumps(judge, 10, 2_000)
    assert judge.read(SEA_PA + 2_000 * 2, False, False) is True
    assert judge._noise == 15
    for left in (14, 13):
        judge.read(SEA_PA + left, False, False)
        assert judge._noise == left
    for _ in range(20):
        judge.read(SEA_PA, False, False)
    assert judge._noise == 0
    assert jumps(judge, 9, 2_000)[-1] is True


def test_after_one_reading_there_is_nothing_to_compare() -> None:
    judge = Pressure()
    read(judge, SEA_PA, smooth=True)
    assert (judge._equal, judge._noise) == (0, 0)
    read(judge, SEA_PA + 40_000, smooth=True)
    assert (judge._equal, judge._noise) == (0, 0)
    read(judge, SEA_PA, smooth=True)
    assert (judge._equal, judge._noise) == (0, 2)
