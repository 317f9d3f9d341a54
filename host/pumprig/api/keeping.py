"""Records of the hub's rigs into this computer's store as they come, so that nobody has to pull them.

Owns: a thread for each rig, when it pulls.
Rules: one status a second, which the hub shares with whoever else asks; a pull only where the log has grown; what fails
is tried again and delays no other rig.
Units: seconds.
Leaves: pulling to rig/pull.py, the ports to the hub.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from pumprig.api.rig import connect
from pumprig.errors import PumpError

LOOK_S = 1.0
AGAIN_S = 5.0


class Keeping:
    """`addresses` says which rigs the hub holds now."""

    def __init__(
        self, addresses: Callable[[], list[str]], database: Path, say: Callable[[str], None]
    ) -> None:
        self._addresses, self._database, self._say = addresses, database, say
        self._ended = threading.Event()
        self._threads: dict[str, threading.Thread] = {}

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._look, daemon=True).start()

    def end(self) -> None:
        """Let every thread end after what it is doing."""
        self._ended.set()

    def _look(self) -> None:
        while not self._ended.wait(LOOK_S):
            for address in self._addresses():
                if address not in self._threads:
                    thread = threading.Thread(target=self._keep, args=(address,), daemon=True)
                    self._threads[address] = thread
                    thread.start()

    def _keep(self, address: str) -> None:
        trouble = ""
        while not self._ended.is_set():
            try:
                with connect(address, database=self._database) as rig:
                    log_next: int | None = None
                    while not self._ended.wait(LOOK_S):
                        now = rig.status().log_next
                        if now != log_next:
                            rig.pull()
                            log_next, trouble = now, ""
            except PumpError as error:
                if error.happened != trouble and not self._ended.is_set():
                    trouble = error.happened
                    self._say(f"no records of {address} for now: {trouble}")
                self._ended.wait(AGAIN_S)
