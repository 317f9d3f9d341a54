"""Base flow alone: constant rates, day patterns, ramps, phases, zones, clock sets, refills: model and firmware agree.

Owns: fifty random weeks of this kind.
Rules: the judge shares nothing with the code that it judges (test_independence.py).
Callers: pytest.
Units: none.
Leaves: the weeks to weeks.py, the long form to bench/weeks.py.
"""

import pytest
from oracle.runs import disagreement


@pytest.mark.parametrize("seed", range(50))
def test_model_and_rig_agree(seed):
    assert not disagreement("calm", seed)
