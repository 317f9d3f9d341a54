"""Power cuts, resets and the log, on the very firmware in virtual time."""

from hashlib import sha256
from itertools import pairwise

import pytest
from pumpwire import records, spec
from rigsim.flash import NorFlash

from bench import Bench, program


def cut_power(bench: Bench, seconds: int = 60) -> None:
    """The supply goes and comes back."""
    bench.sim.power_off()
    bench.wire.reset()
    bench.sim.run_us(seconds * 1_000_000)
    bench.sim.power_on()


@pytest.mark.requirement("SR-13")
def test_after_a_power_cut_the_program_calibration_totals_and_bolus_go_on() -> None:
    bench = Bench()
    bench.load(program(basal=((0, 480_000), (3_600, 960_000)), drug="dye"))
    asked = int(bench.act("bolus", volume_nl=40_000, over_ms=1_200_000)["requested_steps"])
    bench.run("10 min")
    before = bench.status()
    counted = (
        bench.sim.pump.steps_forward()
        if hasattr(bench.sim.pump, "steps_forward")
        else before["delivered_steps"]
    )
    cut_power(bench)
    after = bench.status()
    for name in ("therapy_hash", "calibration_id", "step_nl_num", "step_nl_den", "u_ppm", "therapy_name"):
        assert after[name] == before[name]
    lost = counted - after["delivered_steps"]
    assert 0 <= lost <= after["assumed_steps"]
    assert "power_return" in bench.alarms()
    bench.run("30 min")
    (ended,) = [text for text in bench.events("bolus_end") if "kind=single" in text]
    assert int(ended.split("done_steps=")[1]) == asked
    delivered = bench.kinds()["single"]
    assert asked - after["assumed_steps"] - lost <= delivered + lost <= asked


@pytest.mark.requirement("SR-13")
def test_on_return_stop_stays_stopped_and_alarms() -> None:
    bench = Bench()
    bench.load(program(basal=480_000, on_return="stop"))
    bench.run("1 h")
    cut_power(bench)
    bench.run("1 h")
    assert bench.status()["state"] == "stopped"
    assert "power_return" in bench.alarms()


@pytest.mark.requirement("SR-13")
def test_a_rig_without_a_program_never_starts_by_itself() -> None:
    bench = Bench()
    cut_power(bench)
    bench.run("1 d")
    assert bench.status()["delivered_steps"] == 0


@pytest.mark.requirement("SR-23")
@pytest.mark.parametrize(("sensor", "name"), [("encoder", "encoder"), ("pressure", "pressure")])
def test_a_failed_self_test_leaves_the_motor_off_and_is_named(sensor: str, name: str) -> None:
    bench = Bench()
    bench.load(program(basal=480_000))
    bench.run("10 min")
    bench.happen("sensor_fail", sensor=sensor)
    bench.run("1 s")
    cut_power(bench)
    pulses = bench.sim.rig.board.stepper.counted()
    bench.run("10 min")
    assert bench.sim.rig.board.stepper.counted() == pulses
    assert "self_test" in bench.alarms()
    assert name in bench.events("self_test")[-1]


@pytest.mark.requirement("SR-25")
def test_every_change_and_refusal_is_logged_with_its_number_and_outcome() -> None:
    bench = Bench()
    bench.load(program(basal=480_000))
    bench.act("bolus", volume_nl=2_000, over_ms=600_000)
    refused = bench.refusal("bolus", volume_nl=2_000, over_ms=600_000)
    assert refused.name == "busy"
    seq = bench.status()["last_seq"]
    assert f"verb=bolus seq={seq} why=busy nl=2000" in bench.events("refused")
    assert any(text.startswith(f"verb=bolus seq={seq - 1}") for text in bench.events("command"))
    numbers = [header["number"] for header, _state, _text in bench.records]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.requirement("SR-25")
def test_a_full_log_overwrites_the_oldest_and_never_stops_delivery() -> None:
    flash = NorFlash(seed=1)
    flash.lay_out_journal(log_blocks=6)
    bench = Bench(reservoir_nl=50_000_000, flash=flash)
    bench.load(program(basal=24_000_000, reservoir_nl=50_000_000, low_nl=1_000))
    before = bench.status()["delivered_nl"]
    bench.run("2 h")
    status = bench.status()
    assert status["log_first"] > 2 * 6 * 15, "the ring has turned more than once"
    assert abs(status["delivered_nl"] - before - 2_000_000) <= 24
    assert status["state"] == "running"


@pytest.mark.requirement("SR-37")
def test_recalibrating_never_rewrites_what_was_delivered() -> None:
    bench = Bench()
    bench.load(program(basal=480_000))
    bench.run("1 h")
    bench.act("stop")
    before = bench.status()
    bench.load("kind=calibration id=77 nl_num=12000 nl_den=1 u_ppm=5000")
    after = bench.status()
    assert (after["delivered_nl"], after["delivered_steps"]) == (
        before["delivered_nl"],
        before["delivered_steps"],
    )
    bench.act("resume")
    bench.run("1 h")
    assert bench.status()["delivered_nl"] - before["delivered_nl"] == pytest.approx(20_000, abs=8)
    ids = {header["calibration_id"] for header, _state, _text in bench.records}
    assert 77 in ids
    assert len(ids) >= 2
    assert all(
        sum(state[f"{kind}_steps"] for kind in ("basal", "single")) >= 0 for _h, state, _t in bench.records
    )


@pytest.mark.requirement("SR-38")
def test_each_record_carries_the_hash_of_the_one_before() -> None:
    bench = Bench()
    bench.load(program(basal=2_400_000))
    bench.run("2 h")
    journal = bench.sim.rig.journal
    raws = [journal.read(number) for number in range(1, journal.next_number)]
    for before, after in pairwise(raws):
        assert records.unpack(after)[0]["chain"] == records.link(before)
    edited = bytearray(raws[3])
    edited[50] ^= 1
    with pytest.raises(records.RecordError):
        records.unseal(bytes(edited))


