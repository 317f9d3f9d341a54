"""A Transport through the hub: what a serial port is to the client, over the hub's socket.

Owns: one user's connection, and what the hub's own words mean to a client.
Rules: a request that the hub did not write to the port is told as not sent, whatever becomes of the hub; while the hub
says that a request waits, its time does not run; a hub that has gone is a broken link.
Units: seconds; lines without their end.
Leaves: which port to whom to the hub, what a line means to rig/client.py.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Generator

from pumprig.errors import LinkError
from pumprig.hub import wire
from pumprig.rig.answers import NoAnswer
from pumprig.rig.link import LinkBroken

LONGEST_WAIT_S = 60.0  # of a hub that only says that it waits


class NotHeld(Exception):
    """The hub runs, but this port is not one of its ports."""


class HubGone(LinkBroken):
    """The hub has ended, or was ended."""


class HubLink:
    """One user's conversation with one rig."""

    shared = True  # others may change the rig between two requests

    def __init__(self, name: str | None, state: str | None) -> None:
        """Raises wire.NoHub, NotHeld, and LinkError where the hub cannot open the port."""
        self._name, self._state = name, state
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._asked = 0  # the number of the last numbered request, until the hub has written it to the port
        self._sent_s = 0.0
        self.waited_s = 0.0  # when the hub last said that a request waits
        self.address = ""
        self._attach()

    def _attach(self) -> None:
        self._socket, self._buffer, answer = wire.connect({"attach": self._name, "state": self._state})
        if "address" in answer:
            self.address = str(answer["address"])
            return
        self.close()
        if answer.get("error") == "not held":
            raise NotHeld(str(answer.get("text", "")))
        raise LinkError(
            str(answer.get("text", "The hub refused.")),
            "not done",
            str(answer.get("next_step", "`pumprig hub --status` shows what the hub holds.")),
        )

    @property
    def is_open(self) -> bool:
        """Whether the hub has not gone."""
        return self._socket is not None

    def send(self, line: str) -> None:
        """Send one line. Raises LinkBroken."""
        if not line:
            return  # the hub itself ends what others left half said
        number = line[1:].partition(" ")[0] if line.startswith(">") else ""
        self._asked = int(number) if number.isdigit() and int(number) < 1 << 32 else 0
        self._sent_s = time.monotonic()
        self._write(line)

    def _write(self, line: str) -> None:
        if self._socket is None:
            raise HubGone("the connection to the hub is closed", sent=False)
        try:
            self._socket.sendall(line.encode("ascii", "replace") + b"\n")
        except OSError as error:
            raise self._gone(str(error)) from None

    def _gone(self, why: str) -> HubGone:
        sent = self._asked == 0
        self.close()
        return HubGone(f"the hub has gone ({why})", sent=sent)

    def receive(self, timeout_s: float) -> str | None:
        """The next line of the port, or None after timeout_s that the hub did not wait.

        Raises LinkBroken, and NoAnswer where the hub knows that none will come.
        """
        until_s = time.monotonic() + timeout_s
        while True:
            line = self._line(until_s - time.monotonic())
            if line is None:
                return None
            if not line.startswith("!"):
                return line
            word, _blank, rest = line[1:].partition(" ")
            if word == "wait" and time.monotonic() - self._sent_s < LONGEST_WAIT_S:
                self.waited_s = time.monotonic()
                until_s = self.waited_s + timeout_s
            elif word == "going":
                self._asked = 0
            elif word == "none":
                raise NoAnswer(rest or "no answer came")
            elif word == "broken":
                sent, self._asked = self._asked == 0, 0
                raise LinkBroken(rest or "the port failed", sent=sent)

    def _line(self, timeout_s: float) -> str | None:
        """The next line of the hub."""
        until_s = time.monotonic() + timeout_s
        while True:
            line, end, rest = self._buffer.partition(b"\n")
            if end:
                self._buffer = rest
                return line.rstrip(b"\r").decode("ascii", "replace")
            if self._socket is None:
                raise HubGone("the connection to the hub is closed", sent=self._asked == 0)
            left_s = until_s - time.monotonic()
            try:
                if left_s <= 0 or not select.select([self._socket], [], [], left_s)[0]:
                    return None
                more = self._socket.recv(65536)
            except (OSError, ValueError) as error:
                raise self._gone(str(error)) from None
            if not more:
                raise self._gone("it ended")
            self._buffer += more

    def reopen(self) -> None:
        """Ask the hub to open the port again. Raises LinkBroken, HubGone."""
        self._asked = 0
        self._write("!reopen")
        until_s = time.monotonic() + wire.HELLO_S
        while (line := self._line(until_s - time.monotonic())) is not None:
            if line == "!open":
                return
            if line.startswith("!broken"):
                raise LinkBroken(line.partition(" ")[2])
        raise self._gone("it does not answer")

    def let_go(self) -> None:
        """The hub gives up what its user has asked for and it has not written yet, where the user leaves."""
        if self._asked:
            self.close()

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def close(self) -> None:
        """End the conversation; never raises."""
        connection, self._socket = self._socket, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()


@contextlib.contextmanager
def borrowed(address: str) -> Generator[None]:
    """Within the block the hub, where one runs, does not hold this port. Raises LinkError."""
    try:
        connection, _rest, answer = wire.connect(
            {"borrow": os.path.abspath(address) if address.startswith("/") else address}
        )
    except wire.NoHub:
        yield
        return
    with contextlib.closing(connection):
        if "address" not in answer and answer.get("error") != "not held":
            raise LinkError(str(answer.get("text", "The hub refused.")), "not done")
        yield
