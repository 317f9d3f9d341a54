"""The hardware pages agree with the firmware: pins, wiring plans, parts, bring-up checklist.

Owns: checks of hardware/ against firmware/rig/board/pins.py and against itself.
Rules: reads the sources that a person would wire from; nothing is rendered here.
Units: GPIO and board pin numbers.
Leaves: the solids to `make hardware`, which measures them itself.
"""

import re
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pumprig.doctor import acts, bringup
from pumprig.errors import PumpError
from pumpwire import spec
from rig.board import pins

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "hardware"))
import pictorial  # noqa: E402
import pinout  # noqa: E402
import render  # noqa: E402
import symbols  # noqa: E402

PLANS = ("tmc2209", "stepdir", "coils")
OPTIONAL = {"uart_tx", "uart_rx"}
STEPDIR, COILS = {"step", "dir", "enable"}, {"coil_a1", "coil_b1", "coil_a2", "coil_b2"}
OTHERS = {"tmc2209": COILS, "stepdir": COILS, "coils": STEPDIR}


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
    needed = {
        f"GP{gpio} {what}"
        for what, gpio, _, _ in pins.PINS
        if what not in OTHERS[name] | OPTIONAL and gpio in pinout.BOARD_PIN
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
def test_no_part_of_a_plan_is_a_loop_and_every_end_of_a_small_part_is_wired(name: str) -> None:
    """A resistor that is drawn as a loop is a short circuit, if it is wired as drawn."""
    plan = render.wiring_plan(name)
    wired = {
        (part, end)
        for row in plan["connections"]
        for ends in row
        for part, each in ends.items()
        for end in each
    }
    for part, content in plan["connectors"].items():
        assert "loops" not in content, part
        if re.fullmatch(r"(R|C|D|S|F|SW|BZ)\d+", part):
            assert {(part, 1), (part, 2)} <= wired, part


@pytest.mark.parametrize(
    ("name", "modes"), [("tmc2209", ("MS1", "MS2")), ("stepdir", ("MS1 / M0", "MS2 / M1", "MS3 / M2"))]
)
def test_the_mode_pins_of_a_driver_are_high_for_sixteenths(name: str, modes: tuple[str, ...]) -> None:
    high = {
        end
        for (first, _wire, last) in (tuple(row) for row in render.wiring_plan(name)["connections"])
        if first.get("PICO") and "DRIVER" in last
        for pin, end in zip(first["PICO"], last["DRIVER"], strict=True)
        if pin == 36
    }
    assert set(modes) <= high


def test_the_stop_input_has_the_pull_up_and_the_capacitor_that_its_decision_asks_for() -> None:
    asked = (ROOT / "docs" / "decisions" / "stop-button-in-pio.md").read_text(encoding="utf-8")
    assert "10 kΩ to 3.3 V and 100 nF to ground" in asked
    plan = render.wiring_plan("tmc2209")
    at_stop = {part for row in plan["connections"] if {"PICO": [14]} in row for ends in row for part in ends}
    assert {"S1", "R2", "C3"} <= at_stop
    parts = {ref: row["part"] for row in pinout.bom() for ref in row["ref"].split()}
    assert parts["R2"].startswith("10 kΩ")
    assert parts["C3"].startswith("100 nF")


def test_what_holds_a_coil_line_low_is_small_enough_for_an_rp2350() -> None:
    parts = {ref: row["part"] for row in pinout.bom() for ref in row["ref"].split()}
    for ref in ("R7", "R8", "R9", "R10"):
        assert float(re.match(r"[\d.]+", parts[ref])[0]) <= 8.2  # type: ignore[index]


def test_everything_that_moves_the_motor_is_held_off_in_reset() -> None:
    for name in COILS | {"enable"}:
        assert pinout.AT_RESET[name].endswith("motor off")


@pytest.mark.parametrize("name", PLANS)
def test_the_committed_picture_of_the_board_is_the_plans(name: str) -> None:
    picture = (ROOT / "hardware" / "wiring" / f"board-{name}.svg").read_text(encoding="utf-8")
    assert picture == pictorial.drawn(name), "run `make hardware`"


@pytest.mark.parametrize("name", PLANS)
def test_the_rings_of_every_resistor_in_the_picture_are_its_ohms(name: str) -> None:
    """Read as a person reads them: three figures, a power of ten, brown for 1 %; and the bill has that value."""
    parts = {ref: row["part"] for row in pinout.bom() for ref in row["ref"].split()}
    for part, content in render.wiring_plan(name)["connectors"].items():
        if part[0] != "R":
            continue
        *figures, power, tolerance = symbols.ring_digits(content["type"])
        number, unit = parts[part].split()[:2]
        ohms = float(number) * {"Ω": 1, "kΩ": 1000}[unit]
        assert (figures[0] * 100 + figures[1] * 10 + figures[2]) * 10**power == ohms, part
        assert tolerance == 1
        assert " 1 %" in parts[part]


@pytest.mark.parametrize("name", PLANS)
def test_the_picture_of_the_board_names_every_part_and_each_flag_is_a_wire_of_the_plan(name: str) -> None:
    picture = (ROOT / "hardware" / "wiring" / f"board-{name}.svg").read_text(encoding="utf-8")
    plan = render.wiring_plan(name)
    words = re.findall(r">([^<>]+)</text>", picture)
    for part, content in plan["connectors"].items():
        title = str(content["type"]).split(" (or")[0].split(", ")[0]
        assert part in ("PICO", "V12") or any(word.startswith((part + " ", title)) for word in words), part
    grounds = {
        pin
        for row in plan["connections"]
        for ends in row
        for pin in ends.get("PICO", [])
        if pin in range(3, 41, 5)
    }
    flagged = {int(pin) for word in words for pin in re.findall(r"^GND (\d+)(?:$|,)", word)}
    assert flagged | {38} == grounds | {38}  # pin 38 has a flag of its own, to the jack


def test_two_wires_on_one_line_of_the_picture_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pictorial.TWO_ENDED, "S2", (247, pictorial.TWO_ENDED["S1"][1] + 2, 2))
    with pytest.raises(ValueError, match="two wires lie on one line"):
        pictorial.drawn("tmc2209")


