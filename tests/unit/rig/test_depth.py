"""How many calls deep the firmware goes in a tick: the Pico's stack has 8 kB, and too deep a call begins the rig anew.

Owns: the limit in calls, and a day in which every changing command, the buttons and the worst alarms come.
Rules: calls of the firmware's own functions are counted from the tick on, on the very firmware in virtual time; what
a call takes of the stack was measured on the emulated Pico (bench/commands.py tells it of each command).
Units: calls.
Leaves: the stack itself to bench/commands.py, which reads it from the emulated chip.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from pumprig.flash.image import firmware_folder
from pumpwire import documents, spec
from rigsim.wire import stage_parts

from bench import Bench, program

# Measured: 20 calls, a stop in a bolus, take 6132 bytes with the two below the tick and the interrupts, 280 a call.
# MicroPython refuses a call beyond 7936; a kB of it stays free.
MOST_CALLS = 22
HOUR_S = 3_600
STEPS = tuple((3 * HOUR_S * k, 240_000 + 48_000 * k) for k in range(8))
FLEX = program(
    basal=STEPS, cap_nl=20_000_000, periodic=((600, 2_000, 60_000, 0),), demand=((5_000, 120_000, 0, 100),)
)
OTHER = program(basal=((0, 480_000),), cap_nl=20_000_000)
RAMP = program(ramp=((240_000, 24_000, 3_600, 480_000),), cap_nl=20_000_000)


class Depth:
    """The deepest chain of calls within the firmware so far, by name."""

    def __init__(self) -> None:
        self.deepest: tuple[str, ...] = ()

    def look(self, frame: FrameType, event: str, _argument: Any) -> None:
        """sys.setprofile's function."""
        if event != "call":
            return
        names: list[str] = []
        ours = str(firmware_folder())
        walk: FrameType | None = frame
        while walk is not None and walk.f_code.co_filename.startswith(ours):
            names.append(walk.f_code.co_name)
            walk = walk.f_back
        if len(names) > len(self.deepest):
            self.deepest = tuple(reversed(names))

    @contextmanager
    def counting(self, bench: Bench) -> Iterator[None]:
        """Count in each tick of a bench."""
        rig = bench.sim.rig
        tick = rig.tick

        def counted() -> int:
            sys.setprofile(self.look)
            try:
                return tick()
            finally:
                sys.setprofile(None)

        rig.tick = counted
        try:
            yield
        finally:
            del rig.tick


def act(verb: str, **fields: int | str) -> Callable[[Bench], object]:
    return lambda bench: bench.act(verb, **fields)


def typed(*lines: str) -> Callable[[Bench], object]:
    def do(bench: Bench) -> None:
        bench.wire.call("close")
        for line in lines:
            bench.type(line)

    return do


def committed(text: str) -> Callable[[Bench], object]:
    return lambda bench: bench.load(text)


def later(bench: Bench) -> None:
    """A program that waits for its time, and begins."""
    digest = documents.digest(OTHER)
    for fields in stage_parts(OTHER):
        bench.wire.call("stage", *fields)
    bench.act("commit", hash=digest, at_utc_s=bench.world.utc_us() // 1_000_000 + 5)
    bench.run("10 s")
    assert "waited=1" in bench.events("program")[-1]


def pressed(which: str) -> Callable[[Bench], object]:
    return lambda bench: (bench.happen("press_" + which), bench.run("1 s"))


def stalled(bench: Bench) -> None:
    """Three times in a row: the last one is told as `restarts`, out of a stop out of an alarm."""
    bench.load(program(basal=24_000_000))
    bench.stall_three_times()
    assert "restarts" in bench.alarms()
    bench.act("ack")


# in order: each begins where the one before left the rig
DEEDS: tuple[tuple[str, Callable[[Bench], object]], ...] = (
    ("stop first", act("stop")),
    ("resume", act("resume")),
    ("bolus", act("bolus", volume_nl=2_000)),
    ("stop", act("stop")),
    ("resume", act("resume")),
    ("spread bolus", act("bolus", volume_nl=20_000, over_ms=600_000, spread=1)),
    ("demand", act("demand")),
    ("stop button", pressed("stop")),
    ("ack", act("ack")),
    ("resume", act("resume")),
    ("request button", pressed("bolus")),
    ("silence", act("silence")),
    ("rate", act("rate", rate_nl_per_day=480_000)),
    ("discard", act("discard")),
    ("stage, commit", committed(OTHER)),
    ("commit for later", later),
    ("withdraw", lambda bench: bench.refusal("withdraw")),
    ("refill", act("refill", volume_nl=18_000_000, removed_nl=9_000_000)),
    ("clock", act("clock", utc_us=1_767_225_600_000_000)),
    ("tube", act("tube")),
    ("battery", act("battery")),
    ("a program with a ramp", committed(RAMP)),
    ("ramp", act("ramp", do="hold")),
    ("typed stop", typed("stop")),
    ("prime", act("prime", volume_nl=400_000)),
    ("priming", lambda bench: bench.run("1500 ms")),
    ("stop from full speed", act("stop")),
    ("calibrate", act("calibrate", rate_nl_per_day=24_000_000, volume_nl=50_000)),
    ("typed stop of it", typed("stop")),
    ("dispense", act("dispense", volume_nl=1_000, over_ms=10_000)),
    ("its end", lambda bench: bench.run("20 s")),
    ("typed", typed("terminal", "status", "rate 20 ul/h", "help rate", "rate 20")),
    ("stall", stalled),
    ("access", act("access", plain=1)),
    ("maintenance", act("maintenance")),
)


def test_no_command_button_or_alarm_goes_deeper_than_the_pico_s_stack_allows() -> None:
    bench = Bench()
    bench.load(FLEX)
    bench.run("11 min")
    deepest: dict[str, tuple[str, ...]] = {}
    for name, do in DEEDS:
        depth = Depth()
        with depth.counting(bench):
            do(bench)
            bench.run("200 ms")
        deepest[name] = depth.deepest
        print(f"{name}: {len(depth.deepest)}: {' '.join(depth.deepest)}")
    assert len(deepest["stop first"]) > 10, "it is counted"
    assert {name: calls for name, calls in deepest.items() if len(calls) > MOST_CALLS} == {}


def test_every_changing_command_is_among_them() -> None:
    source = Path(__file__).read_text("utf-8")
    missing = [row[0] for row in spec.commands() if row[3] and f'act("{row[0]}"' not in source]
    assert [verb for verb in missing if verb not in ("stage", "commit", "withdraw")] == []
