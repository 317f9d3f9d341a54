"""Store and live readings -> broker, for the rigs of this computer.

Owns: which rig is at which port now, its status at 1 Hz, its alarms, pulling its records into the store.
Rules: a rig that cannot be reached is told as such and delays nothing else: each port has a thread of its own; another
rig at the same port is another device from then on, and the history of the first is still sent; what others bring into
the store is sent, too.
Units: seconds of a steady clock.
Leaves: topics and sending to sender.py, the rig to the public interface.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pumprig
from pumprig.errors import OtherRigError, PumpError, StoreError
from pumprig.lab.mqtt import Once, Say, check_address
from pumprig.lab.sender import Sender
from pumprig.lab.wire import BATCH
from pumprig.store import Store

STATUS_S = 1.0
PULL_S = 60.0  # at the latest; else when there are new records
RETRY_S = 5.0
LOOK_S = 0.05
DEVICES_S = 2.0  # how often it is looked whether somebody has brought another rig's records into the store


class Port:
    """What is at one port: a thread that finds the rig, reads it, and says so."""

    def __init__(self, gateway: Gateway, port: str, ended: threading.Event) -> None:
        self._gateway, self._port, self._ended = gateway, port, ended
        self._sender: Sender | None = None
        self._alarms: object = None
        self._log_next: object = None
        self._pulled_at_s = 0.0
        self._trouble = ""
        self.failure: Exception | None = None  # nobody foresaw it: this rig is read no more
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._look()
        except Exception as error:
            self.failure = error

    def _look(self) -> None:
        while not self._ended.is_set():
            try:
                with pumprig.connect(self._port, database=self._gateway.database) as rig:
                    self._serve(rig)
            except OtherRigError as error:  # the next round greets it
                self._gateway.say(f"{self._port}: {error.happened}")
            except PumpError as error:
                self._cannot(error)
            finally:
                if self._sender is not None:
                    self._sender.attach(None)
                    self._sender = None
            self._ended.wait(RETRY_S)

    def _serve(self, rig: Any) -> None:
        """Read until the end. Raises PumpError where the rig has to be looked for again."""
        due_s = time.monotonic()
        while not self._ended.wait(max(0.0, due_s - time.monotonic())):
            due_s = max(due_s + STATUS_S, time.monotonic())
            try:
                status = rig.status().document()
            except PumpError as error:
                if self._sender is None or isinstance(error, OtherRigError):
                    raise
                self._cannot(error)
                continue
            self._here(rig, status)
            self._tell(rig, status)

    def _here(self, rig: Any, status: dict[str, Any]) -> None:
        device = str(status["device_id"])
        if self._sender is not None and self._sender.device == device:
            return
        self._sender = self._gateway.sender(device)
        self._sender.attach(rig)
        self._alarms = self._log_next = None

    def _tell(self, rig: Any, status: dict[str, Any]) -> None:
        assert self._sender is not None
        self._sender.show({"reachable": True, **status})
        if status["alarms"] != self._alarms:
            self._alarms = status["alarms"]
            self._sender.alarm(self._alarms)
        now_s = time.monotonic()
        if status["log_next"] == self._log_next and now_s - self._pulled_at_s < PULL_S:
            return
        try:
            rig.pull()
        except StoreError as error:  # the rig is there: what fails is here
            self._tell_once(error)
            return
        except PumpError as error:
            self._cannot(error)
            return
        self._trouble = ""
        self._log_next, self._pulled_at_s = status["log_next"], now_s

    def _cannot(self, error: PumpError) -> None:
        self._log_next = None  # only a pull shows that all is well again
        if self._sender is not None:
            self._sender.show({"reachable": False, "why": error.happened})
        self._tell_once(error)

    def _tell_once(self, error: PumpError) -> None:
        """Until something else is wrong, or nothing."""
        if error.happened != self._trouble:
            self._trouble = error.happened
            self._gateway.say(f"{self._port}: {error.happened} Tried again until it can.")


class Gateway:
    """All senders of this computer, in one loop."""

    def __init__(
        self,
        broker: str,
        site: str,
        database: Path,
        ports: list[str],
        say: Say,
        authority: str | None = None,
        batch: int = BATCH,
    ) -> None:
        check_address(broker, authority)  # now: a bench without a rig connects later
        self.database, self.say = database, Once(say)
        self.store = Store(database)
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._broker, self._site, self._authority, self._batch = broker, site, authority, batch
        self._ports = [Port(self, port, self._ended) for port in ports]
        self.senders: dict[str, Sender] = {name: self._make(name) for name in sorted(self.store.devices())}
        self._listed_s = time.monotonic()

    def _make(self, device: str) -> Sender:
        return Sender(self._broker, self._site, device, self.store, self.say, self._authority, self._batch)

    def sender(self, device: str) -> Sender:
        """A device's, made where it is new."""
        with self._lock:
            if device not in self.senders:
                self.senders[device] = self._make(device)
                self.senders[device].start()
            return self.senders[device]

    def _list(self, now_s: float) -> None:
        """Rigs whose records have come into the store since the last look, whoever pulled them."""
        if now_s - self._listed_s >= DEVICES_S:
            self._listed_s = now_s
            with suppress(StoreError):  # which the senders tell
                for device in self.store.devices():
                    self.sender(device)

    def run(self) -> None:
        """Until `end`."""
        for sender in self.senders.values():
            sender.start()
        for port in self._ports:
            port.thread.start()
        try:
            while not self._ended.is_set():
                self._list(time.monotonic())
                with self._lock:
                    senders = list(self.senders.values())
                for port in self._ports:
                    if port.failure is not None:
                        raise port.failure
                busy = [sender for sender in senders if sender.turn(time.monotonic())]
                if not busy:
                    self._ended.wait(LOOK_S)
        finally:
            self._ended.set()
            for port in self._ports:
                port.thread.join(10)
            close_all(list(self.senders.values()))
            self.store.close()

    def end(self) -> None:
        """Let `run` return."""
        self._ended.set()


def close_all(senders: Sequence[Sender]) -> None:
    """End all connections at the same time: each says farewell and waits for the broker, and there may be a hundred."""
    with ThreadPoolExecutor(max(1, len(senders))) as ending:
        for closed in [ending.submit(sender.close) for sender in senders]:
            closed.result()
