"""Lines over a serial port, a TCP port or a pseudo terminal.

Owns: the open port, the receive buffer, what a broken or occupied port is called.
Rules: opening never resets the device (no 1200 baud, no DTR dance); one tool at a time holds a port; whatever the
system raises becomes LinkBroken; a line that never ends is dropped, not kept; an urgent line from another thread
leaves between two lines of the conversation, and its answer never reaches that conversation.
Units: seconds, bytes; lines without their end.
Leaves: what a line means to client.py, which port to discovery.py.
"""

from __future__ import annotations

import os
import re
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Protocol, runtime_checkable

from pumprig.errors import LinkError

MAX_BUFFER = 8192
MAX_LINES = 10_000  # heard while nobody asked: an urgent line's answer may stand behind them
SLICE_S = 0.05  # so long a reader keeps others from reading
# the rig acts on a stop at once, but confirms none while another answer is under way: it is asked again soon
URGENT_S = 0.25
URGENT_ATTEMPTS = 16
BAUD = 115_200  # a USB serial port ignores it; never 1200, which some boards take for a request to reset


class LinkBroken(Exception):
    """The port failed or went away; args[0] says how. `sent`: whether the request may have reached the port."""

    def __init__(self, why: str, sent: bool = True) -> None:
        super().__init__(why)
        self.sent = sent


class Transport(Protocol):
    """What the client needs of a link; tests run the client on one without any hardware."""

    @property
    def address(self) -> str:
        """The port behind it."""
        ...

    def send(self, line: str) -> None:
        """Send one line. Raises LinkBroken."""
        ...

    def receive(self, timeout_s: float) -> str | None:
        """The next line, or None after timeout_s. Raises LinkBroken."""
        ...

    def reopen(self) -> None:
        """Close and open again. Raises LinkBroken."""
        ...

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        ...

    def close(self) -> None:
        """Give the port back; never raises."""
        ...


@runtime_checkable
class Urgent(Protocol):
    """A Transport on which another thread may send a line past the conversation."""

    def overtake(self, line: str, is_answer: Callable[[str], bool]) -> str:
        """Send a line; returns its answer. Raises LinkBroken."""
        ...


