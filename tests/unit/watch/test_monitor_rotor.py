"""rig.watch.monitor on rotor and outlet: motion at rest, slips, a stall tried again, a relief, each at its threshold.

Owns: what is told, booked and done at the very count, pascal and instant.
Rules: the very firmware on the software board, its monitor asked at drawn instants; the figures are those of the
requirements and of the pages, said once more here.
Units: encoder counts (4096 a turn), steps (3200 a turn), Pa, microseconds of virtual time.
Leaves: the physics of stall, slip and occlusion to tests/requirements, rotation alone to test_rotation_angle.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from watched import AIR_PA, PROGRAM, S_US, STEP_NL, Watched

# --- rotation


def standing(tmp_path: Path) -> Watched:
    """Stopped, and read standing."""
    rig = Watched(tmp_path)
    rig.bench.run(10 * S_US)
    rig.change("stop")
    for _ in range(12):
        rig.run(1_000)
    assert rig.active == set()
    return rig


@pytest.mark.parametrize("sign", [1, -1])
def test_motion_while_stopped_is_told_from_3_5_degrees_on_in_either_direction(
    tmp_path: Path, sign: int
) -> None:
    rig = standing(tmp_path)
    rig.ahead_counts = 39 * sign
    rig.run(1_000)
    assert rig.active == set()
    rig.ahead_counts = 40 * sign
    rig.run(1_000)
    assert rig.alarms("moved_stopped") == [f"name=moved_stopped counts={40 * sign}"]
    rig.rig.alarms.clear("moved_stopped")
    for _ in range(3):
        rig.run(1_000)
    assert rig.active == set(), "where it is now is taken as given"
    rig.ahead_counts += 40 * sign
    rig.run(1_000)
    assert rig.active == {"moved_stopped"}


def test_a_person_who_has_seen_to_the_rotor_makes_its_place_right_only_while_the_pump_stands(
    tmp_path: Path,
) -> None:
    rig = standing(tmp_path)
    rig.ahead_counts = 30
    rig.run(1_000)
    rig.rig.monitor.accept_rotor()
    rig.run(1_000)
    rig.run(1_000)
    rig.ahead_counts = 69
    rig.run(1_000)
    assert rig.active == set()
    rig.change("resume")
    rig.bench.run(60 * S_US)
    rig.ahead_counts += 30
    rig.run(1_000)
    rig.rig.monitor.accept_rotor()
    rig.ahead_counts += 30
    rig.run(1_000)
    assert "over_infusion" in rig.active, "60 counts in two pieces, while it runs"


def test_a_rotor_ahead_by_5_degrees_is_over_infusion_with_its_counts(tmp_path: Path) -> None:
    rig = Watched(tmp_path)
    rig.bench.run(60 * S_US)
    rig.ahead_counts = 55
    rig.run(1_000)
    assert rig.active == set()
    rig.ahead_counts = 60
    assert rig.run(1_000) == 60 * S_US, "it stands from here on"
    told = rig.alarms("over_infusion")
    assert len(told) == 1
    assert int(told[0].split("=")[-1]) in (58, 59, 60)
    assert rig.rig.therapy.mode == "stopped"


def test_what_slips_is_taken_off_its_kind_at_once_and_told_every_quarter_of_an_hour(tmp_path: Path) -> None:
    rig = Watched(tmp_path, PROGRAM % 24_000_000)
    rig.bench.run(20 * S_US)
    lost_before = rig.rig.dosing.lost_steps
    told = len(rig.told("undelivered"))
    for _ in range(8):  # a quarter is lost: no stall, and each 5 degrees are booked
        for _ in range(16):
            rig.bench.run(S_US // 2)
            rig.ahead_counts -= 14
            if rig.rig.therapy.mode != "running":
                break
    rig.bench.run(S_US)
    lost = rig.rig.dosing.lost_steps - lost_before
    assert rig.rig.therapy.mode == "running"
    assert abs(lost - 8 * 16 * 14 * 3_200 / 4_096) < 57 * 3_200 / 4_096 + 30
    assert rig.rig.dosing.kind_steps[0] == rig.rig.dosing.net_steps()
    since_us = rig.rig.monitor._slips_told_us
    assert len(rig.told("undelivered")) == told + (since_us > 0)
    rows_nl = [int(text.split("nl=")[1]) for text in rig.told("undelivered")]
    rows = [int(text.split()[0].split("=")[1]) for text in rig.told("undelivered")]
    assert rows_nl == [int(steps * STEP_NL) for steps in rows]


@pytest.mark.parametrize("kind", ["single", "basal"])
def test_what_a_rotor_that_stands_has_lost_is_taken_from_what_flowed_also_once_it_is_stopped(
    tmp_path: Path, kind: str
) -> None:
    rig = Watched(tmp_path, PROGRAM % 4_800_000)
    rig.bench.run(60 * S_US)
    if kind == "single":
        rig.host.request(1, "open")
        rig.host.change("bolus", volume_nl=18_000, over_ms=120_000)
        rig.bench.run(60 * S_US)
    dosing = rig.rig.dosing
    before = dosing.lost_steps
    rig.bench.pump.stuck = True
    kinds = list(dosing.kind_steps)
    rig.bench.run(200_000)
    while "stall" not in rig.active:
        rig.bench.run(100_000)
    lost = dosing.lost_steps - before
    assert lost > 40
    made = sum(dosing.kind_steps) - sum(kinds) + lost
    for name, number in (("single", 3), ("basal", 0)):
        taken = kinds[number] - dosing.kind_steps[number]
        if name == kind:
            assert taken >= lost - made
        else:
            assert taken <= 0, "nothing of the other kind"


# --- tried again after a stall


RETRY = PROGRAM % 24_000_000 + " on_stall=retry"


def stalled(tmp_path: Path) -> Watched:
    """The rotor stands, which was told."""
    rig = Watched(tmp_path, RETRY)
    rig.bench.run(20 * S_US)
    rig.bench.pump.stuck = True
    while "stall" not in rig.active:
        rig.bench.run(100_000)
        assert rig.rig.clock.now_us() < 60 * S_US
    return rig


def test_a_stall_is_tried_again_after_two_minutes_and_not_before(tmp_path: Path) -> None:
    rig = stalled(tmp_path)
    assert rig.rig.therapy.mode == "stopped"
    retry_us = rig.rig.monitor._retry_us
    assert abs(retry_us - rig.rig.clock.now_us() - 120 * S_US) < S_US
    steps = int(rig.alarms("stall")[0].split("=")[-1])
    assert 57 * 3_200 / 4_096 - 1 <= steps <= 10 * 3_200 / 360
    assert rig.told("undelivered") == [f"steps={steps} nl={int(steps * STEP_NL)}"]
    rig.bench.pump.stuck = False
    rig.bench.time.us += retry_us - 1 - rig.rig.clock.now_us()
    rig.ahead_counts += 500  # held in a field, which shakes the encoder too
    assert rig.run(0) == 1
    assert rig.active == {"stall"}
    rig.run(1)
    assert rig.active == set()
    assert rig.rig.therapy.mode == "running"
    assert len(rig.told("stall_end")) == 1
    for _ in range(60):
        rig.bench.run(S_US)
    assert rig.active == set()
    assert rig.rig.monitor._retry_us > 1 << 60


def test_a_rotor_that_does_not_follow_the_trial_is_the_same_stall_and_tried_once_more(tmp_path: Path) -> None:
    rig = stalled(tmp_path)
    for trial in (1, 2):
        rig.bench.run(121 * S_US)
        rig.bench.run(3 * S_US)
        assert rig.active == {"stall"}
        assert len(rig.told("stall_end")) == trial
        assert "restarts" not in rig.active
    assert len(rig.alarms("stall")) == 3


def test_within_60_degrees_of_a_trial_a_rotor_that_runs_ahead_is_the_stall_and_later_over_infusion(
    tmp_path: Path,
) -> None:
    for degrees, name in ((30, "stall"), (55, "stall"), (65, "over_infusion")):
        folder = tmp_path / str(degrees)
        folder.mkdir()
        rig = stalled(folder)
        rig.bench.pump.stuck = False
        rig.bench.time.us += rig.rig.monitor._retry_us - rig.rig.clock.now_us()
        rig.run(0)
        began = rig.rig.dosing.position_steps()
        while rig.rig.dosing.position_steps() - began < degrees * 3_200 / 360:
            rig.bench.run(100_000)
        assert rig.active == set()
        rig.ahead_counts += 59
        rig.run(1_000)
        assert rig.active == {name}, degrees


def test_what_a_person_or_another_alarm_has_ended_is_not_tried_again(tmp_path: Path) -> None:
    rig = stalled(tmp_path)
    rig.change("ack")
    rig.bench.pump.stuck = False
    rig.bench.run(130 * S_US)
    assert rig.rig.therapy.mode == "stopped", "an acknowledged stall waits for `resume`"
    (tmp_path / "other").mkdir()
    rig = stalled(tmp_path / "other")
    rig.rig.alarm("backwards", ())
    rig.bench.pump.stuck = False
    rig.bench.run(130 * S_US)
    assert rig.rig.therapy.mode == "stopped"
    assert rig.active == {"backwards"}
    assert rig.told("stall_end") == []
    (tmp_path / "primed").mkdir()
    rig = stalled(tmp_path / "primed")
    rig.rig.therapy.take_up("priming")
    rig.bench.time.us += rig.rig.monitor._retry_us - rig.rig.clock.now_us()
    rig.rig.monitor._retry(rig.rig.clock.now_us())
    assert rig.active == {"stall"}
    assert rig.rig.monitor._retry_us > 1 << 60


def test_a_stall_of_a_program_without_a_second_try_stays(tmp_path: Path) -> None:
    rig = Watched(tmp_path, PROGRAM % 24_000_000)
    rig.bench.run(20 * S_US)
    rig.bench.pump.stuck = True
    rig.bench.run(5 * S_US)
    assert rig.active == {"stall"}
    rig.bench.pump.stuck = False
    rig.bench.run(300 * S_US)
    assert rig.rig.therapy.mode == "stopped"


# --- pressure


def test_a_draw_at_the_outlet_is_told_from_37_ml_an_hour_on(tmp_path: Path) -> None:
    for rate, is_told in ((899_999_999, False), (900_000_000, True)):
        folder = tmp_path / str(rate)
        folder.mkdir()
        rig = Watched(folder)
        rig.rig.flow_nl_per_day = lambda _now_us, rate=rate: rate
        rig.pressure_pa = AIR_PA - 4_000
        for _ in range(3):
            rig.run(1_000)
        assert ("backwards" in rig.active) is is_told
        if is_told:
            assert -4_001 <= int(rig.alarms("backwards")[0].split("=")[-1]) <= -3_998


def occluded(tmp_path: Path) -> Watched:
    """At 60 kPa above the air, just seen."""
    rig = Watched(tmp_path)
    rig.bench.run(60 * S_US)
    rig.pressure_pa = AIR_PA + 60_000
    assert rig.run(1_000) == 20_000, "quick from here on"
    assert rig.active == {"occlusion"}
    assert rig.rig.therapy.mode == "stopped"
    assert rig.rig.delivery.relieving
    return rig


def test_a_relief_goes_back_piece_by_piece_each_when_the_last_is_over_and_is_told(tmp_path: Path) -> None:
    rig = occluded(tmp_path)
    asked: list[tuple[int, int]] = []
    stepper = rig.rig.board.stepper
    reverse = stepper.reverse

    def reversed_(steps: int, interval: int) -> None:
        asked.append((steps, interval))
        reverse(steps, interval)

    stepper.reverse = reversed_
    position = rig.rig.dosing.position_steps()
    rig.run(20_000)
    assert asked == [(16, 16_000_000 * 125 // 3_200)], "1.8 degrees, a turn in 16 s"
    rig.run(1_000)
    assert len(asked) == 1, "the last of it is still under way"
    stepper.halted = True  # by the button: nothing is under way any more
    rig.run(1_000)
    assert len(asked) == 2
    stepper.halted = False
    for _ in range(10):
        rig.run(20_000)
    rig.pressure_pa = AIR_PA + 13_000
    while rig.rig.delivery.relieving:
        rig.run(20_000)
    back = position - rig.rig.dosing.position_steps()
    assert back > 16
    assert back == rig.rig.dosing.kind_steps[7]
    (text,) = rig.told("relief")
    assert text.split()[0] == f"steps={back}"
    assert 12_998 <= int(text.split("pressure_pa=")[1]) <= 13_002
    assert "stall" not in rig.active
    assert stepper.appended_steps == stepper.counted()
    for _ in range(5):
        rig.run(60 * S_US)
    assert rig.active == {"occlusion"}, "what went back is no motion at rest"


def test_an_occlusion_is_relieved_once_however_long_the_pressure_lasts(tmp_path: Path) -> None:
    rig = occluded(tmp_path)
    for _ in range(400):
        rig.run(20_000)
    assert not rig.rig.delivery.relieving
    assert rig.rig.dosing.kind_steps[7] == 800, "a quarter of a turn"
    assert len(rig.told("relief")) == 1
    assert len(rig.alarms("occlusion")) == 1


@pytest.mark.parametrize("stuck", [39, 40, 41])
def test_a_rotor_that_does_not_go_back_with_the_motor_is_a_stall_and_nothing_was_relieved(
    tmp_path: Path, stuck: int
) -> None:
    """Counts of the rotor that the relief's steps did not turn; from 3.5 degrees on."""
    rig = occluded(tmp_path)
    for _ in range(3):
        rig.run(20_000)
    while rig.rig.delivery.relieving:
        rig.run(20_000)
        if rig.rig.dosing.kind_steps[7] >= 48:
            rig.pressure_pa = AIR_PA
            rig.ahead_counts = stuck
    told = rig.alarms("stall")
    steps = 0 if stuck < 40 else stuck * 3_200 // 4_096
    if steps:
        assert len(told) == 1
        assert abs(int(told[0].split("=")[-1]) - steps) <= 1
        steps = int(told[0].split("=")[-1])
    else:
        assert told == []
    (text,) = rig.told("relief")
    relieved = int(text.split()[0].split("=")[1])
    assert relieved == rig.rig.dosing.kind_steps[7]
    assert (relieved + steps) % 16 == 0
    rig.run(60 * S_US)
    assert rig.alarms("moved_stopped") == [], "where it stands now is right"
