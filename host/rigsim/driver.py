"""The executive in virtual time: boots the firmware, ticks it on the 20 ms grid, jumps where nothing happens.

Owns: a SimRig: one chip, its pump and its link, and the queue of coming events.
Rules: a tick happens only on the grid counted from power-on; an event at an instant comes before the tick of
that instant; fast and slow mode give the same world, because the firmware's duties decide by the clock alone
whether they are due.
Units: cycles of 8 ns since the world began; microseconds since power-on where a name says `us`.
Leaves: what an event does to events.py, wall time to serve.py, the firmware to the firmware.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from rigsim import shims
from rigsim.chip import CYCLES_PER_US, PWRON_RESET, WDT_RESET, Chip, on, set_current
from rigsim.flash import NorFlash
from rigsim.geometry import PumpHead
from rigsim.physics.pump import Pump
from rigsim.port import SimPort
from rigsim.power import ChipReset, PowerCut
from rigsim.wiring import firmware_wiring

GRID_CYCLES = 20_000 * CYCLES_PER_US
LONGEST_JUMP_CYCLES = (
    240_000_000 * CYCLES_PER_US
)  # the firmware's clock has to be read before ticks_us wraps half way
RESERVOIR_NL = 20_000_000
START_US = 240_000  # from the peripherals' start to the clock's: replay of the log, on the board
PROMPT = b"pumprig: maintenance; the motor is off; Ctrl-D runs the rig again\r\n>>> "
SOFT_RESET = 4  # Ctrl-D at MicroPython's prompt
BOOT_LIMIT = 8  # resets in a row, without a tick between them, before the driver gives up


class SimRig:
    """A rig: give it `flash` to go on with an older one's memory; `slow` executes every tick; `head` is another pump
    head than the usual one, `truth` sets values that the seed would draw (physics/truth.py).

    A tick that raises ends the run, so that no test misses it; with `on_fault` the rig goes on as the Pico does.
    """

    def __init__(
        self,
        seed: int = 0,
        flash: NorFlash | None = None,
        reservoir_nl: float = RESERVOIR_NL,
        slow: bool = False,
        port: SimPort | None = None,
        head: PumpHead | None = None,
        truth: dict[str, float] | None = None,
    ) -> None:
        shims.install()
        self.chip = Chip(seed, NorFlash(seed=seed) if flash is None else flash)
        if self.chip.flash.factory_new:
            self.chip.flash.lay_out_journal()
        with on(self.chip):
            self.wiring = firmware_wiring()
        self.pump = Pump(self.chip, self.wiring, reservoir_nl, head, truth)
        self.port = SimPort() if port is None else port
        self.slow = slow
        self.rig: Any = None
        self.ticks = 0
        self.resets = 0
        self.after_tick: Callable[[], None] | None = None
        self.on_boot: Callable[[Any], None] | None = None
        self.on_fault: Callable[[Exception], None] | None = None
        self._zero_cycle = 0  # where the firmware's clock and its grid begin
        self._next_cycle = 0  # the tick that the firmware asked for, on the grid
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._woken = False
        self._ticked_cycle = -GRID_CYCLES
        for name in ("stop", "request", "silence"):
            self.chip.watch(self.wiring.pins[name], self._on_edge)

    # --- power

    @property
    def powered(self) -> bool:
        """Whether the Pico has its supply."""
        return self.chip.powered

    def power_on(self, cause: int = PWRON_RESET) -> None:
        """Boot the firmware at the chip's present instant; a firmware that resets itself is booted again."""
        for _ in range(BOOT_LIMIT):
            self.rig = None
            self.chip.power_on(cause)
            self.port.clear()
            try:
                with on(self.chip):
                    self._start()
            except ChipReset as reset:
                self.resets += 1
                cause = reset.cause
                continue
            except PowerCut:
                return
            self._next_cycle = self._grid_from(self.chip.now)
            return
        raise RuntimeError(f"the firmware reset itself {BOOT_LIMIT} times without a tick")

    def power_off(self) -> None:
        """Cut the power now."""
        self.chip.power_off()
        self.rig = None
        self.port.clear()

    def _start(self) -> None:
        """What the firmware's start.run() does before its loop; a maintenance boot leaves no rig running."""
        from rig.board import config, sysclock
        from rig.board.board import Board
        from rig.rig import Rig
        from rig.step.stepper import Stepper

        shims.isolate("rig.board.board")
        from rigsim.shim_pio import pulse_counter

        sysclock.settle()
        stepper = Stepper(config)
        self.pump.attach_pulses(pulse_counter(self.chip, self.wiring.pins["step"]))
        board = Board(stepper)
        self.chip.while_waiting = self._pass
        try:
            is_held = board.stop_held()
        finally:
            self.chip.while_waiting = None
        if is_held:
            self.port.write(PROMPT)
            return
        self.chip.spend_us(START_US)
        self._zero_cycle = self.chip.now
        rig = Rig(board, self.port, config)
        if rig.boot():
            board.start_watchdog()
            self.rig = rig
            if self.on_boot is not None:
                self.on_boot(rig)
        else:
            self.port.write(PROMPT)

    def _pass(self, cycle: int) -> None:
        """What happens while the firmware's start waits: a finger lifts, the power goes."""
        while self._events and self._events[0][0] <= cycle and self.chip.powered:
            when, _, action = heapq.heappop(self._events)
            self.chip.now = max(self.chip.now, when)
            action()

    # --- events

    def at(self, cycle: int, action: Callable[[], None]) -> None:
        """Call `action` at a virtual instant; those of the same instant in the order of their booking."""
        self._order += 1
        heapq.heappush(self._events, (max(cycle, self.chip.now), self._order, action))

    def after_us(self, delay_us: int, action: Callable[[], None]) -> None:
        """Call `action` so much later."""
        self.at(self.chip.now + delay_us * CYCLES_PER_US, action)

    def wake(self) -> None:
        """Something changed that a tick has to see: run the next one of the grid."""
        self._woken = True

    def _on_edge(self, cycle: int, level: int) -> None:
        self._woken = True

    # --- time

    def _grid_from(self, cycle: int) -> int:
        """The first grid point at or after a cycle."""
        since = cycle - self._zero_cycle
        return self._zero_cycle + -(-since // GRID_CYCLES) * GRID_CYCLES

    def next_tick_cycle(self) -> int | None:
        """When the next tick is due; None while no firmware runs."""
        if self.rig is None:
            return None
        if self._woken or self.slow or self.port.waiting_input:
            soonest = max(self._grid_from(self.chip.now), self._ticked_cycle + GRID_CYCLES)
            return min(self._next_cycle, soonest)
        return self._next_cycle

    def next_cycle(self) -> int | None:
        """When something happens next: a tick or an event; None if never."""
        tick = self.next_tick_cycle()
        if not self._events:
            return tick
        event = self._events[0][0]
        return event if tick is None else min(tick, event)

    def step(self, limit: int) -> bool:
        """Do the one thing that comes next, if it comes at or before `limit`; else only let time pass until there."""
        chip = self.chip
        events = self._events
        if self.rig is None or self._woken or self.slow or self.port.waiting_input:
            tick = self.next_tick_cycle()
        else:  # the usual case, without a call
            tick = self._next_cycle
        if events and events[0][0] <= limit and (tick is None or events[0][0] <= tick):
            when, _, action = heapq.heappop(events)
            chip.now = max(chip.now, when)
            action()
            return True
        if tick is not None and tick <= limit:
            if tick > chip.now:
                chip.now = tick
            self.tick()
            return True
        chip.now = max(chip.now, limit)
        return False

    def run_until(self, cycle: int) -> None:
        """Everything up to and including this instant."""
        step = self.step
        while step(cycle):
            pass

    def is_pressing(self) -> bool:
        """Whether the firmware wants its next tick at once (more of an answer is to come)."""
        return self.rig is not None and self._next_cycle <= self._ticked_cycle + GRID_CYCLES

    def hear(self) -> None:
        """Let the firmware look at its link now: at the next grid point, or once more at the one where it is."""
        soonest = self._grid_from(self.chip.now)
        while self._events and self._events[0][0] <= soonest and self.step(soonest):
            pass
        self.chip.now = max(self.chip.now, soonest)
        if self.rig is not None:
            self.tick()
        elif self.chip.powered and SOFT_RESET in self.port.read(self.port.waiting_input):
            self.power_on(self.chip.reset_cause)

    def run_us(self, span_us: int) -> None:
        """So much longer."""
        self.run_until(self.chip.now + span_us * CYCLES_PER_US)

    def tick(self) -> None:
        """One tick of the firmware at the chip's present instant."""
        chip = self.chip
        before = set_current(chip)
        started = self._ticked_cycle = chip.now
        self._woken = False
        fed = chip.fed_cycle
        try:
            next_us = self.rig.tick()
        except ChipReset as reset:
            self._reset(reset.cause)
            return
        except PowerCut:
            self.rig = None
            self.port.clear()
            return
        except Exception as error:
            if self.on_fault is None:
                raise
            self.on_fault(error)
            self._fail(error)
            return
        finally:
            set_current(before)
        self.ticks += 1
        wanted = self._zero_cycle + -(-next_us // 20_000) * GRID_CYCLES
        soonest = started + GRID_CYCLES
        if chip.now > soonest:
            soonest = self._grid_from(chip.now)
        latest = started + LONGEST_JUMP_CYCLES
        self._next_cycle = soonest if wanted < soonest else latest if wanted > latest else wanted
        if chip.watchdog_us and chip.fed_cycle < started:
            self._watch(fed)
        if self.after_tick is not None:
            self.after_tick()

    def _fail(self, error: Exception) -> None:
        """What the firmware's start.run() does about a tick that raises."""
        try:
            self.rig.fail(error)
        except ChipReset as reset:
            self._reset(reset.cause)

    def _watch(self, fed_before: int) -> None:
        """This tick has not fed the watchdog; nor would skipped ones have: it bites in its time."""
        chip = self.chip
        bite = chip.watchdog_bite()
        assert bite is not None
        if fed_before == chip.fed_cycle and chip.now >= bite:
            self._reset(WDT_RESET)
        else:
            self._next_cycle = self._ticked_cycle + GRID_CYCLES

    def _reset(self, cause: int) -> None:
        self.resets += 1
        self.rig = None
        self.chip.power_off()
        self.power_on(cause)
