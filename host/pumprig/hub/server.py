"""The hub's process: its socket, its users, its rigs, its end.

Owns: who is connected, which ports the hub holds, and answering the first line of each connection.
Rules: the socket is there before the hub says `ready`, with mode 0600 in a folder of mode 0700; a second hub of the
same user ends at once; a port that a user names is taken on first use, unless the hub was given a list, and kept where
a rig answers; a user who does not read what it is told is put out; ending the hub never moves or resets a rig.
Units: bytes, seconds.
Leaves: a port's order to line.py, words to wire.py, a stop by other users to outsiders.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pumprig.errors import LinkError, PumpError
from pumprig.hub import wire
from pumprig.hub.connection import Connection
from pumprig.hub.line import RigLine
from pumprig.hub.outsiders import Door
from pumprig.rig import discovery, simulator
from pumprig.rig.portshare import canonical

RETRY_S = 2.0  # between two tries to take a port that somebody else holds


class HubError(PumpError):
    """The hub cannot begin."""


class Hub:
    """All that one process holds."""

    def __init__(self, only: list[str], say: Callable[[str], None], others_stop: bool = False) -> None:
        self.say = say
        self._door = Door(lambda: self.lines, say) if others_stop else None
        self.lines: list[RigLine] = []
        self.users: set[Connection] = set()
        self.ended = asyncio.Event()
        self.token = "" if wire.UNIX else secrets.token_hex(16)
        self._only = [self._resolved(name, None) for name in only]
        self._first = self._only  # what it waits for from the beginning
        self._server: asyncio.Server | None = None
        self._lock: Any = None

    async def begin(self) -> None:
        """Listen, and take the ports that are there. Raises HubError if another hub runs."""
        await asyncio.to_thread(self._alone)
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            return Connection(self)

        if wire.UNIX:
            path = wire.socket_path()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            before = os.umask(0o177)
            try:
                self._server = await loop.create_unix_server(connection, path)
            finally:
                os.umask(before)
        else:
            self._server = await loop.create_server(connection, "127.0.0.1", 0)
            _write_token(self._server.sockets[0].getsockname()[1], self.token)
        if self._door is not None:
            await self._door.open()
        self._first = self._only or [row.device for row in discovery.found() if row.is_pico]
        for name in self._first:
            with contextlib.suppress(LinkError):
                await self._take(name)

    def _alone(self) -> None:
        """Make the folder, and be the only hub there."""
        folder = Path(wire.socket_path()).parent if wire.UNIX else wire.folder()
        try:
            for place in {folder, wire.folder()}:
                place.mkdir(parents=True, exist_ok=True, mode=0o700)
            if wire.UNIX and folder.stat().st_uid != os.getuid():
                raise HubError(f"{folder} belongs to another user.", "No hub was started.")
            if wire.UNIX:
                os.chmod(folder, 0o700)
            self._lock = open(wire.folder() / "hub.lock", "w")  # noqa: SIM115  # held until the process ends
        except OSError as error:
            raise HubError(
                f"The hub's folder {folder} cannot be used: {error.strerror}.", "No hub was started."
            ) from None
        if not simulator.try_lock(self._lock):
            raise HubError(
                "A hub of this user runs already.",
                "No second one was started.",
                "`pumprig hub --status` shows it, `pumprig hub --stop` ends it.",
            )

    async def _take(self, address: str) -> RigLine:
        """The line of a port, open. Raises LinkError where it cannot be opened now."""
        line = self.find(address)
        if line is not None:
            if line.port is None:
                await self._open(line)
            return line
        line = RigLine(address)
        self.lines.append(line)
        try:
            await self._open(line, address not in self._first)
        except LinkError:
            if address not in self._first:
                self.lines.remove(line)  # somebody's mistake is no port of the hub's
            raise
        return line

    def find(self, address: str) -> RigLine | None:
        """The line of a port, whichever name it was given; a name may lead to another port after a replug."""
        meant = canonical(address)
        return next((line for line in self.lines if canonical(line.address) == meant), None)

    def left(self, line: RigLine) -> None:
        """A user has left: a port at which no rig has ever answered, and that nobody else uses, is given back."""
        mine = line.answers or line.users or line.lent or line.address in self._first
        if not mine and line in self.lines:
            self.lines.remove(line)
            line.close()
            self.say(f"gives {line.address} back: no rig answered there")

    async def _open(self, line: RigLine, new: bool = False) -> None:
        before = line.trouble
        try:
            await line.open()
        except LinkError as error:
            if error.happened != before and not new:
                self.say(f"waits for {line.address}: {error.happened}")
            raise
        if line.port is not None and before:
            self.say(f"holds {line.address}")

    async def watch_ports(self) -> None:
        """Take ports again that were busy or away; for ever."""
        while True:
            await asyncio.sleep(RETRY_S)
            for line in list(self.lines):
                if line.port is None and not line.lent:
                    with contextlib.suppress(LinkError):
                        await self._open(line)

    def _resolved(self, name: str | None, state: str | None) -> str:
        """A name as the command line takes it -> an address. Raises UsageError. May start a simulated rig."""
        return discovery.address_of(name, state)

    async def line_of(self, name: str | None, state: str | None) -> RigLine:
        """The line that a user means. Raises PumpError, KeyError for a port that is not the hub's."""
        address = await asyncio.to_thread(self._resolved, name, state)
        if self._only and canonical(address) not in map(canonical, self._only):
            raise KeyError(address)
        return await self._take(address)

    def status(self) -> dict[str, Any]:
        """What the hub holds, as `hub --status --json` and the doctor show it."""
        return {
            "pid": os.getpid(),
            "socket": wire.socket_path() if wire.UNIX else "127.0.0.1",
            "users": len(self.users),
            "rigs": [
                {
                    "port": line.address,
                    "open": line.port is not None,
                    "trouble": line.trouble,
                    "users": line.users,
                    **{name.replace(" ", "_"): count for name, count in line.counts.items()},
                }
                for line in self.lines
            ],
        }

    async def end(self) -> None:
        """Give every port back, and go."""
        for line in self.lines:
            line.close()
        for user in list(self.users):
            user.put_out()
        if self._door is not None:
            await self._door.close()
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(OSError):
            (Path(wire.socket_path()) if wire.UNIX else wire.token_path()).unlink()


def _write_token(port: int, token: str) -> None:
    path = wire.token_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps({"port": port, "token": token, "pid": os.getpid()}))


async def serve(
    only: list[str], say: Callable[[str], None], ready: Callable[[Hub], None], others_stop: bool = False
) -> None:
    """Run the hub until it is told to end or a signal comes. Raises HubError, PumpError."""
    hub = Hub(only, say, others_stop)
    await hub.begin()
    loop = asyncio.get_running_loop()
    if wire.UNIX:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, hub.ended.set)
    ready(hub)
    watching = asyncio.ensure_future(hub.watch_ports())
    try:
        await hub.ended.wait()
    finally:
        watching.cancel()
        await hub.end()
