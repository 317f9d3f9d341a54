"""rig.watch.rotation to the count: unwrapping, marks, windows and rest, one below, at and above each threshold.

Owns: the same as test_rotation_angle.py, on a rotor of 4096 steps, so that a step is a count.
Rules: the figures are those of the requirements, said once more here.
Units: counts, microseconds.
Leaves: whole courses of a rotor to test_rotation_angle.py.
"""

from __future__ import annotations

import pytest
from rig.watch.rotation import Rotation

MIN_US = 60_000_000


def judge(angle: int = 0) -> Rotation:
    """One that has read this angle at step 0."""
    rotation = Rotation(4096, 1)
    assert rotation.read(angle, 0)
    return rotation


def test_nothing_was_read_of_a_new_one() -> None:
    rotation = Rotation(4096, 1)
    assert rotation.read(0, 900)
    assert rotation._angle == 0, "the first reading is where it stands"
    assert (rotation.lost_counts(900, 900), rotation.ratio()) == (0, "")
    rotation = Rotation(4096, 1)
    assert [rotation.read(None, 0) for _ in range(2)] == [True, True]
    assert rotation.read(4095, 0)
    assert rotation.read(5, 0)
    assert rotation._angle == 6
    rotation.read(None, 0)
    rotation.read(3_000, 0)
    assert rotation._angle == 6, "read anew"


@pytest.mark.parametrize(
    ("off", "turned"), [(2_047, 2_047), (2_048, -2_048), (2_049, -2_047), (-2_048, -2_048)]
)
def test_what_the_steps_do_not_make_likely_is_the_shorter_way_round(off: int, turned: int) -> None:
    for likely in (0, 4_096, 10_000):
        rotation = judge(100)
        rotation.read((100 + likely + off) % 4096, likely)
        assert rotation._angle == likely + turned


def test_a_rotor_behind_by_a_count_has_lost_one_and_one_ahead_has_gained_one() -> None:
    for angle, lost in ((99, 1), (100, 0), (101, -1)):
        rotation = judge()
        rotation.lost_counts(0, 0)
        rotation.read(angle, 100)
        assert rotation.lost_counts(100, 100) == lost
        assert rotation.lost_counts(100, 101) == (lost if lost > 0 else min(0, lost + 1))


def test_57_counts_lost_within_the_marks_are_a_stall_and_56_are_none() -> None:
    for lost, is_one in ((56, False), (57, True)):
        rotation = judge()
        assert rotation.is_lost_at_once(0, 0, 1) is False, "the first mark"
        rotation.read(200 - lost, 200)
        assert rotation.is_lost_at_once(200, 200, 2) is is_one


def test_a_mark_is_set_every_14_counts_and_kept_until_the_next_one_is_57_behind() -> None:
    rotation = judge()
    rotation.is_lost_at_once(0, 0, 1)
    for steps, marks in ((13, [0]), (14, [0, 14]), (27, [0, 14]), (28, [0, 14, 28])):
        rotation.read(steps, steps)
        rotation.is_lost_at_once(steps, steps, steps)
        assert [mark[1] for mark in rotation._marks] == marks
    for steps, first in ((70, 0), (71, 14), (84, 14), (85, 28), (400, 84), (500, 400)):
        rotation.read(steps, steps)
        rotation.is_lost_at_once(steps, steps + 5, steps)
        assert rotation._marks[0][1] == first, steps
    assert rotation._marks[-1] == (500, 500, 505, 500)


def test_after_a_change_of_flow_the_marks_judge_a_stall_and_no_window() -> None:
    rotation = judge()
    rotation.is_lost_at_once(0, 7, 1)
    rotation.restart_window()
    assert rotation._marks == [(0, 0, 0, -1)]
    assert rotation.ratio() == ""
    assert rotation._windows == []
    rotation.read(0, 57)
    assert rotation.is_lost_at_once(57, 57, 2)


def window(minutes: int, programmed: int, measured: int) -> str:
    """What is told of one window that is as long, from instant 0 on."""
    rotation = judge()
    rotation._marks = [(0, 0, 0, 0)]
    assert rotation.ratio() == ""
    rotation._marks = [(measured, 0, programmed, minutes * MIN_US)]
    return rotation.ratio()


def test_a_window_is_over_at_15_min_and_at_341_counts_and_10_per_cent_are_still_right() -> None:
    assert window(15, 341, 0) == "under"
    assert window(15, 340, 0) == ""
    assert window(14, 10_000, 0) == ""
    for measured, told in ((900, ""), (899, "under"), (1_100, ""), (1_101, "over"), (1_000, "")):
        assert window(15, 1_000, measured) == told
    rotation = judge()
    rotation._marks = [(0, 0, 0, 0)]
    rotation.ratio()
    rotation._marks = [(0, 0, 341, 15 * MIN_US - 1)]
    assert rotation.ratio() == ""


def test_a_window_begins_with_every_quarter_of_one_by_time_and_by_rotation() -> None:
    rotation = judge()
    begun = []
    for minute, counts in ((0, 0), (3, 500), (4, 85), (4, 86), (8, 100), (8, 171), (12, 172), (12, 257)):
        rotation._marks = [(counts, 0, counts, minute * MIN_US)]
        rotation.ratio()
        if not begun or begun[-1] != rotation._windows[-1]:
            begun.append(rotation._windows[-1])
    gaps = [(one[0] - other[0], one[2] - other[2]) for one, other in zip(begun[1:], begun, strict=False)]
    assert all(us * 4 >= 15 * MIN_US and counts * 4 >= 341 for us, counts in gaps)
    quarter = judge()
    for at_us, counts, windows in (
        (0, 0, 1),
        (225_000_000, 85, 1),
        (224_999_999, 86, 1),
        (225_000_000, 86, 2),
    ):
        quarter._marks = [(0, 0, counts, at_us)]
        quarter.ratio()
        assert len(quarter._windows) == windows


def test_where_it_came_to_rest_is_where_it_last_was() -> None:
    rotation = judge(10)
    rotation.read(110, 100)
    rotation.rest(100)
    rotation.read(150, 120)
    assert rotation.moved_counts(120) == 20
    rotation.take_lag(5)
    assert rotation.lost_counts(120, 120) == 0
    rotation.take_lag(5)
    assert rotation.lost_counts(130, 130) == 5
