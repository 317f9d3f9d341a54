"""Ctrl-C in the middle of a change: the command says whether it was done, was not, or that this is not known.

Owns: what a person reads, held against the rig's own log.
Rules: the program interrupts itself at the very place, and goes on only when the interrupt has been heard; the rig is
the simulated one.
Units: none.
Leaves: a program that is killed to test_interface.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pumprig
import pytest
from hub.conftest import Place

PRESSED = """
import os, signal, sys
from pumprig.rig.client import Client
verb, when = sys.argv.pop(1), sys.argv.pop(1)
exchange = Client._exchange
def press(client):
    os.kill(os.getpid(), signal.SIGINT)
    assert client._transport._given_up.wait(60)
def pressed(self, seq, asked, line, *more):
    if asked != verb:
        return exchange(self, seq, asked, line, *more)
    if when == "answered":
        answer = exchange(self, seq, asked, line, *more)
        press(self)
        return answer
    self._transport.send(line)
    press(self)
    return exchange(self, seq, asked, line, *more)
Client._exchange = pressed
from pumprig.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("verb", "when", "words", "said", "changed"),
    [
        ("open", "answered", ("tube", "new"), "Interrupted. Nothing was changed. The pump goes on", False),
        ("tube", "sent", ("tube", "new"), "`tube` was sent; whether it was done is not known", True),
        ("tube", "answered", ("tube", "new"), "Interrupted when `tube` was done. The pump goes on", True),
        (
            "stage",
            "answered",
            ("rate", "9 ul/h"),
            "Interrupted. Nothing was changed. The pump goes on",
            False,
        ),
        ("commit", "answered", ("rate", "9 ul/h"), "Interrupted when `commit` was done.", True),
    ],
)
def test_it_says_what_became_of_the_command(
    place: Place, verb: str, when: str, words: tuple[str, ...], said: str, changed: bool
) -> None:
    with pumprig.connect("sim") as rig:
        rig.stop()
        known = rig.pull().log_next - 1
    done = subprocess.run(
        [sys.executable, "-c", PRESSED, verb, when, "-p", "sim", *words, "--yes"],
        env=place.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 130, done.stderr
    assert said in done.stderr
    assert "error" not in done.stderr
    with pumprig.connect("sim") as rig:
        rig.pull()
        verbs = {row.fields.get("verb") for row in rig.events(known, follow=False) if row.event == "command"}
    assert bool(verbs & {"tube", "commit"}) == changed


def test_a_stop_that_nobody_has_answered_yet_is_not_said_to_have_done_nothing(place: Place) -> None:
    master, slave = os.openpty()
    child = place.start("-p", os.ttyname(slave), "stop")
    heard = b""
    while b"stop" not in heard:
        heard += os.read(master, 100)
    child.send_signal(signal.SIGINT)
    _out, err = child.communicate(timeout=60)
    os.close(master)
    os.close(slave)
    assert child.returncode == 130
    assert "Whether the stop has reached the rig is not known. Press the stop button on the rig." in err
    assert "goes on" not in err
