"""Every figure of the hardware's pages that can be computed, computed.

Owns: forces, torques, pressures, rates and times of the hardware's pages that no single line of docs/figures.toml
computes.
Rules: each is computed here from physics and data sheets, with nothing of the firmware but the constants that the page
speaks of; then its text is looked for on the page.
Units: SI unless the name says otherwise.
Leaves: that no figure is forgotten to test_figures.py, the motors' torque to tests/unit/step/test_torque.py, the
bring-up's leak limit to tests/sim/test_bring_up.py.
"""

import math
import sys
import tomllib
from pathlib import Path

import pytest
from pumprig.doctor import bringup
from rig.board import config, drivers
from rig.watch import thresholds
from rigsim import shims
from rigsim.geometry import CLOSED_AT, load_head
from rigsim.physics import pump

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "hardware"))
import pinout  # noqa: E402
import render  # noqa: E402

PSI_PA = 6894.757
SIZES = tomllib.loads((ROOT / "hardware" / "cad" / "parts.toml").read_text(encoding="utf-8"))


def page(name: str) -> str:
    return " ".join((ROOT / "docs" / name).read_text(encoding="utf-8").split())


WIRING = page("reference/wiring.md")
BEFORE = page("how-to/before-you-build.md")
HEAD = page("how-to/assemble-head.md")


def parallel(*ohms: float) -> float:
    return 1 / sum(1 / each for each in ohms)


@pytest.mark.parametrize(
    ("r1_ohm", "text"), [(4_700, "the line stands at 2.9 V"), (10_000, "would leave 2.5 V")]
)
def test_where_the_enable_line_stands_in_reset(r1_ohm: float, text: str) -> None:
    down = parallel(50_000, 100_000)
    volts = 3.3 * down / (down + r1_ohm)
    assert f"{volts:.1f} V" in text
    assert text in WIRING
    assert (volts > 2.31 + 0.5) == (r1_ohm == 4_700)


