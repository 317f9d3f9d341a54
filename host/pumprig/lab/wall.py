"""The live state of every rig of the lab, as the broker tells it.

Owns: the last birth, status, alarms and refusal of each rig.
Rules: what is not of the right form is left out and never guessed; a birth of an older session than the newest is
ignored; a status that has grown old says that the rig cannot be reached.
Units: seconds of a steady clock: a clock that is set makes no rig silent.
Leaves: the connection to alerts.py, what follows from it to desk.py and metrics.py.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any, cast

from pumprig.lab.rules import OF_THE_LAB, PRIORITIES
from pumprig.lab.wire import Ack, WireError, parts_of, session_of, value_of

STALE_S = 15.0
MOST_ALARMS = 64  # of a rig: no firmware has so many
UNKNOWN = "unknown"  # a priority that this version does not know
REFUSED_S = 3600.0  # how long a refusal is an alarm
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
Active = tuple[str, str, bool]  # name, priority, acknowledged


@dataclass
class Seen:
    """One rig."""

    session: int = 0
    online: bool = False
    live: bool = False  # its gateway has the rig itself, not its records alone
    status: dict[str, Any] = field(default_factory=dict[str, Any])
    status_s: float = 0.0
    alarms: list[Active] = field(default_factory=list[Active])
    refused_s: float = float("-inf")

    def reachable(self, now_s: float) -> bool:
        """Whether somebody sees this rig now."""
        return self.online and bool(self.status.get("reachable")) and now_s - self.status_s < STALE_S

    def active(self, now_s: float) -> list[Active]:
        """Its own alarms, and the lab's about it."""
        found = list(self.alarms)
        of_the_lab: list[str] = []
        if not self.online:
            of_the_lab.append("offline")
        elif self.live and not self.reachable(now_s):
            of_the_lab.append("unreachable")
        if now_s - self.refused_s < REFUSED_S:
            of_the_lab.append("record_refused")
        return found + [(name, OF_THE_LAB[name][0], False) for name in of_the_lab]


class Wall:
    """All rigs; safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rigs: dict[str, Seen] = {}

    def rigs(self) -> dict[str, Seen]:
        """{SITE/DEVICE: what was seen}."""
        with self._lock:
            return dict(self._rigs)

    def hear(self, name: str, payload: bytes, now_s: float) -> None:
        """A message."""
        try:
            site, device, what = parts_of(name)
        except WireError:
            return
        with self._lock:
            seen = self._rigs.setdefault(f"{site}/{device}", Seen())
            if what == "birth":
                _birth(seen, payload, now_s)
            elif what == "status":
                told = _document(payload)
                if told is not None:
                    seen.status, seen.status_s = told, now_s
            elif what == "alarm":
                seen.alarms = _alarms(payload)
            elif what == "ack":
                try:
                    seen.refused_s = now_s if Ack.decode(payload).refused else seen.refused_s
                except WireError:
                    return


def _birth(seen: Seen, payload: bytes, now_s: float) -> None:
    told, session = _document(payload) or {}, session_of(payload)
    if session >= seen.session:
        seen.session, seen.online = session, bool(told.get("online"))
        live = bool(told.get("commands"))
        if live and not seen.live:
            seen.status_s = max(seen.status_s, now_s)  # the first reading may take its time
        seen.live = live or (seen.live and seen.online)


def _document(payload: bytes) -> dict[str, Any] | None:
    try:
        told = value_of(payload)
    except WireError:
        return None
    return cast(dict[str, Any], told) if isinstance(told, dict) else None


def _alarms(payload: bytes) -> list[Active]:
    try:
        told = value_of(payload)
    except WireError:
        return []
    found: list[Active] = []
    for row in cast(list[Any], told)[:MOST_ALARMS] if isinstance(told, list) else []:
        if isinstance(row, dict):
            fact = cast(dict[str, Any], row)
            name, priority = fact.get("name"), fact.get("priority")
            if isinstance(name, str) and _NAME.fullmatch(name):
                known = priority if priority in PRIORITIES else UNKNOWN
                found.append((name, known, bool(fact.get("acknowledged"))))
    return found
