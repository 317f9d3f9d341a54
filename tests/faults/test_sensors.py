"""Failing sensors, supplies and clocks: never more than was programmed, and never silently less."""

import pytest
from faults.sensors import cases, judge

CASES = cases()


@pytest.mark.requirement("SR-23")
@pytest.mark.requirement("SR-27")
@pytest.mark.requirement("SR-32")
@pytest.mark.parametrize("name", list(CASES))
def test_a_fault_never_delivers_more_and_never_silently_less(name: str) -> None:
    _came, wrong = judge(name, CASES[name])
    assert wrong == []
