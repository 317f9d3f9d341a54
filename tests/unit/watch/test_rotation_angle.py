"""rig.watch.rotation on an ideal encoder: what follows is left alone, what stands or slips is told within its bounds.

Owns: stall, slip, over- and under-infusion, motion at rest, turns between two readings, as angles against steps.
Rules: bounds are those of the requirements in degrees and minutes, not those of the code; virtual time.
Units: degrees, encoder counts (4096 a turn), steps (12 800 a turn).
Leaves: what an alarm does to tests/requirements/test_rotation.py.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from rig.watch.rotation import Rotation

TURN_STEPS = 12_800
MIN_US = 60_000_000


def raw_of(degrees: Fraction) -> int:
    """What the encoder says."""
    return int(degrees * 4096 / 360) % 4096


class Rotor:
    """A rotor beside its steps, read every so many minutes; it may lose or gain a share of each step."""

    def __init__(self, begin_degrees: int = 0, ratio: tuple[int, int] = (TURN_STEPS, 1)) -> None:
        self.rotation = Rotation(*ratio)
        self.turn_steps = Fraction(*ratio)
        self.steps = Fraction(0)
        self.degrees = Fraction(begin_degrees)
        self.now_us = 1
        self.read()

    def read(self) -> bool:
        """One reading, answered at once."""
        return self.rotation.read(raw_of(self.degrees), int(self.steps))

    def turn(
        self, degrees: Fraction | float, share: Fraction | float = 1, minutes: Fraction | float = 1
    ) -> None:
        """So much commanded and counted, so much of it turned."""
        self.steps += Fraction(degrees) * self.turn_steps / 360
        self.degrees += Fraction(degrees) * Fraction(share)
        self.now_us += int(minutes * MIN_US)
        self.read()

    @property
    def lost_degrees(self) -> float:
        """Behind, by the rig's word."""
        return self.rotation.lost_counts(int(self.steps), int(self.steps)) * 360 / 4096

    def is_lost_at_once(self) -> bool:
        """Whether that is a stall."""
        return self.rotation.is_lost_at_once(int(self.steps), int(self.steps), self.now_us)


@pytest.mark.parametrize("begin_degrees", [0, 1, 180, 359])
@pytest.mark.parametrize("degrees", [0.1, 2.5, 179, 400, 4_000])
@pytest.mark.parametrize("ratio", [(TURN_STEPS, 1), (40_759, 10)])  # a gear's steps are no whole number
def test_a_rotor_that_follows_has_lost_nothing_however_fast(
    begin_degrees: int, degrees: float, ratio: tuple[int, int]
) -> None:
    rotor = Rotor(begin_degrees, ratio)
    for _ in range(300):
        rotor.turn(degrees)
        assert abs(rotor.lost_degrees) < 0.3
        assert not rotor.is_lost_at_once()
        assert rotor.rotation.ratio() == ""


@pytest.mark.parametrize("degrees", [0.3, 1, 2.8])
@pytest.mark.parametrize("changes", [False, True])
def test_a_rotor_that_stands_has_stalled_between_5_and_10_degrees(degrees: float, changes: bool) -> None:
    """Also where the flow changes its course meanwhile."""
    rotor = Rotor()
    for _ in range(50):
        rotor.turn(degrees)
        rotor.lost_degrees  # noqa: B018  from here on it counts
        assert not rotor.is_lost_at_once()
    lost = 0.0
    while not rotor.is_lost_at_once():
        rotor.turn(degrees, 0)
        lost += degrees
        assert rotor.lost_degrees == pytest.approx(lost, abs=0.2)
        assert lost < 10
        if changes and 2 < lost < 6:
            rotor.rotation.restart_window()
    assert lost >= 5 - 0.1


@pytest.mark.parametrize("commanded", [0, -(10**6), 10**9])
def test_a_stall_is_judged_by_the_counted_steps_whatever_was_commanded(commanded: int) -> None:
    """What is commanded is counted anew with each calibration."""
    rotor = Rotor()
    rotor.lost_degrees  # noqa: B018
    for _ in range(50):
        rotor.turn(1)
        assert not rotor.rotation.is_lost_at_once(int(rotor.steps), commanded, rotor.now_us)
    lost = 0
    while not rotor.rotation.is_lost_at_once(int(rotor.steps), commanded, rotor.now_us):
        rotor.turn(1, 0)
        lost += 1
        assert lost < 10
    assert lost >= 5


@pytest.mark.parametrize("share", [0.55, 0.9])
def test_what_slips_by_less_than_half_is_no_stall_and_its_lag_is_taken_piece_by_piece(share: float) -> None:
    rotor = Rotor()
    taken = 0
    rotor.lost_degrees  # noqa: B018
    for turn in range(1, 400):
        rotor.turn(1, share)
        assert not rotor.is_lost_at_once()
        lag = turn * (1 - share) - taken * 360 / TURN_STEPS
        assert rotor.lost_degrees == pytest.approx(lag, abs=0.2)
        if lag > 5:
            rotor.rotation.take_lag(100)
            taken += 100


@pytest.mark.parametrize(
    ("share", "told"), [(0.8, "under"), (0.893, "under"), (0.907, ""), (1, ""), (1.093, ""), (1.107, "over")]
)
@pytest.mark.parametrize("degrees_a_min", [Fraction(1, 12), Fraction(1), Fraction(2), Fraction(9)])
def test_a_flow_that_is_off_by_more_than_a_tenth_is_told_after_15_min_and_30_degrees(
    share: float, told: str, degrees_a_min: Fraction
) -> None:
    rotor = Rotor()
    window_min = max(15, 30 / degrees_a_min)
    each_min = min(Fraction(1), 2 / degrees_a_min)
    minutes = Fraction(0)
    while minutes < 4 * window_min:
        rotor.turn(degrees_a_min * each_min, share, each_min)
        minutes += each_min
        rotor.lost_degrees  # noqa: B018
        rotor.is_lost_at_once()
        found = rotor.rotation.ratio()
        if found:
            assert found == told
            assert window_min <= minutes <= window_min * Fraction(11, 8) + 11 / degrees_a_min
            return
    assert told == ""


