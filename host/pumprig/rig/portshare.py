"""A desk beside each open port, where other processes of this user can ask its holder for something.

Owns: the desk's local socket, its card (the file by which others find it), and asking there.
Rules: whoever holds a port keeps a desk, so that a stop never has to wait for the port; only processes of the same user
find the card and know its token; a desk that cannot be opened costs nothing but itself; a card whose process has
gone is no desk.
Units: seconds.
Leaves: what is asked, and how it is answered, to those who open a desk.

A question is one line of JSON, {"token": ..., "ask": ...}; so is the answer, {"error": ...} where it went wrong.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

ANSWER_S = 6.0  # a stop repeats its line four times, a second each
CALLER_S = 1.0  # a caller that connects and says nothing is hung up on
MAX_LINE = 65_536

Answer = dict[str, str]
Handler = Callable[[], Answer]


def canonical(address: str) -> str:
    """One spelling for each port: links resolved, COM names in capitals, hosts in small letters."""
    if "://" in address:
        return address.lower().replace("//localhost:", "//127.0.0.1:").rstrip("/")
    if re.fullmatch(r"(\\\\\.\\)?com\d+", address, re.IGNORECASE):
        return address.upper().removeprefix("\\\\.\\")
    return os.path.realpath(address)


def _folder() -> Path:
    """The user's own folder of cards. Raises OSError where it is not theirs alone."""
    if sys.platform == "win32":
        folder = Path(tempfile.gettempdir()) / "pumprig-ports"
        folder.mkdir(exist_ok=True)
        return folder
    folder = Path(f"/tmp/pumprig-{os.getuid()}")  # the same for every program of a user, whatever TMPDIR says
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = os.lstat(folder)
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077 or not folder.is_dir():
        raise PermissionError(f"{folder} is not this user's alone")
    return folder


def _card(address: str) -> Path:
    return _folder() / (sha256(canonical(address).encode()).hexdigest()[:24] + ".json")


class Desk:
    """Answers questions about one port until `close`, in a thread of its own."""

    def __init__(self, address: str, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._token = secrets.token_hex(16)
        self._socket: socket.socket | None = None
        self.card: Path | None = None  # where others find it
        with suppress(OSError):
            self._open(address)

    def _open(self, address: str) -> None:
        path = _card(address)
        listener = socket.create_server(("127.0.0.1", 0))
        content = {"tcp": listener.getsockname()[1], "token": self._token, "pid": os.getpid()}
        part = path.with_suffix(f".{os.getpid()}.{self._token[:8]}")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump({**content, "address": address}, file)
            os.replace(part, path)
        except OSError:
            listener.close()
            raise
        self._socket, self.card = listener, path
        threading.Thread(target=self._serve, args=(listener,), name="desk", daemon=True).start()

    def close(self) -> None:
        """Take the card away and hang up; never raises."""
        listener, self._socket = self._socket, None
        if listener is None or self.card is None:
            return
        with suppress(OSError, ValueError):
            if json.loads(self.card.read_text()).get("token") == self._token:
                self.card.unlink()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                caller, _from = listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._hear, args=(caller,), daemon=True).start()

    def _hear(self, caller: socket.socket) -> None:
        with suppress(OSError, ValueError, AttributeError), caller:
            caller.settimeout(CALLER_S)
            question = json.loads(_line(caller))
            token = str(question.get("token")).encode(errors="replace")
            if not secrets.compare_digest(token, self._token.encode()):
                return
            caller.settimeout(ANSWER_S)
            caller.sendall(json.dumps(self._answer(str(question.get("ask")))).encode() + b"\n")

    def _answer(self, asked: str) -> Answer:
        handler = self._handlers.get(asked)
        if handler is None:
            return {"error": f"this program does not know '{asked}'"}
        try:
            return handler()
        except Exception as error:  # told to who asked; the holder of the port goes on
            return {"error": str(error) or type(error).__name__}


def ask(address: str, what: str, timeout_s: float = ANSWER_S) -> Answer | None:
    """Ask the holder of a port; its answer, or None where no process of this user keeps a desk there."""
    try:
        card = json.loads(_card(address).read_text())
        with socket.create_connection(("127.0.0.1", int(card["tcp"])), timeout=CALLER_S) as desk:
            desk.settimeout(timeout_s)
            desk.sendall(json.dumps({"token": card["token"], "ask": what}).encode() + b"\n")
            answer: dict[str, object] = json.loads(_line(desk))
        return {name: str(value) for name, value in answer.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _line(caller: socket.socket) -> bytes:
    """One line. Raises OSError, ValueError where none comes."""
    line = b""
    while not line.endswith(b"\n"):
        data = caller.recv(4096)
        if not data or len(line) > MAX_LINE:
            raise ValueError("no whole line")
        line += data
    return line
