"""The log's flash outlives the pump."""

import pytest
from faults import wear


@pytest.mark.parametrize("name", list(wear.PROGRAMS))
def test_the_log_lasts_twenty_years_at_100_000_erases_a_sector(name: str) -> None:
    found = wear.figure(name)
    assert found.erases >= 5
    assert found.years >= wear.LEAST_YEARS
