"""The live reading of a console's rig, beside the commands that run on it.

Owns: the thread that reads the status, and the last reading.
Rules: the reading thread changes nothing on the rig; a stop overtakes it; without a link the last reading is shown as
old; a new alarm is told once.
Units: seconds.
Leaves: order, link and stop to the interface's Rig, what the line shows to statusline.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from pumprig.api.rig import Rig
from pumprig.delivered import so_far_document
from pumprig.errors import PumpError

PERIOD_S = 1.0


class Held:
    """A rig that is read once a second until `close`."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.content: dict[str, Any] | None = None
        self.read_s = 0.0  # when it was read, by the monotonic clock
        self.trouble = ""
        self.on_alarm: Callable[[list[dict[str, Any]]], None] | None = None
        self._known: set[str] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read_on, name="status", daemon=True)

    def begin(self) -> None:
        """Read once, and begin the live reading. Raises LinkError."""
        self.refresh()
        self._thread.start()

    def close(self) -> None:
        """End the live reading."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def refresh(self) -> None:
        """Read the status now. Raises PumpError."""
        reading = self.rig.reading()
        self.content = {**reading.status.document(), "so_far": so_far_document(reading.so_far)}
        self.read_s = time.monotonic()
        self.trouble = ""
        self._tell_alarms(self.content["alarms"])

    def stop(self) -> str:
        """Stop the pump; -> what to tell of it. Raises LinkError."""
        return self.rig.stop().told("`resume`")

    def _tell_alarms(self, alarms: list[dict[str, Any]]) -> None:
        names = {str(row["name"]) for row in alarms}
        new = [row for row in alarms if row["name"] not in self._known]
        self._known = names
        if new and self.on_alarm is not None:
            self.on_alarm(new)

    def _read_on(self) -> None:
        while not self._ending.wait(PERIOD_S):
            try:
                self.refresh()
            except PumpError as error:
                self.trouble = error.happened
