"""The bring-up of a rig that was never calibrated, whole, and with each wiring fault: found, by its name.

Owns: tests of pumprig.doctor.bringup and acts on the very firmware in the simulated rig.
Rules: the faults are built into the simulated world, and the person's answers come from that world alone; the walk
knows neither.
Units: as the checklist's.
Leaves: the answers to bench_person.py, the terminal's side to tests/unit/doctor.
"""

import math

import pytest
from hostline import Line
from pumprig.api.rig import Rig
from pumprig.doctor import acts, bringup
from pumprig.doctor.acts import Acts
from rig.board import config
from rigsim.driver import SimRig
from rigsim.geometry import load_head
from rigsim.physics import wires
from sim.bench_person import BenchPerson

GEARED = {
    "DRIVER": "uln2003", "MOTOR": "28byj48", "MICROSTEPS": 2, "HIGHEST_STEPS_PER_S": 360, "THERAPY_STEPS_PER_S": 300,
}  # fmt: skip
# of a step/direction driver and its motor's four wires; and what only its speed shows
NOT_GEARED = {
    "both_reversed", "coil_open", "coil_reversed", "coil_shorted", "coils_mixed", "current_not_set", "direction_open",
    "enable_open", "enable_pullup_missing", "microsteps_open", "step_open", "head_stiff",
}  # fmt: skip


@pytest.fixture
def geared(monkeypatch):
    """The firmware configured for four coil lines and a 28BYJ-48, as a person would write it."""
    for name, value in GEARED.items():
        monkeypatch.setattr(config, name, value)
    made = config.setup()
    monkeypatch.setattr(config, "steps_num", made.steps_num)
    monkeypatch.setattr(config, "steps_den", made.steps_den)
    monkeypatch.setattr(config, "RELIEF_STEPS", made.steps_num // (2 * made.steps_den))
    monkeypatch.setattr(config, "max_steps_per_s", config.THERAPY_STEPS_PER_S)
    monkeypatch.setattr(config, "prime_steps_per_s", config.HIGHEST_STEPS_PER_S)


def walked(tmp_path, fault="", careless=(), after=None, driver="stepdir"):
    """The results of a whole walk on a new rig."""
    sim = SimRig(5)
    if fault:
        wires.build_in(sim.pump, fault)
    sim.power_on()
    sim.port.listen(True)
    line = Line(sim)
    person = BenchPerson(line, careless)

    def opened():
        return Rig(line, tmp_path / "log.db")

    doing = Acts(opened, person, line.pause, driver)
    results = []
    try:
        for result in bringup.walk(bringup.checklist(driver), person, doing):
            results.append(result)
            if result.step.id == "power":
                doing.close()
                person.weigh()
    finally:
        doing.close()
    return results


def test_a_new_rig_passes_every_step_in_order(tmp_path):
    results = walked(tmp_path)
    assert [result.step.id for result in results] == [step.id for step in bringup.checklist("stepdir")]
    assert [(result.step.id, result.found) for result in results if not result.passed] == []


@pytest.mark.usefixtures("geared")
def test_a_new_rig_with_coil_lines_passes_every_step_in_order(tmp_path):
    results = walked(tmp_path, driver="coils")
    assert [result.step.id for result in results] == [step.id for step in bringup.checklist("coils")]
    assert [(result.step.id, result.found) for result in results if not result.passed] == []


@pytest.mark.usefixtures("geared")
@pytest.mark.parametrize("fault", sorted(set(wires.FAULTS) - NOT_GEARED))
def test_each_wiring_fault_is_found_by_its_name_with_coil_lines_too(tmp_path, fault):
    last = walked(tmp_path, fault, driver="coils")[-1]
    assert not last.passed
    assert last.fault is not None, last.found
    assert last.fault.name == fault, last.found


@pytest.mark.parametrize("fault", sorted(wires.FAULTS))
def test_each_wiring_fault_is_found_by_its_name(tmp_path, fault):
    last = walked(tmp_path, fault)[-1]
    assert not last.passed
    assert last.fault is not None, last.found
    assert last.fault.name == fault, last.found


@pytest.mark.parametrize(
    ("fault", "careless"),
    [
        ("coils_mixed", ("coil_a_ohm", "coil_b_ohm", "between_ohm")),
        ("supply_off", ("motor_v", "divider_v", "vsys_v")),
        ("divider_open", ("divider_v",)),
        ("current_not_set", ("vref_v",)),
    ],
)
def test_what_a_careless_person_did_not_measure_is_found_later(tmp_path, fault, careless):
    last = walked(tmp_path, fault, careless)[-1]
    assert last.fault is not None, last.found
    later = {
        "current_not_set": "head_stiff",
        "supply_off": "divider_open",
    }  # they look alike by then: the advice says so
    assert last.fault.name == later.get(fault, fault), last.found


def test_the_leak_that_the_limit_allows_is_what_the_step_says():
    """5 % of the pressure in 120 s out of the line's compliance, at 2 kPa: at most 0.4 uL/h."""
    step = next(step for step in bringup.checklist() if step.id == "leak")
    compliance_nl_per_pa = 0.12  # of the simulated line: rigsim.physics.truth
    lost = step.right["fall_percent"][1] / 100
    leak_nl_per_pa_s = -compliance_nl_per_pa * math.log(1 - lost) / 120
    assert 0.3 < leak_nl_per_pa_s * 2_000 * 3_600 / 1_000 < 0.4
    assert "0.4 uL/h at 2 kPa" in step.do


def test_the_first_calibration_is_the_heads_by_geometry():
    assert round(load_head("r3").nl_per_rev) == acts.NOMINAL_NL_PER_REV
