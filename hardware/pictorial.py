"""A picture of the wired board: the Pico with its forty pins, each part where it may lie, each wire in its colour.

Owns: where a part lies in the picture.
Rules: the wires are those of the plan (render.wiring_plan): what is drawn here cannot differ from the sheets; a part of
the plan that has no place here stops it.
Units: pixels of the drawing, 1200 wide.
Leaves: the wires to wiring/*.yml.
"""

from __future__ import annotations

from html import escape
from typing import Any

from pinout import BOARD_PIN
from render import wiring_plan

COLOURS = {
    "RD": "#d02020", "BK": "#222222", "OG": "#e07b10", "VT": "#8040b0", "WH": "#b8b8b8", "GY": "#808080",
    "BU": "#2060d0", "GN": "#2a9040", "YE": "#d8b400", "PK": "#e070a0", "BN": "#8a5a2a",
}  # fmt: skip
WIDTH, ROW, PIN = 1200, 19, 30
PICO = (500, 60, 200, 22 * PIN)  # x, y, width, height
GROUND = range(3, 41, 5)
OTHER = {30: "RUN", 35: "ADC_VREF", 36: "3V3 out", 37: "3V3_EN", 39: "VSYS", 40: "VBUS"}
# part: (x, y, side on which its pins are)
PLACES = {
    "S1": (30, 330, "right"), "R2": (225, 395, "right"), "C3": (225, 330, "right"), "S2": (30, 400, "right"),
    "S3": (30, 470, "right"), "BZ1": (30, 550, "right"), "R6": (225, 550, "right"), "D2": (30, 625, "right"),
    "R5": (225, 625, "right"),
    "JACK": (1010, 30, "left"), "SW1": (1010, 110, "left"), "F1": (1010, 180, "left"), "V12": (1010, 250, "left"),
    "V5": (1010, 325, "left"), "D1": (790, 30, "left"), "R3": (1010, 415, "left"), "R4": (1010, 480, "left"),
    "C2": (1010, 545, "left"), "ENCODER": (1010, 615, "left"), "PRESSURE": (1010, 735, "left"),
    "DRIVER": (30, 760, "right"), "C1": (360, 1010, "left"), "MOTOR": (360, 870, "left"), "R1": (360, 770, "left"),
    "R7": (30, 30, "right"), "R8": (225, 30, "right"), "R9": (30, 130, "right"), "R10": (225, 130, "right"),
}  # fmt: skip


def drawn(name: str) -> str:
    """The SVG of one plan. Raises KeyError for a part without a place."""
    plan = wiring_plan(name)
    ends: dict[tuple[str, Any], tuple[float, float, int]] = {}
    shapes, parts = _pico(ends), list[str]()
    for part, content in plan["connectors"].items():
        if part != "PICO":
            parts += _part(part, content, ends)
    wires = _wires(plan, ends)
    height = 1160
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'font-family="DejaVu Sans, sans-serif" font-size="13">'
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    )
    return head + "".join(wires + parts + shapes) + "</svg>\n"


def _text(x: float, y: float, text: str, anchor: str = "start", extra: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" {extra}>{escape(text)}</text>'


def _pico(ends: dict[tuple[str, Any], tuple[float, float, int]]) -> list[str]:
    x, y, width, height = PICO
    shapes = [f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="#1f6b3a"/>']
    shapes.append(f'<rect x="{x + 75}" y="{y - 14}" width="50" height="26" fill="#c0c4c8"/>')
    shapes.append(_text(x + 100, y + height / 2, "Pico", "middle", 'fill="white" font-size="22"'))
    gpio = {pin: f"GP{number}" for number, pin in BOARD_PIN.items()}
    for pin in range(1, 41):
        left = pin <= 20
        row = pin - 1 if left else 40 - pin
        px, py = x if left else x + width, y + 1.5 * PIN + row * PIN
        ends["PICO", pin] = (px, py, -1 if left else 1)
        label = (
            "GND"
            if pin in GROUND and pin != 33
            else "AGND"
            if pin == 33
            else gpio.get(pin, OTHER.get(pin, ""))
        )
        shapes.append(f'<circle cx="{px}" cy="{py}" r="5" fill="#e8c040"/>')
        inside, anchor = (px + 10, "start") if left else (px - 10, "end")
        shapes.append(
            _text(inside, py + 5, f"{pin} {label}" if left else f"{label} {pin}", anchor, 'fill="white"')
        )
    return shapes


def _part(
    name: str, content: dict[str, Any], ends: dict[tuple[str, Any], tuple[float, float, int]]
) -> list[str]:
    x, y, side = PLACES[name]
    labels = [str(label) for label in content["pinlabels"]]
    width = 160
    height = 24 + ROW * len(labels)
    title = f"{name}: {content['type']}" if name[-1].isdigit() and len(name) <= 3 else str(content["type"])
    shapes = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="#f4f1ea" stroke="#555"/>',
        _text(x + 4, y + 15, title[:24], "start", 'font-weight="bold" font-size="11"'),
    ]
    for k, label in enumerate(labels):
        px, py = (x + width if side == "right" else x), y + 30 + ROW * k
        way = 1 if side == "right" else -1
        ends[name, k + 1] = ends[name, label] = (px, py, way)
        shapes.append(f'<circle cx="{px}" cy="{py}" r="4" fill="#777"/>')
        shapes.append(_text(px - 9 * way, py + 4, label, "end" if way > 0 else "start", 'font-size="11"'))
    return shapes


def _wires(plan: dict[str, Any], ends: dict[tuple[str, Any], tuple[float, float, int]]) -> list[str]:
    paths: list[str] = []
    for row in plan["connections"]:
        (first, firsts), (cable, cores), (second, seconds) = (next(iter(end.items())) for end in row)
        colours = plan["cables"][cable]["colors"]
        for a, core, b in zip(firsts, cores, seconds, strict=True):
            (x0, y0, way0), (x1, y1, way1) = ends[first, a], ends[second, b]
            reach = 30 + abs(x1 - x0) * 0.35 + (core * 5)
            colour = COLOURS[colours[core - 1]]
            paths.append(
                f'<path d="M{x0:.0f} {y0:.0f} C{x0 + way0 * reach:.0f} {y0:.0f} {x1 + way1 * reach:.0f} {y1:.0f} '
                f'{x1:.0f} {y1:.0f}" fill="none" stroke="{colour}" stroke-width="2.5" opacity="0.85"/>'
            )
    return paths
