"""The pages that follow from the pin table, the bill of materials and the pump head.

Owns: docs/reference/pins.md, docs/reference/parts.md and docs/reference/pump-head.md.
Rules: every row of firmware/rig/board/pins.py and hardware/bom.csv appears; nothing is stated twice.
Units: GPIO numbers and the Pico board's pin numbers; nL, mm.
Leaves: the table to firmware/rig/board/pins.py, the wiring to wiring/*.yml, the geometry to rigsim.geometry.
"""

from __future__ import annotations

import csv
import importlib
import math
from pathlib import Path

from rigsim.geometry import head_names, load_head

HERE = Path(__file__).resolve().parent

# GPIO -> pin of the board: the same on Pico, Pico W, Pico 2 and Pico 2 W (their datasheets, pinout)
BOARD_PIN = {
    0: 1, 1: 2, 2: 4, 3: 5, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12, 10: 14, 11: 15, 12: 16, 13: 17, 14: 19, 15: 20,
    16: 21, 17: 22, 18: 24, 19: 25, 20: 26, 21: 27, 22: 29, 26: 31, 27: 32, 28: 34,
}  # fmt: skip

# What holds each line while the RP2040 is in reset, when every pad is an input with its weak pull-down.
AT_RESET = {
    "uart_tx": "low: the driver goes by its pins",
    "uart_rx": "low",
    "step": "low: no edge",
    "dir": "low",
    "enable": "high by R1: motor off",
    "stop": "high by R2: not pressed",
    "coil_a1": "low by R7: motor off",
    "coil_b1": "low by R8: motor off",
    "coil_a2": "low by R9: motor off",
    "coil_b2": "low by R10: motor off",
    "buzzer": "low: silent",
    "alarm_led": "low: dark",
    "sda": "high by the sensors' pull-ups",
    "scl": "high by the sensors' pull-ups",
}


SECOND_HEAD = (
    "",
    "## Part numbers in a second place",
    "",
    "Looked up in November 2026 in stored copies of public pages and repositories, not at a shop: that the number is",
    "known there as this part. It does not say that it can be bought. The rest is unproven.",
    "",
)

BOARDS = (
    "## Boards",
    "",
    "The pins are the same on Pico, Pico W, Pico 2 and Pico 2 W. GP23, GP24, GP25 and GP29 are the board's own:",
    "power supply, USB's presence, LED and supply voltage on Pico and Pico 2, the radio on the W boards. A",
    "configuration that uses one of them is refused at start. The run LED is the board's own, asked for as `LED`.",
    "",
    "In reset each pad is an input. An RP2040 pulls it down weakly. On an RP2350 (stepping A2, erratum E9) the pad's",
    "own leakage can hold a floating input near 2 V against that pull-down. So no input of this table rests on a",
    "pull-down: buttons are pulled up and close to ground. What must stay low in reset has a resistor of its own,",
    "8.2 kΩ or less, as the erratum asks. `step` and `dir` have none: while `enable` is high they move nothing.",
)


def pins() -> tuple[tuple[str, int, str, str], ...]:
    """The firmware's pin table."""
    return importlib.import_module("rig.board.pins").PINS


def bom() -> list[dict[str, str]]:
    """The rows of bom.csv by column."""
    with (HERE / "bom.csv").open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


def pins_page() -> str:
    """docs/reference/pins.md."""
    lines = [
        "# Pins",
        "",
        "Generated from `firmware/rig/board/pins.py` by `make docs`; do not edit.",
        "",
        "| name | GPIO | Pico pin | direction | in reset | what it is |",
        "|---|---|---|---|---|---|",
    ]
    for name, gpio, direction, what in pins():
        state = AT_RESET.get(name, "input")
        lines.append(
            f"| {name} | GP{gpio} | {BOARD_PIN.get(gpio, 'on board')} | {direction} | {state} | {what} |"
        )
    lines += ["", *BOARDS]
    return "\n".join(lines) + "\n"


BUILDS = {
    "tmc2209": "A: TMC2209 and NEMA 17 (the firmware's default)",
    "stepdir": "B: A4988 and NEMA 17",
    "coils": "C: ULN2003A and 28BYJ-48",
}
PARTS_HEAD = """# Bill of materials

Generated from [bom.csv](../../hardware/bom.csv) by `make docs`; do not edit. `for` says which wiring plan needs a row:
all, `tmc2209`, `stepdir` (A4988 or DRV8825), `coils`, or optional.

**Prices are estimates**, in euro a piece, without postage, written down in November 2026 from experience with such
parts: no shop was asked, and no price here has a source. Part numbers are the makers' own; before you order, look each
up at its maker. They were checked against data sheets once; what was seen of them elsewhere stands at the end."""


