"""The outcome of an action decides its exit code, never what can be printed of it."""

import os
import sqlite3
import subprocess
import sys

import pytest
from faults import deeds, outcomes
from pumprig import cli
from pumprig.rig.client import Client
from pumprig.rig.link import SerialLink
from pumprig.rig.simulator import PrivateRig


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    private = PrivateRig(home / "state" / "sim")
    yield home, private.ensure()
    private.stop()


@pytest.fixture(scope="module")
def pulled(rig):
    """The rig, with its log so far in the store: what there is to be read."""
    home, port = rig
    code, err, _out = outcomes.run(home, "ascii", "-p", port, "log", "pull")
    assert code == 0, err
    return rig


def state(port):
    client = Client(SerialLink(port))
    try:
        fields = client.read("status").fields
        return fields["state"], int(fields["last_seq"])
    finally:
        client.close()


@pytest.mark.parametrize("output", outcomes.OUTPUTS)
def test_what_was_done_exits_0_whatever_becomes_of_its_text(rig, output):
    home, port = rig
    before = state(port)[1]
    code, err, _out = outcomes.run(home, output, "-p", port, "rate", "20 ul/h", "--yes")
    assert code == 0, err
    assert state(port)[0] == "running"
    assert state(port)[1] > before
    assert "may not have been done" not in err
    code, err, out = outcomes.run(home, output, "-p", port, "stop")
    assert code == 0, err
    assert state(port)[0] == "stopped"
    assert "goes on" not in err
    assert err.count("could not be printed") == (output in ("full device", "no stdout"))
    if output in ("cp932", "cp936", "ascii"):
        assert out.startswith(b"stopped; ")


def test_a_full_device_on_both_outputs_keeps_no_command_from_acting(rig):
    home, port = rig
    environment = {**os.environ, "PUMPRIG_HOME": str(home)}
    for words, mode in ((("rate", "21 ul/h", "--yes"), "running"), (("stop",), "stopped")):
        with open("/dev/full", "wb") as full:
            command = [sys.executable, "-m", "pumprig", "-p", port, *words]
            done = subprocess.run(
                command,
                stdout=full,
                stderr=full,
                stdin=subprocess.DEVNULL,
                env=environment,
                timeout=120,
                check=False,
            )
        assert done.returncode == 0
        assert state(port)[0] == mode


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_that_cannot_be_printed_is_no_fault_of_the_tool(tmp_path, word):
    code, err, _out = outcomes.run(tmp_path, "full device", word)
    assert code == 1
    assert err.count("\n") == 1
    assert "The output was lost" in err


@pytest.mark.parametrize("output", ["closed pipe", "full device", "no stdout"])
def test_an_answer_that_is_lost_fails_a_command_that_only_reads(rig, output):
    home, port = rig
    code, err, _out = outcomes.run(home, output, "-p", port, "--json", "status")
    assert code == (0 if output == "closed pipe" else 1)
    assert ("was lost" in err) == (output != "closed pipe")
    assert "Traceback" not in err


ANSWERS = {
    "status": (),
    "alarms": (),
    "watch": ("--json",),
    "calibrate list": (),
    "log show": ("--json",),
    "log total": (),
    "log verify": (),
    "log export": ("-o", "-"),
    "report": ("-o", "-"),
    "ports": (),
    "--help": (),
    "log pull": ("--follow", "--json", "--interval", "50 ms"),
}


@pytest.mark.parametrize("lines", [0, 1])
@pytest.mark.parametrize("words", ANSWERS)
def test_a_read_whose_reader_went_away_ends_quietly_with_one_code_whatever_the_command(pulled, words, lines):
    home, port = pulled
    to_rig = words in ("status", "alarms", "watch", "calibrate list", "log pull")
    lines = 0 if words == "log pull" else lines  # it says nothing until a record comes, and ends all the same
    where = ("-p", port) if to_rig else ()
    code, err = outcomes.left(home, lines, *where, *words.split(), *ANSWERS[words])
    assert code == 0, err
    assert "error" not in err
    assert "Traceback" not in err


def test_a_fault_of_the_store_is_the_exit_code_where_nobody_reads_of_it_too(pulled):
    home, _port = pulled
    (path,) = home.rglob("pumprig.db")
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM records WHERE number = 2")
    code, _err, _out = outcomes.run(home, "closed pipe", "log", "verify")
    assert code == 1


@pytest.mark.parametrize("output", ["cp932", "cp936", "ascii"])
def test_signs_that_an_encoding_lacks_are_replaced_and_json_keeps_its_content(rig, output):
    home, port = rig
    code, err, out = outcomes.run(home, output, "-p", port, "status")
    assert code == 0, err
    assert b"state" in out
    code, err, out = outcomes.run(home, output, "-p", port, "--json", "status")
    assert code == 0, err
    out.decode("ascii")


def test_every_command_that_acts_has_the_exit_code_of_what_it_did(tmp_path):
    tried, wrong = deeds.run(tmp_path, 0)
    assert wrong == []
    assert tried > 30


READS = {
    "accuracy", "balance", "completion", "doctor", "ports", "program", "status", "watch",
    "rehearse", "study",  # a file of their own, nothing of a rig's
}  # fmt: skip
ELSEWHERE = {
    "flash": "tests/unit/flash", "gateway": "tests/lab", "ingest": "tests/lab", "hub": "tests/hub", "sim": "tests/sim",
    "alerts": "tests/lab", "dashboard": "tests/page",
}  # fmt: skip


def test_a_command_that_acts_is_in_the_table():
    assert set(cli.COMMANDS) - deeds.told() - READS == set(ELSEWHERE)
