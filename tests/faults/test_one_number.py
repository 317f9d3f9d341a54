"""Two hosts on one number, and a no at the review: each is told what became of its own, and a no changes nothing."""

import pytest
from faults import one_number, said_no


def test_each_of_two_hosts_is_told_what_became_of_its_commands_whatever_was_lost(tmp_path):
    assert [wrong for seed in range(6) for wrong in one_number.trial(tmp_path, seed)] == []


def test_a_no_at_the_review_leaves_the_rig_as_it_was_while_a_program_waits(tmp_path):
    pytest.importorskip("pty", reason="pseudo-terminals need Linux or macOS")
    lines = (
        "rate 2ml/day",
        "program load RAMP --at +5h",
        "calibrate nominal --per-rev 9ul",
        "bolus 1ul",
        "key new",
    )
    assert said_no.run(tmp_path, lines) == (len(lines), [])