@pytest.mark.requirement("SR-24")
def test_a_hang_resets_the_chip_within_8_s_and_the_reset_is_logged_with_its_cause() -> None:
    bench = Bench()
    bench.load(program(basal=480_000))
    bench.run("1 h")
    bench.sim.rig.loop._feed = lambda: None  # the watchdog is no longer fed
    bench.sim.wake()  # from the next tick on: an idle rig's are jumped over
    bench.run("9 s")
    assert bench.sim.resets == 1
    bench.wire.reset()
    assert "cause=watchdog" in bench.events("boot")[-1]
    assert bench.status()["mode"] == "running"


def stumble(bench: Bench) -> None:
    """Let one tick run out of memory; the driver does then what the board's start does."""
    rig = bench.sim.rig
    faults: list[Exception] = []
    bench.sim.on_fault = faults.append

    def tick() -> int:
        raise MemoryError

    rig.tick = tick
    bench.run("1 min")
    bench.wire.reset()
    assert [type(error) for error in faults] == [MemoryError]


@pytest.mark.requirement("SR-13")
@pytest.mark.requirement("SR-24")
def test_a_fault_of_the_firmware_is_logged_and_delivery_goes_on_from_the_log() -> None:
    bench = Bench()
    bench.load(program(basal=480_000))
    bench.run("1 h")
    before = bench.status()
    stumble(bench)
    assert bench.sim.resets == 1
    assert bench.events("fault") == ["times=1 error=MemoryError"]
    after = bench.status()
    assert (after["mode"], after["therapy_hash"]) == ("running", before["therapy_hash"])
    assert after["delivered_steps"] >= before["delivered_steps"]
    assert "power_return" in bench.alarms()
    bench.run("1 h")
    stumble(bench)
    assert bench.events("fault")[-1] == "times=1 error=MemoryError", "an hour apart they are not in a row"


@pytest.mark.requirement("SR-24")
def test_a_firmware_that_fails_again_and_again_leaves_the_motor_off() -> None:
    bench = Bench()
    bench.load(program(basal=480_000))
    bench.run("1 h")
    for _ in range(3):
        stumble(bench)
    assert "self_test" in bench.alarms()
    steps = bench.sim.pump.pulses_total
    bench.run("1 h")
    assert bench.sim.pump.pulses_total == steps
    assert bench.status()["state"] == "alarm"


def told(bench: Bench, name: str) -> list[tuple[int, str]]:
    """(number, text) of what the log still says of an alarm."""
    journal = bench.sim.rig.journal
    found: list[tuple[int, str]] = []
    for number in range(journal.oldest(), journal.next_number):
        raw = journal.read(number)
        assert raw is not None
        header, _state, text = records.unpack(raw)
        if records.EVENTS[header["event"]] in ("alarm", "kept") and f"name={name}" in text.split():
            found.append((number, text))
    return found


@pytest.mark.requirement("SR-25")
def test_an_alarm_outlives_the_ring_with_its_count_its_first_and_its_last_time() -> None:
    flash = NorFlash(seed=1)
    flash.lay_out_journal(log_blocks=6)
    bench = Bench(reservoir_nl=50_000_000, flash=flash)
    bench.load(program(basal=24_000_000, reservoir_nl=50_000_000, low_nl=1_000))
    for _ in range(3):
        bench.sim.pump.turn_rotor(8.0)
        bench.run("1 min")
        bench.act("ack")
        bench.act("resume")
        bench.run("12 min")
    alarm = records.EVENTS.index("alarm")
    rows = [header for header, _s, text in bench.records if header["event"] == alarm and "over_inf" in text]
    times_s = [row["utc_us"] // 10**6 for row in rows]
    assert len(times_s) == 3
    want = f"name=over_infusion n=3 first={times_s[0]} for_s={times_s[2] - times_s[0]}"
    for hours in (1, 2):
        before = bench.sim.rig.journal.oldest()
        bench.run("1 h")
        assert bench.sim.rig.journal.oldest() > before + 6 * 15, "the ring has turned"
        assert [text for _n, text in told(bench, "over_infusion")][-1:] == [want], hours
        cut_power(bench)
    bench.act("ack")
    bench.sim.pump.turn_rotor(8.0)
    bench.run("1 min")
    bench.act("ack")
    bench.act("resume")
    bench.run("1 h")
    assert "n=4" in told(bench, "over_infusion")[-1][1]
    assert bench.status()["delivered_nl"] > 0


@pytest.mark.requirement("SR-25")
def test_the_longest_words_about_a_kept_alarm_fit_a_record() -> None:
    longest = max(len(row[1]) for row in spec.alarms())
    assert len(f"name={'x' * longest} n=9999 first=4294967295 for_s=99999999") <= records.MAX_EVENT_TEXT


@pytest.mark.requirement("SR-23")
def test_a_damaged_or_missing_firmware_file_fails_the_self_test() -> None:
    bench = Bench()
    bench.load(program(basal=480_000))
    files = bench.sim.chip.files
    files["rig/a.mpy"] = b"the firmware"
    files["manifest"] = f"rig/a.mpy {sha256(b'the firmware').hexdigest()}\n".encode()
    cut_power(bench)
    assert "self_test" not in bench.alarms()
    for damaged in ({"rig/a.mpy": b"the firmwarf"}, {"rig/a.mpy": b""}):
        files.update(damaged)
        cut_power(bench)
        assert "self_test" in bench.alarms()
        assert "firmware" in bench.events("self_test")[-1]
        assert bench.status()["state"] == "alarm"