def total_eur(plan: str) -> float:
    """What all rows of a plan cost together, by the estimates."""
    return sum(
        int(row["qty"]) * float(row["eur_each"])
        for row in bom()
        if row["plans"] == "all" or plan in row["plans"].split()
    )


def parts_page() -> str:
    """docs/reference/parts.md: the bill of materials by group, and what each build costs together."""
    lines = [PARTS_HEAD, "", "| build | together, estimated |", "|---|---|"]
    lines += [f"| {title} | {total_eur(plan):.0f} € |" for plan, title in BUILDS.items()]
    lines += [
        "",
        "Not in it: the balance (0.1 mg for a calibration at therapy rates), a computer, a printer, a soldering iron,",
        "a meter. What it takes besides money: [before you build](../how-to/before-you-build.md).",
    ]
    group = ""
    for row in bom():
        if row["group"] != group:
            group = row["group"]
            lines += [
                "",
                f"## {group}",
                "",
                "| ref | qty | for | part | maker | number | € each | instead of it | note |",
                "|---|---|---|---|---|---|---|---|---|",
            ]
        keys = ("ref", "qty", "plans", "part", "maker", "number", "eur_each", "alternative", "note")
        lines.append("| " + " | ".join(row[key] for key in keys) + " |")
    lines += [*SECOND_HEAD, "| number | seen in a second place |", "|---|---|"]
    lines += [f"| {row['number']} | {row['second']} |" for row in bom() if row["second"]]
    return "\n".join(lines) + "\n"


def head_page() -> str:
    """docs/reference/pump-head.md: the figures that follow from pumphead.toml."""
    lines = [
        "# The pump head in figures",
        "",
        "Generated from `host/rigsim/data/pumphead.toml` by `make docs`; do not edit. The simulator displaces what",
        "these figures say, and the printed parts have these dimensions. They are geometry: a real head is",
        "calibrated. How they are derived: [pump-head explained](../explanation/pump-head.md).",
        "",
        "| | " + " | ".join(f"`{name}`" for name in head_names()) + " |",
        "|---|" + "---|" * len(head_names()),
    ]
    heads = [load_head(name) for name in head_names()]

    def row(title: str, values: list[str]) -> None:
        lines.append(f"| {title} | " + " | ".join(values) + " |")

    row("rollers", [str(head.rollers) for head in heads])
    row(
        "tube, inside × outside, mm",
        [f"{h.inner_diameter_mm:.2f} × {h.outer_diameter_mm:.2f}" for h in heads],
    )
    row("track radius at the seal, mm", [f"{head.track_radius_mm:.3f}" for head in heads])
    row("axle circle radius, mm", [f"{head.roller_centre_radius_mm:.3f}" for head in heads])
    row("gap at the seal, mm", [f"{head.gap_mm:.3f}" for head in heads])
    row(
        "entry ramp, seal, exit ramp, °",
        [f"{h.entry_ramp_deg:.0f}, {h.seal_deg:.0f}, {h.exit_ramp_deg:.0f}" for h in heads],
    )
    row("footprint of a roller, °", [f"{head.footprint_deg:.1f}" for head in heads])
    row("ceiling (lumen × centreline), nL/rev", [f"{head.ceiling_nl_per_rev:.0f}" for head in heads])
    row("one roller's own volume, nL", [f"{head.roller_nl:.0f}" for head in heads])
    row("displacement, nL/rev", [f"{head.nl_per_rev:.0f}" for head in heads])
    row("roller period, °", [f"{math.degrees(head.roller_period_rad):.0f}" for head in heads])
    spans = [_flow_span(name) for name in head_names()]
    row("flow over its mean, least and most", [f"{low:.2f} to {high:.2f}" for low, high in spans])
    row("rev/h at 20 µL/h", [f"{20_000 / head.nl_per_rev:.3f}" for head in heads])
    return "\n".join(lines) + "\n"


def _flow_span(name: str) -> tuple[float, float]:
    head = load_head(name)
    mean = head.nl_per_rev / (2 * math.pi)
    flow = [head.slope_nl_per_rad(2 * math.pi * k / 3600) / mean for k in range(3600)]
    return min(flow), max(flow)
