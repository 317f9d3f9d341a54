"""The host killed while it works: the short form of the campaign."""

import os
from pathlib import Path

import pytest
from faults.host_kills import Kills, at_random

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


@pytest.mark.requirement("SR-25")
@pytest.mark.requirement("SR-30")
def test_no_kill_loses_or_doubles_a_record_or_damages_the_database(tmp_path: Path) -> None:
    kills = Kills(tmp_path)
    kills.sweep(first=3, stride=17)
    for seed in range(5):
        kills.kill(f"random {seed}", at_random(seed, 0.3))
    assert kills.failures == []
    assert kills.killed >= 8
