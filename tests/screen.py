"""A terminal of 80 x 24 for tests: a real pseudo-terminal with a program in it, and what a person would see.

Owns: the pseudo-terminal, its size, the emulation of the screen.
Rules: waits for what is to be seen, never for a time; the program is ended with the block.
Units: seconds; rows and columns.
Leaves: the emulation itself to pyte.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from types import TracebackType

import pyte

COLUMNS, ROWS = 80, 24


class Screen:
    """A program on a pseudo-terminal."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        self._screen = pyte.HistoryScreen(COLUMNS, ROWS, history=1000)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        self._fd, inner = pty.openpty()
        # "Where is the cursor?" is answered where it was asked: after what came before it, before what comes next.
        self._screen.write_process_input = lambda answer: os.write(self._fd, answer.encode())
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.program = subprocess.Popen(
            words, stdin=inner, stdout=inner, stderr=inner, env=environment, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(inner)

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ):
        self.program.kill()
        self.program.wait()
        os.close(self._fd)

    def type(self, keys: str) -> None:
        """Keys as a person presses them; \\r is Enter, \\x03 Ctrl-C, \\x18 Ctrl-X."""
        os.write(self._fd, keys.encode())

    def enter(self, line: str) -> None:
        """A line of its own on an empty screen: what is seen afterwards came after it."""
        self._screen.reset()
        self.type(f"\x15\x0c{line}\r")

    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def printed(self) -> str:
        """What has come since the screen was last empty: what the screen shows, and above it what went off its top."""
        above = ("".join(row[column].data for column in range(COLUMNS)) for row in self._screen.history.top)
        return "\n".join((*(line.rstrip() for line in above), self.text()))

    def wait(self, *wanted: str, timeout_s: float = 60.0) -> str:
        """Until all of `wanted` have been printed; returns what the screen then shows. Raises AssertionError.

        On a busy machine the terminal's answer to "where is the cursor?" may come after the program has ceased to wait
        for it (a second) and reach the next prompt, which then scrolls: what a test waits for may be above the screen.
        """
        until_s = time.monotonic() + timeout_s
        while not all(each in self.printed() for each in wanted):
            left_s = until_s - time.monotonic()
            assert left_s > 0, f"{wanted} never appeared on:\n{self.printed()}"
            self._take(min(left_s, 0.2))
        return self.text()

    def ends(self, timeout_s: float = 60.0) -> int:
        """Until the program has ended; returns its exit code."""
        until_s = time.monotonic() + timeout_s
        while self.program.poll() is None and time.monotonic() < until_s:
            self._take(0.05)
        return self.program.wait(1)

    def _take(self, timeout_s: float) -> None:
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the program has ended
            return
        self.raw += data
        self._stream.feed(data)