SHEETS = [(source, name, sheet) for source in render.SOURCES for name, sheet in render.sheets(source).items()]


@pytest.mark.parametrize(("name", "sheet"), [row[1:] for row in SHEETS])
def test_a_committed_sheet_shows_every_connector_whole_and_large_enough_for_a_page(
    name: str, sheet: dict[str, Any]
) -> None:
    """A page is some 830 pixels wide, a letter 14 points: under 1000 points it has 11 pixels or more."""
    picture = (ROOT / "hardware" / "wiring" / f"{name}.svg").read_text(encoding="utf-8")
    for connector, content in sheet["connectors"].items():
        assert f">{connector}<" in picture, "run `make hardware`"
        part = str(content.get("mpn", ""))
        assert part.split(",")[0] in picture.replace("&#45;", "-"), "run `make hardware`"
    box = re.search(r'<svg width="(\d+)pt" height="(\d+)pt"\s+viewBox="0.00 0.00 ([\d.]+) ([\d.]+)"', picture)
    assert box is not None
    assert abs(float(box[1]) - float(box[3])) + abs(float(box[2]) - float(box[4])) < 1.5
    assert 'transform="scale(1 1)' in picture  # else what lies beyond the box is cut off
    assert int(box[1]) <= 1000
    assert f"({picture_of(name)})" in (ROOT / "docs" / "reference" / "wiring.md").read_text(encoding="utf-8")


def picture_of(name: str) -> str:
    return f"../../hardware/wiring/{name}.svg"


@pytest.mark.parametrize("source", render.SOURCES)
def test_the_sheets_of_a_source_have_each_of_its_wires_once_in_its_colour(source: str) -> None:
    def wires(plan: dict[str, Any]) -> list[tuple[Any, str]]:
        return sorted(
            (sorted([(a, str(end_a)), (b, str(end_b))]), plan["cables"][cable]["colors"][core - 1])
            for row in plan["connections"]
            for (a, ends_a), (cable, cores), (b, ends_b) in [[next(iter(end.items())) for end in row]]
            for end_a, core, end_b in zip(ends_a, cores, ends_b, strict=True)
        )

    sheets = [sheet for of, _name, sheet in SHEETS if of == source]
    assert sorted(wire for sheet in sheets for wire in wires(sheet)) == wires(
        render.merged(("common", source))
    )


