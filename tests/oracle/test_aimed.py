"""Weeks that are aimed at causes which cross each other: model and firmware agree.

Owns: the first random week of each kind, and those of fresh seeds that disagreed once.
Rules: the judge shares nothing with the code that it judges (test_independence.py); a week whose disagreement is known
and open is listed with it in runs.py, and shown as such.
Units: none.
Leaves: the weeks to weeks.py.
"""

import pytest
from oracle.runs import disagreement, weeks


@pytest.mark.parametrize("seed", weeks("titrations", 1))
def test_model_and_rig_agree_on_titrations(seed):
    assert not disagreement("titrations", seed)


@pytest.mark.parametrize("seed", weeks("turns", 1))
def test_model_and_rig_agree_on_turns(seed):
    assert not disagreement("turns", seed)


@pytest.mark.parametrize("seed", weeks("requests", 1))
def test_model_and_rig_agree_on_requests(seed):
    assert not disagreement("requests", seed)


@pytest.mark.parametrize("seed", weeks("bridges", 4))
def test_model_and_rig_agree_on_bridges(seed):
    assert not disagreement("bridges", seed)


@pytest.mark.parametrize("seed", weeks("apart", 1))
def test_model_and_rig_agree_on_what_flows_apart(seed):
    assert not disagreement("apart", seed)


@pytest.mark.parametrize("seed", weeks("caps", 1))
def test_model_and_rig_agree_on_caps(seed):
    assert not disagreement("caps", seed)


@pytest.mark.parametrize("seed", weeks("tiny", 1))
def test_model_and_rig_agree_on_tiny_boluses(seed):
    assert not disagreement("tiny", seed)


@pytest.mark.parametrize("seed", weeks("presses", 8))
def test_model_and_rig_agree_on_presses_from_a_millisecond_to_seconds(seed):
    assert not disagreement("presses", seed)
