"""A boot from the last record: what the rig was before the cut, it is again; what may have flowed counts as given.

Owns: the state before and after a cut, field by field; the bound of what is assumed.
Rules: the very firmware on the simulated chip, cut at an instant that was drawn; the judge reads the parts of the
rig that died and of the one that booted, not the record between them.
Units: steps, nL, seconds of virtual time.
Leaves: cuts within one flash operation to test_journal.py, long weeks to tests/oracle.
"""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import Any

import pytest
from rigsim.chip import on
from rigsim.wire import Refused

from bench import Bench, program

CUT_US = 30_000_000
SLOT_US = 600_000_000
RUN = {
    "basal": ((0, 240_000), (43_200, 480_000)),
    "drug": "dye",
    "reservoir_nl": 9_000_000,
    "low_nl": 100_000,
}
BOLUSES = {
    "periodic": ((5_400, 7_001, 300_000, 0), (7_200, 3_000, 60_000, 900)),
    "demand": ((2_000, 120_000, 1_800, 9),),
    "cap_nl": 2_000_000,
}


def kept(rig: Any) -> dict[str, Any]:
    """What no cut may change."""
    therapy, session = rig.therapy, rig.session
    return {
        "hash": therapy.program_hash,
        "text": therapy.program_text,
        "mode": therapy.mode,
        "halted_by": therapy.halted_by,
        "calibration": rig.dosing.told(),
        "seq": (session.last_seq, session.last_code, session.last_crc),
        "base": (rig.dosing.base_nl, rig.dosing.base_steps),
        "kinds": list(rig.dosing.kind_steps),
        "lost": rig.dosing.lost_steps,
        "reservoir": (rig.reservoir.volume_nl(), rig.reservoir.base_delivered_nl),
        "alarms": rig.alarms.masks(),
    }


def ring(rig: Any, now_us: int) -> list[tuple[int, int]]:
    """The steps of the last 24 h, slot by slot."""
    rig.cap.advance(now_us)
    return [rig.cap.held(back) for back in range(145)]


def now_of(bench: Bench) -> int:
    """The rig's own time."""
    with on(bench.sim.chip):
        return bench.sim.rig.clock.now_us()


def cut(bench: Bench) -> tuple[Any, int]:
    """The supply goes for half a minute; the rig that died, and its time."""
    dead = bench.sim.rig
    now_us = now_of(bench)
    bench.sim.power_off()
    bench.wire.reset()
    bench.sim.run_us(CUT_US)
    bench.sim.power_on()
    return dead, now_us


@pytest.mark.parametrize("halted", ["stop", "alarm", "power", "never ran", "dose"])
def test_a_standing_rig_is_the_same_after_a_cut(halted: str) -> None:
    bench = Bench()
    if halted != "never ran":
        bench.load(program(**RUN, **BOLUSES))
        bench.run("95 min")
        bench.act("demand")
        bench.run("3 min")
    if halted == "power":
        bench.load(program(**RUN, on_return="stop"))
        bench.run("11 min")
        cut(bench)
        bench.run("1 min")
    elif halted == "alarm":
        bench.happen("stall")
        bench.run("2 h")
        assert "stall" in bench.alarms()
    elif halted != "never ran":
        bench.act("stop")
    if halted == "dose":
        bench.act("dispense", volume_nl=9_000, over_ms=300_000)
        bench.run("6 min")
    bench.act("refill", volume_nl=7_654_321)
    bench.run("10 min")
    with suppress(Refused):
        bench.act("prime", volume_nl=10**9)  # a refusal has its number, too
    bench.run("1 min")
    before = kept(bench.sim.rig)
    before_ring = ring(bench.sim.rig, now_of(bench))
    waits_s = bench.sim.rig.requests.wait_s(now_of(bench))
    dead, _at_us = cut(bench)
    rig = bench.sim.rig
    assert rig is not dead
    assert kept(rig) == before
    assert rig.assumed_steps == dead.assumed_steps
    assert rig.log.boot_number == dead.log.boot_number + 1
    after_ring = ring(rig, now_of(bench))
    assert sum(own + asked for own, asked in after_ring) == sum(own + asked for own, asked in before_ring)
    assert after_ring in (before_ring, [(0, 0), *before_ring[:-1]])
    assert abs(rig.requests.wait_s(now_of(bench)) - waits_s) <= 600
    assert ("power_return" in bench.raised()) == (halted == "power")


