"""The hub: one owner of the port, many users, a stop past all, and nobody in another's way."""

import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pumprig
import pytest
from hub.conftest import Place
from hub.hammering import ten_users
from pumprig.hub import wire
from pumprig.hub.link import HubLink
from pumprig.rig import keys, stopping
from pumprig.rig.link import LinkBroken


def via_hub(rig: pumprig.Rig) -> bool:
    return isinstance(rig._held.link._link._link, HubLink)  # pyright: ignore


def test_two_users_at_once_where_without_a_hub_the_second_is_refused(place: Place) -> None:
    with pumprig.connect("sim") as alone:
        assert not via_hub(alone)
        with pytest.raises(pumprig.LinkError, match="in use"):
            pumprig.connect("sim")
    place.hub()
    with pumprig.connect("sim") as one, pumprig.connect(alone.address) as other:
        assert via_hub(one)
        assert via_hub(other)
        assert one.device_id == other.device_id
        one.propose(pumprig.constant("20 ul/h")).commit()
        other.refill("18 ml")
        assert other.status().state == "running"
        assert place.run("-p", "sim", "stop").returncode == 0
        assert one.status().state == "stopped"


def test_the_socket_is_its_user_s_alone(place: Place) -> None:
    place.hub()
    path = Path(wire.socket_path())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_second_hub_ends_at_once_and_stop_ends_the_first_and_the_rig_runs_on(place: Place) -> None:
    first = place.hub()
    with pumprig.connect("sim") as rig:
        rig.propose(pumprig.constant("20 ul/h")).commit()
        assert place.run("hub").returncode == 1
        assert place.run("hub", "--stop").returncode == 0
        assert first.wait(10) == 0
        assert rig.status().state == "running"  # by the port itself
        assert not via_hub(rig)
    assert "none" in place.run("hub", "--stop").stdout


def test_users_of_a_killed_hub_fall_back_to_the_port_and_doses_are_counted_once(place: Place) -> None:
    hub = place.hub()
    with pumprig.connect("sim") as rig:
        rig.propose(pumprig.constant("20 ul/h")).commit()
        dose = rig.bolus("1 ul", over="2 s")
        hub.send_signal(signal.SIGKILL)
        hub.wait()
        dose.wait(timeout_s=30)
        assert (dose.outcome, dose.counted_steps) == ("given", dose.requested_steps)
        assert rig.status().by_kind_steps["single"] == dose.counted_steps
        place.hub()  # takes the port as soon as this user gives it back


def test_a_dead_and_a_silent_user_keep_nobody_waiting(place: Place) -> None:
    place.hub()
    script = (
        "import pumprig, os, signal\n"
        "rig = pumprig.connect('sim')\n"
        "def work(held):\n"
        "    with held.client.session():\n"
        "        held.client.change('clock', {'utc_us': 1_800_000_000_000_000})\n"
        "        print('in session', flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGSTOP)\n"
        "rig._call(work, reads=False)\n"
    )
    silent = place.start(script=script)
    assert silent.stdout is not None
    assert silent.stdout.readline() == "in session\n"
    with pumprig.connect("sim") as rig:
        begun_s = time.monotonic()
        rig.refill("18 ml")
        assert time.monotonic() - begun_s < 15.0
    silent.kill()
    with pumprig.connect("sim") as rig:
        rig.refill("17 ml")


def test_a_user_that_reads_nothing_is_put_out_and_the_others_are_served(place: Place) -> None:
    place.hub()
    with pumprig.connect("sim") as rig:
        deaf, _rest, answer = wire.connect({"attach": "sim", "state": str(place.private.folder)})
        assert answer["address"] == rig.address
        from pumpwire import codec

        deaf.settimeout(5)
        number = 1 << 33
        try:
            for _ in range(4_000):
                number += 1
                deaf.sendall(codec.request(number, "log", (("start", 0), ("count", 64))).encode() + b"\n")
        except OSError:
            pass
        begun_s = time.monotonic()
        for _ in range(20):
            rig.status()
        assert time.monotonic() - begun_s < 20.0
        deaf.close()


def test_equal_commands_of_two_users_are_each_done_once(place: Place) -> None:
    """The same line under the same number: neither may take the other's answer for its own."""
    place.hub()
    with pumprig.connect("sim") as rig:
        known = rig.pull().log_next - 1
        users = [pumprig.connect("sim", database=place.folder / f"{i}.db") for i in range(4)]
        failures: list[BaseException] = []

        def refill(user: pumprig.Rig) -> None:
            try:
                for _ in range(5):
                    user.refill("18 ml")
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=refill, args=(user,)) for user in users]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        done = [
            event
            for event in rig.events(known, follow=False)
            if event.event == "command" and event.fields.get("verb") == "refill"
        ]
        assert len(done) == 20
        for user in users:
            user.close()


def test_keys_stay_with_their_users(place: Place, tmp_path: Path) -> None:
    """A user without the key reads and stops; changes are refused, and no wrong mark is counted."""
    place.hub()
    with pumprig.connect("sim") as rig:
        rig.propose(pumprig.constant("20 ul/h")).commit()
        rig.new_key()
        rig.refill("18 ml")
        kept = keys.of(rig.device_id)
        keys.forget(rig.device_id)
        with pumprig.connect("sim") as stranger:
            with pytest.raises(pumprig.RefusedError) as refused:
                stranger.refill("17 ml")
            assert refused.value.rule == "access"
            assert stranger.status().reservoir_nl is not None
            stranger.stop()
        keys.keep(rig.device_id, kept[0])
        rig.refill("16 ml")
        assert not [event for event in rig.events(0, follow=False) if event.event == "access"]


