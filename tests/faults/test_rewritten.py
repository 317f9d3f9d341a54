"""Answers of a real rig rewritten on the way, with right CRCs: no command hangs, stumbles or interprets them."""

import pytest
from faults import rewritten


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


def test_every_command_takes_a_rewritten_answer_for_what_it_is(home):
    with rewritten.rig(5) as descriptor:
        commands = rewritten.COMMANDS
        wrong = [rewritten.trial(descriptor, home, words, seed) for seed, words in enumerate(commands)]
    assert [text for text in wrong if text] == []
