"""Weeks that are aimed at causes which cross each other: model and firmware agree.

Owns: the first random week of each kind, and those of fresh seeds that disagreed once.
Rules: the judge shares nothing with the code that it judges (test_independence.py); a week whose disagreement is known
and open is listed with it in runs.py, and shown as such.
Units: none.
Leaves: the weeks to weeks.py.
"""

import pytest
from oracle.runs import AIMED, disagreement, weeks

FIRST = dict.fromkeys(AIMED, 1) | {
    "bridges": 4,
    "presses": 8,
    "waits": 6,
    "crowded": 8,
    "jostled": 8,
}  # how many from seed 0 on


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        pytest.param(kind, *week.values, marks=week.marks)
        for kind, count in FIRST.items()
        for week in weeks(kind, count)
    ],
)
def test_model_and_rig_agree(kind, seed):
    assert not disagreement(kind, seed)
