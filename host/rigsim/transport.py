"""The simulated rig's line as the operating system offers it: a pseudo-terminal or a TCP port.

Owns: file descriptors, the symbolic link to the pty, one client at a time.
Rules: nothing here blocks; a client that goes away loses what it did not read, and the next one finds a clean
line; a second TCP client is told so in one line and closed.
Units: bytes, seconds.
Leaves: what flows over the line to port.py and the firmware.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import sys
from typing import Protocol

CHUNK = 4096
HANGUP_POLL_S = 0.004  # how often a pty without a client is looked at
LOOK_AGAIN_S = 1.0


class TransportError(OSError):
    """The line could not be set up; the text says why and what to do."""


class Transport(Protocol):
    """What serve.py needs of a line."""

    name: str

    @property
    def connected(self) -> bool: ...
    @property
    def wake_fds(self) -> tuple[int, ...]: ...
    @property
    def patience_s(self) -> float: ...
    def wait(self, limit_s: float, output_waits: bool, wake_fds: tuple[int, ...]) -> None: ...
    def read(self, limit: int) -> bytes: ...
    def write(self, data: bytes) -> int: ...
    def hang_up(self) -> None: ...
    def close(self) -> None: ...


class Pty:
    """A pseudo-terminal; `link` becomes a symbolic link to it."""

    def __init__(self, link: str | None) -> None:
        if sys.platform == "win32":
            raise TransportError("pseudo-terminals need Linux or macOS; use --tcp")
        import tty

        self._link = link
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.name = self._terminal = os.ttyname(slave)
        os.set_blocking(self._master, False)
        os.close(slave)
        if link is not None:
            self._make_link(link)
            self.name = link

    def _make_link(self, link: str) -> None:
        if os.path.lexists(link):
            if not _made_here(link):
                os.close(self._master)
                raise TransportError(
                    f"{link} exists, and no simulated rig made it; choose another path for --link"
                )
            os.unlink(link)
        try:
            with open(_note(link), "w", encoding="utf-8") as note:
                note.write(self.name)
            os.symlink(self.name, link)
        except OSError as error:
            os.close(self._master)
            raise TransportError(f"{link} cannot be made: {error.strerror}") from error

    @property
    def connected(self) -> bool:
        """Whether some program has the terminal open."""
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))

    @property
    def wake_fds(self) -> tuple[int, ...]:
        """Descriptors that become readable on input; none while nobody has the terminal open."""
        return (self._master,) if self.connected else ()

    @property
    def patience_s(self) -> float:
        """How long somebody else may wait on `wake_fds` before this line must be looked at again."""
        return LOOK_AGAIN_S if self.connected else HANGUP_POLL_S

    def wait(self, limit_s: float, output_waits: bool, wake_fds: tuple[int, ...]) -> None:
        """Return on input, on room for output, when one of `wake_fds` is readable, or after limit_s."""
        poll = select.poll()
        for descriptor in wake_fds:
            poll.register(descriptor, select.POLLIN)
        if self.connected:
            poll.register(self._master, select.POLLIN | (select.POLLOUT if output_waits else 0))
        else:
            limit_s = min(limit_s, HANGUP_POLL_S)
        poll.poll(limit_s * 1000)

    def read(self, limit: int) -> bytes:
        """What has arrived, at most `limit` bytes."""
        try:
            return os.read(self._master, limit)
        except OSError as error:
            if error.errno in (errno.EIO, errno.EAGAIN):  # no client, or nothing to read
                return b""
            raise

    def write(self, data: bytes) -> int:
        """Bytes that the terminal took; 0 while its buffer is full."""
        try:
            return os.write(self._master, data)
        except OSError as error:
            if error.errno in (errno.EIO, errno.EAGAIN):
                return 0
            raise

    def hang_up(self) -> None:
        """A pty cannot be pulled from its client's hand; the line just stays silent."""

    def close(self) -> None:
        """Remove the link, if it is still ours, and the terminal."""
        if self._link is not None and _made_here(self._link, self._terminal):
            with contextlib.suppress(OSError):
                os.unlink(self._link)
                os.unlink(_note(self._link))
        os.close(self._master)


def _note(link: str) -> str:
    """The file beside a link that says what it was made to: a killed rig's link is known again by it."""
    folder, name = os.path.split(link)
    return os.path.join(folder, f".{name}.rigsim")


def _made_here(link: str, target: str | None = None) -> bool:
    """Whether a simulated rig made this link, to this terminal if one is named."""
    try:
        points_at = os.readlink(link)
        with open(_note(link), encoding="utf-8") as note:
            noted = note.read()
    except OSError:
        return False
    return points_at == noted and target in (None, noted)


class Tcp:
    """A TCP port on this machine; port 0 takes a free one."""

    def __init__(self, port: int) -> None:
        self._server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._server.bind(("127.0.0.1", port))
        except OSError as error:
            self._server.close()
            raise TransportError(
                f"TCP port {port} cannot be had ({error.strerror}); choose another"
            ) from error
        self._server.listen(4)
        self._server.setblocking(False)
        self._client: socket.socket | None = None
        self.name = f"socket://127.0.0.1:{self._server.getsockname()[1]}"

    @property
    def connected(self) -> bool:
        """Whether a client is there."""
        return self._client is not None

    @property
    def wake_fds(self) -> tuple[int, ...]:
        """As Pty.wake_fds, and for a new client."""
        return (self._server.fileno(), *(() if self._client is None else (self._client.fileno(),)))

    @property
    def patience_s(self) -> float:
        """As Pty.patience_s."""
        return LOOK_AGAIN_S

    def wait(self, limit_s: float, output_waits: bool, wake_fds: tuple[int, ...]) -> None:
        """As Pty.wait; also takes or turns away new clients."""
        readers: list[socket.socket | int] = [self._server, *wake_fds]
        writers: list[socket.socket] = []
        if self._client is not None:
            readers.append(self._client)
            if output_waits:
                writers.append(self._client)
        ready, _, _ = select.select(readers, writers, [], limit_s)
        if self._server in ready:
            self._accept()

    def _accept(self) -> None:
        try:
            client, _ = self._server.accept()
        except OSError:
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._client is None:
            self._client = client
            return
        with contextlib.suppress(OSError):
            client.send(
                b"? busy: another program has this rig's port open; nothing was done. Try again when it has closed.\r\n"
            )
        client.close()

    def read(self, limit: int) -> bytes:
        """What has arrived, at most `limit` bytes."""
        if self._client is None:
            return b""
        try:
            data = self._client.recv(limit)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.hang_up()
        return data

    def write(self, data: bytes) -> int:
        """Bytes that the socket took; 0 while its buffer is full."""
        if self._client is None:
            return len(data)
        try:
            return self._client.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.hang_up()
            return len(data)

    def hang_up(self) -> None:
        """Close the client's connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def close(self) -> None:
        """Close everything."""
        self.hang_up()
        self._server.close()
