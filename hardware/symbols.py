"""How a small part looks in the picture of the board: resistors with their rings, a diode with its ring, and so on.

Owns: the shapes.
Rules: a part is drawn between its two ends, from left to right; what tells its direction (ring, stripe, flat) is drawn
at the end that it belongs to.
Units: pixels of the drawing.
Leaves: where a part lies, and its wires, to pictorial.py.
"""

from __future__ import annotations

import re
from html import escape

RINGS = (
    "#1a1a1a",
    "#7a4a20",
    "#d02020",
    "#e8801a",
    "#e8d020",
    "#2a9040",
    "#2050c0",
    "#8040b0",
    "#808080",
    "#ffffff",
)
ONE_PERCENT = 1  # brown
HALF = 10  # a body's half height


def text(x: float, y: float, words: str, anchor: str = "start", extra: str = "") -> str:
    """A line of text."""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" {extra}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, fill: str, extra: str = "") -> str:
    """A rectangle with a thin edge."""
    where = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {where} fill="{fill}" stroke="#444" {extra}/>'


def _lead(x0: float, x1: float, y: float) -> str:
    return f'<path d="M{x0:.0f} {y:.0f} H{x1:.0f}" stroke="#999" stroke-width="3"/>'


def ring_digits(value: str) -> list[int]:
    """The five rings of a 1 % resistor: `4.7 kΩ` -> 4, 7, 0, tens of ohm, brown."""
    number, unit = re.match(r"resistor ([\d.]+) (k?Ω)", value).groups()  # type: ignore[union-attr]
    tenths = round(float(number) * (1000 if unit == "kΩ" else 1))
    power = len(str(tenths)) - 3
    return [*(int(digit) for digit in str(tenths)[:3]), power, ONE_PERCENT]


def resistor(x0: float, x1: float, y: float, kind: str) -> list[str]:
    """Body with its colour rings, the first one on the left."""
    middle = (x0 + x1) / 2
    shapes = [_lead(x0, x1, y), box(middle - 27, y - HALF + 2, 54, 2 * HALF - 4, "#9cc6dc", 'rx="5"')]
    for k, digit in enumerate(ring_digits(kind)):
        at = middle - 20 + 8 * k + (5 if k == 4 else 0)
        shapes.append(
            f'<rect x="{at:.0f}" y="{y - HALF + 2:.0f}" width="4" height="{2 * HALF - 4}" fill="{RINGS[digit]}"/>'
        )
    return shapes


def diode(x0: float, x1: float, y: float, ring_left: bool) -> list[str]:
    """Black, with the ring at its cathode; the symbol on it."""
    middle = (x0 + x1) / 2
    ring = middle - 20 if ring_left else middle + 15
    return [
        _lead(x0, x1, y), box(middle - 25, y - HALF + 1, 50, 2 * HALF - 2, "#222", 'rx="3"'),
        f'<rect x="{ring:.0f}" y="{y - HALF + 1:.0f}" width="6" height="{2 * HALF - 2}" fill="#ddd"/>',
    ]  # fmt: skip


def led(x0: float, x1: float, y: float, flat_left: bool) -> list[str]:
    """Red, flat at its cathode."""
    middle = (x0 + x1) / 2
    flat = middle - 11 if flat_left else middle + 11
    return [
        _lead(x0, x1, y), f'<circle cx="{middle:.0f}" cy="{y:.0f}" r="13" fill="#e04040" stroke="#801010"/>',
        f'<path d="M{flat:.0f} {y - 9:.0f} V{y + 9:.0f}" stroke="#400" stroke-width="4"/>',
    ]  # fmt: skip


def capacitor(x0: float, x1: float, y: float) -> list[str]:
    """A ceramic disc."""
    middle = (x0 + x1) / 2
    return [
        _lead(x0, x1, y), f'<ellipse cx="{middle:.0f}" cy="{y:.0f}" rx="17" ry="11" fill="#e0a040" stroke="#805010"/>'
    ]  # fmt: skip


def button(x0: float, x1: float, y: float, cap: str) -> list[str]:
    """From above."""
    middle = (x0 + x1) / 2
    return [
        _lead(x0, x1, y), box(middle - 14, y - 13, 28, 26, "#333", 'rx="3"'),
        f'<circle cx="{middle:.0f}" cy="{y:.0f}" r="8" fill="{cap}"/>',
    ]  # fmt: skip


def piezo(x0: float, x1: float, y: float) -> list[str]:
    """A disc with its hole."""
    middle = (x0 + x1) / 2
    return [
        _lead(x0, x1, y), f'<circle cx="{middle:.0f}" cy="{y:.0f}" r="14" fill="#333"/>',
        f'<circle cx="{middle:.0f}" cy="{y:.0f}" r="3" fill="#aaa"/>',
    ]  # fmt: skip


def fuse(x0: float, x1: float, y: float) -> list[str]:
    """A glass tube with its caps and wire."""
    middle = (x0 + x1) / 2
    return [
        _lead(x0, x1, y), box(middle - 28, y - 8, 56, 16, "#eef4f8", 'rx="2"'),
        box(middle - 28, y - 8, 11, 16, "#b0b4b8"), box(middle + 17, y - 8, 11, 16, "#b0b4b8"),
        f'<path d="M{middle - 17:.0f} {y:.0f} H{middle + 17:.0f}" stroke="#666"/>',
    ]  # fmt: skip


def switch(x0: float, x1: float, y: float) -> list[str]:
    """A lever between two contacts, open."""
    middle = (x0 + x1) / 2
    return [
        _lead(x0, middle - 18, y), _lead(middle + 18, x1, y),
        f'<path d="M{middle - 18:.0f} {y:.0f} L{middle + 16:.0f} {y - 14:.0f}" stroke="#333" stroke-width="4"/>',
        f'<circle cx="{middle - 18:.0f}" cy="{y:.0f}" r="4" fill="#333"/>',
        f'<circle cx="{middle + 18:.0f}" cy="{y:.0f}" r="4" fill="#333"/>',
    ]  # fmt: skip


def electrolytic(x0: float, x1: float, plus_y: float, minus_y: float) -> list[str]:
    """Lying, both leads on its right; the stripe runs along the minus side."""
    top, bottom = plus_y - 10, minus_y + 10
    return [
        _lead(x1 - 20, x1, plus_y), _lead(x1 - 20, x1, minus_y),
        box(x0, top, x1 - 16 - x0, bottom - top, "#2a3a6a", 'rx="6"'),
        f'<rect x="{x0 + 2:.0f}" y="{minus_y - 4:.0f}" width="{x1 - 20 - x0:.0f}" height="11" fill="#c8ccd8"/>',
    ]  # fmt: skip


def drawn(name: str, kind: str, ends: tuple[float, float, float], first_left: bool) -> list[str]:
    """The two-ended part `name`; first_left: its first end (a, anode, in) is the left one. KeyError if unknown."""
    x0, x1, y = ends
    if kind.startswith("resistor"):
        return resistor(x0, x1, y, kind)
    caps = {"S1": "#d02020", "S2": "#dddddd", "S3": "#2060d0"}
    if name in caps:
        return button(x0, x1, y, caps[name])
    shapes = {
        "D1": lambda: diode(x0, x1, y, not first_left),
        "D2": lambda: led(x0, x1, y, not first_left),
        "C2": lambda: capacitor(x0, x1, y),
        "C3": lambda: capacitor(x0, x1, y),
        "BZ1": lambda: piezo(x0, x1, y),
        "F1": lambda: fuse(x0, x1, y),
        "SW1": lambda: switch(x0, x1, y),
    }
    return shapes[name]()
