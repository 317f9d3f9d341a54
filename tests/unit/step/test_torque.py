"""The motors' torque curves are what their data sheets give, and a configuration is checked whole."""

from __future__ import annotations

import cmath
import math

import pytest
import step_rig  # noqa: F401  (puts the shims in place)
from rig.board import config, drivers


def computed_mnm(full_steps_per_s: float) -> float:
    """Pull-out torque of the 17HS13-0404S within 12 V and 0.2 A, both amplitudes of a sine; losses apart.

    Every angle between current and back-EMF is tried: the largest current that both limits leave, and of it the share
    that is in phase with the back-EMF.
    """
    volts, ohm, henry, ampere, rated_a, holding_nm = 12.0, 30.0, 0.037, 0.2, 0.4, 0.26
    constant = holding_nm / (math.sqrt(2) * rated_a)  # N.m/A and V s/rad of a phase; two phases hold
    shaft = full_steps_per_s * 2 * math.pi / 200
    impedance = complex(ohm, 50 * shaft * henry)  # 50 electrical turns a turn
    emf = constant * shaft
    best_a = 0.0
    for k in range(-900, 901):
        direction = cmath.rect(1.0, math.radians(k / 10))
        drop = impedance * direction  # |emf + drop i| <= volts
        half = emf * drop.real
        root = half**2 - abs(drop) ** 2 * (emf**2 - volts**2)
        if root < 0:
            continue
        most_a = (math.sqrt(root) - half) / abs(drop) ** 2
        least_a = (-math.sqrt(root) - half) / abs(drop) ** 2
        if max(least_a, 0) <= min(most_a, ampere):
            best_a = max(best_a, min(most_a, ampere) * direction.real)
    return 1000 * constant * best_a


@pytest.mark.parametrize(("rate", "told"), drivers.TORQUES["nema17"][0])
def test_a_point_of_the_curve_is_what_resistance_inductance_and_back_emf_give(rate: int, told: int) -> None:
    assert told == math.floor(computed_mnm(rate))


def test_between_two_points_the_curve_is_never_above_the_computed_one_by_more_than_a_tenth() -> None:
    for rate in range(0, 3_001, 50):
        told = drivers.torque_mnm("nema17", rate)
        assert told <= 1.1 * computed_mnm(rate)
        assert told >= 0.85 * computed_mnm(rate) - 1


def test_the_28byj48_stays_within_its_makers_guarantees() -> None:
    assert drivers.MOTORS["28byj48"][2:4] == (300, 500)  # 600 and 1000 half steps/s, without load
    assert drivers.torque_mnm("28byj48", 60) == 34
    assert drivers.torque_mnm("28byj48", 500) == 0


def test_priming_has_four_times_the_loads_torque_by_default() -> None:
    assert config.HIGHEST_STEPS_PER_S <= 12_800
    torque = drivers.torque_mnm(config.MOTOR, config.HIGHEST_STEPS_PER_S // config.MICROSTEPS)
    assert torque * 100 // drivers.LOAD_MNM >= 390


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"HIGHEST_STEPS_PER_S": 40_000}, "9 mN.m left there, a head needs 24"),
        ({"HIGHEST_STEPS_PER_S": 23_329}, "a head needs 24"),
        ({"THERAPY_STEPS_PER_S": 9_601}, "THERAPY_STEPS_PER_S has to be 1 to 9600"),
        ({"THERAPY_STEPS_PER_S": 0}, "THERAPY_STEPS_PER_S"),
        ({"HIGHEST_STEPS_PER_S": 4_000}, "THERAPY_STEPS_PER_S has to be 1 to 4000"),
        (
            {"DRIVER": "uln2003", "MOTOR": "28byj48", "MICROSTEPS": 2, "HIGHEST_STEPS_PER_S": 300},
            "THERAPY_STEPS_PER_S has to be 1 to 300",
        ),
        (
            {"DRIVER": "uln2003", "MOTOR": "28byj48", "MICROSTEPS": 2, "HIGHEST_STEPS_PER_S": 1_000},
            "28byj48 has 0 mN.m left there",
        ),
        ({"JOURNAL": "eeprom"}, "JOURNAL has to be flash or fram"),
        ({"JOURNAL": "fram", "FRAM_KIB": 16}, "FRAM_KIB has to be one of"),
        ({"RELIEF_HALVES": 5}, "RELIEF_HALVES"),
    ],
)
def test_a_configuration_is_checked_whole_at_start(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], reason: str
) -> None:
    for name, value in changes.items():
        monkeypatch.setattr(config, name, value)
    with pytest.raises(ValueError, match=reason):
        config.setup()


@pytest.mark.parametrize(
    "changes",
    [
        {"DRIVER": "uln2003", "MOTOR": "28byj48", "MICROSTEPS": 2, "HIGHEST_STEPS_PER_S": 360,
         "THERAPY_STEPS_PER_S": 360},
        {"DRIVER": "uln2003", "MOTOR": "28byj48", "MICROSTEPS": 1, "HIGHEST_STEPS_PER_S": 180,
         "THERAPY_STEPS_PER_S": 180},
        {"DRIVER": "drv8825", "MICROSTEPS": 32, "HIGHEST_STEPS_PER_S": 40_000},
        {"MICROSTEPS": 64, "HIGHEST_STEPS_PER_S": 40_000},
        {"HIGHEST_STEPS_PER_S": 23_328},
    ],
)  # fmt: skip
def test_a_configuration_that_can_work_is_taken(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    for name, value in changes.items():
        monkeypatch.setattr(config, name, value)
    setup = config.setup()
    assert setup.max_hz == config.HIGHEST_STEPS_PER_S
