"""A balance on a port: questions, answers, time stamps, and finding out which protocol it speaks.

Owns: the serial port, line assembly, time-outs, the latency estimate, the search over protocols.
Rules: every wait is bounded; a silent balance is an error with a next step; a reading lies between question and answer.
Callers: the calibration run, `pumprig calibrate`.
Units: seconds on the host's monotonic clock, mass in g.
Leaves: the meaning of a line to the protocol files.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from pumprig.balance.aandd import AandD
from pumprig.balance.mtsics import MtSics
from pumprig.balance.ohaus import Ohaus
from pumprig.balance.reading import BalanceError, Dialect, Reading, not_understood
from pumprig.balance.sbi import Sbi

DIALECTS: tuple[Callable[[], Dialect], ...] = (MtSics, Sbi, AandD, Ohaus)
BAUD_RATES = (9600, 2400, 19200, 1200, 38400)
ANSWER_S = 1.5
TARE_S = 20.0
LINE_LIMIT = 200


class Line(Protocol):
    """What is needed of a port; pyserial's ports have it. `read` returns what came within the port's time-out."""

    def write(self, data: bytes, /) -> Any: ...
    def read(self, size: int = 1, /) -> bytes: ...
    def reset_input_buffer(self) -> None: ...
    def close(self) -> None: ...


class Port:
    """A pyserial port; whatever the system raises when it has gone becomes BalanceError."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def write(self, data: bytes, /) -> Any:
        """Send bytes."""
        return self._guard(lambda: self._port.write(data))

    def read(self, size: int = 1, /) -> bytes:
        """At most `size` bytes, fewer after the time-out."""
        return self._guard(lambda: self._port.read(size))

    def reset_input_buffer(self) -> None:
        """Drop what has come and was not read."""
        self._guard(self._port.reset_input_buffer)

    def close(self) -> None:
        """Give the port back; never raises."""
        with suppress(BalanceError):
            self._guard(self._port.close)

    def _guard(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Exception as error:  # OSError, SerialException, termios.error: it depends on the system
            raise BalanceError(
                f"The balance's port failed: {error}.", "Nothing was recorded.", "Check the cable."
            ) from error


class Balance:
    """One balance on an open line."""

    def __init__(
        self, line: Line, dialect: Dialect, model: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._line = line
        self._clock = clock
        self.dialect = dialect
        self.model = model

    def read(self) -> Reading:
        """Ask for a reading now. Raises BalanceError where none comes within 1.5 s or the line is no reading.

        The time is the middle between question and answer; half their distance is its standard uncertainty's bound.
        """
        self._line.reset_input_buffer()
        asked_s = self._clock()
        self._line.write(self.dialect.ask)
        raw = self._answer(ANSWER_S)
        came_s = self._clock()
        said = self.dialect.said(raw)
        half_s = 0.5 * (came_s - asked_s)
        return Reading(asked_s + half_s, half_s, said.mass_g, said.stable, said.trouble, raw)

    def tare(self) -> None:
        """Make the present load zero; waits for the balance to settle. Raises BalanceError where it does not."""
        self._line.reset_input_buffer()
        self._line.write(self.dialect.ask_tare)
        if self.dialect.name == "sbi":
            return
        raw = self._answer(TARE_S)
        if not self.dialect.tared(raw):
            raise BalanceError(
                f"The balance did not tare; it said {raw[:40]!r}.",
                "Nothing was tared.",
                "Let it settle and repeat.",
            )

    def close(self) -> None:
        """Close the port."""
        self._line.close()

    def _answer(self, limit_s: float) -> str:
        return read_line(self._line, limit_s, self._clock)


def read_line(line: Line, limit_s: float, clock: Callable[[], float]) -> str:
    """The next line that is not empty, without its end. Raises BalanceError after `limit_s` or 200 characters."""
    until_s = clock() + limit_s
    got = b""
    while clock() < until_s:
        byte = line.read(1)
        if byte in (b"\n", b"\r"):
            if got.strip():
                return got.decode("latin-1")
            got = b""
        else:
            got += byte
        if len(got) > LINE_LIMIT:
            raise not_understood(got.decode("latin-1"))
    raise BalanceError(
        f"The balance did not answer within {limit_s:g} s.",
        "Nothing was recorded.",
        "Check the cable, the baud rate, and that the balance is not in a menu.",
    )


def recognise(line: Line, clock: Callable[[], float] = time.monotonic) -> tuple[Dialect, str] | None:
    """Ask in every protocol who is there; the protocol and the model, or None."""
    for make in DIALECTS:
        dialect = make()
        try:
            line.reset_input_buffer()
            line.write(dialect.ask_identity)
            model = dialect.identity(read_line(line, 0.5, clock))
        except BalanceError:
            continue
        if model is not None:
            return dialect, model
    return None


def open_balance(port: str, baud: int | None = None) -> Balance:
    """Open a port (device, `socket://`, `rfc2217://`) and find out what speaks there. Raises BalanceError."""
    import serial

    tried = (baud,) if baud else (BAUD_RATES[:1] if "://" in port else BAUD_RATES)
    for rate in tried:
        try:
            line = Port(
                serial.serial_for_url(port, baudrate=rate, timeout=0.05, write_timeout=1.0, exclusive=None)
            )
        except (OSError, ValueError) as error:
            raise BalanceError(
                f"{port}: {error}.", "No balance was opened.", "Check the port's name."
            ) from error
        found = recognise(line)
        if found is not None:
            return Balance(line, found[0], found[1])
        line.close()
    rates = ", ".join(str(rate) for rate in tried)
    raise BalanceError(
        f"{port}: nothing there answers as a balance (MT-SICS, SBI, A&D, Ohaus; {rates} baud).",
        "No balance was opened.",
        "Check the cable and the balance's interface settings.",
    )
