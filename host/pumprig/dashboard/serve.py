"""Serving the page: the socket, the server, the browser.

Owns: where the page listens, and that it is on this computer alone.
Rules: only a loopback address is listened on; a browser is sent to the page by a file that only this user can read, so
that no other user finds the token in the list of processes.
Units: none.
Leaves: the application to app.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import os
import signal
import socket
import webbrowser
from collections.abc import Callable, Generator
from pathlib import Path

import uvicorn

from pumprig.dashboard import door
from pumprig.dashboard.app import Page
from pumprig.dashboard.bus import Bus
from pumprig.dashboard.fleet import Fleet
from pumprig.errors import PumpError, UsageError

PORT = 8717
HOST = "127.0.0.1"


def place_of(text: str | None) -> tuple[str, int, bool]:
    """`HOST:PORT` -> (host, port, whether another port may be taken instead). Raises UsageError."""
    if text is None:
        return HOST, PORT, True
    host, _colon, number = text.rpartition(":")
    name = host.strip("[]") or HOST
    if name not in door.HOSTS:
        raise UsageError(
            f"--page {text}: the page is for this computer alone, not for a network.",
            "Nothing was begun.",
            f"Name 127.0.0.1:PORT; from elsewhere, ssh carries it: ssh -L {PORT}:127.0.0.1:{PORT} THIS-COMPUTER.",
        )
    if not number.isdigit() or not 0 <= int(number) <= 65_535:
        raise UsageError(
            f"--page {text} has no port number.", "Nothing was begun.", f"Like 127.0.0.1:{PORT}."
        )
    return (HOST if name == "localhost" else name), int(number), False


def listening(host: str, port: int, or_another: bool) -> socket.socket:
    """A socket on the loopback. Raises PumpError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in (port, 0) if or_another else (port,):
        made = socket.socket(family, socket.SOCK_STREAM)
        if os.name != "nt":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, number))
        except OSError:
            made.close()
            continue
        return made
    raise PumpError(
        f"Port {port} of {host} is in use.",
        "The page is not served.",
        "Name another with --page 127.0.0.1:PORT, or end the program that has it.",
    )


def address_of(made: socket.socket, token: str) -> str:
    """Where a browser finds the page. What follows the # stays in the browser."""
    host, port = made.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/#token={token}"


def open_browser(address: str) -> bool:
    """Send the user's browser there, by a file of the user's own; whether there is a browser."""
    path = door.token_file().with_name("open.html")
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(address)}">')
    return webbrowser.open(Path(path).as_uri())


def serve(
    named: list[str],
    state: str | None,
    page: str | None,
    say: Callable[[str], None],
    ready: Callable[[str], None],
) -> None:
    """Serve the page until Ctrl-C or a signal. Raises PumpError."""
    made = listening(*place_of(page))
    token = door.token()

    async def run() -> None:
        bus = Bus(asyncio.get_running_loop())
        fleet = Fleet(named, state, bus, say)
        await asyncio.to_thread(fleet.begin)
        handlers = Page(fleet, bus)
        config = uvicorn.Config(
            door.Door(handlers.app(), token),
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = _Server(config, handlers.ended, lambda: ready(address_of(made, token)))
        try:
            await server.serve(sockets=[made])
        finally:
            await asyncio.to_thread(fleet.end)

    with contextlib.closing(made):
        asyncio.run(run())
    door.forget_token()


class _Server(uvicorn.Server):
    """Says when it is ready, and ends the open streams before it waits for them."""

    def __init__(self, config: uvicorn.Config, ended: asyncio.Event, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ended = ended
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ended.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Ctrl-C and SIGTERM end the server, and nothing raises them again: the rigs are given back after it."""
        before = {number: signal.signal(number, self.leave) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def leave(self, _number: int = 0, _frame: object = None) -> None:
        """End soon."""
        self.should_exit = True
        self._ended.set()
