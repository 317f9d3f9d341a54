"""A sign of life on a terminal while a command computes or waits: nothing is silent for over a second.

Owns: one line, "report: at work, 3 s", its coming, its going and its place.
Rules: it comes after a silence, only where the cursor stands at the beginning of a line, and goes before anything else
is written; while a question waits or a live picture is shown it stays away; it never decides anything.
Units: seconds.
Leaves: where it is written, and whether that is a terminal, to streams.py.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator

SILENT_S = 0.7
AGAIN_S = 0.8
LEAST_S = 0.05
ANEW = "\r\x1b[K"


class Sign:
    """The line of one process."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lock = threading.RLock()
        self._ended: threading.Event | None = None
        self._name = ""
        self._begun_s = self._heard_s = 0.0
        self._shown = self._within = False
        self._paused = 0

    def begin(self, name: str) -> None:
        """A command of this name begins."""
        self.end()
        self._name, self._within = name, False
        self._begun_s = self._heard_s = time.monotonic()
        self._ended = threading.Event()
        threading.Thread(target=self._run, args=(self._ended,), daemon=True, name="pumprig-sign").start()

    def end(self) -> None:
        """The command is over."""
        if self._ended is not None:
            self._ended.set()
            self._ended = None
        with self.aside():
            pass

    @contextlib.contextmanager
    def aside(self, text: str = "\n") -> Generator[None]:
        """A block that writes this text, or what ends like it."""
        with self._lock:
            if self._shown:
                self._shown = False
                self._write(ANEW)
            yield
            self._heard_s = time.monotonic()
            self._within = not text.endswith("\n") if text else self._within

    @contextlib.contextmanager
    def away(self) -> Generator[None]:
        """A block that asks, or draws a picture of its own."""
        with self.aside():
            self._paused += 1
        try:
            yield
        finally:
            with self.aside():
                self._paused -= 1

    def line(self, now_s: float) -> str | None:
        """What to show at this moment, None while nothing is to be shown."""
        if self._paused or self._within or now_s - self._heard_s < SILENT_S:
            return None
        return f"{self._name}: at work, {now_s - self._begun_s:.0f} s"

    def _run(self, ended: threading.Event) -> None:
        wait_s = SILENT_S
        while not ended.wait(wait_s):
            with self._lock:
                now_s = time.monotonic()
                line = self.line(now_s)
                if line is not None and not ended.is_set():
                    self._write(ANEW + line)
                    self._shown, wait_s = True, AGAIN_S
                else:
                    wait_s = max(LEAST_S, self._heard_s + SILENT_S - now_s)
