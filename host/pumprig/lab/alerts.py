"""Broker -> people: e-mail and webhooks by a rule file, the wall of live readings as metrics.

Owns: the subscription, when it is looked what is due, the state that outlasts a restart.
Rules: it needs neither database nor ingester, because an alarm must not wait for them; a target that does not answer
delays no other; what was told and answered outlasts a restart.
Units: seconds UTC; how long ago a rig was heard is counted by a steady clock, which nobody sets.
Leaves: rules to rules.py, the decision to desk.py, telling to notify.py, figures to metrics.py.
"""

from __future__ import annotations

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from pumprig.errors import PumpError
from pumprig.lab import notify
from pumprig.lab.desk import Desk, Notice
from pumprig.lab.metrics import Notices, RigCollector
from pumprig.lab.mqtt import Link, Say
from pumprig.lab.page import Page
from pumprig.lab.rules import Rules
from pumprig.lab.wall import Wall
from pumprig.lab.wire import topic

LOOK_S = 0.25
SETTLE_S = 3.0  # after a connection: retained messages come in any order
AT_ONCE = 8
MOVED_S = 1.0  # what the computer's clock may drift between two looks
STEADY = getattr(time, "CLOCK_BOOTTIME", None)  # counts while the computer sleeps, too


def steady_s() -> float:
    """Seconds of a clock that nobody sets."""
    return time.clock_gettime(STEADY) if STEADY is not None else time.monotonic()


class Alerts:
    """The service. `state`: the file that outlasts a restart; `page`: HOST:PORT, or none."""

    def __init__(
        self,
        broker: str,
        rules: Rules,
        state: Path,
        say: Say,
        authority: str | None = None,
        page: str | None = None,
    ) -> None:
        self._rules, self._state, self._say = rules, state, say
        self._wall, self._desk = Wall(), Desk(rules)
        self._lock = threading.RLock()
        self._restore()
        registry = CollectorRegistry()
        registry.register(RigCollector(self._wall, steady_s))  # type: ignore[arg-type]
        self._counts = Notices(registry)
        self._link = Link(broker, f"pumprig-alerts-{os.getpid()}", authority, say)
        self._link.when_connected(self._connected)
        self._link.client.on_message = self._message
        self._link.when_lost(self._disconnected)
        self._page = Page(page, registry, self._shown, self._answered) if page else None
        self._settled_s = float("inf")
        self._ahead_s = time.time() - steady_s()
        self._ended = threading.Event()

    @property
    def address(self) -> str:
        """Where the page is, empty without one."""
        return self._page.address if self._page is not None else ""

    def run(self) -> None:
        """Until `end`. Raises what a message has caused."""
        self._link.start()
        with ThreadPoolExecutor(AT_ONCE) as telling:
            try:
                while not self._ended.wait(LOOK_S):
                    self._link.check()
                    for notice in self._due(time.time(), steady_s()):
                        telling.submit(self._tell, notice)
            finally:
                self._ended.set()
                self._link.end()
                if self._page is not None:
                    self._page.end()

    def end(self) -> None:
        """Let `run` return."""
        self._ended.set()

    def _due(self, now_s: float, heard_s: float) -> list[Notice]:
        """`now_s` by the computer's clock, `heard_s` by the steady one."""
        with self._lock:
            moved_s, self._ahead_s = now_s - heard_s - self._ahead_s, now_s - heard_s
            if abs(moved_s) > MOVED_S:
                self._desk.clock_moved(moved_s)
            if heard_s >= self._settled_s:
                for rig, seen in self._wall.rigs().items():
                    self._desk.hear(rig, seen.active(heard_s), now_s)
            due = self._desk.due(now_s)
            active = [alert for alert in self._desk.alerts if alert.over_s is None]
            self._counts.unanswered.set(sum(not alert.answered for alert in active))
            self._keep()
        return due

    def _tell(self, notice: Notice) -> None:
        channel = "mail" if notice.target.startswith("mail:") else "webhook"
        told = False
        try:
            notify.tell(notice, self._rules.mail, self._rules.page)
            told = True
        except PumpError as error:
            self._say(error.happened)
        finally:
            with self._lock:
                self._desk.done(notice, time.time(), told)
                self._keep()
            self._counts.told.labels(channel, "told" if told else "failed").inc()

    # --- the page

    def _shown(self, token: str) -> str | None:
        with self._lock:
            alert = self._desk.by_token(token)
        return None if alert is None else f"{alert.name} of {alert.rig}: {notify.meaning(alert.name)}"

    def _answered(self, token: str) -> str | None:
        with self._lock:
            alert = self._desk.answer(token)
            self._keep()
        if alert is None:
            return None
        self._say(f"{alert.name} of {alert.rig} was acknowledged by its link")
        return f"{alert.name} of {alert.rig}. The rig itself sounds on until it is acknowledged there."

    # --- the broker

    def _connected(self, client: Any) -> None:
        for name in ("birth", "status", "alarm", "ack"):
            client.subscribe(topic("+", "+", name), qos=1)
        self._settled_s = steady_s() + SETTLE_S
        self._say("connected to the broker")

    def _disconnected(self) -> None:
        self._settled_s = float("inf")  # silence of the broker is not silence of the rigs
        if not self._ended.is_set():
            self._say("the broker was lost: nothing new is heard of any rig until it is back")

    def _message(self, client: Any, _data: object, message: Any) -> None:
        self._wall.hear(message.topic, bytes(message.payload), steady_s())
        client.ack(message.mid, message.qos)

    # --- the state

    def _restore(self) -> None:
        self._kept = ""
        if not self._state.exists():
            return
        try:
            self._desk.restore(json.loads(self._state.read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._say(f"{self._state} cannot be read ({error}): every active alarm is told anew")

    def _keep(self) -> None:
        text = json.dumps(self._desk.kept())
        if text == self._kept:
            return
        new = self._state.with_suffix(".new")
        try:
            self._state.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it has the tokens
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            new.replace(self._state)
        except OSError as error:
            self._say(f"{self._state} cannot be written: {error}")
        self._kept = text
