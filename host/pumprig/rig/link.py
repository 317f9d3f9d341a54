"""Lines over a serial port, a TCP port or a pseudo terminal.

Owns: the open port, the receive buffer, what a broken or occupied port is called.
Rules: opening never resets the device (no 1200 baud, no DTR dance); one tool at a time holds a port; whatever the
system raises becomes LinkBroken; a line that never ends is dropped, not kept.
Callers: client.py through the Transport protocol; flash.py for raw bytes.
Units: seconds, bytes; lines without their end.
Leaves: what a line means to client.py, which port to discovery.py.
"""

from __future__ import annotations

import select
import time
from typing import Any, Protocol

from pumprig.errors import LinkError

MAX_BUFFER = 8192
BAUD = 115_200  # a USB serial port ignores it; never 1200, which some boards take for a request to reset


class LinkBroken(Exception):
    """The port failed or went away; args[0] says how."""


class Transport(Protocol):
    """What the client needs of a link; tests run the client on one without any hardware."""

    address: str

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


class SerialLink:
    """A Transport over pyserial: a device, COMx, socket:// or rfc2217://."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._port: Any = None
        self._buffer = bytearray()
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

    def reopen(self) -> None:
        self.close()
        try:
            self._open()
        except LinkError as error:
            raise LinkBroken(error.happened) from None

    def close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except Exception:  # a port that has gone may raise anything here, and there is nothing left to do
                return

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def send(self, line: str) -> None:
        self.write(line.encode("ascii", "replace") + b"\n")

    def write(self, data: bytes) -> None:
        """Send bytes as they are. Raises LinkBroken."""
        if self._port is None:
            raise LinkBroken("the port is closed")
        try:
            self._port.write(data)
        except OSError as error:  # SerialException is one
            raise LinkBroken(_reason(error)) from None

    def receive(self, timeout_s: float) -> str | None:
        until_s = time.monotonic() + timeout_s
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return line.rstrip(b"\r").decode("ascii", "replace")
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return None
            self._buffer += self._read(left_s)
            if len(self._buffer) > MAX_BUFFER and b"\n" not in self._buffer:
                self._buffer.clear()

    def _read(self, timeout_s: float) -> bytes:
        if self._port is None:
            raise LinkBroken("the port is closed")
        try:
            descriptor = self._port.fileno()
        except (AttributeError, OSError):
            descriptor = None
        try:
            if descriptor is None:  # Windows and rfc2217: the port itself waits
                self._port.timeout = min(timeout_s, 0.02)
            elif not select.select([descriptor], [], [], timeout_s)[0]:
                return b""
            return self._port.read(4096 if descriptor is not None else max(1, self._port.in_waiting))
        except (OSError, ValueError) as error:
            raise LinkBroken(_reason(error)) from None


def _reason(error: Exception) -> str:
    text = str(error)
    if "returned no data" in text or "Input/output error" in text or "Errno 5" in text:
        return "the device was unplugged, or its program ended"
    if "Write timeout" in text:
        return "the device takes no data"
    return text or type(error).__name__


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
        f"{address} cannot be opened: {text}.",
        "not done",
        "`pumprig ports` lists the ports; check the cable.",
    )
