"""One user of the hub: the first line says what it wants, the rest goes to a rig's line.

Owns: a connection's life, its unread input and output.
Rules: what does not begin as a user of ours would (a web page, a terminal) is put out without a word; a user who
leaves a megabyte unread is put out, and delays nobody.
Units: bytes.
Leaves: which port to server.py, a rig's line to line.py, the words to wire.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from typing import TYPE_CHECKING, Any, cast

from pumprig.errors import LinkError, PumpError
from pumprig.hub import wire
from pumprig.hub.line import RigLine

if TYPE_CHECKING:
    from pumprig.hub.server import Hub

MOST_UNREAD = 1 << 20  # bytes that wait for a user who does not read
LONGEST_LINE = 8192


class Connection(asyncio.Protocol):
    """One user: the first line says what it wants, the rest goes to a rig's line."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._input = b""
        self._output = bytearray()
        self._transport: asyncio.Transport | None = None
        self._line: RigLine | None = None
        self._borrowed: RigLine | None = None
        self._greeted = False
        self._attaching: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._hub.users.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._hub.users.discard(self)
        if self._line is not None:
            line, self._line = self._line, None
            line.users -= 1
            line.leave(self)
            self._hub.left(line)
        if self._borrowed is not None:
            self._borrowed.lent = False
            self._hub.say(f"has {self._borrowed.address} back")

    def data_received(self, data: bytes) -> None:
        self._input += data
        while (end := self._input.find(b"\n")) >= 0 and (self._line is not None or not self._greeted):
            line = self._input[:end].rstrip(b"\r")
            self._input = self._input[end + 1 :]
            if not self._greeted:
                self._greeted = True
                self._greet(line)
            elif self._line is not None:
                self._line.ask(self, line.decode("ascii", "replace"))
        if len(self._input) > LONGEST_LINE * 4:
            self.put_out()

    def tell(self, line: str) -> None:
        """Send a line, together with what else is told in this turn of the loop."""
        if not self._output and self._transport is not None:
            asyncio.get_running_loop().call_soon(self.flush)
        self._output += line.encode("ascii", "replace") + b"\n"

    def flush(self) -> None:
        """Send what was told now; a user who has left a megabyte unread is put out."""
        data, self._output = bytes(self._output), bytearray()
        transport = self._transport
        if transport is None or not data:
            return
        transport.write(data)
        if transport.get_write_buffer_size() > MOST_UNREAD:
            self.put_out()

    def put_out(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, content: dict[str, Any]) -> None:
        if self._transport is not None:
            self._transport.write(json.dumps(content).encode() + b"\n")

    def _greet(self, line: bytes) -> None:
        try:
            first: Any = json.loads(line)
            if not isinstance(first, dict):
                raise ValueError
        except ValueError:
            self.put_out()  # no user of ours: a web page or a terminal
            return
        wanted = cast("dict[str, Any]", first)
        token = str(wanted.get("token", "")).encode(errors="replace")
        if self._hub.token and not secrets.compare_digest(token, self._hub.token.encode()):
            self._answer({"error": "token", "text": "The hub's token is missing or wrong."})
            self.put_out()
        elif wanted.get("hub") != wire.VERSION:
            self._answer({"error": "version", "text": "The hub is another version's: `pumprig hub --stop`."})
        elif "attach" in wanted and all(
            isinstance(wanted.get(word), str | None) for word in ("attach", "state")
        ):
            self._attaching = asyncio.ensure_future(self._attach(wanted["attach"], wanted.get("state")))
        elif "borrow" in wanted:
            self._borrow(str(wanted["borrow"]))
        elif "status" in wanted:
            self._answer(self._hub.status())
        elif "end" in wanted:
            self._answer({"pid": os.getpid()})
            self._hub.ended.set()
        else:
            self._answer({"error": "request", "text": "The hub does not know what is wanted."})

    async def _attach(self, name: str | None, state: str | None) -> None:
        try:
            line = await self._hub.line_of(name, state)
        except KeyError as error:
            self._answer({"error": "not held", "text": f"{error.args[0]} is not one of the hub's ports"})
            return
        except LinkError as error:
            self._answer({"error": "link", "text": error.happened, "next_step": error.next_step})
            return
        except PumpError as error:
            self._answer({"error": "not held", "text": error.happened})
            return
        if self._transport is None:
            return
        self._line = line
        line.users += 1
        self._answer({"address": line.address, "pid": os.getpid()})
        if self._input:
            self.data_received(b"")

    def _borrow(self, name: str) -> None:
        line = self._hub.find(name)
        if line is None:
            self._answer({"error": "not held", "text": f"{name} is not one of the hub's ports"})
            return
        if line.lent:
            self._answer({"error": "link", "text": f"{name} is lent to another program already."})
            return
        line.lend()
        self._borrowed = line
        self._hub.say(f"lends {line.address}")
        self._answer({"address": line.address})
