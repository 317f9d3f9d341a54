"""A stop for a port that another program of ours holds: it arrives at once, and the holder's conversation goes on."""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pumprig as interface
import pytest
from pumprig.console.hold import Held
from pumprig.errors import LinkError
from pumprig.rig import portshare
from pumprig.rig.client import Client
from pumprig.rig.link import SerialLink
from pumprig.rig.portshare import Desk
from pumprig.rig.simulator import PrivateRig


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    rig = PrivateRig(tmp_path_factory.mktemp("rig"))
    yield rig.ensure()
    rig.stop()


def pumprig(home, *words, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "pumprig", *map(str, words)],
        env={**os.environ, "PUMPRIG_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("words", [("watch", "--json"), ("log", "pull", "--follow", "--json")])
def test_a_stop_arrives_while_another_program_holds_the_port_and_that_one_goes_on(port, tmp_path, words):
    holder = pumprig(tmp_path, "-p", port, *words)
    try:
        holder.stdout.readline()
        with pytest.raises(LinkError, match="in use"):
            SerialLink(port)
        begun_s = time.monotonic()
        out, err = pumprig(tmp_path, "-p", port, "--json", "stop").communicate(timeout=20)
        took_s = time.monotonic() - begun_s
        assert json.loads(out)["stopped"] is True, err
        assert took_s < 15
        assert holder.poll() is None
        if words[0] == "watch":
            assert json.loads(holder.stdout.readline())["state"] == "stopped"
    finally:
        holder.terminate()
        holder.communicate()


def test_no_answer_of_the_holder_s_conversation_is_lost_or_taken_by_stops_from_elsewhere(port):
    with closing(Client(SerialLink(port))) as client:
        client.greet()
        ending = threading.Event()
        answers = []

        def stop_on():
            while not ending.is_set():
                answers.append(portshare.ask(port, "stop"))

        stopper = threading.Thread(target=stop_on)
        stopper.start()
        with client.session():
            before = int(client.read("status").fields["last_seq"])
            changes = 0
            while len(answers) < 12:
                client.change("discard")
                changes += 1
        after = int(client.read("status").fields["last_seq"])
        ending.set()
        stopper.join(20)
    assert after == before + changes
    assert all("delivered_steps" in answer for answer in answers)


def test_a_holder_that_reads_nothing_itself_still_passes_a_stop_on(port):
    with closing(Client(SerialLink(port))):
        assert "delivered_steps" in portshare.ask(port, "stop")


def test_nobody_without_the_card_s_token_is_heard(tmp_path):
    address = str(tmp_path / "port")
    with closing(Desk(address, {"stop": lambda: {"done": "1"}})) as desk:
        assert portshare.ask(address, "stop") == {"done": "1"}
        assert portshare.ask(address, "dance") == {"error": "this program does not know 'dance'"}
        card = json.loads(desk.card.read_text())
        desk.card.write_text(json.dumps({**card, "token": "0" * 32}))
        assert portshare.ask(address, "stop") is None
        desk.card.write_text(json.dumps({**card, "token": "\u00e9"}))  # which no comparison of texts takes
        assert portshare.ask(address, "stop") is None
        desk.card.write_text(json.dumps(card))


def test_a_card_that_a_killed_program_left_is_no_desk_and_a_link_is_its_port(tmp_path):
    target, link = tmp_path / "tty0", tmp_path / "by-id"
    target.touch()
    link.symlink_to(target)
    desk = Desk(str(target), {"stop": lambda: {"done": "1"}})
    assert portshare.ask(str(link), "stop") == {"done": "1"}
    left = desk.card.read_text()
    desk.close()
    assert not desk.card.exists()
    desk.card.write_text(left)
    assert portshare.ask(str(target), "stop") is None
    Path(desk.card).unlink()


def test_what_goes_wrong_at_the_desk_is_told_to_who_asked(tmp_path):
    def fails():
        raise ValueError("no rig")

    with closing(Desk(str(tmp_path / "port"), {"stop": fails})):
        assert portshare.ask(str(tmp_path / "port"), "stop") == {"error": "no rig"}


def test_a_stop_of_another_program_passes_a_rig_held_by_the_interface_as_the_console_does(port, tmp_path):
    with interface.connect(port, database=tmp_path / "log.db") as rig:
        held = Held(rig)
        held.begin()
        assert "delivered_steps" in portshare.ask(port, "stop")
        held.refresh()
        assert held.content["state"] == "stopped"
        held.close()
