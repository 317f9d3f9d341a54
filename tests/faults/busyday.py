"""A busy day: every kind of command, alarm and bolus, on a log so small that it wraps.

Owns: the day's script and what a host was told, when.
Rules: everything goes over the link, with the numbers that a host would use; the whole day is one boot.
Units: nL, nL/day, virtual microseconds.
Leaves: the tape to tape.py, what must hold to cuts.py.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from faults.tape import TapedFlash
from rigsim.shim_pio import pulse_counter
from rigsim.wire import Refused, stage_parts

from bench import Bench, program

HOUR_US = 3_600_000_000
DAY = ((0, 240_000), (28_800, 960_000), (64_800, 480_000))


@dataclass
class Act:
    """One changing command: what was true before and after it, and how it ended."""

    seq: int
    verb: str
    first: int  # the operations on the tape from here ...
    end: int  # ... to here are its own
    before: dict[str, Any]
    after: dict[str, Any]
    code: int


@dataclass(frozen=True)
class Facts:
    """What was true at an instant, beyond the flash."""

    cycle: int
    pulses: int
    acting: int  # the number under way; 0: none
    told_seq: int  # the last number that the host has an answer to
    choices: dict[str, Any]


def choices(sim: Any) -> dict[str, Any]:
    """What only commands and alarms change, never time alone."""
    rig = sim.rig
    therapy = rig.therapy
    return {
        "program": therapy.program_hash,
        "mode": therapy.mode,
        "calibration": rig.dosing.calibration_id,
        "key": rig.access.has_key(),
        "plain": rig.access.plain,
        "pin": rig.access.pin_hash,
        "bolus": [(overlay.kind, overlay.steps) for overlay in therapy.boluses.queue if overlay.row < 0],
        "spread": therapy.spread.steps if therapy.spread else None,
    }


class BusyDay:
    """Runs the day once. `tape`, `acts`, `samples` and `first` tell everything that the cuts need."""

    def __init__(self, seed: int = 1, on_return: str = "resume", log_blocks: int = 6) -> None:
        self.random = random.Random(seed)
        self.on_return = on_return
        self.flash = TapedFlash(seed, log_blocks)
        self.bench = Bench(seed, flash=self.flash)
        self.acts: list[Act] = []
        self.samples: list[tuple[int, Facts]] = []  # (operations done, facts) at random instants
        self._acting = 0
        self._told = 0
        sim = self.bench.sim
        self._pulses = pulse_counter(sim.chip, sim.wiring.pins["step"])
        self._told = int(self.bench.wire.greet()["last_seq"])
        self.flash.begin(self.facts)

    def facts(self) -> Facts:
        """Of this instant."""
        sim = self.bench.sim
        return Facts(sim.chip.now, self._pulses(), self._acting, self._told, choices(sim))

    def sample(self) -> None:
        """Keep this instant."""
        self.samples.append((len(self.flash.tape), self.facts()))

    def book_samples(self, count: int, span_us: int) -> None:
        """Random instants over a span from now."""
        for _ in range(count):
            self.bench.sim.after_us(self.random.randrange(span_us), self.sample)

    # --- the host

    def act(self, verb: str, **fields: Any) -> dict[str, str]:
        """A numbered command; refusals are part of a day."""
        wire = self.bench.wire
        self.bench.wire.call("open")
        seq = (wire.last_seq or 0) + 1
        first, before = len(self.flash.tape), choices(self.bench.sim)
        self._acting = seq
        code = 0
        answer: dict[str, str] = {}
        try:
            answer = wire.call(verb, *fields.items()).answer or {}
        except Refused as refused:
            code = int(refused.fields["code"])
        self._acting = 0
        if wire.last_seq == seq:
            self._told = seq
        end = len(self.flash.tape)
        self.acts.append(Act(seq, verb, first, end, before, choices(self.bench.sim), code))
        return answer

    def load(self, text: str, override: int = 0) -> None:
        """Stage and commit."""
        answer: dict[str, str] = {}
        for fields in stage_parts(text):
            answer = self.act("stage", **dict(fields))
        self.act("commit", hash=answer["hash"], override=override)

    def program(self, **fields: Any) -> str:
        """The day's program."""
        return program(
            basal=DAY,
            periodic=((14_400, 4_000, 300_000, 0),),
            demand=((5_000, 240_000, 3_600, 6),),
            on_return=self.on_return,
            catheter_nl=3_000,
            **fields,
        )

    # --- the day

    def run(self, samples: int = 0) -> BusyDay:
        """All of it."""
        if samples:
            self.book_samples(samples, 16 * HOUR_US)
        bench = self.bench
        self.act("prime", volume_nl=3_000)
        bench.run("20 min")
        self.load(self.program())
        bench.run("1 h")
        self.act("demand")
        self.act("demand")  # locked out: a refusal is an act, too
        bench.run("70 min")
        self.act("bolus", volume_nl=20_000, over_ms=1_200_000)
        bench.run("5 min")
        self.act("stop")
        bench.run("3 min")
        self.act("resume")
        bench.run("10 min")
        self.act("bolus", volume_nl=60_000, over_ms=7_200_000, spread=1)
        bench.run("20 min")
        self.act("demand")
        bench.run("30 min")
        self.act("clock", utc_us=bench.world.utc_us() + 5_000_000)
        bench.happen("brownout", volts=4.0, **{"for": "20 s"})
        bench.run("10 min")
        self.act("ack")
        self.act("resume")
        bench.run("1 h")
        self._afternoon()
        return self

    def _afternoon(self) -> None:
        bench = self.bench
        self.act("refill", volume_nl=18_000_000, removed_nl=17_000_000)
        self.act("refill", volume_nl=17_000_000)
        self.act("silence")
        self.act("ack")
        self.act("stop")
        self.load("kind=calibration id=7 nl_num=10100 nl_den=1 u_ppm=9000")
        self.act("resume")
        bench.happen("press_bolus")
        bench.run("40 min")
        self.load(self.program(name="evening"))
        bench.run("30 min")
        self.act("rate", rate_nl_per_day=480_000)
        self.act("discard")
        bench.happen("press_stop")
        bench.run("6 min")
        self.act("ack")
        self.act("resume")
        bench.happen("sensor_fail", sensor="pressure")
        bench.run("10 min")
        bench.happen("sensor_ok", sensor="pressure")
        bench.run("30 min")
        self.act("access", pin="1234")
        self.act("access", plain=0)
        self.act("bolus", volume_nl=5_000, over_ms=60_000)
        bench.run("3 h")
        self._evening()

    def _evening(self) -> None:
        bench = self.bench
        for volume_nl in (30_000, 45_000, 15_000, 25_000):  # records by volume: the log wraps
            self.act("bolus", volume_nl=volume_nl, over_ms=900_000)
            bench.run("40 min")
        self.act("stop")
        self.act("access", key="5a" * 32)  # which ends the session: what came after it would have no number
        bench.run("1 h")
