"""The journal on an FRAM: the very firmware boots from it, goes on after cuts in any transfer, and wears nothing."""

import pytest
from rig.board import config
from rig.board.flashmap import FlashError
from rigsim.commission import commission
from rigsim.driver import SimRig
from rigsim.fram import Fram
from rigsim.wire import Wire

from bench import program


@pytest.fixture(params=[32, 64, 128])
def rig(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> tuple[SimRig, Fram]:
    monkeypatch.setattr(config, "JOURNAL", "fram")
    monkeypatch.setattr(config, "FRAM_KIB", request.param)
    rig, fram = SimRig(5), Fram(request.param)
    fram.attach(rig.chip)
    rig.power_on()
    wire = Wire(rig)
    commission(wire)
    wire.call("open")
    text = program(basal=24_000_000, reservoir_nl=50_000_000, low_nl=1_000)
    answer = wire.call("stage", ("part", 1), ("parts", 1), ("text", text)).answer
    assert answer is not None
    wire.call("commit", ("hash", answer["hash"]))
    return rig, fram


def test_the_rig_delivers_from_an_fram_and_never_writes_its_flash(rig: tuple[SimRig, Fram]) -> None:
    sim, _fram = rig
    before = sim.chip.flash.operations
    quarters = 0
    while quarters < 12 and sim.rig.journal.oldest() == 1:
        sim.run_us(900_000_000)
        quarters += 1
    assert sim.rig.journal.oldest() > 1, "the ring has turned"
    delivered = sim.rig.dosing.delivered_nl()
    assert delivered == pytest.approx(quarters * 250_000, abs=10_000)
    sim.power_off()
    sim.power_on()
    assert sim.rig.therapy.mode == "running"
    assert 0 <= delivered - sim.rig.dosing.delivered_nl() <= 5_000 + 24_000_000 // 86_400
    assert sim.chip.flash.operations == before
    assert sim.rig.loop.late_ticks == 0


@pytest.mark.requirement("SR-13")
def test_a_cut_in_any_of_its_transfers_leaves_a_journal_to_go_on_from(rig: tuple[SimRig, Fram]) -> None:
    sim, fram = rig
    sim.run_us(3_600_000_000)
    for after in range(
        1, 400, 37 if len(fram.cells) == 32 * 1024 else 111
    ):  # a block is turned within so many transfers
        number = sim.rig.journal.next_number
        fram.cut_at = fram.writes + after
        for _ in range(3_000):
            sim.run_us(1_000_000)
            if not sim.powered:
                break
        assert not sim.powered, after
        fram.cut_at = 0
        sim.power_on()
        assert sim.rig.journal.next_number >= number
        assert sim.rig.therapy.mode == "running"


@pytest.mark.parametrize(("stated", "there"), [(64, 32), (128, 64), (128, 32), (32, 0)])
def test_an_fram_that_is_smaller_than_stated_or_absent_is_told_at_start(
    monkeypatch: pytest.MonkeyPatch, stated: int, there: int
) -> None:
    monkeypatch.setattr(config, "JOURNAL", "fram")
    monkeypatch.setattr(config, "FRAM_KIB", stated)
    rig = SimRig(5)
    if there:
        Fram(there).attach(rig.chip)
    with pytest.raises(FlashError, match="FRAM"):
        rig.power_on()
