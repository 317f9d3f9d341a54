"""How a user and the hub talk: the socket, the first line, and what the lines after it mean.

Owns: where the hub listens, who may connect, the words of the conversation.
Rules: only the hub's own user reaches it: a Unix socket of mode 0600 in a folder of mode 0700, or, on Windows, the
loopback with a token kept in the user's folder; nothing is created by asking. Light: `stop` loads it.
Units: seconds, characters.
Leaves: the requests themselves to pumpwire.codec, what becomes of them to line.py.

The first line is one JSON object each way. Then each line from a user is a request as it would go to the port, or
begins with `!`; each line to a user is the port's, or begins with `!`:

    !reopen          from a user: open the port again if it broke; answered by !open or !broken
    !wait            to a user: the request waits for its turn, or for the rig; the hub lives
    !going SEQ       to a user: the numbered request is written to the port now, and not before
    !none WHY        to a user: no answer came, or a damaged one; the request may be repeated
    !broken WHY      to a user: the port failed or is gone
    !open            to a user: the port is open
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

VERSION = 1
CONNECT_S = 1.0
HELLO_S = 10.0  # the hub may have to start a simulated rig for it
LONGEST_PATH = 100  # bytes that every system takes for a Unix socket
MAX_FIRST = 8192
UNIX = hasattr(socket, "AF_UNIX") and sys.platform != "win32"


class NoHub(Exception):
    """No hub answers here."""


def folder() -> Path:
    """Where the hub keeps its socket or its token."""
    home = os.environ.get("PUMPRIG_HOME")
    if home:
        return Path(os.path.expanduser(home)) / "state" / "hub"
    from pumprig import paths

    return paths.simulator_folder(None).parent / "hub"


def socket_path() -> str:
    """The Unix socket. One whose name would be too long for the system lies in the temporary folder."""
    path = str(folder() / "hub.sock")
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    import hashlib
    import tempfile

    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:24]
    return os.path.join(tempfile.gettempdir(), f"pumprig-{os.getuid()}", f"{name}.sock")


def token_path() -> Path:
    """On Windows: port and token of the hub that runs."""
    return folder() / "hub.json"


def connect(first: dict[str, Any]) -> tuple[socket.socket, bytes, dict[str, Any]]:
    """Say the first line; -> (the connection, bytes already read beyond the answer, the answer). Raises NoHub."""
    if not UNIX:
        return _connect_loopback(first)
    path = socket_path()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(CONNECT_S)
        connection.connect(path)
        if not _is_ours(path):
            raise NoHub(f"{path} belongs to another user")
    except OSError as error:
        connection.close()
        raise NoHub(str(error)) from None
    except NoHub:
        connection.close()
        raise
    return _greeted(connection, first)


def _is_ours(path: str) -> bool:
    return os.stat(path).st_uid == os.getuid()


def _connect_loopback(first: dict[str, Any]) -> tuple[socket.socket, bytes, dict[str, Any]]:
    try:
        facts = json.loads(token_path().read_text(encoding="utf-8"))
        connection = socket.create_connection(("127.0.0.1", int(facts["port"])), CONNECT_S)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoHub(str(error)) from None
    return _greeted(connection, {**first, "token": str(facts.get("token", ""))})


def _greeted(connection: socket.socket, first: dict[str, Any]) -> tuple[socket.socket, bytes, dict[str, Any]]:
    try:
        connection.settimeout(HELLO_S)
        connection.sendall(json.dumps({"hub": VERSION, **first}).encode() + b"\n")
        heard = b""
        while b"\n" not in heard:
            more = connection.recv(4096)
            if not more or len(heard) > MAX_FIRST:
                raise NoHub("the hub did not answer")
            heard += more
        line, _end, rest = heard.partition(b"\n")
        answer = json.loads(line)
    except (OSError, ValueError) as error:
        connection.close()
        raise NoHub(str(error)) from None
    except NoHub:
        connection.close()
        raise
    return connection, rest, answer


def ask(first: dict[str, Any]) -> dict[str, Any]:
    """One question, one answer. Raises NoHub."""
    connection, _rest, answer = connect(first)
    connection.close()
    return answer
