"""`python -m rigsim serve`: a simulated rig behind a serial port, paced by the wall clock.

Owns: the pacing, the process's life: ready line, signals, scenario, saved state.
Rules: virtual time is wall time x speed, at most TALK_SPEED while a host talks; it runs ahead of that by one
grid period at most, to answer input at once; a signal is a power cut; without its state directory the process
ends; so does one that no host has talked to for `idle_s`.
Units: cycles, seconds of wall time, speed as a plain factor.
Leaves: file descriptors to transport.py, the rig to driver.py, files to state.py.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

from pumpwire import spec

from rigsim.chip import CYCLES_PER_S, identity_of
from rigsim.commission import commission
from rigsim.driver import SimRig
from rigsim.events import EventError, World, book
from rigsim.state import StateDir, StateError
from rigsim.transport import Pty, Tcp, Transport, TransportError
from rigsim.wire import Wire

if TYPE_CHECKING:
    from rigsim.balance_beside import BalanceBeside

SLICE_S = 0.05  # of wall time between two looks at the line
LOOK_S = 1.0  # longest sleep
SAVE_S = 5.0
TALK_S = 0.05  # how long a host counts as talking after its last byte
TALK_SPEED = 100.0  # so that a session does not expire between two of its lines
SAME_INSTANT_TICKS = 64  # extra ticks in a row at one instant, while a host talks


class Server:
    """One rig, one line, until a signal."""

    def __init__(
        self,
        rig: SimRig,
        wire: Wire,
        line: Transport,
        speed: float,
        state: StateDir | None,
        balance: BalanceBeside | None,
        idle_s: float = float("inf"),
    ) -> None:
        self.rig = rig
        self.balance = balance
        self.wire = wire
        self.line = line
        self.speed = speed
        self.state = state
        self.ending = False
        self._target_cycle = rig.chip.now  # where virtual time has to be ...
        self._target_s = time.monotonic()  # ... at this instant of the wall clock
        self._talk_s = 0.0  # a host talks until then
        self._saved_s = self._target_s
        self._idle_s = idle_s
        self._heard_s = self._target_s
        self._unread = b""
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)

    def end(self) -> None:
        """Ask the loop to stop; safe in a signal handler."""
        self.ending = True
        self._wake_write.send(b"x")

    def _target(self) -> int:
        """The cycle that belongs to the wall clock's present instant."""
        now_s = time.monotonic()
        speed = min(self.speed, TALK_SPEED) if now_s < self._talk_s else self.speed
        self._target_cycle += int((now_s - self._target_s) * speed * CYCLES_PER_S)
        self._target_s = now_s
        return self._target_cycle

    def run(self) -> None:
        """Serve until `end`, or until the state directory is gone."""
        while not self.ending:
            self._listen()
            self._take_input()
            busy = self._catch_up() or self._answer()
            self._give_output()
            if self.balance is not None:
                self.balance.answer()
            if self.state is not None and not self._keep():
                return
            if not busy:
                self._sleep()

    def _listen(self) -> None:
        port = self.rig.port
        connected = self.line.connected
        if connected and not port.plugged:
            self.line.hang_up()
        if connected != port.listening:
            port.listen(connected)

    def _take_input(self) -> None:
        room = self.rig.port.room - len(self._unread)
        if room > 0:
            heard = self.line.read(room)
            if heard:
                self._heard_s = time.monotonic()
                self._talk_s = self._heard_s + TALK_S
                self._unread += heard
        if self._unread:
            self._unread = self._unread[self.rig.port.push(self._unread) :]

    def _catch_up(self) -> bool:
        """Bring the rig to the wall clock's instant; True when there was no time to finish."""
        target = self._target()
        stop_s = time.monotonic() + SLICE_S
        while self.rig.step(target):
            if time.monotonic() > stop_s:
                lag = self._target() - self.rig.chip.now
                if lag > self.speed * CYCLES_PER_S * SLICE_S:  # too fast for this machine: as fast as it goes
                    self._target_cycle -= lag
                return True
        return False

    def _answer(self) -> bool:
        """Let a waiting line be heard at once, on the grid point that comes next; then again at that instant."""
        rig = self.rig
        given = False
        for _ in range(SAME_INSTANT_TICKS):
            if not rig.powered or not (rig.port.waiting_input or (given and rig.is_pressing())):
                return False
            rig.hear()
            given = self._give_output()
            self._take_input()
        return True

    def _give_output(self) -> bool:
        """Hand over what the line takes; True if that was something."""
        port = self.rig.port
        given = False
        while port.waiting_output and not self.wire.busy:
            taken = self.line.write(port.peek())
            if not taken:
                break
            port.pull(taken)
            self.rig.wake()
            given = True
        return given

    def _keep(self) -> bool:
        assert self.state is not None
        now_s = time.monotonic()
        if now_s - self._saved_s < LOOK_S:
            return True
        if not self.state.is_ours():
            return False
        if now_s - self._saved_s >= SAVE_S:
            self.state.save(self.rig)
            self._saved_s = now_s
        return now_s - self._heard_s < self._idle_s

    def _sleep(self) -> None:
        wait_s = LOOK_S if self.balance is None else self.balance.pause_s
        upcoming = self.rig.next_cycle()
        if upcoming is not None:
            wait_s = min(wait_s, (upcoming - self._target()) / CYCLES_PER_S / self.speed)
        if wait_s > 0:
            wake_fds = () if self.balance is None else self.balance.wake_fds
            self.line.wait(wait_s, bool(self.rig.port.waiting_output), (self._wake_read.fileno(), *wake_fds))