def test_twenty_psi_are_a_two_hundredth_of_the_motors_torque() -> None:
    mnm = 20 * PSI_PA * load_head("r3").nl_per_rev * 1e-12 / (2 * math.pi) * 1e3
    assert f"20 psi on 10 µL a revolution are {mnm:.2f} mN·m" in WIRING
    left_mnm = drivers.torque_mnm("nema17", 800)
    assert f"the same {left_mnm} mN·m at either current" in WIRING
    assert f"At 3 000 full steps/s {drivers.torque_mnm('nema17', 3_000)} mN·m are left" in WIRING
    assert "23 328 is the most" in WIRING
    assert (
        drivers.torque_mnm("nema17", -(-23_328 // 16))
        >= 2 * drivers.LOAD_MNM
        > drivers.torque_mnm("nema17", -(-23_329 // 16))
    )
    assert left_mnm / mnm > 200
    assert f"so the margin is {left_mnm / drivers.LOAD_MNM:.1f}" in WIRING


def test_the_heat_of_a_standing_motor() -> None:
    """A micro-stepping driver shares one I2R between both coils, as sine and cosine."""
    for amperes, text in (
        (0.4, "4.8 W into a printed body"),
        (0.2, "At 0.2 A it is 1.2 W"),
        (0.1, "last step: 0.3 W"),
    ):
        assert f"{amperes**2 * 30:.1f} W" in text
        assert text in WIRING
    assert drivers.hold_mw("stepdir", *drivers.MOTORS["nema17"][5:7]) == 1_200
    assert "At 20 µL/h the coils that are always on cost 216 J/µL" in page("explanation/timing.md")
    assert pytest.approx(216) == 1.2 * 3600 / 20


def test_the_divider_the_right_way_round_and_the_other() -> None:
    assert f"{3.3 * (27 + 3) / 3:.0f} V would be full scale" in WIRING
    assert f"{12 * 27 / (27 + 3):.1f} V would reach the Pico's pin" in WIRING


def test_the_stop_inputs_time_constant() -> None:
    assert f"time constant of {10_000 * 100e-9 * 1e3:.0f} ms" in WIRING


def test_what_a_tmc2209_is_told_by_wire() -> None:
    """Its data sheet's formula with the finer sense voltage, 180 mV over 110 and 20 mohm."""
    full_ma = 180 / 0.130 / math.sqrt(2)
    assert f"at 110 mΩ {full_ma / 32:.1f} mA each, up to {full_ma:.0f} mA" in WIRING
    assert f"140 is {140 * math.sqrt(2) / 1000:.1f} A peak" in WIRING


def test_how_far_the_pressure_sensors_see_above_air() -> None:
    """Air at sea level has 101 325 Pa; the alarm has to lie within, the limit does with the wider sensor alone."""
    near, far = (config.PRESSURE_PA - 101_325) / PSI_PA, (250_000 - 101_325) / PSI_PA
    assert f"leaves about {near:.0f} psi above air" in WIRING
    assert f"sees {far:.1f} psi above air" in WIRING
    assert thresholds.OCCLUSION_PA / PSI_PA < near < thresholds.OCCLUSION_LIMIT_PA / PSI_PA < far
    assert "The occlusion alarm comes at 8 psi" in WIRING
    assert round(thresholds.OCCLUSION_PA / PSI_PA) == 8


def test_the_buzzer_sounds_at_its_resonance_in_every_tone() -> None:
    """A square wave has its odd multiples: one of each tone's is the 4 kHz of the buzzer's data sheet."""
    shims.install()
    from rig.board import board

    assert config.BUZZER_HZ == 4_000
    (note,) = (row["note"] for row in pinout.bom() if row["ref"] == "BZ1")
    assert "its resonance of 4 kHz" in note
    for part in board.TONES.values():
        assert part % 2 == 1
        assert abs(config.BUZZER_HZ // part * part - config.BUZZER_HZ) <= part
    assert max(board.TONES, key=lambda name: config.BUZZER_HZ // board.TONES[name]) == "critical"


@pytest.mark.parametrize(("barrer", "digits", "cell"), [(40_000, 2, "0.04 µL/h"), (275, 4, "0.0003 µL/h")])
def test_what_water_a_tube_loses_through_its_wall(barrer: float, digits: int, cell: str) -> None:
    head = load_head("r3")
    permeability = barrer * 1e-10  # cm3 (STP) cm / (cm2 s cmHg)
    humid_cmhg = 1.754 * (1 - 0.5)  # water at 20 degrees: 17.54 mmHg
    ratio = head.outer_diameter_mm / head.inner_diameter_mm
    stp_cm3_per_cm_s = 2 * math.pi * permeability * humid_cmhg / math.log(ratio)
    ul_per_h = stp_cm3_per_cm_s / 22_414 * 18.0 * 1000 * 3600
    assert f"{ul_per_h:.{digits}f} µL/h" == cell
    share_pct = 10 * ul_per_h / 2 * 100
    wanted = "22 %" if barrer > 1_000 else "0.1 %"
    assert f"{share_pct:.0f} %" == wanted or f"{share_pct:.1f} %" == wanted
    assert f"| {cell} | {wanted} |" in BEFORE


def test_how_fast_the_cheapest_build_primes() -> None:
    """Both at the highest rate that leaves twice the load."""
    fast = 12_800 / 3_200
    full = max(n for n in range(1, 500) if drivers.torque_mnm("28byj48", n) * 100 >= drivers.LOAD_MNM * 200)
    slow = full * 10_000 / 2037_8864
    assert f"{full} are left" in WIRING
    assert f"primes at 1/{fast / slow:.0f} of the speed" in BEFORE


def test_from_which_flow_on_backwards_is_told() -> None:
    assert f"above {thresholds.BACKWARDS_NL_PER_DAY / 24e6:.1f} mL/h" in BEFORE


def test_the_stroke_grows_with_temperature_as_the_simulator_says() -> None:
    assert f"{pump.STROKE_PER_K * 100:.1f} % stroke per kelvin" in BEFORE


def test_the_pressure_of_the_fastest_run_in_the_outlet_tube() -> None:
    """Hagen-Poiseuille: water of 1 mPa s, 60 cm of 0.5 mm."""
    ohm = 8 * 1e-3 * 0.6 / (math.pi * 0.25e-3**4)
    pascal = ohm * 12_800 / 3_200 * load_head("r3").nl_per_rev * 1e-12
    assert f"({pascal / 1000:.0f} kPa for 60 cm of 0.5 mm)" in page("how-to/bring-up.md")
    geared = ohm * 360 / (2037_8864 / 10_000 * 2) * load_head("r3").nl_per_rev * 1e-12
    assert f"({geared / 1000:.2f} kPa for 60 cm of 0.5 mm)" in page("how-to/bring-up.md")
    assert 110 < 10 * (2037_8864 / 10_000 * 2) / 360 < 120  # "in two minutes"


def test_what_the_shims_set() -> None:
    head = load_head("r3")
    open_mm = head.gap_mm + SIZES["shim"]["nominal"]
    lowest, highest = (1 - (open_mm - shim) / (2 * head.wall_mm) for shim in (0.0, SIZES["shim"]["set"][-1]))
    assert f"give {lowest:.2f} to {highest:.2f}" in HEAD
    assert lowest > CLOSED_AT
    assert highest < 0.3


def test_how_deep_the_lids_screws_reach_into_the_motor() -> None:
    printed, motor, screw = SIZES["print"], SIZES["motor"]["nema17"], SIZES["lid_screw"]["nema17"]
    rotor = printed["lower_plate"] + 2 * printed["race_boss"] + load_head("r3").roller_width_mm
    room = printed["rotor_gap"] + rotor + printed["upper_plate"] - SIZES["magnet"]["height"] - 0.5
    top = (
        motor["shaft_length"]
        - room
        + printed["rotor_gap"]
        + rotor
        + printed["upper_plate"]
        + printed["top_gap"]
    )
    deep = screw["length"] - top - printed["lid"] - printed["cover"] + printed["counterbore"]
    assert f"into the motor, {deep:.1f} mm deep" in HEAD
    assert 3.0 <= deep <= screw["thread_depth"]


def test_the_reference_voltages_are_the_carriers_formulas() -> None:
    for cell, ampere in (
        ("0.11", 0.11 / (8 * 0.068)),
        ("0.10", 2 * 0.10),
        ("0.20", 0.20 / 2.5 * 1.77 * math.sqrt(2)),
    ):
        assert f"| {cell} V |" in WIRING
        assert ampere == pytest.approx(0.2, rel=0.02)
    step = next(step for step in bringup.checklist("stepdir") if step.id == "current")
    assert "A4988 0.11 V, DRV8825 0.10 V, TMC2209 0.20 V" in step.do
    low, high = step.right["vref_v"]
    assert low < 0.10 < 0.20 < high
    # the highest reading that passes is below what the motor bears, on any of the three
    assert max(high / (8 * 0.068), 2 * high, high / 2.5 * 1.77 * math.sqrt(2)) < 0.47


def test_power_comes_in_one_order_wherever_it_is_told() -> None:
    """12 V first, then USB: wiring page, plan, parts list, bring-up; and what makes it needless."""
    first = bringup.checklist("stepdir")[0]
    plan = (ROOT / "hardware" / "wiring" / "tmc2209.yml").read_text(encoding="utf-8")
    (cable,) = (row for row in pinout.bom() if row["ref"] == "W1")
    assert "**12 V on, then USB. USB off, then 12 V.**" in WIRING
    assert "12 V first, then USB; off in the other one" in first.do
    assert "the switch cut the 12 V" in str(first.choice and first.choice.question) + str(first)
    assert "12 V before USB" in plan
    assert "12 V always first" in cable["alternative"]
    assert "12 V on first, then USB; USB off first, then 12 V" in page("how-to/firmware.md")
    assert "12 V on first, then USB; USB off first, then 12 V" in page("reference/cli.md")
    power = next(step for step in bringup.checklist("stepdir") if step.id == "power")
    assert "Pull USB, then 12 V; wait five seconds; 12 V on, then USB" in power.do
    parts = {row["ref"]: row["part"] for row in pinout.bom()}
    assert "1 A" in parts["F1"]
    assert "switch" in parts["SW1"]
    wires = [(str(row[0]), str(row[2])) for row in render.wiring_plan("tmc2209")["connections"]]
    assert ("{'SW1': [2]}", "{'F1': [1]}") in wires  # switch, then fuse, then everything
    assert ("{'F1': [2]}", "{'V12': [1]}") in wires
