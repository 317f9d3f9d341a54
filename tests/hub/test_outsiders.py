"""Another user of the computer: a stop where the owner allows it, and nothing else."""

from __future__ import annotations

import json
import os
import pwd
import socket
import stat
from collections.abc import Callable
from typing import Any

import pumprig
import pytest
from hub.conftest import Place
from pumprig.hub import outsiders, wire

NOBODY = 65_534


def as_another_user(work: Callable[[], Any]) -> Any:
    """What `work` returns, or what it raised, in a process of another user."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user for this test")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                told = work()
            except Exception as error:
                told = f"{type(error).__name__}: {error}"
            os.write(writing, json.dumps(told).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = json.loads(pipe.read())
    os.waitpid(child, 0)
    return told


def me() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def running(place: Place, *words: str) -> pumprig.Rig:
    place.hub(*words)
    rig = pumprig.connect("sim")
    rig.propose(pumprig.constant("20 ul/h")).commit()
    assert rig.status().state == "running"
    return rig


def test_another_user_stops_where_the_owner_allows_it(place: Place) -> None:
    owner = me()
    with running(place, "--let-others-stop") as rig:
        told = as_another_user(lambda: outsiders.stop(owner, None))
        assert rig.status().state == "stopped"
        assert told == {"delivered_steps": str(rig.status().delivered_steps)}
        assert place.run("stop", "--of", owner, "--json").returncode == 0
    assert outsiders.path_of(os.getuid()).exists()
    assert place.run("hub", "--stop").returncode == 0
    assert not outsiders.path_of(os.getuid()).exists()


def test_another_user_can_do_nothing_where_it_is_not_allowed(place: Place) -> None:
    owner = me()
    with running(place) as rig:
        assert "runs no hub that lets others stop" in as_another_user(lambda: outsiders.stop(owner, None))
        path = wire.socket_path()

        def connect() -> None:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.connect(path)

        assert "PermissionError" in as_another_user(connect)
        assert rig.status().state == "running"


@pytest.mark.parametrize(
    "words",
    [
        b'{"hub": 1, "attach": "sim"}\n',
        b'{"hub": 1, "end": 1}\n',
        b'{"stop": null, "hub": 1}\n',
        b'{"stop": "/dev/ttyACM9"}\n',
        b'{"stop": ["sim"]}\n',
        b"GET / HTTP/1.1\r\n\r\n",
        b">0 stop *3899E072\n",
        b"[]\n",
        b"\xff\xfe\n",
        b"x" * 4096,
        b"",
    ],
)
def test_that_socket_takes_a_stop_and_nothing_else(place: Place, words: bytes) -> None:
    with running(place, "--let-others-stop") as rig:
        path = outsiders.path_of(os.getuid())
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(60)
            connection.connect(str(path))
            connection.sendall(words)
            connection.shutdown(socket.SHUT_WR)
            heard = b""
            try:
                while more := connection.recv(4096):
                    heard += more
            except ConnectionResetError:
                heard = b""
        assert b"delivered_steps" not in heard
        assert rig.status().state == "running"
        assert outsiders.stop(me(), None)["delivered_steps"].isdigit()  # it still serves
        assert rig.status().state == "stopped"


def test_a_socket_that_is_somebody_else_s_is_not_believed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(place, "--let-others-stop"):
        path = outsiders.path_of(os.getuid())
        other = next(row for row in pwd.getpwall() if row.pw_uid != os.getuid())
        monkeypatch.setattr(outsiders, "path_of", lambda _uid: path)
        with pytest.raises(pumprig.LinkError, match="does not belong to"):
            outsiders.stop(other.pw_name, None)
