"""rig.watch.monitor at its edges: which reading, which count, which instant raises what, and which one ends it.

Owns: supply, sensors, counts, reservoir, samples, a pump left standing: each just below, at and above its threshold.
Rules: the very firmware on the software board, its monitor asked at drawn instants; the figures are those of the
requirements and of the pages, said once more here.
Units: mV, encoder counts (4096 a turn), steps (3200 a turn), Pa, microseconds of virtual time.
Leaves: rotor and pressure to test_monitor_rotor.py, the physics of stall, slip and occlusion to
tests/requirements, rotation alone to test_rotation_angle.py.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from rig.watch.monitor import Monitor
from watched import AIR_PA, PROGRAM, S_US, STEP_NL, Watched

# --- the supply


def test_a_low_supply_alarms_below_10_5_v_and_ends_at_10_8_v(tmp_path: Path) -> None:
    rig = Watched(tmp_path)
    for mv, is_low in ((10_500, False), (10_499, True), (10_500, True), (10_799, True), (10_800, False)):
        assert rig.supply(mv) is False
        assert ("supply" in rig.active) is is_low, mv
    assert rig.supply(10_799) is False
    assert rig.active == set()
    rig.supply(9_000)
    for _ in range(5):
        assert rig.supply(9_000) is False
    assert rig.active == {"supply"}
    assert rig.rig.therapy.mode == "running"
    assert rig.alarms("supply") == ["name=supply supply_mv=10499", "name=supply supply_mv=9000"]


def test_two_readings_below_9_v_stop_the_motor_and_a_single_one_is_a_glitch(tmp_path: Path) -> None:
    rig = Watched(tmp_path)
    set_again: list[int] = []
    rig.rig.board.set_driver = lambda: not set_again.append(1)
    for other in (12_000, 9_000, 10_600):
        assert rig.supply(8_999) is True, "looked at again in the next tick"
        assert rig.supply(other) is False
        assert "supply_stop" not in rig.active
    assert rig.supply(8_999) is True
    assert rig.rig.therapy.mode == "running"
    assert rig.supply(8_500) is False
    assert rig.active == {"supply", "supply_stop"}
    assert rig.rig.therapy.mode == "stopped"
    assert rig.supply(8_400) is False
    assert rig.alarms("supply_stop") == ["name=supply_stop supply_mv=8500"]
    assert set_again == []
    rig.supply(10_799)
    assert set_again == []
    for _ in range(3):
        rig.supply(10_800)
        assert set_again == [1], "a driver that is set by its wire has forgotten all, and is set once"
    assert rig.active == {"supply_stop"}


def test_a_supply_that_is_too_low_at_the_very_first_look_is_a_glitch_until_the_second(tmp_path: Path) -> None:
    rig = Watched(tmp_path)
    before = rig.rig.monitor
    rig.rig.monitor = Monitor(rig.rig, before._rotation, before.pressure)
    assert [rig.supply(8_999), "supply_stop" in rig.active] == [True, False]
    assert [rig.supply(8_999), "supply_stop" in rig.active] == [False, True]


def test_a_driver_that_was_never_away_is_not_set_again(tmp_path: Path) -> None:
    rig = Watched(tmp_path)
    before = rig.rig.monitor
    rig.rig.monitor = Monitor(rig.rig, before._rotation, before.pressure)
    set_again: list[int] = []
    rig.rig.supply_is_back = lambda: set_again.append(1)
    assert [rig.supply(12_000), set_again] == [False, []]


# --- sensors


def test_an_encoder_fails_at_its_third_silence_and_is_believed_after_ten_answers(tmp_path: Path) -> None:
    rig = Watched(tmp_path)
    for _ in range(10):
        rig.run(1_000)
    for k in range(5):
        rig.answers = False
        rig.run(1_000)
        assert ("sensor" in rig.active) is (k >= 2)
    rig.answers = True
    for _ in range(10):
        assert "sensor" in rig.active
        rig.run(1_000)
    assert "sensor" not in rig.active
    assert rig.alarms("sensor") == ["name=sensor sensor=encoder"]


def test_another_sensor_that_fails_alarms_anew_and_the_alarm_ends_with_the_last(tmp_path: Path) -> None:
    rig = Watched(tmp_path)
    for _ in range(10):
        rig.run(1_000)
    rig.answers = False
    for _ in range(4):
        rig.run(1_000)
    rig.pressure_pa = 0
    for _ in range(4):
        rig.run(1_000)
    assert rig.alarms("sensor") == ["name=sensor sensor=encoder", "name=sensor sensor=encoder,pressure"]
    rig.answers = True
    for _ in range(30):
        rig.run(1_000)
        assert "sensor" in rig.active
    rig.pressure_pa = AIR_PA
    for _ in range(9):
        rig.run(1_000)
        assert "sensor" in rig.active
    rig.run(1_000)
    assert "sensor" not in rig.active
    rig.answers = False
    for _ in range(3):
        rig.run(1_000)
    assert rig.alarms("sensor")[2:] == ["name=sensor sensor=encoder"]
    assert len(rig.told("alarm_end")) == 2


FAST = 200_000_000  # nL/day: a look every 33 ms


@pytest.mark.parametrize(("after_us", "looks"), [(29_999_999, 11), (30_000_000, 10), (90_000_000, 10)])
def test_pressure_that_jumps_is_noise_three_readings_after_half_a_minute_of_slow_flow(
    tmp_path: Path, after_us: int, looks: int
) -> None:
    """The third reading is the first that is compared, and eight jumps are a fault; in a fast flow they are pulses."""
    rig = Watched(tmp_path)
    slow = rig.rig.flow_nl_per_day

    def jump(later_us: int) -> None:
        rig.pressure_pa = 2 * AIR_PA + 10_000 - int(rig.pressure_pa or 0)
        rig.run(later_us)

    rig.rig.flow_nl_per_day = lambda _now_us: FAST
    for _ in range(20):
        jump(1_000)
    assert "sensor" not in rig.active
    rig.rig.flow_nl_per_day = slow
    for k in range(looks):
        assert "sensor" not in rig.active
        jump(1_000 if k else after_us)
    assert rig.alarms("sensor") == ["name=sensor sensor=pressure"]


# --- counts


def test_steps_that_no_plan_explains_and_a_queue_that_ran_dry_are_told_with_their_number(
    tmp_path: Path,
) -> None:
    rig = Watched(tmp_path)
    dry = 0
    rig.rig.board.stepper.starved = lambda: dry
    rig.run(1_000)
    assert rig.active == set()
    dry = 3
    rig.run(1_000)
    rig.run(1_000)
    rig.rig.alarms.clear("starved")
    dry = 5
    rig.run(1_000)
    rig.run(1_000)
    assert rig.alarms("starved") == ["name=starved times=3", "name=starved times=2"]
    rig.rig.delivery.surplus_steps = 1
    rig.run(1_000)
    rig.rig.alarms.clear("count_mismatch")
    rig.run(1_000)
    assert rig.alarms("count_mismatch") == ["name=count_mismatch surplus_steps=1"]


# --- the reservoir, the cap, the clock


def test_the_reservoir_is_low_below_the_program_s_level_and_empty_at_zero(tmp_path: Path) -> None:
    rig = Watched(tmp_path, PROGRAM % 480_000 + " reservoir_nl=9000000 low_nl=700000")
    rig.change("stop")
    reservoir = rig.rig.reservoir
    for volume_nl, wanted in ((700_000, set()), (699_999, {"low"}), (1, {"low"}), (0, {"low", "empty"})):
        reservoir.fill(volume_nl)
        rig.rig.monitor.check_reservoir()
        assert rig.active == wanted, volume_nl
    assert rig.alarms("low") == ["name=low reservoir_nl=699999"]
    reservoir.fill(800_000)
    rig.rig.monitor.check_reservoir()
    assert rig.active == set()


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_look_judges_the_reservoir_by_all_that_has_left_by_then(tmp_path: Path, is_settled: bool) -> None:
    """Also where the feed has settled as its tick began."""
    rig = Watched(tmp_path, PROGRAM % 864_000 + " low_nl=50000")
    rig.run(1_000)
    rig.rig.reservoir.base_nl += 50_010 - rig.rig.reservoir.volume_nl()
    rig.run(0)
    assert rig.active == set()
    began_us = rig.rig.clock.now_us()
    if is_settled:
        rig.rig.delivery.settle(began_us)
    rig.bench.time.us += 2 * S_US  # 20 nL later
    rig.rig.monitor.run(began_us if is_settled else rig.rig.clock.now_us())
    assert rig.active == {"low"}


def test_without_a_program_an_empty_reservoir_and_a_standing_pump_are_no_alarm(tmp_path: Path) -> None:
    rig = Watched(tmp_path, "")
    rig.rig.reservoir.fill(0)
    for _ in range(12):
        assert rig.run(60 * S_US) == 60 * S_US or rig.run(0)
    assert rig.active == set()


def test_a_program_that_needs_the_time_of_day_alarms_while_the_clock_does_not_tell_it(tmp_path: Path) -> None:
    rig = Watched(tmp_path, "kind=program name=x basal=0:480000,43200:240000")
    assert rig.alarms("clock") == ["name=clock why=unset"]
    rig.change("clock", utc_us=1_790_000_000_000_000)
    rig.rig.monitor.check_clock(rig.rig.clock.now_us())
    assert "clock" not in rig.active


def test_more_than_the_cap_stops_a_running_pump_and_not_a_standing_one(tmp_path: Path) -> None:
    rig = Watched(tmp_path, PROGRAM % 480_000 + " cap_nl=500000")
    at_cap = int(500_000 / STEP_NL)  # the steps of the cap, rounded down
    now_us = rig.rig.clock.now_us()
    rig.rig.delivery.settle(now_us)
    rig.rig.cap.add(now_us, at_cap + 4 - rig.rig.cap.own_steps, 0)
    rig.run(0)
    assert rig.active == set()
    rig.rig.cap.add(now_us, 1, 0)
    rig.rig.therapy.halt()
    rig.run(0)
    assert rig.active == set()
    rig.rig.therapy.take_up("running")
    assert rig.run(0) == 60 * S_US, "it stands from here on"
    assert "cap" in rig.active


# --- when it looks


@pytest.mark.parametrize("rate", [0, 1_200, 48_000, 480_000, 24_000_000, 900_000_000, 4_000_000_000])
def test_it_looks_at_every_2_8_degrees_between_20_ms_and_a_minute(tmp_path: Path, rate: int) -> None:
    rig = Watched(tmp_path, PROGRAM % 480_000)
    rig.rig.flow_nl_per_day = lambda _now_us: rate
    each_us = Fraction(25) * STEP_NL * 86_400 * S_US / rate if rate else 60 * S_US  # 25 steps: 32 counts
    wanted = min(60 * S_US, max(20_000, each_us))
    assert rig.run(1_000) == pytest.approx(wanted, rel=1e-5)


def test_it_looks_when_the_flow_changes_and_while_pressure_is_relieved_at_every_tick(tmp_path: Path) -> None:
    rig = Watched(tmp_path, "kind=program name=x phases=600:48000,600:480000")
    now_us = rig.rig.clock.now_us()
    changes_us = rig.rig.therapy.start_us + 600 * S_US - now_us
    rig.bench.run(changes_us - 30 * S_US)
    now_us = rig.rig.clock.now_us()
    assert rig.run(0) == rig.rig.therapy.start_us + 600 * S_US - now_us
    rig.rig.delivery.relieving = True
    rig.rig.monitor.pressure.now_pa = 0
    assert rig.rig.monitor._period_us(now_us) == 20_000


def test_an_angle_that_takes_its_time_is_judged_by_the_steps_before_and_after_it(tmp_path: Path) -> None:
    """300 steps a second, and 0.4 s for an answer: 13 degrees, of which half are past when the angle is read."""
    rig = Watched(tmp_path, PROGRAM % 80_782_000)
    rig.bench.run(20 * S_US)
    angle = rig.rig.board.angle

    def slow_angle() -> int | None:
        rig.bench.time.us += 200_000
        found: int | None = angle()
        rig.bench.time.us += 200_000
        return found

    for _ in range(5):
        rig.rig.board.angle = slow_angle
        rig.run(1_000)
        rig.rig.board.angle = angle
        rig.bench.run(2 * S_US)
        assert rig.active == set()


def test_a_rotor_that_turns_more_than_once_between_two_looks_is_followed(tmp_path: Path) -> None:
    rig = Watched(tmp_path, PROGRAM % 1_896_000_000)  # 2.2 turns a second
    rig.bench.run(2 * S_US)
    for _ in range(8):
        rig.run(S_US)
        rig.bench.run(200_000)
        assert rig.active == set()


def test_a_stop_and_a_start_begin_the_windows_of_the_ratio_anew(tmp_path: Path) -> None:
    rig = Watched(tmp_path)
    rig.bench.run(200 * S_US)
    rotation = rig.rig.monitor._rotation
    for verb in ("stop", "resume"):
        rotation._windows = [(0, 0, 0)]
        rig.change(verb)
        rig.run(0)
        assert (0, 0, 0) not in rotation._windows


def test_a_new_calibration_begins_the_windows_of_the_ratio_anew(tmp_path: Path) -> None:
    rig = Watched(tmp_path)
    for _ in range(20):
        rig.bench.run(10 * S_US)
    rotation = rig.rig.monitor._rotation
    assert rotation._windows
    rig.rig.monitor.restart()
    assert rotation._windows == []


# --- a pump that was left standing


def test_a_pump_that_is_left_stopped_with_a_program_reminds_after_ten_minutes(tmp_path: Path) -> None:
    rig = Watched(tmp_path)
    rig.change("stop")
    rig.run(0)
    since_us = rig.rig.monitor._mode_us
    while True:
        left_us = since_us + 600 * S_US - rig.rig.clock.now_us()
        assert "stopped_loaded" not in rig.active
        if left_us <= 1:
            break
        assert rig.run(0) == min(60 * S_US, left_us)
        rig.bench.time.us += min(45 * S_US, left_us - 1)
    rig.run(0)
    assert "stopped_loaded" not in rig.active
    assert rig.run(1) == 60 * S_US
    assert "stopped_loaded" in rig.active
    rig.host.request(1, "open")
    rig.change("resume")
    rig.run(0)
    assert "stopped_loaded" not in rig.active
