"""A link to an emulated Pico whose time passes only while somebody waits for it.

Owns: the emulator's process and a Transport over it.
Rules: the firmware is the one that `pumprig flash` installs; no wall clock: a slow machine changes nothing.
Units: seconds of emulated time; `now` and edges in cycles of 8 ns; `ready_ms`, ms from the reset to the greeting.
Leaves: the chip to lockstep.mjs.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from pumprig.rig import patience


class EmulatedLine:
    """A Transport to the firmware of a folder, booted; full_log: each new block of its log has to be erased."""

    address = "emulated Pico"

    def __init__(self, bootrom: Path, files: Path, full_log: bool = False) -> None:
        script = Path(__file__).parent / "lockstep.mjs"
        self._process = subprocess.Popen(
            ["node", str(script), os.environ["PUMPRIG_UF2"], str(bootrom), str(files)] + ["full"] * full_log,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.now = 0
        patience.time = self  # the client's patience lasts in emulated time
        self.ready_ms: float = self._answer()["ready_ms"]

    def monotonic(self) -> float:
        """Seconds of emulated time."""
        return self.now / 125e6

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request of lockstep.mjs."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        self.now = answer["now"]
        return answer

    def send(self, line: str) -> None:
        """Send one line."""
        self.ask(send=line + "\n")

    def receive(self, timeout_s: float) -> str | None:
        """The next line, or None after timeout_s of emulated time."""
        line: str | None = self.ask(receive_ms=1000 * timeout_s)["line"]
        return line

    def reopen(self) -> None:
        """The cable is never out."""

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.ask(run_ms=1000 * seconds)

    def close(self) -> None:
        """The client is done; the Pico goes on."""

    def end(self) -> None:
        """Switch the Pico off."""
        patience.time = time
        self._process.kill()
        self._process.communicate()