def test_a_flow_that_begins_to_slip_is_told_within_one_window_and_a_quarter() -> None:
    for sound_min in range(20, 50):
        rotor = Rotor()
        told = []
        for minute in range(100):
            rotor.turn(4, 1 if minute < sound_min else 0.87)
            rotor.is_lost_at_once()
            told += [minute] if rotor.rotation.ratio() == "under" else []
        assert sound_min <= told[0] <= sound_min + 15 * 1.25 + 3


def test_a_change_of_flow_begins_the_windows_anew() -> None:
    rotor = Rotor()
    for _ in range(14):
        rotor.turn(4, 0.5)
        rotor.is_lost_at_once()
        assert rotor.rotation.ratio() == ""
    rotor.rotation.restart_window()
    told = []
    for minute in range(60):
        rotor.turn(4, 0.5)
        rotor.is_lost_at_once()
        told += [minute] if rotor.rotation.ratio() == "under" else []
    assert 14 <= told[0] <= 20


@pytest.mark.parametrize("begin_degrees", [0, 358])
def test_motion_at_rest_is_told_in_counts_both_ways_and_steps_of_a_relief_are_none(
    begin_degrees: int,
) -> None:
    rotor = Rotor(begin_degrees)
    rotor.turn(30)
    assert not rotor.rotation.is_at_rest()
    rotor.rotation.rest(int(rotor.steps))
    assert rotor.rotation.is_at_rest()
    for moved in (0, 3, 5, -9):
        rotor.degrees = Fraction(begin_degrees + 30 + moved)
        rotor.read()
        counts = rotor.rotation.moved_counts(int(rotor.steps))
        assert counts == pytest.approx(moved * 4096 / 360, abs=1.01)
    rotor.degrees = Fraction(begin_degrees + 30)
    rotor.read()
    for _ in range(3):
        rotor.turn(-7)
        assert abs(rotor.rotation.moved_counts(int(rotor.steps))) <= 2
    rotor.lost_degrees  # noqa: B018  it runs again
    assert not rotor.rotation.is_at_rest()
    rotor.rotation.rest(int(rotor.steps))
    rotor.rotation.accept()
    assert not rotor.rotation.is_at_rest()


def test_a_sensor_that_does_not_answer_three_times_in_a_row_has_failed_and_takes_its_reference_along() -> (
    None
):
    rotor = Rotor()
    rotor.turn(10)
    assert rotor.lost_degrees == 0
    for answers in (True, True, False, False):
        assert rotor.rotation.read(None, int(rotor.steps)) is answers
        assert rotor.lost_degrees == 0
        rotor.rotation.rest(int(rotor.steps))
        assert not rotor.rotation.is_at_rest()
    rotor.steps += 5_000
    rotor.degrees = Fraction(200)  # moved by hand meanwhile: where it is now is right
    assert rotor.read()
    assert rotor.lost_degrees == 0
    rotor.turn(90)
    assert abs(rotor.lost_degrees) < 0.2
    assert rotor.rotation.read(None, int(rotor.steps))  # counted anew


def test_while_an_answer_is_awaited_the_rotor_has_the_benefit_of_the_doubt() -> None:
    """Steps that were made between question and answer are neither lost nor gained."""
    rotor = Rotor()
    assert rotor.rotation.lost_counts(0, 0) == 0
    rotor.turn(20)
    steps = int(rotor.steps)
    behind, ahead = steps + 700, steps - 700
    assert rotor.rotation.lost_counts(ahead, behind) == 0
    assert rotor.rotation.lost_counts(behind, behind + 5) == pytest.approx(700 * 4096 / TURN_STEPS, abs=1.1)
    assert rotor.rotation.lost_counts(ahead - 5, ahead) == pytest.approx(-700 * 4096 / TURN_STEPS, abs=1.1)


def test_an_encoder_that_is_absent_from_the_start_has_failed_at_the_third_reading() -> None:
    rotation = Rotation(TURN_STEPS, 1)
    assert [rotation.read(None, 0) for _ in range(4)] == [True, True, False, False]


def test_a_rotor_may_come_to_stand_at_the_encoder_s_zero() -> None:
    rotor = Rotor(0)
    rotor.rotation.rest(0)
    assert rotor.rotation.is_at_rest()
    rotor.degrees = Fraction(5)
    rotor.read()
    assert rotor.rotation.moved_counts(0) == 56


def test_the_first_position_is_taken_between_question_and_answer() -> None:
    rotor = Rotor()
    rotor.turn(20)
    assert rotor.rotation.lost_counts(600, 1_000) == 0
    assert rotor.rotation.lost_counts(800, 1_000) == 0
    assert rotor.rotation.lost_counts(825, 1_000) == 8
    assert rotor.rotation.lost_counts(300, 775) == -8


@pytest.mark.parametrize("ratio", [(TURN_STEPS, 1), (40_759, 10), (200, 1)])
def test_samples_are_2_8_degrees_apart_and_a_step_at_the_least(ratio: tuple[int, int]) -> None:
    rotation = Rotation(*ratio)
    turn_steps = Fraction(*ratio)
    assert rotation.sample_steps() == max(1, int(Fraction(32, 4096) * turn_steps))
    for counts in (0, 57, 4_096, 10_000):
        assert 0 <= counts * turn_steps / 4096 - rotation.steps_of(counts) < 1
