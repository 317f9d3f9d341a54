"""Every threshold of the monitor, said a second time: as degrees, psi, minutes and volts of the requirements.

Owns: the double entry. A number that is changed in one place alone is told here.
Rules: each stands as what people say, converted exactly; none is read off the code.
Units: those of the names' endings.
Leaves: what is done at each threshold to test_monitor.py, test_pressure.py and test_rotation_angle.py.
"""

from __future__ import annotations

from math import ceil

import pytest
from rig import clock
from rig.watch import alarms, thresholds

COUNTS_A_DEGREE = 4_096 / 360
PA_OF_PSI = 6_894.757
S_US = 1_000_000
MIN_US = 60 * S_US
TICK_US = 20_000

FIGURES = {
    "STALL_COUNTS": ceil(5.0 * COUNTS_A_DEGREE),
    "MARK_COUNTS": ceil(1.2 * COUNTS_A_DEGREE),
    "MOVED_COUNTS": ceil(3.5 * COUNTS_A_DEGREE),  # SR-02
    "RATIO_WINDOW_US": 15 * MIN_US,  # SR-02, SR-03
    "RATIO_COUNTS": int(30 * COUNTS_A_DEGREE),
    "RATIO_PERCENT": 10,
    "SAMPLE_COUNTS": round(2.8 * COUNTS_A_DEGREE),
    "SAMPLE_MIN_US": TICK_US,
    "SAMPLE_MAX_US": MIN_US,
    "STOPPED_SAMPLE_US": MIN_US,
    "MISSING_READINGS": 3,
    "SOUND_READINGS": 10,
    "STALL_RETRY_US": 2 * MIN_US,
    "TRIAL_COUNTS": ceil(60 * COUNTS_A_DEGREE),
    "OCCLUSION_PA": 55_000,  # SR-15: less than 10 psi
    "OCCLUSION_LIMIT_PA": int(20 * PA_OF_PSI),
    "RANGE_PA": int(25 * PA_OF_PSI + 0.5),
    "HIGHEST_AIR_PA": 108_500,
    "LOWEST_PA": 50_000,
    "STUCK_READINGS": 32,
    "NOISE_PA": 3_000,
    "NOISE_SCORE": 8 * 2,  # eight jumps in a row
    "SMOOTH_US": 5 * TICK_US,
    "CALM_US": MIN_US // 2,
    "CALM_READINGS": 3,  # two differences
    "BACKWARDS_PA": -3_000,
    "BACKWARDS_NL_PER_DAY": 37_500_000 * 24,
    "BACKWARDS_READINGS": 3,
    "RELIEVED_PA": 14_000,
    "RELIEF_REVOLUTIONS_PERCENT": 25,
    "RELIEF_TURN_US": 16 * S_US,
    "RELIEF_CHUNKS": int(360 / 1.8),
    "SUPPLY_LOW_MV": 10_500,
    "SUPPLY_GOOD_MV": 10_800,
    "SUPPLY_STOP_MV": 9_000,
    "SUPPLY_READINGS": 2,
    "RESTARTS": 3,  # SR-33
    "RESTARTS_US": 10 * MIN_US,
    "FAULTS": 3,
    "FAULTS_US": 10 * MIN_US,
    "STAGED_REMIND_US": 5 * MIN_US,  # SR-18
    "STAGED_US": 10 * MIN_US,
    "STOPPED_REMIND_US": 10 * MIN_US,  # SR-22
}


def test_each_threshold_is_what_the_requirements_say_and_none_is_without_a_second_entry() -> None:
    stated = {name: value for name, value in vars(thresholds).items() if name.isupper() and name != "TICK_US"}
    assert stated == FIGURES


@pytest.mark.requirement("SR-16")
def test_a_stall_is_told_below_10_degrees_with_the_encoder_s_nonlinearity_and_a_sample_s_travel() -> None:
    most_counts = thresholds.STALL_COUNTS + thresholds.SAMPLE_COUNTS + thresholds.MARK_COUNTS
    assert most_counts / COUNTS_A_DEGREE < 10
    assert (
        thresholds.STALL_COUNTS / COUNTS_A_DEGREE > 2 * 2
    )  # two readings disagree by 2 degrees without fault


def test_the_times_of_the_loop_and_of_the_alarms_are_what_the_pages_say() -> None:
    assert (clock.TICK_US, clock.ERASE_US, clock.KEEP_ALIVE_US) == (TICK_US, S_US // 2, 4 * MIN_US)
    assert alarms.SILENCE_US == 2 * MIN_US
