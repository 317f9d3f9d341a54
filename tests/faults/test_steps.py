"""No step is late, whatever the line, the collector or the flash does: the short form of the campaign."""

import pytest
from faults import steps

SPAN_US = 900_000_000


@pytest.mark.requirement("SR-29")
@pytest.mark.parametrize("name", list(steps.DISTURBANCES))
def test_every_step_leaves_at_the_cycle_of_the_undisturbed_run(name: str) -> None:
    basal = "fast" if name == "flash stalls" else "day"
    count, wrong, stalls = steps.differing(steps.BASALS[basal], name, seed=7, span_us=SPAN_US)
    assert count > 1_000
    assert wrong == 0
    assert stalls >= {"flash stalls": 1, "collections": 10}.get(name, 0)


@pytest.mark.requirement("SR-29")
def test_a_stop_among_a_flood_acts_within_three_ticks() -> None:
    run = steps.Run(steps.BASALS["slow"])
    steps.flood(run, 8)
    run.press_on(60_000_000)
    for _ in range(40):  # the ring is full: a host's stop waits for room as any byte does
        run.sim.port.push(b"\n>0 stop ")
        run.sim.run_us(20_000)
    while run.sim.port.push(b"\nstop\n") < 6:
        run.sim.run_us(20_000)
    run.sim.run_us(200_000)
    assert run.sim.rig.therapy.mode == "stopped"
