"""A supply that sags, sensors that fail, a pulled cable, stops and resumes within a second: model and firmware agree.

Owns: 40 random weeks of this kind, and those of fresh seeds that disagreed once.
Rules: the judge shares nothing with the code that it judges (test_independence.py); a week whose disagreement is known
and open is listed with it in runs.py, and shown as such.
Units: none.
Leaves: the weeks to weeks.py, the long form to bench/weeks.py.
"""

import pytest
from oracle.runs import disagreement, weeks


@pytest.mark.parametrize("seed", weeks("weather", 40))
def test_model_and_rig_agree(seed):
    assert not disagreement("weather", seed)
