"""Whatever the link, the garbage collector or the flash does: every step leaves at the very cycle it would have.

Owns: the disturbances and the comparison of edges with those of an undisturbed run.
Rules: both runs get the same commands at the same instants; the disturbed one gets the noise on top; edges are those
of the modelled state machine, to the cycle.
Units: cycles of 8 ns, microseconds.
Leaves: the step machine's model to rigsim, the PIO program itself to tests/pio.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from pumpwire import codec
from rigsim.flash import NorFlash
from rigsim.port import INPUT_RING, SimPort

from bench import Bench, program

ERASE_US = 400_000  # the longest that the data sheet allows
PROGRAM_US = 3_000
COLLECT_US = 60_000
RUN_US = 3_600_000_000
CYCLES_PER_US = 125


class SlowFlash(NorFlash):
    """Each operation takes the longest time of the data sheet, with the processor standing still."""

    slow = False

    def __init__(self, seed: int, log_blocks: int) -> None:
        super().__init__(seed=seed)
        self.lay_out_journal(log_blocks=log_blocks)
        self.spend: Callable[[int], None] = lambda us: None
        self.stalls = 0

    def _erase(self, number: int) -> None:
        super()._erase(number)
        if self.slow:
            self.stalls += 1
            self.spend(ERASE_US)

    def _program(self, start: int, data: bytes) -> None:
        super()._program(start, data)
        if self.slow:
            self.spend(PROGRAM_US)


class SlowPort(SimPort):
    """A port whose reading now and then meets a garbage collection."""

    def __init__(self) -> None:
        super().__init__()
        self.spend: Callable[[int], None] = lambda us: None
        self.every = 0
        self._reads = 0
        self.stalls = 0

    def read(self, limit: int) -> bytes:
        self._reads += 1
        if self.every and self._reads % self.every == 0:
            self.stalls += 1
            self.spend(COLLECT_US)
        return super().read(limit)


class Run:
    """One rig that delivers for an hour; `edges` are all rising edges of the step pin since the start."""

    def __init__(self, basal: object, log_blocks: int = 96, port: SimPort | None = None) -> None:
        self.flash = SlowFlash(3, log_blocks)
        self.bench = Bench(3, flash=self.flash, **({"port": port} if port else {}))
        self.sim = self.bench.sim
        self.flash.spend = self.spend
        self.bench.load(program(basal=basal, periodic=((1_200, 3_000, 120_000, 0),)))
        self.bench.wire.call("close")
        self.bench.run("61 s")
        self.sim.after_tick = None
        self.edges: list[int] = []
        self.zero = self.sim.chip.now
        unit = self.sim.chip.peripherals["step_unit"]
        unit.listener = self.edges.extend

    def spend(self, us: int) -> None:
        """The processor stands still. The ticks that the simulator jumped over have fed the watchdog until now."""
        self.sim.chip.feed_watchdog()
        self.sim.chip.spend_us(us)

    def press_on(self, span_us: int = RUN_US) -> list[int]:
        """Deliver on; returns the edges relative to the start of this span."""
        end = self.zero + span_us * CYCLES_PER_US
        self.sim.run_until(end)
        unit = self.sim.chip.peripherals["step_unit"]
        unit.pulses()
        under_way = [edge for block in unit.blocks for edge in block.edges]
        return [edge - self.zero for edge in (*self.edges, *under_way) if edge <= end]


BASALS: dict[str, object] = {
    "slow": 480_000,
    "day": ((0, 480_000), (900, 1_440_000), (2_400, 240_000)),
    "fast": 24_000_000,  # the log's blocks turn over every five minutes
}


def undisturbed(basal: object, span_us: int = RUN_US, log_blocks: int = 96) -> list[int]:
    """The edges that every disturbed run must have, too."""
    return Run(basal, log_blocks).press_on(span_us)


def flood(run: Run, seed: int) -> None:
    """A host that sends as much as fits, of everything: requests, halves, noise, unknown verbs."""
    chance = random.Random(seed)
    lines = [
        codec.request(k, verb).encode() for k, verb in enumerate(("status", "help", "alarms", "program"))
    ]

    def push() -> None:
        data = chance.choice(lines) + b"\n" if chance.random() < 0.5 else chance.randbytes(INPUT_RING)
        run.sim.port.push(bytes(byte for byte in data if byte not in b"sS"))  # a typed stop would be one
        if chance.random() < 0.5:
            run.sim.port.pull()
        run.sim.after_us(40_000, push)

    push()


def never_reads(run: Run, seed: int) -> None:
    """A host that asks and never takes an answer."""

    def push() -> None:
        run.sim.port.push(codec.request(1 << 33, "status").encode() + b"\n")
        run.sim.after_us(200_000, push)

    run.sim.port.listen(True)
    push()


def noise(run: Run, seed: int) -> None:
    """Random bytes for the whole time."""
    chance = random.Random(seed)

    def push() -> None:
        run.sim.port.push(chance.randbytes(chance.randrange(1, 64)))
        run.sim.port.pull()
        run.sim.after_us(chance.randrange(20_000, 200_000), push)

    push()


def stalls(run: Run, seed: int) -> None:
    """Every flash operation as long as it may be, from now on."""
    run.flash.slow = True


def collections(run: Run, seed: int) -> None:
    """A garbage collection of 60 ms at every third look at the line."""
    port = run.sim.port
    assert isinstance(port, SlowPort)
    port.spend = run.spend
    port.every = 3


DISTURBANCES: dict[str, Callable[[Run, int], None]] = {
    "flood": flood,
    "never reads": never_reads,
    "noise": noise,
    "flash stalls": stalls,
    "collections": collections,
}


def differing(basal: object, name: str, seed: int, span_us: int = RUN_US) -> tuple[int, int, int]:
    """(edges, how many of them differ from the undisturbed run's, erases or collections met)."""
    log_blocks = 4 if name == "flash stalls" else 96
    want = undisturbed(basal, span_us, log_blocks)
    port = SlowPort() if name == "collections" else None
    run = Run(basal, log_blocks, port)
    DISTURBANCES[name](run, seed)
    got = run.press_on(span_us)
    wrong = sum(a != b for a, b in zip(want, got, strict=False)) + abs(len(want) - len(got))
    return len(want), wrong, run.flash.stalls + (port.stalls if port else 0)
