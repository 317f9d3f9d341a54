"""A picture of the wired board: the Pico with its forty pins, each part as it looks, each wire in its colour.

Owns: where a part lies in the picture, and the way of each wire.
Rules: the wires are those of the plan (render.wiring_plan): what is drawn here cannot differ from the sheets; a part of
the plan that has no place here stops it, and so do two wires on one line. A wire to the supply or to ground is a flag
with the name of its other end; every other one is a line.
Units: pixels of the drawing, 1000 wide: a page shows nearly as many.
Leaves: the wires to wiring/*.yml, the small parts' looks to symbols.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import symbols
from pinout import BOARD_PIN
from render import wiring_plan
from symbols import text

COLOURS = {
    "RD": "#d02020", "BK": "#222222", "OG": "#e07b10", "VT": "#8040b0", "WH": "#a8a8a8", "GY": "#707070",
    "BU": "#2060d0", "GN": "#2a9040", "YE": "#c8a400", "PK": "#e070a0", "BN": "#8a5a2a",
}  # fmt: skip
WIDTH, HEIGHT, PIN, ROW = 1000, 905, 30, 28
PICO = (520, 120, 160)  # x, y, width
GROUND = range(3, 41, 5)
OTHER = {30: "RUN", 33: "AGND", 35: "ADC_VREF", 36: "3V3 out", 37: "3V3_EN", 39: "VSYS", 40: "VBUS"}
SMALL = 118  # from end to end of a two-ended part
# two-ended: (x, y, the end on the left); the other one is on the right
TWO_ENDED = {
    "SW1": (250, 60, 1), "F1": (440, 60, 1),
    "R1": (247, 140, 1), "R7": (247, 365, 2), "R8": (247, 400, 2), "R9": (247, 436, 2), "R10": (247, 472, 2),
    "R2": (247, 525, 2), "S1": (247, 565, 2), "C3": (247, 605, 2), "S2": (247, 655, 2), "S3": (247, 705, 2),
    "R6": (247, 755, 2), "BZ1": (105, 755, 2), "R5": (247, 805, 2), "D2": (105, 805, 2),
    "D1": (797, 165, 2), "R3": (797, 375, 2), "R4": (797, 425, 1), "C2": (797, 475, 1),
}  # fmt: skip
# boxes: (x, y of the first row, width, its ends on the left, its ends on the right)
BOXES = {
    "JACK": (60, 60, 100, (), (1, 2)),
    "V5": (800, 220, 112, (), (3, 1, 2)),
    "ENCODER": (800, 545, 112, (3, 4), (1, 2, 5)),
    "PRESSURE": (800, 675, 112, (3, 4), (1, 2)),
}
DRIVERS = {  # the two rows of a carrier as they lie
    "tmc2209": (245, 185, 122, tuple(range(9, 17)), tuple(range(1, 9))),
    "stepdir": (245, 185, 122, tuple(range(9, 17)), tuple(range(1, 9))),
    "coils": (245, 185, 122, (5, 6, 7, 8, 9, 10), (1, 2, 3, 4)),
}
MOTOR, C1 = (12, 295, 92), (30, 185, 207)  # x, y, width; x, y of + and -
CHANNELS = {  # where lines run up and down: (from x, to x)
    "motor": (114, 162), "left": (437, 512), "right": (692, 742), "outside": (920, 940), "straight": (0, 0),
}  # fmt: skip
SUPPLIES = {
    ("V12", 1): "+12 V", ("V12", 2): "GND 12 V", ("V5", 3): "5 V", ("V5", 2): "GND 5 V", ("PICO", 36): "3V3 36",
}  # fmt: skip
LEGEND = (
    "A flag is a wire. GND 18: to the Pico's pin 18. 3V3 36: to its pin 36. +12 V: to the fuse's far end. "
    "GND 12 V: to the jack's minus.",
    "Lines that cross are not joined; a dot joins. Resistors have five rings, of 1 %. Where the parts lie is free.",
)


@dataclass(frozen=True)
class End:
    """One end of a part: where it is, and whether it looks right (1) or left (-1)."""

    x: float
    y: float
    way: int


Ends = dict[tuple[str, Any], End]
Place = tuple[int, int, int, tuple[int, ...], tuple[int, ...]]


def drawn(name: str) -> str:
    """The SVG of one plan. KeyError for a part without a place, ValueError where two wires would lie on one line."""
    plan = wiring_plan(name)
    ends: Ends = {}
    shapes = _pico(ends)
    for part, content in plan["connectors"].items():
        if part not in ("PICO", "V12"):
            shapes += _part(name, part, content, ends)
    if len({(at.x, at.y) for at in ends.values()}) < len({(part, at) for (part, _end), at in ends.items()}):
        raise ValueError("two parts lie in one place")
    lines, flags = _wires(plan, ends)
    for k, words in enumerate(LEGEND):
        shapes.append(text(12, HEIGHT - 32 + 18 * k, words, extra='font-size="12.5" fill="#333"'))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'font-family="DejaVu Sans, sans-serif" font-size="13"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    )
    return head + "\n".join(_routed(lines) + shapes + _flagged(flags, lines, ends)) + "</svg>\n"


def _pico(ends: Ends) -> list[str]:
    x, y, width = PICO
    shapes = [symbols.box(x, y, width, 21 * PIN, "#1f6b3a", 'rx="8"')]
    shapes += [symbols.box(x + 55, y - 14, 50, 26, "#c0c4c8"), text(x + 80, y + 4, "USB", "middle")]
    shapes.append(
        text(x + 80, y + 20 * PIN + 22, "Raspberry Pi Pico", "middle", 'fill="white" font-size="12"')
    )
    gpio = {pin: f"GP{number}" for number, pin in BOARD_PIN.items()}
    for pin in range(1, 41):
        left = pin <= 20
        at = End(x if left else x + width, y + PIN * (pin if left else 41 - pin), -1 if left else 1)
        ends["PICO", pin] = at
        label = OTHER.get(pin) or ("GND" if pin in GROUND else gpio.get(pin, ""))
        shapes.append(f'<circle cx="{at.x}" cy="{at.y}" r="5" fill="#e8c040"/>')
        words = f"{pin} {label}" if left else f"{label} {pin}"
        shapes.append(text(at.x - 10 * at.way, at.y + 5, words, "start" if left else "end", 'fill="white"'))
    return shapes


def _part(plan: str, name: str, content: dict[str, Any], ends: Ends) -> list[str]:
    labels = [str(label) for label in content["pinlabels"]]
    kind = str(content["type"])
    if name in TWO_ENDED:
        x, y, left = TWO_ENDED[name]
        for end, at in ((left, End(x, y, -1)), (3 - left, End(x + SMALL, y, 1))):
            ends[name, end] = ends[name, labels[end - 1]] = at
        title = f"{name} {kind.removeprefix('resistor ').removeprefix('diode ')}"
        return [
            *symbols.drawn(name, kind, (x, x + SMALL, y), left == 1),
            text(x + SMALL / 2, y - 15, title, "middle", 'font-size="12"'),
        ]
    if name == "C1":
        x0, plus, minus = C1
        for end, at in ((1, End(x0 + 74, plus, 1)), (2, End(x0 + 74, minus, 1))):
            ends[name, end] = ends[name, labels[end - 1]] = at
        return [
            *symbols.electrolytic(x0, x0 + 74, plus, minus), text(x0, plus - 15, f"C1 {kind}", extra='font-size="12"'),
            text(x0 + 8, plus + 4, "+", extra='fill="white"'), text(x0 + 8, minus + 6, "−", extra='fill="#222"'),
        ]  # fmt: skip
    if name == "MOTOR":
        x, y, width = MOTOR
        return _box(name, content, (x, y, width, (), tuple(range(1, len(labels) + 1))), ends)
    return _box(name, content, DRIVERS[plan] if name == "DRIVER" else BOXES[name], ends)


def _box(name: str, content: dict[str, Any], place: Place, ends: Ends) -> list[str]:
    x, y, width, lefts, rights = place
    labels: list[str] = [str(label) for label in content["pinlabels"]]
    rows = max(len(lefts), len(rights))
    shapes = [symbols.box(x, y - 14, width, ROW * rows, "#f4f1ea", 'rx="4"')]
    title = str(content["type"]).split(" (or")[0].split(", ")[0]
    shapes.append(text(x + 2, y - 19, title, extra='font-weight="bold" font-size="12"'))
    for numbers, way in ((lefts, -1), (rights, 1)):
        for k, number in enumerate(numbers):
            at = End(x if way < 0 else x + width, y + ROW * k, way)
            ends[name, number] = ends[name, labels[number - 1]] = at
            shapes.append(f'<circle cx="{at.x}" cy="{at.y}" r="4" fill="#777"/>')
            label = str(labels[number - 1]).split(" / ")[0]
            for more in (" (VM)", " motor", " logic"):
                label = label.removesuffix(more)
            shapes.append(
                text(at.x - 8 * way, at.y + 4, label, "end" if way > 0 else "start", 'font-size="12"')
            )
    return shapes


def _supply(part: str, end: Any) -> str:
    """What a flag to that end is called; empty where the wire is drawn as a line."""
    if part == "PICO" and end in GROUND:
        return f"GND {end}"
    return SUPPLIES.get((part, end), "")


Line = tuple[str, list[End]]  # colour, what it joins


def _wires(plan: dict[str, Any], ends: Ends) -> tuple[list[Line], dict[End, tuple[str, list[str]]]]:
    """Lines, each with all ends that it joins, and the flags of each end with their colour."""
    nets: list[tuple[str, set[End]]] = []
    flags: dict[End, tuple[str, list[str]]] = {}
    for row in plan["connections"]:
        (first, firsts), (cable, cores), (second, seconds) = (next(iter(end.items())) for end in row)
        for a, core, b in zip(firsts, cores, seconds, strict=True):
            colour = COLOURS[plan["cables"][cable]["colors"][core - 1]]
            named = {(first, a): _supply(second, b), (second, b): _supply(first, a)}
            if "V5" in (first, second) and "D1" in (first, second):
                named = {}
            if not any(named.values()):
                joined = {ends[first, a], ends[second, b]}
                for net in [net for net in nets if net[1] & joined]:
                    nets.remove(net)
                    joined |= net[1]
                nets.append((colour, joined))
                continue
            at = next(end for end, name in named.items() if name and end[0] != "V12")
            flags.setdefault(ends[at], (colour, []))[1].append(named[at])
    return [(colour, sorted(net, key=lambda end: (end.y, end.x))) for colour, net in nets], flags


def _channel(net: list[End]) -> str:
    """Between which columns a line runs up and down."""
    if len({end.y for end in net}) == 1:
        return "straight"
    right, left = max(end.x for end in net), min(end.x for end in net)
    if left > PICO[0] + PICO[2]:
        return "outside"
    return "motor" if right < 300 else "left" if right <= PICO[0] else "right"


Pieces = list[tuple[float, float, float]]  # y, from x, to x


def _pieces(net: list[End], x: float) -> Pieces:
    return [(end.y, min(end.x, x), max(end.x, x)) for end in net]


def _crossings(nets: list[list[End]], tracks: list[float]) -> int:
    found = 0
    for (a, x_a), (b, x_b) in combinations(zip(nets, tracks, strict=True), 2):
        for one, x_one, other, x_other in ((a, x_a, b, x_b), (b, x_b, a, x_a)):
            low, high = other[0].y, other[-1].y
            found += sum(low < y < high and left < x_other < right for y, left, right in _pieces(one, x_one))
    return found


def _tracks(nets: list[list[End]], span: tuple[float, float]) -> list[float]:
    """Where each net of a channel runs up and down: by swaps, as long as fewer lines cross."""
    count = len(nets)
    tracks = [span[0] + (span[1] - span[0]) * (k + 0.5) / max(1, count) for k in range(count)]
    best, better = _crossings(nets, tracks), True
    while better:
        better = False
        for i, j in combinations(range(count), 2):
            tried = tracks.copy()
            tried[i], tried[j] = tried[j], tried[i]
            now = _crossings(nets, tried)
            if now < best:
                best, tracks, better = now, tried, True
    return tracks


def _routed(lines: list[Line]) -> list[str]:
    """Every line with a white edge, so that one passes under another; dots where three or more ends meet."""
    placed: list[tuple[str, list[End], float]] = []
    for channel, span in CHANNELS.items():
        here = [line for line in lines if _channel(line[1]) == channel]
        nets = [net for _colour, net in here]
        tracks = [net[0].x for net in nets] if channel == "straight" else _tracks(nets, span)
        placed += [(colour, net, x) for (colour, net), x in zip(here, tracks, strict=True)]
    _refuse_shared_lines(placed)
    shapes: list[str] = []
    for colour, net, x in placed:
        path = "".join(f"M{end.x:.0f} {end.y:.0f} H{x:.0f} " for end in net)
        path += f"M{x:.0f} {net[0].y:.0f} V{net[-1].y:.0f}"
        if _channel(net) == "straight":
            path = f"M{net[0].x:.0f} {net[0].y:.0f} H{net[-1].x:.0f}"
        shapes += [
            f'<path d="{path}" fill="none" stroke="white" stroke-width="7"/>',
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2.6"/>',
        ]
        shapes += [f'<circle cx="{x:.0f}" cy="{end.y:.0f}" r="4" fill="{colour}"/>' for end in net[1:-1]]
    return shapes


def _refuse_shared_lines(placed: list[tuple[str, list[End], float]]) -> None:
    for (_, a, x_a), (_, b, x_b) in combinations(placed, 2):
        for y_a, left_a, right_a in _pieces(a, x_a):
            for y_b, left_b, right_b in _pieces(b, x_b):
                if abs(y_a - y_b) < 4 and left_a < right_b and left_b < right_a:
                    raise ValueError(f"two wires lie on one line at y = {y_a:.0f}")


def _flagged(flags: dict[End, tuple[str, list[str]]], lines: list[Line], ends: Ends) -> list[str]:
    """A flag beside each end that has one, above its line where it has that, too."""
    with_line = {end for _colour, net in lines for end in net}
    shapes: list[str] = []
    for end, (colour, names) in flags.items():
        others = [name for name in dict.fromkeys(names) if name != names[0]]
        words = ", ".join([names[0], *(name.removeprefix("GND ") for name in others)])
        width = 11 + 6.6 * len(words)
        up = 13 if end in with_line else 0
        x0 = end.x + 10 * end.way if not up else end.x + 6 * end.way
        left = x0 if end.way > 0 else x0 - width
        shapes += [
            f'<path d="M{end.x:.0f} {end.y:.0f} L{x0:.0f} {end.y - up:.0f}" stroke="{colour}" stroke-width="2.6"/>',
            f'<rect x="{left:.1f}" y="{end.y - up - 8:.1f}" width="{width:.1f}" height="16" rx="3" fill="{colour}"/>',
            text(left + width / 2, end.y - up + 4, words, "middle", 'fill="white" font-size="11"'),
        ]
    return shapes