def test_every_resistor_and_part_number_of_a_plan_is_in_the_bill_of_materials() -> None:
    refs = {ref for row in pinout.bom() for ref in row["ref"].split()}
    assert {"R1", "R2", "D1", "F1", "SW1", "C1", "C3"} <= refs
    numbers = " ".join(row["number"] + " " + row["alternative"] + " " + row["note"] for row in pinout.bom())
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
        assert all(row[key] for key in ("group", "qty", "plans", "part", "maker", "number", "eur_each")), row
        assert set(row["plans"].split()) <= {"all", "optional", *PLANS}
        assert int(row["qty"]) >= 1
        assert float(row["eur_each"]) > 0


def test_every_part_number_of_a_maker_says_where_else_it_was_seen() -> None:
    """Or that it is a standard's; a row of no maker names a kind of part, no number."""
    for row in pinout.bom():
        assert bool(row["second"]) == (row["maker"] not in ("any", "made here")), row
        assert not re.match(r"not (looked|found)", row["second"]), row


def test_the_total_of_a_build_is_the_sum_of_its_rows() -> None:
    """Added up by another hand: the difference of two builds is that of the rows that they do not share."""
    rows = pinout.bom()

    def own(plan: str) -> float:
        return sum(int(row["qty"]) * float(row["eur_each"]) for row in rows if plan in row["plans"].split())

    shared = own("all")
    for plan in PLANS:
        assert abs(pinout.total_eur(plan) - shared - own(plan)) < 0.005
        assert f"{shared + own(plan):.0f} €" in pinout.parts_page()


def test_the_checklist_has_unique_steps_for_each_driver_and_a_hint_for_each_failure() -> None:
    steps = bringup.checklist()
    assert len({step.id for step in steps}) == len(steps)
    assert all(step.hint and step.do and set(step.drivers) <= set(bringup.DRIVERS) for step in steps)
    assert {step.id for step in bringup.checklist("coils")} ^ {
        step.id for step in bringup.checklist("stepdir")
    } == {
        "enable_pullup",
        "coil_pulldown",
        "coils",
        "current",
        "fast",
        "fast_geared",
    }


def test_every_act_and_every_finding_of_the_checklist_is_one_that_there_is() -> None:
    for step in bringup.checklist():
        told = {measure.name for measure in step.measures}
        if step.act:
            told |= set(re.findall(r"\w+", getattr(acts.Acts, "act_" + step.act).__doc__))
            told |= {"encoder_answers", "pressure_answers", "as5600l_answers", "stop", "request", "silence"}
        if step.choice is not None:
            told.add(step.choice.name)
            for window in (step.right, *(fault.when for fault in step.faults)):
                assert set(window.get(step.choice.name, ())) <= set(step.choice.options)
        for name in {*step.right, *(name for fault in step.faults for name in fault.when)}:
            assert name in told, (step.id, name)
        alarms = [
            window["alarms"] for window in (step.right, *(f.when for f in step.faults)) if "alarms" in window
        ]
        assert {name for names in alarms for name in names} <= {row[1] for row in spec.alarms()} | {"none"}


@pytest.mark.parametrize("value", [9000.0, float("nan"), "none", None])
def test_a_step_fails_on_a_wrong_absent_or_unreadable_finding(value: float | str | None) -> None:
    step = next(step for step in bringup.checklist() if step.id == "supply")
    assert not bringup.judge(step, {} if value is None else {"supply_mv": value}).passed


def test_a_rig_that_cannot_be_read_fails_the_step_instead_of_ending_the_walk() -> None:
    def unreachable(_step: bringup.Step) -> bringup.Findings:
        raise PumpError("no port")

    step = next(step for step in bringup.checklist() if step.id == "greeting")
    (result,) = bringup.walk([step], cast(bringup.Person, None), unreachable)
    assert not result.passed
    assert "no port" in result.found
