"""`make lab-faults` in its short form: two hosts, one a day ahead, eight faults, a forger, a rig
that is replaced and comes back elsewhere with its history.

Owns: that the campaign runs and finds nothing.
Rules: each kind of fault comes at least once; the draws are seeded.
Units: minutes of the wall clock.
Leaves: the verdict to campaign.py; that a forgery is refused, which may fall into a fault here, to test_database.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from lab import campaign
from pumprig.rig import simulator


def test_after_every_kind_of_fault_the_database_holds_every_store() -> None:
    words = ("--rigs", "2", "--rigs-a-host", "1", "--kills", "6", "--minutes", "0.6", "--seed", "3")
    environment = {
        **simulator.environment(),
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
    }
    made = subprocess.run(
        [sys.executable, "-m", "lab.campaign", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if "is not installed" in made.stderr:
        pytest.skip(made.stderr.strip().splitlines()[-1])
    assert made.returncode == 0, made.stdout + made.stderr
    told = next(line for line in made.stdout.splitlines() if line.startswith('{"lab_faults"'))
    figures = json.loads(told)["lab_faults"]
    assert set(figures["faults"]) == set(campaign.KINDS)
    assert figures["a_day_off"] is True
    assert figures["rigs"] == 3  # with the one that came in another's place
