"""When who is told of which alarm: no clock, no network.

Owns: the alarms that are active, since when, whether somebody answered, who was told and when next.
Rules: an alarm is answered when it was acknowledged at the rig, or here by its token; whoever was told is told once
more when it is over; what could not be told is tried again, later each time; a target's failure delays no other target.
Units: seconds UTC.
Leaves: which rule is for which alarm to rules.py, telling to notify.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from pumprig.lab.rules import Rules

TRY_S, MOST_S = 10.0, 300.0
FORGET_S = 86_400.0  # an alarm that is over and could not be told


@dataclass
class Told:
    """One target and one alarm."""

    times: int = 0
    over: bool = False
    failures: int = 0
    next_s: float = 0.0
    flying: bool = False


@dataclass
class Alert:
    """One alarm of one rig (SITE/DEVICE), from its begin to its end."""

    rig: str
    name: str
    priority: str
    since_s: float
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    answered: bool = False
    over_s: float | None = None
    told: dict[str, Told] = field(default_factory=dict[str, Told])


@dataclass(frozen=True)
class Notice:
    """What to tell whom now."""

    alert: Alert
    target: str
    over: bool
    times: int  # how often before


class Desk:
    """All alarms of all rigs."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.alerts: list[Alert] = []

    def hear(self, rig: str, active: Iterable[tuple[str, str, bool]], now_s: float) -> None:
        """What is active at a rig now: (name, priority, acknowledged there)."""
        names: set[str] = set()
        for name, priority, acknowledged in active:
            names.add(name)
            found = self._active(rig, name)
            if found is None:
                found = Alert(rig, name, priority, now_s)
                self.alerts.append(found)
            found.answered = found.answered or acknowledged
        for alert in self.alerts:
            if alert.rig == rig and alert.over_s is None and alert.name not in names:
                alert.over_s = now_s

    def _active(self, rig: str, name: str) -> Alert | None:
        found = (a for a in self.alerts if a.rig == rig and a.name == name and a.over_s is None)
        return next(found, None)

    def clock_moved(self, by_s: float) -> None:
        """The clock was set: what was so long ago is still so long ago."""
        for alert in self.alerts:
            alert.since_s += by_s
            if alert.over_s is not None:
                alert.over_s += by_s
            for told in alert.told.values():
                told.next_s += by_s

    def answer(self, token: str) -> Alert | None:
        """Acknowledge by token; None where no active alarm has it."""
        for alert in self.alerts:
            if secrets.compare_digest(alert.token.encode(), token.encode()) and alert.over_s is None:
                alert.answered = True
                return alert
        return None

    def by_token(self, token: str) -> Alert | None:
        """The alarm of a token."""
        found = (a for a in self.alerts if secrets.compare_digest(a.token.encode(), token.encode()))
        return next(found, None)

    def due(self, now_s: float) -> list[Notice]:
        """Everything that is to be told now; each is under way until `done`."""
        notices: list[Notice] = []
        for alert in self.alerts:
            wanted = self._over(alert) if alert.over_s is not None else self._wanted(alert, now_s)
            for target, told in wanted:
                if not told.flying and now_s >= told.next_s:
                    told.flying = True
                    notices.append(Notice(alert, target, alert.over_s is not None, told.times))
        self.alerts = [alert for alert in self.alerts if not self._forgotten(alert, now_s)]
        return notices

    def _wanted(self, alert: Alert, now_s: float) -> list[tuple[str, Told]]:
        if alert.answered:
            return []
        found: dict[str, Told] = {}
        for rule in self._rules.rules:
            if rule.fits(alert.rig, alert.name, alert.priority) and now_s - alert.since_s >= rule.after_s:
                for target in rule.targets:
                    told = alert.told.setdefault(target, Told())
                    if not told.times or rule.repeat_s:
                        found[target] = told
        return list(found.items())

    def _over(self, alert: Alert) -> list[tuple[str, Told]]:
        return [(target, told) for target, told in alert.told.items() if told.times and not told.over]

    def _forgotten(self, alert: Alert, now_s: float) -> bool:
        if alert.over_s is None:
            return False
        return now_s - alert.over_s > FORGET_S or not self._over(alert)

    def done(self, notice: Notice, now_s: float, told_it: bool) -> None:
        """A notice was told, or could not be."""
        told = notice.alert.told[notice.target]
        told.flying = False
        if not told_it:
            told.failures += 1
            told.next_s = now_s + min(MOST_S, TRY_S * 2.0 ** min(told.failures - 1, 10))
            return
        told.failures = 0
        told.over = told.over or notice.over
        if not notice.over:
            told.times += 1
            alert = notice.alert
            repeats = [
                rule.repeat_s
                for rule in self._rules.rules
                if rule.repeat_s
                and notice.target in rule.targets
                and rule.fits(alert.rig, alert.name, alert.priority)
            ]
            told.next_s = now_s + min(repeats, default=0.0)
        if notice.alert.over_s is not None and not told.over:
            told.next_s = now_s  # it ended while it was told

    def kept(self) -> list[dict[str, Any]]:
        """All of it as JSON, for a restart."""
        return [asdict(alert) for alert in self.alerts]

    def restore(self, kept: list[dict[str, Any]]) -> None:
        """From `kept`. Raises KeyError, TypeError, AttributeError for what is none."""
        alerts: list[Alert] = []
        for row in kept:
            told = {str(name): Told(**{**of, "flying": False}) for name, of in row["told"].items()}
            facts: dict[str, Any] = {**row, "told": told}
            alerts.append(Alert(**facts))
        self.alerts = alerts
