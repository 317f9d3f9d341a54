"""On a terminal nothing is silent for over a second; in a pipe, and with --quiet, there is the answer alone."""

import os
import pty
import subprocess
import sys
import time

import pytest
from pumprig.rig.simulator import environment
from pumprig.sign import ANEW, Sign

SIGN = "status: at work, "


@pytest.fixture
def silent():
    """A port that is no rig: it opens, takes every byte and says nothing."""
    ours, theirs = pty.openpty()
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def told(words, home, terminal):
    """What the tool writes on standard error: on a terminal, or in a pipe."""
    line = [sys.executable, "-m", "pumprig", *words]
    env = {**environment(), "PUMPRIG_HOME": str(home), "NO_COLOR": "1"}
    if not terminal:
        return subprocess.run(line, env=env, capture_output=True, text=True, check=False).stderr
    ours, theirs = pty.openpty()
    with subprocess.Popen(line, env=env, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs) as child:
        os.close(theirs)
        heard = b""
        try:
            while data := os.read(ours, 4096):
                heard += data
        except OSError:  # how Linux ends a terminal that nobody holds any more
            pass
        assert child.wait() == 4
    os.close(ours)
    return heard.decode()


def test_a_port_that_is_no_rig_gives_signs_of_life_that_are_gone_before_the_answer(silent, home):
    heard = told(["-p", silent, "status"], home, True)
    assert SIGN in heard
    assert "is no pump rig" in " ".join(heard.rpartition(ANEW)[2].split())
    assert SIGN not in heard.rpartition(ANEW)[2]


@pytest.mark.parametrize("words", [["-q"], ["--quiet"]])
def test_quiet_is_quiet_on_a_terminal(silent, home, words):
    assert SIGN not in told(["-p", silent, "status", *words], home, True)


def test_a_pipe_has_the_answer_alone(silent, home):
    heard = told(["-p", silent, "status"], home, False)
    assert heard.startswith("error: ")
    assert SIGN not in heard


def test_the_sign_stays_away_within_a_line_and_while_a_question_waits():
    """A line that has no end yet, and a question, are never written over; afterwards the sign comes."""
    sign = Sign(lambda _text: None)
    sign.begin("fit")
    late_s = time.monotonic() + 60
    assert sign.line(late_s) == "fit: at work, 60 s"
    with sign.away():
        with sign.aside("is it so? "):
            pass
        assert sign.line(late_s) is None
    assert sign.line(late_s) == "fit: at work, 60 s"
    with sign.aside("half a line"):
        pass
    assert sign.line(late_s) is None
    with sign.aside(" and its end\n"):
        pass
    assert sign.line(time.monotonic()) is None
    assert sign.line(late_s) == "fit: at work, 60 s"
    sign.end()
