"""The rigs of the page: those of the hub, and the one that was named.

Owns: the list of rigs, a hub for them where none runs, and the end of the hub that was begun here.
Rules: without a hub one is begun, as a process of its own, so that the page and every other program use a rig at once;
a hub that has gone is begun anew; a rig is shown once, by whichever names its port goes.
Units: seconds.
Leaves: each rig to watch.py.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from pumprig.dashboard.bus import Bus
from pumprig.dashboard.watch import RigWatch
from pumprig.errors import PumpError
from pumprig.hub import wire
from pumprig.rig.portshare import canonical

LOOK_S = 1.0
BEGIN_S = 10.0


class Fleet:
    """All rigs of one page."""

    def __init__(self, named: list[str], state: str | None, bus: Bus, say: Callable[[str], None]) -> None:
        self.rigs: list[RigWatch] = []
        self._named = named
        self._state = state
        self._bus = bus
        self._say = say
        self._ended = threading.Event()
        self._hub: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="pumprig-page-fleet")

    def begin(self) -> None:
        """See to a hub, and begin with the rigs. Raises PumpError where no hub can be begun."""
        self.ensure_hub()
        for name in self._named:
            self._add(name, self._state)
        self._thread.start()

    def end(self) -> None:
        """Give everything back, the hub that was begun here included."""
        self._ended.set()
        for rig in self.rigs:
            rig.end()
        if self._hub is not None and self._hub.poll() is None:
            self._hub.terminate()
            try:
                self._hub.wait(5.0)
            except subprocess.TimeoutExpired:
                self._hub.kill()

    def find(self, key: str) -> RigWatch | None:
        """The rig that the page calls so."""
        return next((rig for rig in self.rigs if rig.key == key), None)

    def views(self) -> list[dict[str, Any]]:
        """All rigs as the page shows them."""
        return [rig.view() for rig in self.rigs]

    def ensure_hub(self) -> None:
        """A hub answers after it. Raises PumpError."""
        with self._starting:
            until_s = time.monotonic() + BEGIN_S
            while _hub_status() is None:
                if self._ended.is_set():
                    raise PumpError("The page ends.", "Nothing was begun.")
                if self._hub is None or self._hub.poll() is not None:
                    self._hub = subprocess.Popen(
                        [sys.executable, "-m", "pumprig", "hub", "--quiet"],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                if time.monotonic() > until_s:
                    raise PumpError("No hub could be begun.", "No rig is shown.", "`pumprig hub` says why.")
                self._ended.wait(0.05)

    def _add(self, name: str, state: str | None) -> None:
        rig = RigWatch(len(self.rigs) + 1, name, state, self._changed, self.ensure_hub)
        self.rigs.append(rig)
        rig.begin()

    def _changed(self, rig: RigWatch) -> None:
        if rig.device_id and any(
            other is not rig and other.device_id == rig.device_id for other in self.rigs
        ):
            if rig.number > min(other.number for other in self.rigs if other.device_id == rig.device_id):
                self.rigs = [other for other in self.rigs if other is not rig]
                threading.Thread(target=rig.end, daemon=True).start()
                self._bus.publish("rigs", ("rigs", [other.key for other in self.rigs]))
            return
        self._bus.publish("rigs", ("rigs", [other.key for other in self.rigs]))
        self._bus.publish(f"rig-{rig.number}", ("rig", rig))

    def _follow(self) -> None:
        """Rigs that come to the hub come to the page."""
        while not self._ended.wait(LOOK_S):
            status = _hub_status()
            known = {canonical(rig.address) for rig in self.rigs} | {canonical(rig.name) for rig in self.rigs}
            rows: list[dict[str, Any]] = status["rigs"] if status else []
            for row in rows:
                if row["open"] and canonical(str(row["port"])) not in known:
                    self._say(f"shows {row['port']}")
                    self._add(str(row["port"]), None)


def _hub_status() -> dict[str, Any] | None:
    try:
        return wire.ask({"status": 1})
    except wire.NoHub:
        return None
