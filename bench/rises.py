"""A stall just after a rise of flow: every cause of a rise, with delays of 1 to 60 s, on the very firmware.

Owns: the causes, the runs and the table.
Rules: the rotor is held so long after the flow's rise, which is seen at the step pulses; degrees are of lost rotation
by the simulated rotor when the alarm's record is written; what is booked wrongly is counted steps against the rotor's,
both since before the rise.
Units: seconds of virtual time, degrees, uL.
Leaves: the physics to rigsim, thresholds to the firmware's thresholds.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("host", "firmware/lib", "firmware", "tests")]

from pumpwire.records import EVENTS  # noqa: E402

from bench import Bench, program  # noqa: E402

DELAYS_S = (1, 2, 5, 20, 60)
SLOW = 48_000  # nL/day: 2 uL/h, where a sample of the rotor comes once a minute
FAST = 24_000_000  # 1 mL/h
BOLUS = {"volume_nl": 8_000, "over_ms": 60_000}
MOST_DEGREES = 10.0
MOST_WRONG_UL = 0.3
TICK_DEGREES = 28.8  # of priming: four revolutions a second, in a tick of 20 ms
PRIMING = "priming"
RISE_PULSES = 2  # within SLICE_US: more than the slow flow makes in 5 s
SLICE_US = 100_000
LONGEST_S = 7200


def run_to_rise(bench: Bench, within: str) -> None:
    """To the instant at which the step pulses come faster."""
    pump = bench.sim.pump
    bench.run(within)
    for _slice in range(12_000):
        pump.advance()
        before = pump.pulses_total
        bench.sim.run_us(SLICE_US)
        pump.advance()
        if pump.pulses_total - before >= RISE_PULSES:
            return
    raise AssertionError("the flow never rose")


def started(**fields: Any) -> Bench:
    """A rig on a slow base flow, unless the fields say something else."""
    bench = Bench(seed=started.seed)
    bench.load(program(**({"basal": SLOW, "cap_nl": 1_000_000_000} | fields)))
    return bench


started.seed = 1


def flowing(**fields: Any) -> Bench:
    """The same after a quarter of an hour."""
    bench = started(**fields)
    bench.run("15 min")
    return bench


def standing(**fields: Any) -> Bench:
    """And stopped since five minutes."""
    bench = flowing(**fields)
    bench.act("stop")
    bench.run("5 min")
    return bench


def button() -> Bench:
    """A demand bolus by the button."""
    bench = flowing(demand=((8_000, 60_000, 0, 10),))
    bench.happen("press_bolus")
    return bench


def demand() -> Bench:
    """A demand bolus by the line."""
    bench = flowing(demand=((8_000, 60_000, 0, 10),))
    bench.act("demand")
    return bench


def bolus() -> Bench:
    """A bolus by hand."""
    bench = flowing()
    bench.act("bolus", **BOLUS)
    return bench


def spread() -> Bench:
    """A spread bolus."""
    bench = flowing()
    bench.act("bolus", volume_nl=100_000, over_ms=600_000, spread=1)
    return bench


def periodic() -> Bench:
    """A periodic bolus."""
    bench = started(periodic=((1837, 8_000, 60_000, 0),))
    bench.run("29 min")
    return bench


def flex_step() -> Bench:
    """A step of the day."""
    bench = started(basal=((0, SLOW), (1837, FAST)))
    bench.run("29 min")
    return bench


def ramp() -> Bench:
    """A turn of a titration ramp."""
    bench = started(basal=None, ramp=((SLOW, FAST, 1837, FAST + SLOW),))
    bench.run("29 min")
    return bench


def phases() -> Bench:
    """The second phase of a trial."""
    bench = started(basal=None, phases=((1837, SLOW), (3600, FAST)))
    bench.run("29 min")
    return bench


def commit() -> Bench:
    """A new program."""
    bench = flowing()
    bench.load(program(basal=FAST, cap_nl=1_000_000_000))
    return bench


def rate() -> Bench:
    """A new rate."""
    bench = flowing()
    digest = bench.act("rate", rate_nl_per_day=FAST)["hash"]
    bench.act("commit", hash=digest)
    return bench


def later() -> Bench:
    """A program that begins at its time."""
    bench = flowing()
    text = program(basal=FAST, cap_nl=1_000_000_000)
    digest = bench.act("stage", part=1, parts=1, text=text)["hash"]
    bench.act("commit", hash=digest, at_utc_s=bench.world.utc_us() // 1_000_000 + 637)
    bench.run("9 min")
    return bench


def bridge_end() -> Bench:
    """The end of a bridge slower than what follows."""
    bench = started(basal=FAST, bridge=((1_023, SLOW),))
    bench.run("28 min")
    return bench


def resume() -> Bench:
    """A resumption after a stop."""
    bench = standing(basal=FAST)
    bench.act("resume")
    return bench


def calibration() -> Bench:
    """A calibration's delivery."""
    bench = standing()
    bench.act("calibrate", rate_nl_per_day=FAST, volume_nl=100_000)
    return bench


def priming() -> Bench:
    """Priming at the pump's fastest, which lasts for more than a minute."""
    bench = standing()
    bench.happen("prime", after="1 s", volume="2.8 ml")
    return bench


def dose() -> Bench:
    """A dose from a pump that stands."""
    bench = standing()
    bench.act("dispense", volume_nl=1_000_000, rate_nl_per_day=5 * FAST)
    return bench


