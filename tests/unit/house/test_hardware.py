"""The hardware pages agree with the firmware: pins, wiring plans, parts, bring-up checklist.

Owns: checks of hardware/ against firmware/rig/board/pins.py and against itself.
Rules: reads the sources that a person would wire from; nothing is rendered here.
Units: GPIO and board pin numbers.
Leaves: the solids to `make hardware`, which measures them itself.
"""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pumprig.doctor import bringup
from pumprig.errors import PumpError
from rig.board import pins

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "hardware"))
import pinout  # noqa: E402
import render  # noqa: E402

PLANS = ("stepdir", "coils")
ONLY = {"stepdir": {"step", "dir", "enable"}, "coils": {"coil_a1", "coil_b1", "coil_a2", "coil_b2"}}


def used_pico_pins(name: str) -> set[int]:
    used: set[int] = set()
    for connection in render.wiring_plan(name)["connections"]:
        for end in connection:
            used |= set(end.get("PICO", []))
    return used


def pico(name: str) -> dict[int, str]:
    connector = render.wiring_plan(name)["connectors"]["PICO"]
    return dict(zip(connector["pins"], connector["pinlabels"], strict=True))


def test_each_gpio_and_each_name_of_the_pin_table_appears_once() -> None:
    gpios = [row[1] for row in pins.PINS]
    names = [row[0] for row in pins.PINS]
    assert len(set(gpios)) == len(gpios)
    assert len(set(names)) == len(names)


def test_the_board_pins_are_those_of_the_pico() -> None:
    """Two rows of 20; every fifth pin from 3 on is ground: 3, 8, 13, 18, 23, 28, 33, 38."""
    ground = set(range(3, 41, 5))
    assert not ground & set(pinout.BOARD_PIN.values())
    left = [pin for pin in range(1, 21) if pin not in ground]
    assert [pinout.BOARD_PIN[gpio] for gpio in range(16)] == left


@pytest.mark.parametrize("name", PLANS)
def test_a_wiring_plan_connects_every_pin_of_the_table_that_its_driver_needs(name: str) -> None:
    labels = pico(name)
    connected = {labels[pin] for pin in used_pico_pins(name)}
    others = ONLY["coils" if name == "stepdir" else "stepdir"]
    needed = {
        f"GP{gpio} {what}"
        for what, gpio, _, _ in pins.PINS
        if what not in others and gpio in pinout.BOARD_PIN
    }
    assert {label for label in connected if label.startswith("GP")} == needed


@pytest.mark.parametrize("name", PLANS)
def test_a_wiring_plans_board_pins_belong_to_their_gpio(name: str) -> None:
    for pin, label in pico(name).items():
        match = re.match(r"GP(\d+) (\w+)", label)
        if match:
            assert pinout.BOARD_PIN[int(match[1])] == pin
            assert pins.gpio(match[2]) == int(match[1])


@pytest.mark.parametrize("name", PLANS)
def test_every_ground_of_a_plan_is_a_pin_of_its_own(name: str) -> None:
    grounds = [
        pin
        for connection in render.wiring_plan(name)["connections"]
        for end in connection
        for pin in end.get("PICO", [])
        if pico(name)[pin] in ("GND", "AGND")
    ]
    assert len(grounds) == len(set(grounds))


def test_everything_that_moves_the_motor_is_held_off_in_reset() -> None:
    for name in ONLY["coils"] | {"enable"}:
        assert pinout.AT_RESET[name].endswith("motor off")


@pytest.mark.parametrize("name", PLANS)
def test_the_committed_picture_shows_every_connector_of_the_plan(name: str) -> None:
    picture = (ROOT / "hardware" / "wiring" / f"{name}.svg").read_text(encoding="utf-8")
    plan: dict[str, Any] = render.wiring_plan(name)
    for connector, content in plan["connectors"].items():
        assert f">{connector}<" in picture, "run `make hardware`"
        part = str(content.get("mpn", ""))
        assert part.split(",")[0] in picture.replace("&#45;", "-"), "run `make hardware`"


def test_every_resistor_and_part_number_of_a_plan_is_in_the_bill_of_materials() -> None:
    refs = {ref for row in pinout.bom() for ref in row["ref"].split()}
    numbers = " ".join(row["number"] + " " + row["note"] for row in pinout.bom())
    for name in PLANS:
        text = yaml.safe_dump(render.wiring_plan(name), allow_unicode=True)
        assert set(re.findall(r"\b[RCD]\d+\b", text)) <= refs
        for content in render.wiring_plan(name)["connectors"].values():
            for number in re.findall(r"[A-Z0-9-]*\d{4}[A-Z0-9-]*", str(content.get("mpn", ""))):
                assert number in numbers


def test_the_divider_is_ten_to_one_as_the_firmware_reads_it() -> None:
    ohms = {row["ref"]: row["part"] for row in pinout.bom() if row["ref"] in ("R3", "R4")}
    upper, lower = (float(re.match(r"[\d.]+", ohms[ref])[0]) for ref in ("R3", "R4"))  # type: ignore[index]
    assert (upper + lower) / lower == 10


def test_every_row_of_the_bill_is_complete() -> None:
    for row in pinout.bom():
        assert all(row[key] for key in ("group", "qty", "driver", "part", "maker", "number")), row
        assert row["driver"] in ("both", *PLANS)
        assert int(row["qty"]) >= 1


def test_the_checklist_has_unique_steps_for_each_driver_and_a_hint_for_each_failure() -> None:
    steps = bringup.checklist()
    assert len({step.id for step in steps}) == len(steps)
    assert all(step.hint and step.do and set(step.drivers) <= set(PLANS) for step in steps)
    assert {step.id for step in bringup.checklist("coils")} ^ {
        step.id for step in bringup.checklist("stepdir")
    } == {
        "enable_pullup",
        "coil_pulldown",
        "current",
    }


def test_the_walk_stops_at_the_first_step_that_fails() -> None:
    steps = bringup.checklist("stepdir")
    refused = steps[8].id
    status = {"protocol": "1", "supply_mv": "12010", "late": "0", "worst_us": "900"}
    results = list(
        bringup.walk(
            steps, lambda step: step.id != refused, lambda _, w: (w.lowest + w.highest) / 2, lambda: status
        )
    )
    assert [result.passed for result in results] == [True] * 8 + [False]
    assert results[-1].step.id == refused


@pytest.mark.parametrize("text", ["9000", "nan", "none", None])
def test_a_device_step_fails_on_a_wrong_absent_or_unreadable_field(text: str | None) -> None:
    step = next(step for step in bringup.checklist() if step.id == "supply")
    fields = {} if text is None else {"supply_mv": text}
    assert not bringup.judge_device(step, fields).passed


def test_a_rig_that_cannot_be_read_fails_the_step_instead_of_ending_the_walk() -> None:
    def unreachable() -> dict[str, str]:
        raise PumpError("no port")

    step = next(step for step in bringup.checklist() if step.id == "greeting")
    (result,) = bringup.walk([step], lambda _: True, lambda _, __: 0.0, unreachable)
    assert not result.passed
    assert "no port" in result.found
