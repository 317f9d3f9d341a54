"""A stop by another user of this computer, where the hub's owner allows it; and nothing else.

Owns: the second socket, the one request that it takes, and how another user asks.
Rules: it is there only with `hub --let-others-stop`; it takes a stop and no other word, and tells the count and nothing
else; who asks first sees that the socket belongs to the owner that was named; a line of it reaches no rig.
Units: seconds, bytes.
Leaves: the stop itself to line.py, the owner's own users to connection.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from pumprig.errors import LinkError, PumpError, UsageError
from pumprig.hub.line import RigLine

FOLDER = Path(
    "/tmp"
)  # which every user of a Unix system can enter, and whose files only their owner can replace
LONGEST = 512
LIMIT_S = 20.0
AT_ONCE = 16  # users who are answered at a time


def path_of(uid: int) -> Path:
    """The socket of a user's hub."""
    return FOLDER / f"pumprig-stop-{uid}.sock"


class Door:
    """The owner's side."""

    def __init__(self, lines: Callable[[], list[RigLine]], say: Callable[[str], None]) -> None:
        self._lines, self._say = lines, say
        self._server: asyncio.Server | None = None
        self._inside = 0
        self.path = path_of(os.getuid())

    async def open(self) -> None:
        """Listen. Raises PumpError where something of another user is in the way."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.lstat().st_uid != os.getuid():
                raise PumpError(f"{self.path} belongs to another user.", "No hub was started.")
            self.path.unlink()
        self._server = await asyncio.start_unix_server(self._serve, str(self.path), limit=LONGEST)
        self.path.chmod(0o666)

    async def close(self) -> None:
        """Be gone."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(OSError):
                self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._inside += 1
        try:
            if self._inside <= AT_ONCE:
                answer = await asyncio.wait_for(self._answer(reader), LIMIT_S)
                writer.write(json.dumps(answer).encode() + b"\n")
                await asyncio.wait_for(writer.drain(), LIMIT_S)
        except (OSError, ValueError, TimeoutError):
            pass  # no user of ours, or gone
        finally:
            self._inside -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        told: object = json.loads(await reader.readline())
        wanted = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
        if set(wanted) != {"stop"}:
            return {"error": "this socket takes a stop, and nothing else", "outcome": "not done"}
        line = self._meant(wanted["stop"])
        if line is None:
            ports = ", ".join(row.address for row in self._lines())
            return {"error": f"name one of the hub's ports: {ports}", "outcome": "not done"}
        try:
            fields = await asyncio.to_thread(line.stop_from_elsewhere)
        except LinkError as error:
            return {"error": error.happened, "outcome": error.outcome}
        self._say(f"another user of this computer has stopped {line.address}")
        return {"delivered_steps": fields.get("delivered_steps")}

    def _meant(self, name: object) -> RigLine | None:
        lines = self._lines()
        if name is None:
            return lines[0] if len(lines) == 1 else None
        return next((line for line in lines if line.address == name), None)


def stop(owner: str, port: str | None) -> dict[str, str]:
    """Stop a rig of another user's hub; -> what the rig said. Raises UsageError, LinkError."""
    import pwd

    try:
        uid = pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise UsageError(f"There is no user {owner} on this computer.", "Nothing was sent.") from None
    path = path_of(uid)
    try:
        found = path.lstat()
        if found.st_uid != uid or not stat.S_ISSOCK(found.st_mode):
            raise LinkError(
                f"{path} does not belong to {owner}.", "not done", "Press the stop button on the rig."
            )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(LIMIT_S)
            connection.connect(str(path))
            connection.sendall(json.dumps({"stop": port}).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline(LONGEST) or b"{}")
    except (OSError, ValueError) as error:
        raise LinkError(
            f"{owner} runs no hub that lets others stop its rigs ({error}).",
            "not done",
            f"Press the stop button on the rig; {owner} allows it with `pumprig hub --let-others-stop`.",
        ) from None
    told = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    steps = str(told.get("delivered_steps", ""))
    if not (steps.isascii() and steps.isdigit()):
        raise LinkError(
            f"The hub of {owner} did not confirm the stop: {told.get('error', 'no count came')}.",
            "not done" if told.get("outcome") == "not done" else "unknown",
            "Press the stop button on the rig.",
        )
    return {"delivered_steps": steps}
