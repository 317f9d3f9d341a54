"""Exactly once: the link cut after each byte of every changing command and of its answer, the host restarted.

Owns: a case: what must be so before the command, the cut, the restart, and what must be true then.
Rules: firmware, client and store are the real ones; a restarted host knows only what its store and the rig say; it
sends the command again if, and only if, the rig says that it was not done.
Units: bytes of a line.
Leaves: the failing line to tests/hostline.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hostline import Line, new_rig
from pumprig.errors import LinkError
from pumprig.rig.client import Client
from pumprig.rig.link import LinkBroken
from pumprig.store import Store
from pumprig.store.intents import StoredIntents
from pumpwire import records, spec
from rigsim.driver import SimRig

from bench import program

Values = dict[str, Any]
PROGRAM = program(basal=480_000, demand=((500, 20_000, 0, 1_000),), catheter_nl=2_000)
NAMES = itertools.count(1)


def _running(client: Client) -> None:
    client.change("stop")
    client.change("resume")


def _stopped(client: Client) -> None:
    client.change("stop")


def _nothing(client: Client) -> None:
    return


def _stage(client: Client) -> Values:
    client.change("ack")
    staged = client.stage(program(basal=480_000, name=f"p{next(NAMES)}", demand=((500, 20_000, 0, 1_000),)))
    return {"hash": staged.hash, "override": 1}


def _waiting(client: Client) -> None:
    client.change("clock", {"utc_us": 1_767_225_600_000_000})
    staged = client.stage(program(basal=480_000, name=f"p{next(NAMES)}"))
    client.commit(staged.hash, True, 1_767_225_600 + 86_400 * next(NAMES))


def _titrating(client: Client) -> None:
    ramp = ((480_000, 10_000, 3_600, 960_000),)
    client.commit(client.stage(program(ramp=ramp, name=f"p{next(NAMES)}", catheter_nl=2_000)).hash, True)


# verb: (what comes first, the command's values; None: what the preparation returned)
COMMANDS: dict[str, tuple[Callable[[Client], Values | None], Values | None]] = {
    "stop": (_running, {}),
    "rate": (_nothing, {"rate_nl_per_day": 960_000}),
    "stage": (_nothing, {"part": 1, "parts": 1, "text": PROGRAM}),
    "discard": (_nothing, {}),
    "withdraw": (_waiting, {}),
    "commit": (_stage, None),
    "bolus": (_running, {"volume_nl": 1_000, "over_ms": 60_000}),
    "demand": (_running, {}),
    "dispense": (_stopped, {"volume_nl": 1_000, "rate_nl_per_day": 4_800_000}),
    "prime": (_stopped, {"volume_nl": 1_000}),
    "calibrate": (_stopped, {"rate_nl_per_day": 480_000, "volume_nl": 1_000}),
    "resume": (_stopped, {}),
    "refill": (_nothing, {"volume_nl": 18_000_000}),
    "ack": (_nothing, {}),
    "silence": (_nothing, {}),
    "clock": (_nothing, {"utc_us": 1_767_225_600_000_000}),
    "access": (_nothing, {"pin": "1234"}),
    "tube": (_nothing, {}),
    "battery": (_nothing, {}),
    "ramp": (_titrating, {"do": "hold"}),
    "maintenance": (_running, {}),
}


def uncovered() -> list[str]:
    """Changing commands of the table that have no case here."""
    return [row[0] for row in spec.commands() if row[3] and row[0] not in COMMANDS]


class RunningLine(Line):
    """A line that says so where no firmware runs at its other end."""

    def send(self, line: str) -> None:
        if self.rig.rig is None:
            raise LinkBroken("no firmware runs")
        super().send(line)


class Campaign:
    """A rig, a store and the commands. `failures` tell what did not hold, `acted` how cases ended."""

    def __init__(self, folder: Path, seed: int = 3) -> None:
        self.rig: SimRig = new_rig(seed)
        self.store = Store(folder / "exactly.db")
        self.failures: list[str] = []
        self.tried = 0
        self.outcomes: dict[str, int] = {}
        client = Client(RunningLine(self.rig))
        with client.session():
            client.commit(client.stage(PROGRAM).hash, True)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def lines(self, verb: str) -> dict[str, int]:
        """Bytes of a command's line and of its answer, with their ends."""
        line = RunningLine(self.rig)
        line.reopen()
        client = Client(line)
        with client.session():
            values = self._prepare(client, verb)
            client.change(verb, values) if verb != "maintenance" else None
        sent = [text for text in line.sent if f" {verb}" in text]
        return {"out": len(sent[-1]) + 1 if sent else 30, "in": 40}

    def _prepare(self, client: Client, verb: str) -> Values:
        before, values = COMMANDS[verb]
        prepared = before(client)
        return values if values is not None else prepared or {}

    def cuts(self, verb: str, stride: int = 1) -> Iterator[tuple[str, int]]:
        """(direction, position) of every cut."""
        for direction, length in self.lines(verb).items():
            for where in range(0, length, stride):
                yield direction, where

    def run(self, verb: str, stride: int = 1, restart: bool = True) -> None:
        """Every cut of one command."""
        for direction, where in self.cuts(verb, stride):
            self.tried += 1
            name = f"{verb}, cut {direction} after {where}{', restarted' if restart else ''}"
            try:
                self._case(name, verb, direction, where, restart)
            except Exception as error:
                self.failures.append(f"{name}: {type(error).__name__}: {error}")
                self._bring_up()

    def _case(self, name: str, verb: str, direction: str, where: int, restart: bool) -> None:
        self._bring_up()  # a maintenance that the case before completed resets the rig a moment later
        line = RunningLine(self.rig)
        line.reopen()
        intents = StoredIntents(self.store)
        client = Client(line, intents)
        client._open()
        values = self._prepare(client, verb)
        seq = client._last_seq + 1
        line.faults.append((direction, "cut", where))
        line.reopens_left = 0 if restart or verb == "maintenance" else 50
        try:
            client.change(verb, values)
            outcome = "done"
        except LinkError as error:
            outcome = error.outcome
        self._bring_up()
        line.reopens_left = 50
        line.faults.clear()
        line.reopen()
        fresh = self._greeted(line, intents)
        settled = intents.settle_by_number(fresh.greet().device_id, fresh.greet().last_seq)
        if outcome == "unknown" and settled:
            outcome = settled[-1].outcome
        if outcome == "unknown" and fresh.greet().last_seq >= seq:
            outcome = "done"
        acts = self._acts(verb, seq)
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if acts != (outcome == "done"):
            self.failures.append(f"{name}: said {outcome}, acted {acts} times")
        if outcome == "not done":
            if verb in ("commit", "maintenance"):  # staged anew by a person; the rig is in maintenance
                return
            with fresh.session():
                fresh.change(verb, values)
            if self._acts(verb, seq) != 1:
                self.failures.append(f"{name}: sent again, acted {self._acts(verb, seq)} times")

    def _greeted(self, line: RunningLine, intents: StoredIntents) -> Client:
        """A restarted host. The line end that it sends first may complete a `maintenance` cut before its own."""
        client = Client(line, intents)
        try:
            client.greet()
        except LinkError:
            self._bring_up()
            line.reopen()
            client = Client(line, intents)
        return client

    def _acts(self, verb: str, seq: int) -> int:
        """How often the log says that this number's command was carried out."""
        journal = self.rig.rig.journal
        found = 0
        for number in range(max(journal.oldest(), journal.next_number - 40), journal.next_number):
            header, _state, text = records.unpack(journal.read(number))
            event = records.EVENTS[header["event"]]
            found += event == "command" and f"verb={verb} seq={seq} " in text + " "
        return found

    def _bring_up(self) -> None:
        """A rig in maintenance is started again, as by its power switch."""
        if self.rig.rig is not None and self.rig.rig.commands.reset_us:
            self.rig.run_us(500_000)  # its answer leaves before it resets
        if self.rig.rig is None:
            self.rig.power_off()
            self.rig.power_on()
            self.rig.port.plug(True)
            if self.rig.rig is None:
                self.rig.power_off()
                self.rig.power_on()
            client = Client(RunningLine(self.rig))
            with client.session():
                client.change("ack")