def serve(
    link: str | None,
    tcp: int | None,
    speed: float,
    seed: int | None,
    state_path: str | None,
    scenario: str | None,
    balance: str | None = None,
    balance_words: list[str] | None = None,
    idle_s: float = float("inf"),
    locked: int | None = None,
) -> int:
    """Run until a signal; returns the exit code. Prints `ready PORT` once the rig has booted, then `balance PORT`."""
    state = None
    line: Transport | None = None
    beside: BalanceBeside | None = None
    try:
        events = _scenario(scenario)
        state = StateDir(state_path, locked) if state_path is not None else None
        flash, kept = state.load(seed or 0) if state is not None else (None, {})
        rig = SimRig(int(kept.get("seed", seed or 0)), flash)
        _name(rig, kept, seed)
        if state is not None:
            state.resume(rig, kept)
        line = Pty(link) if tcp is None else Tcp(tcp)
        rig.port.listen(False)
        rig.on_fault = _tell_fault
        rig.power_on()
        wire = Wire(rig, shared=True)
        if not kept:
            commission(wire)
        book(World(rig, wire, rig.chip.now, int(time.time() * 1_000_000)), events)
        if balance is not None:
            beside = balance_beside(rig, balance, balance_words or [])
        server = Server(rig, wire, line, speed, state, beside, idle_s)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: server.end())
        if state is not None:
            state.save(rig)
            told = {"port": line.name, "balance": beside.name if beside else None, "speed": speed}
            state.tell({**told, "seed": rig.chip.seed, "digest": spec.digest()})
        print(f"ready {line.name}" + (f"\nbalance {beside.name}" if beside else ""), flush=True)
        server.run()
        rig.power_off()
        if state is not None and state.is_ours():
            state.save(rig)
    except (StateError, TransportError, EventError) as error:
        print(f"rigsim: {error}", file=sys.stderr)
        return 1
    finally:
        if line is not None:
            line.close()
        if beside is not None:
            beside.close()
        if state is not None:
            state.close()
    return 0


def _name(rig: SimRig, kept: dict[str, Any], seed: int | None) -> None:
    """The rig's identity: the one that it has had, else one of its own, unless a seed names it."""
    if "identity" in kept:
        rig.chip.unique_id = bytes.fromhex(kept["identity"])
    elif seed is None and not kept:
        rig.chip.unique_id = identity_of(os.urandom(16))


def balance_beside(rig: SimRig, where: str, words: list[str]) -> BalanceBeside:
    """The balance, whose maths is loaded for it alone. Raises TransportError, also for a spec that is none."""
    from rigsim.balance_beside import BalanceBeside, SpecError

    try:
        return BalanceBeside(rig, where, words)
    except SpecError as error:
        raise TransportError(str(error)) from error


def _tell_fault(error: Exception) -> None:
    """A tick raised: the rig starts anew, as on the board, and where it was is worth knowing."""
    traceback.print_exception(error)
    print(
        "rigsim: a tick of the firmware raised; the rig starts anew from its log", file=sys.stderr, flush=True
    )


def _scenario(path: str | None) -> list[dict[str, Any]]:
    """The events of a JSON file: a list, or an object with `events`."""
    if path is None:
        return []
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except (OSError, ValueError) as error:
        raise EventError(f"scenario {os.path.basename(path)}: {error}") from error
    events = document.get("events", document.get("event")) if isinstance(document, dict) else document
    if not isinstance(events, list):
        raise EventError(f"scenario {os.path.basename(path)} holds no list of events")
    return events
