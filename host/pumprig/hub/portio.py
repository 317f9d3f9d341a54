"""One port in the hub's event loop: bytes in, bytes out, nothing that waits.

Owns: the open port, its output that waits, the lines of its input.
Rules: opening, exclusivity and error texts are rig/link.py's; a write never waits for the device; the port that broke
is closed and told once; a port without a file descriptor (Windows, rfc2217) has a thread that reads and one that
writes.
Units: bytes; lines without their end.
Leaves: what a line means to line.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable

from pumprig.rig.link import MAX_BUFFER, LinkBroken, SerialLink

READ_BYTES = 65_536
MOST_UNSENT = 65_536  # a device that takes no data is broken, long before
THREAD_S = 0.02


class PortIO:
    """An open port. `heard(line)` for each line, `broken(why)` once."""

    def __init__(
        self,
        link: SerialLink,
        heard: Callable[[str], None],
        broken: Callable[[str], None],
        threads: bool | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = link
        self._heard = heard
        self._broken = broken
        self._input = bytearray()
        self._output = bytearray()
        self._closed = False
        self._descriptor = -1
        descriptor = link.descriptor()
        threaded = sys.platform == "win32" if threads is None else threads
        if descriptor is not None and not threaded:
            self._descriptor = descriptor
            self._loop.add_reader(descriptor, self._readable)
            self._queue: queue.SimpleQueue[bytes | None] | None = None
        else:
            self._queue = queue.SimpleQueue()
            threading.Thread(target=self._read_on, name="port in", daemon=True).start()
            threading.Thread(target=self._write_on, name="port out", daemon=True).start()

    def write(self, line: str) -> None:
        """Send a line as soon as the port takes it."""
        data = line.encode("ascii", "replace") + b"\n"
        if self._closed:
            return
        if self._queue is not None:
            self._queue.put(data)
            return
        self._output += data
        if len(self._output) == len(data):
            self._writable()
        if len(self._output) > MOST_UNSENT:
            self._fail("the device takes no data")

    def close(self) -> None:
        """Give the port back."""
        if self._closed:
            return
        self._closed = True
        if self._queue is not None:
            self._queue.put(None)
        else:
            with contextlib.suppress(OSError, ValueError):
                self._loop.remove_reader(self._descriptor)
                self._loop.remove_writer(self._descriptor)
        self._link.close()

    def _fail(self, why: str) -> None:
        if not self._closed:
            self.close()
            self._broken(why)

    # --- with a descriptor

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._fail("the device was unplugged, or its program ended")
            return
        self._take(data)

    def _writable(self) -> None:
        try:
            taken = os.write(self._descriptor, self._output)
        except BlockingIOError:
            taken = 0
        except OSError:
            self._fail("the device was unplugged, or its program ended")
            return
        del self._output[:taken]
        if self._output:
            self._loop.add_writer(self._descriptor, self._writable)
        else:
            self._loop.remove_writer(self._descriptor)

    def _take(self, data: bytes) -> None:
        self._input += data
        while (end := self._input.find(b"\n")) >= 0:
            line = bytes(self._input[:end]).rstrip(b"\r").decode("ascii", "replace")
            del self._input[: end + 1]
            self._heard(line)
            if self._closed:
                return
        if len(self._input) > MAX_BUFFER:
            self._input.clear()

    # --- with threads

    def _read_on(self) -> None:
        try:
            while not self._closed:
                line = self._link.receive(THREAD_S)
                if line is not None:
                    self._loop.call_soon_threadsafe(self._from_thread, line)
        except (LinkBroken, RuntimeError) as error:
            self._tell_loop(str(error))

    def _write_on(self) -> None:
        assert self._queue is not None
        try:
            while (data := self._queue.get()) is not None:
                self._link.write(data)
        except LinkBroken as error:
            self._tell_loop(str(error))

    def _from_thread(self, line: str) -> None:
        if not self._closed:
            self._heard(line)

    def _tell_loop(self, why: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._fail, why)
