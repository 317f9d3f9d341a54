"""Sensors, supply, clock and time gone wrong: the pump stays within its bounds, and says what is wrong.

Owns: the cases, and what may be true at their end.
Rules: the truth is the simulated fluid; a fault may stop the pump, never make it deliver more than its program.
Units: nL, virtual time.
Leaves: how a sensor fails to rigsim.
"""

from __future__ import annotations

from collections.abc import Callable

from bench import START_UTC_US, Bench, program

RATE = 480_000
HOURS = 6
YEAR_1970_US = 0
YEAR_2106_US = 4_294_967_296_000_000
WRAP_US = 1 << 30
Case = Callable[[], tuple[Bench, str]]
ANY = ("sensor", "self_test")
NAMED = {  # the alarms of which one must have come; a case that is not here must raise none
    "encoder absent": ANY,
    "encoder stuck": ("stall",),
    "encoder noisy": ("stall", "over_infusion", "under_infusion"),
    "pressure": ANY,
    "supply stuck": ("",),  # not noticed by itself: see below
    "supply absent": ("supply_stop",),
    "supply noisy": ("supply_stop",),
    "stuck supply sensor": ("stall",),
    "brown-out": ("supply_stop",),
    "clock": ("clock", ""),
    "ticks wrap": ("power_return",),
}


def _running(**options: int) -> Bench:
    bench = Bench(4, **options)
    bench.load(program(basal=RATE, demand=((2_000, 120_000, 600, 20),)))
    return bench


def _sensor(sensor: str, how: str, at_start: bool) -> Case:
    def case() -> tuple[Bench, str]:
        bench = _running()
        if not at_start:
            bench.run("20 min")
        bench.happen("sensor_fail", sensor=sensor, how=how)
        bench.run("1 s")
        if at_start:
            bench.sim.power_off()
            bench.wire.reset()
            bench.run("2 s")
            bench.sim.power_on()
        return bench, f"{HOURS} h"

    return case


def _brownout(volts: float, seconds: int) -> Case:
    def case() -> tuple[Bench, str]:
        bench = _running()
        bench.run("10 min")
        for minute in (0, 7, 9):
            bench.happen("brownout", after=f"{minute} min", volts=volts, **{"for": f"{seconds} s"})
        return bench, f"{HOURS} h"

    return case


def _unseen_brownout() -> tuple[Bench, str]:
    """The motor loses its supply while the supply's sensor is stuck at a good value: the encoder tells."""
    bench = _running()
    bench.run("10 min")
    bench.happen("sensor_fail", sensor="supply", how="stuck")
    bench.happen("brownout", after="1 min", volts=0.0, **{"for": "1 h"})
    return bench, f"{HOURS} h"


def _clock(utc_us: int) -> Case:
    def case() -> tuple[Bench, str]:
        bench = _running()
        bench.run("10 min")
        bench.act("clock", utc_us=max(1, utc_us))
        bench.run("1 h")
        bench.act("clock", utc_us=START_UTC_US)
        return bench, f"{HOURS - 1} h"

    return case


def _wrap() -> tuple[Bench, str]:
    bench = _running()
    bench.sim.power_off()
    bench.wire.reset()
    bench.sim.chip.ticks_offset_us = WRAP_US - 30_000_000  # ticks_us wraps half a minute after the boot
    bench.run("1 s")
    bench.sim.power_on()
    return bench, f"{HOURS} h"


SENSORS = ("encoder", "pressure", "supply")
WAYS = ("absent", "stuck", "noisy")


def cases() -> dict[str, Case]:
    """Every case by its name."""
    found: dict[str, Case] = {}
    for sensor in SENSORS:
        for how in WAYS:
            for at_start in (True, False):
                found[f"{sensor} {how} {'at start' if at_start else 'later'}"] = _sensor(
                    sensor, how, at_start
                )
    found["brown-out to 8 V"] = _brownout(8.0, 20)
    found["brown-out to 4 V"] = _brownout(4.0, 20)
    found["brown-out to 0 V, short"] = _brownout(0.0, 1)
    found["stuck supply sensor in a brown-out"] = _unseen_brownout
    found["clock to 1970"] = _clock(YEAR_1970_US)
    found["clock to 2106"] = _clock(YEAR_2106_US)
    found["ticks wrap"] = _wrap
    return found


def judge(name: str, case: Case) -> tuple[str, list[str]]:
    """(what became of the pump, what is wrong)."""
    bench, span = case()
    began_nl = bench.sim.pump.true_nl()
    began_cycle = bench.sim.chip.now
    bench.run(span)
    if bench.sim.rig is None:
        return "down", ["the firmware does not run"]
    status = bench.status()
    spent_s = (bench.sim.chip.now - began_cycle) / 125e6
    due_nl = RATE * spent_s / 86_400
    got_nl = bench.sim.pump.true_nl() - began_nl
    wrong: list[str] = []
    if got_nl > due_nl * 1.05 + 5_000:
        wrong.append(f"{got_nl:.0f} nL came, {due_nl:.0f} nL were due")
    if got_nl < due_nl * 0.9 - 5_000 and not bench.alarms():
        wrong.append(f"only {got_nl:.0f} of {due_nl:.0f} nL came, and nothing alarms")
    raised = [text.split()[0].partition("=")[2] for text in bench.events("alarm")]
    (expected,) = [names for begin, names in NAMED.items() if name.startswith(begin)]
    if not set(expected) & {*raised, ""}:
        wrong.append(f"none of {', '.join(expected)} was raised, only {', '.join(raised) or 'nothing'}")
    if bench.sim.resets:
        wrong.append(f"{bench.sim.resets} resets")
    return f"{status['state']}, {','.join(bench.alarms()) or 'no alarm'}", wrong