def clock() -> Bench:
    """A clock that is set, by which the day's fast part has come."""
    bench = flowing(basal=((0, SLOW), (43_200, FAST)))
    bench.act("clock", utc_us=bench.world.utc_us() + 43_200_000_000)
    return bench


def spread_again() -> Bench:
    """A spread bolus goes on after a slow one that had suspended it."""
    bench = flowing()
    bench.act("bolus", volume_nl=100_000, over_ms=600_000, spread=1)
    bench.run("3 min")
    bench.act("bolus", volume_nl=1_000, over_ms=600_000)
    bench.run("595 s")
    return bench


def after_stall() -> Bench:
    """A resumption after a stall that was freed."""
    bench = flowing(basal=FAST)
    bench.happen("stall")
    bench.run("2 min")
    bench.happen("free")
    bench.act("ack")
    bench.act("resume")
    return bench


def power_return() -> Bench:
    """The return of the power; nobody answers before it."""
    bench = flowing(basal=FAST)
    bench.happen("power_cut", **{"for": "10 s"})
    bench.run("9 s")
    run_to_rise(bench, "0 ms")
    return bench


CAUSES: dict[str, Callable[[], Bench]] = {
    "demand bolus by the button": button,
    "demand bolus by the line": demand,
    "bolus by hand": bolus,
    "spread bolus": spread,
    "periodic bolus": periodic,
    "step of the day": flex_step,
    "turn of a ramp": ramp,
    "next phase": phases,
    "commit of a program": commit,
    "commit of a rate": rate,
    "program that waited": later,
    "end of a bridge": bridge_end,
    "resume": resume,
    "calibration run": calibration,
    PRIMING: priming,
    "dose": dose,
    "clock that is set": clock,
    "spread bolus that goes on": spread_again,
    "resume after a stall": after_stall,
    "return of the power": power_return,
}


@dataclass
class Found:
    """What became of a stall: all alarms, lost rotation at the first, what is booked wrongly, how late it was."""

    cause: str
    alarms: list[str]
    degrees: float
    wrong_ul: float
    latency_s: float

    @property
    def is_right(self) -> bool:
        """Whether it is as it should be."""
        most_degrees = MOST_DEGREES + (TICK_DEGREES if self.cause == PRIMING else 0.0)
        return self.alarms == ["stall"] and self.degrees <= most_degrees and self.wrong_ul <= MOST_WRONG_UL


def stalled(cause: str, delay_s: float, seed: int = 1) -> Found:
    """Hold the rotor so long after the rise of flow."""
    started.seed = seed
    bench = CAUSES[cause]()
    sim, rotor = bench.sim, bench.sim.pump.rotor
    counted = bench.status()["delivered_steps"]
    sim.pump.advance()
    turned, lost_before = rotor.rotor_steps, rotor.field_steps - rotor.rotor_steps
    run_to_rise(bench, "0 ms")
    seen: list[tuple[str, int, float]] = []
    keep = sim.chip.flash.on_program

    def watch(page: int, data: bytes) -> None:
        known = len(bench.records)
        keep(page, data)
        for header, _state, text in bench.records[known:]:
            if EVENTS[header["event"]] == "alarm":
                sim.pump.advance()
                lost = rotor.field_steps - rotor.rotor_steps - lost_before
                seen.append((text.split()[0].split("=")[1], lost, bench.world.utc_us() / 1e6))

    sim.chip.flash.on_program = watch
    bench.happen("stall", after=f"{int(delay_s * 1000)} ms")
    begin_s = bench.world.utc_us() / 1e6 + delay_s
    bench.run("2 min")
    while not seen and bench.world.utc_us() / 1e6 - begin_s < LONGEST_S:
        bench.run("5 min")
    if not seen:
        return Found(cause, [], 0.0, 0.0, LONGEST_S)
    bench.run("1 min")
    status = bench.status()
    sim.pump.advance()
    wrong = abs(status["delivered_steps"] - counted - (rotor.rotor_steps - turned))
    nl = wrong * status["step_nl_num"] / status["step_nl_den"]
    degrees = seen[0][1] * 360 * rotor.steps_den / rotor.steps_num
    return Found(cause, [name for name, _lost, _at in seen], degrees, nl / 1000, seen[0][2] - begin_s)


def table(seeds: int) -> bool:
    """One row for each cause: the worst of the seeds at each delay. Whether all are as they should be."""
    print("| rise of flow | " + " | ".join(f"stall {delay} s later" for delay in DELAYS_S) + " |")
    print("|---" * (1 + len(DELAYS_S)) + "|")
    fine = True
    for cause in CAUSES:
        cells = [cause]
        for delay in DELAYS_S:
            found = [stalled(cause, delay, seed) for seed in range(1, seeds + 1)]
            wrong = [row for row in found if not row.is_right]
            fine = fine and not wrong
            degrees, ul = max(row.degrees for row in found), max(row.wrong_ul for row in found)
            names = ", ".join(sorted({name for row in found for name in row.alarms}) or ["none"])
            cells.append(f"{names}, {degrees:.1f}°, {ul:.2f} µL")
        print("| " + " | ".join(cells) + " |", flush=True)
    return fine


def main() -> int:
    """Print the table; 1 if a stall was not told as one, or late, or booked wrongly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    return 0 if table(parser.parse_args().seeds) else 1


if __name__ == "__main__":
    sys.exit(main())
