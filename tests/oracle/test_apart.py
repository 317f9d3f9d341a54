"""What the long form of the reference model sees in PyPy is what the gate sees in this Python."""

import json

import pytest
from oracle.apart import Apart
from oracle.drive import Drive
from oracle.runs import KINDS
from pumprig.rig import simulator


@pytest.mark.skipif(simulator.pypy() is None, reason="no PyPy here (Debian: pypy3)")
@pytest.mark.parametrize("kind", ["boluses", "cuts", "all"])
def test_a_week_in_pypy_has_the_same_rows_and_report(kind: str) -> None:
    scenario = KINDS[kind].scenario(7)
    with Apart() as apart:
        there, here = Drive(scenario, apart).run(), Drive(scenario).run()
    assert here.rows
    assert there.report.pop("wall_s") != here.report.pop("wall_s")
    assert json.dumps(there.report) == json.dumps(here.report)
    assert (there.rows, there.pulses, there.step_nl) == (here.rows, here.pulses, here.step_nl)
