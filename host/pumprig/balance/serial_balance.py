"""A balance on a port: questions, answers, time stamps.

Owns: the serial port, time-outs, the latency estimate.
Rules: every wait is bounded; a silent balance is an error with a next step; a reading lies between question and answer;
    a line that is no reading is told, and the next one waited for.
Units: seconds on the host's monotonic clock, mass in g.
Leaves: whole lines to line.py, bytes to frames.py, meaning to the protocol files, finding out to search.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pumprig.balance import frames
from pumprig.balance.line import Line, LineReader
from pumprig.balance.reading import BalanceError, Dialect, Reading, shown

ANSWER_S = 4.0  # the slowest that is known answers after two
PRINT_S = 15.0  # a balance that prints at stability or at an interval
TARE_S = 20.0


class Port:
    """A pyserial port in one frame; whatever the system raises when it has gone becomes BalanceError."""

    def __init__(self, port: Any, frame: str = "8N1") -> None:
        self._port = port
        self.frame = frame

    def write(self, data: bytes, /) -> Any:
        """Send bytes."""
        return self._guard(lambda: self._port.write(frames.encode(data, self.frame)))

    def read(self, size: int = 1, /) -> bytes:
        """At most `size` bytes, fewer after the time-out."""
        return frames.decode(self._guard(lambda: self._port.read(size)), self.frame)

    def waiting(self) -> int:
        """How many bytes have come and were not read."""
        return self._guard(lambda: self._port.in_waiting)

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
        self,
        line: Line,
        dialect: Dialect,
        model: str,
        clock: Callable[[], float] = time.monotonic,
        settings: str = "",
    ) -> None:
        self._line = line
        self._clock = clock
        self._lines = LineReader(line, clock)
        self.dialect = dialect
        self.model = model
        self.settings = settings

    def read(self) -> Reading:
        """Ask for a reading now, or wait for the next one that is printed.

        Raises BalanceError where none comes within 4 s (15 s where it prints by itself), or none that is a reading.
        The time is the middle between question and answer; half their distance is its standard uncertainty's bound.
        """
        self._lines.drain()
        asked_s = self._clock()
        until_s = asked_s + (ANSWER_S if self.dialect.ask else PRINT_S)
        if self.dialect.ask:
            self._line.write(self.dialect.ask)
        told: BalanceError | None = None
        while self._clock() < until_s:
            raw = self._lines.next(max(until_s - self._clock(), 0.01))
            if raw is None:
                break
            came_s = self._clock()
            try:
                said = self.dialect.said(raw)
            except BalanceError as error:
                if told is None:
                    until_s = min(until_s, came_s + ANSWER_S)
                told = told or error
                continue
            half_s = 0.5 * (came_s - asked_s) if self.dialect.ask else 0.0
            return Reading(came_s - half_s, half_s, said.mass_g, said.stable, said.trouble, raw)
        if told is not None:
            raise told
        raise silence(until_s - asked_s)

    def tare(self) -> None:
        """Make the present load zero; waits for the balance to settle. Raises BalanceError where it does not."""
        self._lines.drain()
        if not self.dialect.ask_tare:
            raise BalanceError(
                "A balance that prints by itself is not asked to tare.",
                "Nothing was tared.",
                "Press its key.",
            )
        self._line.write(self.dialect.ask_tare)
        if self.dialect.name in ("sbi", "kern"):
            return
        until_s = self._clock() + TARE_S
        raw = self._lines.next(TARE_S)
        while raw is not None and raw.strip() in ("T A", "S A") and self._clock() < until_s:
            raw = self._lines.next(TARE_S)  # begun; its end comes in a line of its own
        if raw is None or not self.dialect.tared(raw):
            said = "it said nothing" if raw is None else f"it said {shown(raw)}"
            raise BalanceError(
                f"The balance did not tare; {said}.", "Nothing was tared.", "Let it settle and repeat."
            )

    def lines(self, for_s: float) -> list[str]:
        """Whole lines that come within `for_s`, asking for none."""
        until_s = self._clock() + for_s
        found: list[str] = []
        while self._clock() < until_s:
            raw = self._lines.next(max(until_s - self._clock(), 0.01))
            if raw is not None:
                found.append(raw)
        return found

    def ask_line(self, for_s: float) -> str | None:
        """Ask for a reading and give the first whole line as it came, whatever it is."""
        self._lines.drain()
        if self.dialect.ask:
            self._line.write(self.dialect.ask)
        return self._lines.next(for_s)

    def close(self) -> None:
        """Close the port."""
        self._line.close()


def silence(waited_s: float) -> BalanceError:
    """The error for a balance that said nothing."""
    return BalanceError(
        f"The balance did not answer within {waited_s:.2g} s.",
        "Nothing was recorded.",
        "Check the cable, the baud rate, and that it is not in a menu; `pumprig balance test PORT` looks for it.",
    )


def open_port(port: str, baud: int, frame: str) -> Port:
    """Open a port (device, `socket://`, `rfc2217://`). Raises BalanceError."""
    import serial

    own = frames.in_software(frame) or frame == "8N1"
    options: dict[str, Any] = (
        {} if own else {"bytesize": int(frame[0]), "parity": frame[1], "stopbits": int(frame[2])}
    )
    try:
        opened: Any = serial.serial_for_url(
            port, baudrate=baud, timeout=0.05, write_timeout=1.0, exclusive=None, **options
        )
    except (OSError, ValueError) as error:
        raise BalanceError(f"{port}: {error}.", "No balance was opened.", "Check the port's name.") from error
    return Port(opened, frame)
