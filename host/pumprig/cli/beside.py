"""A program of the tool that runs beside another one, and ends with it.

Owns: starting it, starting it again where it ended by itself, passing on what it says.
Rules: what it says goes out under its name; secrets go by its environment, which no list of processes shows.
Units: seconds.
Leaves: what runs beside what to the commands.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable

AGAIN_S = 5.0


class Beside:
    """`pumprig WORDS` until `terminate`."""

    def __init__(
        self, name: str, words: list[str], environment: dict[str, str], say: Callable[[str], None]
    ) -> None:
        self._name, self._say = name, say
        self._line = [sys.executable, "-m", "pumprig", *words]
        self._environment = {**os.environ, **environment}
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
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    env=self._environment,
                )
                self._child = child
            assert child.stdout is not None
            for text in child.stdout:
                self._say(f"{self._name}: {text.rstrip()}")
            code = child.wait()
            if not self._ended.is_set():
                self._say(
                    f"{self._name}: ended with exit code {code}; it is started again in {AGAIN_S:.0f} s"
                )
                self._ended.wait(AGAIN_S)

    def terminate(self) -> None:
        """Let it end."""
        with self._lock:
            self._ended.set()
            if self._child is not None:
                self._child.terminate()

    def wait(self) -> None:
        """Until it has."""
        self._thread.join()
