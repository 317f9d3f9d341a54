"""A program of the tool that runs beside another one, and ends with it.

Owns: starting it, starting it again where it ended by itself, passing on what it says.
Rules: what it says goes out under its name, and once: a run that ends as the last one did says nothing new; secrets go
by its environment, which no list of processes shows; it ends with the program that it runs beside, however that ends,
so that nobody is left who holds its ports.
Units: seconds.
Leaves: what runs beside what to the commands.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

AGAIN_S = 5.0
LONG_S = 60.0  # a run that lasted so long had come up: how it ends is news
MOST_LINES = 100  # of a run that are compared with the last one's
MARK = "PUMPRIG_BESIDE"  # in its environment: its standard input ends with the program that it runs beside


def end_with_other() -> None:
    """In a program that was started by `Beside`: be told to end when the other one has ended."""
    if os.environ.pop(MARK, ""):
        threading.Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class News:
    """Passes on what a run says, from the first line on in which it differs from the run before."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last: list[str] = []
        self._now: list[str] = []

    def begin(self, afresh: bool) -> None:
        """Another run; afresh: whatever it says is new."""
        self._last, self._now = [] if afresh else self._now, []

    def __call__(self, text: str) -> None:
        """A line of this run."""
        if len(self._now) < MOST_LINES:
            self._now.append(text)
            if self._now == self._last[: len(self._now)]:
                return
        self._say(text)


class Beside:
    """`pumprig WORDS` until `terminate`."""

    def __init__(
        self,
        name: str,
        words: list[str],
        environment: dict[str, str],
        say: Callable[[str], None],
        again_s: float = AGAIN_S,
    ) -> None:
        self._name, self._say, self._again_s = name, News(say), again_s
        self.runs = 0
        self._line = [sys.executable, "-m", "pumprig", *words]
        self._environment = {**os.environ, **environment, MARK: "1"}
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            with self._lock:
                if self._ended.is_set():
                    return
                child = subprocess.Popen(
                    self._line,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    env=self._environment,
                )
                self._child = child
            self.runs += 1
            begun_s = time.monotonic()
            assert child.stdout is not None
            for text in child.stdout:
                self._say(f"{self._name}: {text.rstrip()}")
            code = child.wait()
            assert child.stdin is not None
            child.stdin.close()
            if not self._ended.is_set():
                self._say(
                    f"{self._name}: ended with exit code {code}; it is started again every {AGAIN_S:.0f} s"
                )
                self._say.begin(afresh=time.monotonic() - begun_s >= LONG_S)
                self._ended.wait(self._again_s)

    def terminate(self) -> None:
        """Let it end."""
        with self._lock:
            self._ended.set()
            if self._child is not None:
                self._child.terminate()

    def wait(self) -> None:
        """Until it has."""
        self._thread.join()