@pytest.mark.parametrize("seed", range(12))
def test_a_running_rig_goes_on_and_what_may_have_flowed_is_assumed_and_not_more(seed: int) -> None:
    draw = Random(f"boot {seed}")
    bench = Bench()
    fields: dict[str, Any] = {**RUN, **BOLUSES}
    bridged = seed % 4 == 1
    if bridged:
        fields |= {"bridge": ((60_000, 600_000),), "drug": "ink"}
        bench.load(program(**RUN))
        bench.run("7 min")
    bench.load(program(**fields))
    bench.run(f"{draw.randrange(20, 300)} min")
    if not bridged:
        do = draw.choice(["bolus", "demand", "spread", "nothing"])
        with suppress(Refused):  # a periodic one may flow
            if do == "demand":
                bench.act("demand")
            elif do != "nothing":
                bench.act("bolus", volume_nl=30_000, over_ms=1_200_000, spread=int(do == "spread"))
    bench.sim.run_us(draw.randrange(10**5, 9 * 10**8))
    dead, at_us = cut(bench)
    rig, now_us = bench.sim.rig, now_of(bench)
    was, after = kept(dead), kept(rig)
    for name in ("hash", "text", "mode", "calibration", "seq", "base", "lost"):
        assert after[name] == was[name]
    # counted: no kind has more than it had, and what is missing is assumed
    missing = [one - other for one, other in zip(was["kinds"], after["kinds"], strict=True)]
    assert min(missing) >= 0
    assumed = rig.assumed_steps - dead.assumed_steps
    assert sum(missing) <= assumed
    flow = dead.flow_nl_per_day(at_us)
    step_nl = rig.dosing.volume_num / rig.dosing.volume_den
    most_nl = max(5_000, flow * 10 / 86_400) + flow * 2 / 86_400 + 2 * step_nl  # the interval of the records
    assert assumed * step_nl <= most_nl
    assert rig.reservoir.volume_nl() <= was["reservoir"][0] + step_nl
    assert rig.reservoir.volume_nl() >= was["reservoir"][0] - most_nl - 2 * step_nl
    # the program's own time has stood no longer than the record was old
    elapsed_s = (rig.therapy.elapsed_us(now_us) - dead.therapy.elapsed_us(at_us)) / 1e6
    assert -601 <= elapsed_s <= CUT_US / 1e6 + 2
    # a bolus is not begun anew, and has at most what it had left
    for name in ("bridge", "spread"):
        one, other = getattr(dead.therapy, name), getattr(rig.therapy, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert (other.kind, other.steps, other.rate_nl_per_day) == (
                one.kind,
                one.steps,
                one.rate_nl_per_day,
            )
            assert one.left() >= other.left() >= one.left() - assumed
    one, other = dead.therapy.boluses.flowing(at_us), rig.therapy.boluses.flowing(now_us)
    if one is not None and other is not None:
        assert (other.kind, other.steps, other.rate_nl_per_day) == (one.kind, one.steps, one.rate_nl_per_day)
        assert one.left() >= other.left() >= one.left() - assumed
    # the 24 h: nothing of a request is forgotten, nothing counts twice
    before_ring, after_ring = ring(dead, at_us), ring(rig, now_us)
    for kind in (0, 1):
        was_steps, steps = (sum(row[kind] for row in rows) for rows in (before_ring, after_ring))
        assert was_steps - sum(missing) <= steps <= was_steps + (assumed if kind else 0)
    given = [at_us - at for at in dead.requests.demands_us]
    again = [now_us - at for at in rig.requests.demands_us]
    assert len(given) == len(again)
    for one, other in zip(
        given, again, strict=True
    ):  # never older than it is, nor younger by more than a slot
        assert one / 1e6 - 1_202 <= other / 1e6 <= one / 1e6 + 2
    assert bench.raised()[-1] == "power_return"
    assert bench.events("power_return") == [
        f"mode={rig.therapy.mode} assumed_nl={rig.dosing.nl_of(assumed) + 1}"
    ]
    assert len(bench.events("first_boot")) == 1