class SerialLink:
    """A Transport over pyserial: a device, COMx, socket:// or rfc2217://."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._port: Any = None
        self._buffer = bytearray()
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._urgent: tuple[Callable[[str], bool], SimpleQueue[str]] | None = None
        self._open()

    def _open(self) -> None:
        import serial

        try:
            self._port = serial.serial_for_url(
                self.address, baudrate=BAUD, timeout=0, write_timeout=2, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError, TypeError) as error:
            raise _open_error(self.address, error) from None
        self._buffer.clear()
        self._lines.clear()

    def reopen(self) -> None:
        self.close()
        try:
            self._open()
        except LinkError as error:
            raise LinkBroken(error.happened) from None

    def close(self) -> None:
        port, self._port = self._port, None
        if port is None:
            return
        try:
            if self.address.startswith("socket://"):
                _end_connection(port)
            else:
                port.close()
        except Exception:  # a port that has gone may raise anything here, and there is nothing left to do
            return

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def descriptor(self) -> int | None:
        """The port's file descriptor; None where it has none (Windows, rfc2217)."""
        try:
            return int(self._port.fileno())
        except (AttributeError, OSError, ValueError):
            return None

    def send(self, line: str) -> None:
        self.write(line.encode("ascii", "replace") + b"\n")

    def write(self, data: bytes) -> None:
        """Send bytes as they are. Raises LinkBroken."""
        with self._writing:
            if self._port is None:
                raise LinkBroken("the port is closed")
            try:
                self._port.write(data)
            except OSError as error:  # SerialException is one
                raise LinkBroken(_reason(error)) from None

    def receive(self, timeout_s: float) -> str | None:
        until_s = time.monotonic() + timeout_s
        while True:
            left_s = until_s - time.monotonic()
            with self._reading:
                if not self._lines:
                    self._hear(min(max(0.0, left_s), SLICE_S))
                if self._lines:
                    return self._lines.popleft()
            if left_s <= 0:
                return None

    def overtake(self, line: str, is_answer: Callable[[str], bool]) -> str:
        """Send a line past the conversation of another thread; returns its answer. Raises LinkBroken."""
        heard: SimpleQueue[str] = SimpleQueue()
        self._urgent = (is_answer, heard)
        try:
            for _ in range(URGENT_ATTEMPTS):
                self.write(b"\n" + line.encode("ascii", "replace") + b"\n")
                until_s = time.monotonic() + URGENT_S
                while time.monotonic() < until_s:
                    try:
                        return heard.get(timeout=SLICE_S / 5)
                    except Empty:
                        self._hear_for_nobody()
        finally:
            self._urgent = None
        raise LinkBroken("no answer came")

    def _hear_for_nobody(self) -> None:
        """Read on where nobody else does; what is not the urgent line's answer is kept for who asked for it."""
        if self._reading.acquire(blocking=False):
            try:
                self._hear(SLICE_S / 5)
            finally:
                self._reading.release()

    def _hear(self, timeout_s: float) -> None:
        """Take in what has come, line by line. Only with the reading lock."""
        self._buffer += self._read(timeout_s)
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r").decode("ascii", "replace")
            del self._buffer[: end + 1]
            urgent = self._urgent
            if urgent is not None and urgent[0](line):
                urgent[1].put(line)
            else:
                self._lines.append(line)
        if len(self._buffer) > MAX_BUFFER:
            self._buffer.clear()

    def _read(self, timeout_s: float) -> bytes:
        if self._port is None:
            raise LinkBroken("the port is closed")
        descriptor = self.descriptor()
        try:
            if descriptor is None:  # Windows and rfc2217: the port itself waits
                self._port.timeout = min(timeout_s, 0.02)
            elif not select.select([descriptor], [], [], timeout_s)[0]:
                return b""
            return self._port.read(4096 if descriptor is not None else max(1, self._port.in_waiting))
        except (OSError, ValueError) as error:
            raise LinkBroken(_reason(error)) from None


def _end_connection(port: Any) -> None:
    """End a TCP connection now; pyserial's own close sleeps 0.3 s after it, for which nobody here waits."""
    with socket.socket(fileno=os.dup(port.fileno())) as connection:
        connection.shutdown(socket.SHUT_RDWR)
    threading.Thread(target=port.close, daemon=True).start()


def _reason(error: Exception) -> str:
    text = str(error)
    if "returned no data" in text or "Input/output error" in text or "Errno 5" in text:
        return "the device was unplugged, or its program ended"
    if "Write timeout" in text:
        return "the device takes no data"
    return text or type(error).__name__


def _plain(text: str) -> str:
    """Why, without the numbers and repetitions in which pyserial and Python wrap it."""
    if "Inappropriate ioctl" in text:
        return "it is no serial port"
    words = re.split(r"\[Errno -?\d+\] ", text)[-1]
    return re.sub(r": '[^']*'$", "", words).strip(". ") or text


def _open_error(address: str, error: Exception) -> LinkError:
    text = str(error)
    if "exclusively lock" in text or "Resource busy" in text or "Access is denied" in text:
        return LinkError(
            f"{address} is in use by another program.",
            "not done",
            "End the other program (another pumprig, mpremote or a terminal) and try again.",
        )
    if "Permission denied" in text:
        return LinkError(
            f"{address} may not be opened by this user.",
            "not done",
            "On Linux: `sudo usermod -aG dialout $USER`, then log in again. `pumprig doctor` checks it.",
        )
    if isinstance(error, ValueError | TypeError) and "://" in address:
        return LinkError(
            f"{address} is no port address.",
            "not done",
            "Use a device, COMx, socket://host:port or rfc2217://...",
        )
    return LinkError(
        f"{address} cannot be opened: {_plain(text)}.",
        "not done",
        "Check the address, and that a rig's server runs there."
        if "://" in address
        else "`pumprig ports` lists the ports; check the cable.",
    )