def test_a_stop_overtakes_ten_users_who_poll_and_pull(place: Place) -> None:
    """The rig's own log says when it stopped: within two ticks of the line's way through the hub."""
    place.hub()
    with pumprig.connect("sim") as rig:
        rig.propose(pumprig.constant("1 ml/h")).commit()
        with ten_users(place.folder):
            for _ in range(3):
                link = HubLink("sim", str(place.private.folder))
                assert "delivered_steps" in stopping.stop(link).fields
                link.close()
                assert rig.status().state == "stopped"
                rig.resume()


def test_an_unplugged_rig_is_told_and_found_again(place: Place) -> None:
    link = place.folder / "rig"
    first = place.start("sim", "--link", str(link), "--state", str(place.folder / "own"))
    assert first.stdout is not None
    first.stdout.readline()
    place.hub(str(link))
    with pumprig.connect(str(link)) as rig:
        assert rig.status().state == "stopped"
        first.terminate()
        first.wait()
        with pytest.raises(pumprig.LinkError):
            rig.status()
        again = place.start("sim", "--link", str(link), "--state", str(place.folder / "own"))
        assert again.stdout is not None
        again.stdout.readline()
        assert rig.status().state == "stopped"


def test_who_knew_one_rig_never_speaks_to_another_at_the_same_port(place: Place) -> None:
    """The rig is replaced while its user idles; the hub has the new one's port before the user says anything."""
    link = place.folder / "rig"

    def at_the_port(name: str) -> subprocess.Popen[str]:
        state = place.folder / name
        child = place.start("sim", "--link", str(link), "--state", str(state), "--seed", str(len(name)))
        assert child.stdout is not None
        child.stdout.readline()
        return child

    first = at_the_port("old")
    place.hub(str(link))
    with pumprig.connect(str(link)) as idle, pumprig.connect(str(link)) as reader:
        former = idle.device_id
        first.terminate()
        first.wait()
        at_the_port("newer")
        with pumprig.connect(str(link)) as user:  # the port is open again, and it is the other rig
            assert user.device_id != former
            with pytest.raises(pumprig.LinkError) as failed:
                idle.prime("20 ul")
            assert failed.value.outcome in ("not done", "unknown")
            for rig in (idle, reader):
                with pytest.raises(pumprig.LinkError, match="Another rig"):
                    rig.status()
            with pytest.raises(pumprig.LinkError, match="Another rig"):
                idle.pull()
            user.pull()
            assert user.status().delivered_steps == 0
            assert user.status().state == "stopped"


def test_a_port_that_is_not_the_hub_s_is_used_without_it(place: Place) -> None:
    place.hub("/dev/null")
    with pumprig.connect("sim") as rig:
        assert not via_hub(rig)


def test_what_is_no_user_is_put_out_without_a_word(place: Place) -> None:
    """A web page that makes a browser talk to a socket begins with a request line, not with our word."""
    place.hub()
    visitor = socket.socket(socket.AF_UNIX)
    visitor.connect(wire.socket_path())
    visitor.settimeout(10)
    visitor.sendall(b"POST /stop HTTP/1.1\r\nHost: x\r\n\r\n")
    assert visitor.recv(100) == b""
    visitor.close()


@pytest.mark.parametrize(
    "wanted",
    [
        {"attach": {"a": 1}},
        {"attach": "sim", "state": [1]},
        {"attach": 7},
        {"borrow": {"a": 1}},
        {"nothing": 1},
    ],
)
def test_a_wish_that_is_none_is_answered_and_nothing_fails(place: Place, wanted: dict[str, object]) -> None:
    """One was never answered, and the hub printed a traceback."""
    hub = place.hub()
    assert "error" in wire.ask(wanted)
    assert wire.ask({"end": 1})["pid"] == hub.pid
    hub.wait(20)
    assert hub.stderr is not None
    assert "Traceback" not in hub.stderr.read()


def test_what_the_hub_did_not_write_is_told_as_not_sent(place: Place) -> None:
    hub = place.hub()
    with pumprig.connect("sim") as rig:
        address = rig.address
    link = HubLink(address, None)
    os.kill(hub.pid, signal.SIGSTOP)
    from pumprig.rig.requests import line_of

    link.send(line_of(7, "discard", {}))
    os.kill(hub.pid, signal.SIGKILL)
    hub.wait()
    with pytest.raises(LinkBroken) as broken:
        link.receive(5)
    assert not broken.value.sent


def test_the_stop_before_the_command_line_is_loaded_says_what_the_command_says(place: Place) -> None:
    """The same words, the same document, the same effect; and its constant line is the codec's."""
    from pumprig.hub import quick
    from pumpwire import codec

    assert codec.request(0, "stop").encode() + b"\n" == quick.STOP
    with pumprig.connect("sim") as rig:
        rig.propose(pumprig.constant("20 ul/h")).commit()
    slow = [place.run("-p", "sim", "stop", *words) for words in ([], ["--json"])]
    place.hub()
    with pumprig.connect("sim") as rig:
        for words, before in zip(([], ["--json"]), slow, strict=True):
            rig.resume()
            done = place.run("-p", "sim", "stop", *words)
            assert rig.status().state == "stopped"
            assert (done.returncode, before.returncode) == (0, 0)
            shown = [re.sub(r"\d+", "N", text) for text in (done.stdout, before.stdout)]
            assert shown[0] == shown[1]


def test_the_doctor_knows_the_hub(place: Place) -> None:
    assert "none runs" in place.run("-p", "sim", "doctor").stdout
    place.hub()
    told = place.run("-p", "sim", "doctor").stdout
    assert "holds 1 ports" in told or "holds 0 ports" in told
    assert "in use" not in told
