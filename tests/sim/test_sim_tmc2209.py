"""A TMC2209 by its single wire: datagrams, currents, set at start and after a loss of 12 V, read back in `doctor`.

Owns: promises of firmware/rig/board/tmc2209.py, on a register model of its own.
Rules: the CRC's examples are datagrams that others recorded at a chip; the currents are the data sheet's formula.
Units: mA rms, mohm.
Leaves: the wire's resistor to the wiring plan.
"""

import math

import pytest
from hostline import Line
from pumprig.api.rig import Rig
from pumprig.doctor import checks
from rigsim import shims
from rigsim.commission import commission
from rigsim.driver import SimRig
from rigsim.tmc2209 import Tmc2209, crc_bit_by_bit
from rigsim.wire import Wire

shims.install()
from rig.board import config, tmc2209  # noqa: E402

CHOICE = (280, 50, "stealth", 0, 110)


@pytest.mark.parametrize("crc", [tmc2209.crc, crc_bit_by_bit])
@pytest.mark.parametrize(
    "datagram",
    [
        "550006e8",  # a read of IOIN and the chip's answer, version 0x21: wiki of TMC2209_Raspberry_Pi, page UART
        "05ff06210002419d",
        "0500ec100000539c",  # a write of CHOPCONF to address 0, confirmed in a forum of ST
        "05001070",  # a read of IHOLD_IRUN and its answer, of a TMC2300, the same interface: wiki of Kurokesu
        "05ff10000000009d",
    ],
)
def test_the_crc_is_that_of_datagrams_recorded_at_a_chip(crc, datagram):
    data = bytes.fromhex(datagram)
    assert crc(data[:-1]) == data[-1]
    assert crc(data[:-2] + bytes((data[-2] ^ 4,))) != data[-1]


@pytest.mark.parametrize("sense_mohm", [75, 110, 150])
@pytest.mark.parametrize("run_ma", [100, 280, 400, 700, 1_000])
def test_the_current_is_the_data_sheets_and_never_more_than_asked(run_ma, sense_mohm):
    """I rms = (CS + 1) / 32 * V / (R + 20 mohm) / sqrt(2), V 180 mV with vsense, else 325 mV."""
    found = dict(tmc2209.registers((run_ma, 50, "stealth", 0, sense_mohm), 16))
    volts = 0.180 if found[0x6C] >> 17 & 1 else 0.325
    full_ma = 1000 * volts / ((sense_mohm + 20) / 1000) / math.sqrt(2)
    irun, ihold = found[0x10] >> 8 & 31, found[0x10] & 31
    given_ma = (irun + 1) / 32 * full_ma
    assert given_ma <= run_ma * 1.001
    assert given_ma > run_ma - 1.05 * full_ma / 32
    assert (ihold + 1) / (irun + 1) <= 0.5
    assert found[0x6C] >> 24 & 15 == 4  # 1/16


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ((280, 50, "quiet", 0, 110), "stealth or spread"),
        ((280, 5, "stealth", 0, 110), "10 to 100 %"),
        ((280, 50, "stealth", 256, 110), "0 to 255"),
        ((280, 50, "spread", 10, 110), "stealth alone"),
        ((5, 50, "stealth", 0, 110), "5 mA cannot be set"),
        ((3_000, 50, "stealth", 0, 110), "3000 mA cannot be set"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_at_start(monkeypatch, choice, reason):
    monkeypatch.setattr(config, "UART", choice)
    with pytest.raises(ValueError, match=reason):
        config.setup()


def test_another_driver_has_no_such_wire(monkeypatch):
    monkeypatch.setattr(config, "UART", CHOICE)
    monkeypatch.setattr(config, "DRIVER", "a4988")
    with pytest.raises(ValueError, match="tmc2209 alone"):
        config.setup()


@pytest.fixture(params=[CHOICE, (400, 25, "spread", 0, 110), (280, 50, "stealth", 60, 110)])
def rig(monkeypatch, request):
    monkeypatch.setattr(config, "UART", request.param)
    sim, chip = SimRig(5), Tmc2209()
    chip.attach(sim.chip)
    sim.power_on()
    commission(Wire(sim))
    return sim, chip


def judged(sim, tmp_path):
    """What `doctor` says of the wire."""
    sim.after_tick, sim.port.tapped = None, False
    sim.port.listen(True)
    return checks._wire(Rig(Line(sim), tmp_path / "log.db").probe().wire)


def wanted():
    return {
        register: value for register, value in tmc2209.registers(config.UART, 16) if register != tmc2209.GSTAT
    }


def test_the_registers_are_as_configured_and_doctor_reads_them_back(rig, tmp_path):
    sim, chip = rig
    assert chip.registers == {**chip.registers, **wanted()}
    assert chip.gstat == 0
    assert sim.rig.alarms.active == {}
    told = judged(sim, tmp_path)
    assert told.verdict == "ok", told
    assert ("spreadCycle" if config.UART[2] == "spread" else "stealthChop") in told.finding
    assert f"scale {chip.registers[0x10] & 31} of 31" in told.finding


def test_twelve_volts_that_were_away_are_no_loss_of_the_registers(rig, tmp_path):
    sim, chip = rig
    sim.pump.set_supply(0.0)
    sim.wake()
    sim.run_us(200_000)
    chip.lose_supply()
    assert judged(sim, tmp_path).verdict == "fail"
    sim.pump.set_supply(None)
    sim.wake()
    sim.run_us(200_000)
    assert chip.registers == {**chip.registers, **wanted()}
    assert judged(sim, tmp_path).verdict == "ok"
    assert "self_test" not in sim.rig.alarms.active
    assert sim.rig.loop.late_ticks == 0


def test_a_driver_that_does_not_answer_keeps_the_motor_off_by_name(rig, tmp_path):
    sim, chip = rig
    chip.deaf = True
    sim.power_off()
    sim.power_on()
    assert "self_test" in sim.rig.alarms.active
    assert "does not answer" in judged(sim, tmp_path).finding
    chip.deaf, chip.address = False, 0  # MS1 and MS2 open
    assert "does not answer" in judged(sim, tmp_path).finding


def test_what_the_driver_says_of_a_short_and_of_heat_is_told(rig, tmp_path):
    sim, chip = rig
    chip.fault = 1 << 2
    assert judged(sim, tmp_path).verdict == "fail"
    assert "coil A is shorted" in judged(sim, tmp_path).finding
    chip.fault = 1
    assert judged(sim, tmp_path).verdict == "warn"


def test_without_the_configuration_nobody_speaks_on_the_wire(tmp_path):
    sim = SimRig(5)
    sim.chip.single_wire = lambda data: pytest.fail("something was sent")
    sim.power_on()
    sim.port.listen(True)
    assert Rig(Line(sim), tmp_path / "log.db").probe().wire is None


class Chattering:
    """A wire that never keeps quiet: a byte is always there, as where it lies open beside the motor's."""

    def __init__(self):
        self.reads = 0

    def any(self):
        return 1

    def read(self, count):
        self.reads += 1
        assert self.reads < 100, "the loop is held"
        return b"U" * count

    def write(self, data):
        return len(data)


def test_a_wire_that_never_keeps_quiet_is_silent_and_holds_nothing(monkeypatch):
    monkeypatch.setattr(config, "UART", CHOICE)
    assert not tmc2209.configure(Chattering(), config)
    assert tmc2209.told(Chattering(), config) == (None, None, None, "silent")
