"""Whether the head can be made, put together and turn: every solid against every other, and every way of assembly.

Owns: the list of what is in a head, who may touch whom, the order of assembly and each part's way.
Rules: nothing may share room with anything else but a screw with the thread that it cuts; nominal, with every group of
parts moved by a printer's error in each direction, and with what is bought larger by as much; a part's way to its place
has to be free of all that is there before; an overhang steeper than 45 degrees and wider than a bridge fails.
Units: mm, mm3, mm2.
Leaves: shapes to parts.py and bought.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from build123d import Location, Part, Pos
from rigsim.geometry import PumpHead

from cad import bought, parts
from cad.parts import PRINT, SIZES, Heights

LEAST_MM3 = 0.02  # below it two solids touch, no more
BRIDGE_MM = 6.6  # so far a printer spans without support
STEEPEST = math.cos(math.radians(43))  # 45 degrees and a little: a wall's downward normal
BED_MM = 0.05
LEAST_THREAD_MM = 3.0
FAR_MM, STEP_MM = 20.0, 4.0
COARSE_DEG = 6.0  # of the track's facets here: 0.015 mm inside the finer ones, and faster
DIRECTIONS = [(s * x, s * y, s * z) for x, y, z in ((1, 0, 0), (0, 1, 0), (0, 0, 1)) for s in (1, -1)]


@dataclass(frozen=True)
class Item:
    """A solid in its place. group: what moves together."""

    name: str
    group: str
    solid: Part

    def moved(self, x: float, y: float, z: float) -> Item:
        """The same, elsewhere."""
        return Item(self.name, self.group, Pos(x, y, z) * self.solid)


# group: from where it comes, after those before it. `screws`: the way of their tool is free, too.
ORDER = (
    ("motor", (0, 0, -1)), ("body", (0, 0, 1)), ("motor screws", (0, 0, 1)), ("rotor", (0, 0, 1)),
    ("shim", (0, 0, 1)), ("tube", (0, 0, 1)), ("lid", (0, 0, 1)), ("board", (0, 0, 1)), ("cover", (0, 0, 1)),
    ("lid screws", (0, 0, 1)),
)  # fmt: skip
ROTOR_ORDER = (  # on the bench
    ("rotor-lower", (0, 0, 1)), ("axle screw", (0, 0, -1)), ("bearing", (0, 0, 1)), ("rotor-upper", (0, 0, 1)),
    ("magnet", (0, 0, 1)), ("clamp screw", ()),
)  # fmt: skip


def items(head: PumpHead, motor: str, more: float = 0.0) -> list[Item]:
    """Everything that is in a head; more: added to what is bought."""
    at = Heights(head, motor)
    printed = parts.printed_parts(head, motor, COARSE_DEG)
    places = {
        "body": ("body", 0.0),
        "rotor-lower": ("rotor", at.rotor),
        "rotor-upper": ("rotor", at.upper_plate),
    }
    places |= {"lid": ("lid", at.top), "cover": ("cover", at.top + PRINT["lid"])}
    every = [Item(name, places[name][0], Pos(0, 0, places[name][1]) * part) for name, part in printed.items()]
    shim_z = at.tube - SIZES["shim"]["width"] / 2
    every += [
        Item("motor", "motor", bought.motor_solid(head, motor, more)),
        Item("magnet", "rotor", bought.magnet(head, motor, more)),
        Item("clamp screw", "rotor", bought.clamp_screw(head, motor, more)),
        Item("board", "board", bought.board(head, motor, more)),
        Item("tube", "tube", bought.tube(head, motor, more)),
        Item("shim", "shim", Pos(0, 0, shim_z) * parts.shim(head, COARSE_DEG)),
    ]
    for group, found in (
        ("rotor", bought.axle_screws(head, motor, more)),
        ("rotor", bought.bearings(head, motor)),
        ("motor screws", bought.motor_screws(head, motor, more)),
        ("lid screws", bought.lid_screws(head, motor, more)),
    ):
        every += [Item(name, group, part) for name, part in found.items()]
    return every


def may_share(a: Item, b: Item, motor: str) -> bool:
    """A screw and the thread that it cuts, or finds; the board that the cover presses; the tube that a roller does."""
    names = {a.name.rstrip(" 0123456789ab"), b.name.rstrip(" 0123456789ab")}
    threads = [{"axle screw", "rotor-upper"}, {"clamp screw", "rotor-lower"}, {"clamp screw", "motor"}]
    threads += [
        {"board", "cover"},
        {"tube", "bearing"},
        {"tube", "shim"},
        {"axle screw", "bearing"},
        {"lid screw", "motor" if motor == "nema17" else "body"},
    ]
    return names in threads


def shared_mm3(a: Part, b: Part) -> float:
    """The volume of what two solids have in common."""
    box_a, box_b = a.bounding_box(), b.bounding_box()
    for axis in ("X", "Y", "Z"):
        if getattr(box_a.max, axis) <= getattr(box_b.min, axis) or getattr(box_b.max, axis) <= getattr(
            box_a.min, axis
        ):
            return 0.0
    common: Any = a & b
    if common is None:
        return 0.0
    return float(sum(part.volume for part in common) if isinstance(common, (list, tuple)) else common.volume)


def _clash(a: Item, b: Item, motor: str, when: str) -> Iterator[str]:
    if may_share(a, b, motor):
        return
    volume = shared_mm3(a.solid, b.solid)
    if volume > LEAST_MM3:
        yield f"{when}: {a.name} and {b.name} share {volume:.2f} mm3"


def interferences(head: PumpHead, motor: str) -> Iterator[str]:
    """Whatever shares room: as designed, with what is bought larger, with each group moved."""
    nominal = items(head, motor)
    for a, b in combinations(nominal, 2):
        yield from _clash(a, b, motor, "nominal")
    error = PRINT["error"]
    for a, b in combinations(items(head, motor, error), 2):
        yield from _clash(a, b, motor, f"bought parts {error} larger")
    for group in ("rotor", "lid", "cover", "board", "lid screws", "motor screws"):
        yield from _moved(nominal, group, motor, error)


# the rotor is where the shaft is, and each screw where its thread is: these hold each other in place
HELD = {"rotor": ("motor",), "lid screws": ("motor",), "board": ("cover",), "motor screws": ("motor",)}


def _moved(nominal: list[Item], group: str, motor: str, error: float) -> Iterator[str]:
    others = [item for item in nominal if item.group != group and item.group not in HELD.get(group, ())]
    coming = [item for item in nominal if item.group == group]
    near = [(a, b) for a in coming for b in others if not may_share(a, b, motor) and _within(a, b, error)]
    for way in DIRECTIONS:
        if group in ("lid", "cover", "board", "motor screws", "lid screws") and way[2] < 0:
            continue  # they lie on what is below them
        if (group, way[2]) in (("lid", 1), ("board", 1), ("cover", 1)):
            continue  # and are held down by what is above
        x, y, z = (error * part for part in way)
        for item, other in near:
            yield from _clash(item.moved(x, y, z), other, motor, f"{group} moved by {error} {way}")


def _within(a: Item, b: Item, reach: float) -> bool:
    """Whether two solids come nearer than `reach`: else no move of that length brings them together."""
    box_a, box_b = a.solid.bounding_box(), b.solid.bounding_box()
    for axis in ("X", "Y", "Z"):
        gap = max(
            getattr(box_b.min, axis) - getattr(box_a.max, axis),
            getattr(box_a.min, axis) - getattr(box_b.max, axis),
        )
        if gap > reach:
            return False
    return float(a.solid.distance_to(b.solid)) < reach


def blocked_ways(head: PumpHead, motor: str) -> Iterator[str]:
    """Every part that cannot come to its place past those that are there before it; the tube a little pressed."""
    pressed = Item("tube", "tube", bought.tube(head, motor, -2 * PRINT["tube_pressed"]))
    every = [pressed if item.name == "tube" else item for item in items(head, motor)]
    yield from _assembled([item for item in every if item.group == "rotor"], ROTOR_ORDER, motor, by_name=True)
    yield from _assembled(every, ORDER, motor, by_name=False)
    yield from _tools(head, motor, every)


def _assembled(every: list[Item], order: Any, motor: str, by_name: bool) -> Iterator[str]:
    there: list[Item] = []
    for what, way in order:
        coming = [item for item in every if (item.name.startswith(what) if by_name else item.group == what)]
        for item in coming if way else ():
            distance = STEP_MM
            while distance <= FAR_MM:
                shifted = item.moved(*(distance * part for part in way))
                clashes = [c for other in there for c in _clash(shifted, other, motor, "")]
                if clashes:
                    yield f"{item.name} cannot come from {way}: {distance:.0f} mm before its place{clashes[0]}"
                    break
                distance += STEP_MM
        there += coming


def _tools(head: PumpHead, motor: str, every: list[Item]) -> Iterator[str]:
    """The key to the clamp screw, with the lid on or off; the driver's tip in the window, on the rotor's rim."""
    wrench = Item("key", "tool", bought.key(head, motor))
    turned = Location((0, 0, 0), (0, 0, -parts.flat_deg(head)))
    for item in every:
        if item.name in ("clamp screw", "motor"):
            continue
        solid = turned * item.solid if item.group == "rotor" else item.solid
        yield from _clash(wrench, Item(item.name, item.group, solid), motor, "the clamp's key")
    at = Heights(head, motor)
    rim = head.roller_centre_radius_mm + PRINT["upper_margin"]
    from build123d import Align, Box

    tip = Box(3.0, 40.0, 2.0, align=(Align.CENTER, Align.MAX, Align.CENTER))
    tool = Item("driver", "tool", Pos(0, -rim - 0.1, at.upper_plate + PRINT["upper_plate"] / 2) * tip)
    for item in every:
        yield from _clash(tool, item, motor, "a driver in the window")


def blind_spots(head: PumpHead, motor: str) -> Iterator[str]:
    """What the checks ought to see and do not: a rotor that touches the lid, a key beside its hole."""
    every = {item.name: item for item in items(head, motor)}
    raised = every["rotor-upper"].moved(0, 0, PRINT["top_gap"] + PRINT["error"])
    if not list(_clash(raised, every["lid"], motor, "")):
        yield "the check does not see a rotor that touches the lid"
    aside = every["tube"].moved(3 * PRINT["tube_slot"], 0, 0)
    if not list(_clash(aside, every["body"], motor, "")):
        yield "the check does not see a tube that meets its slot's wall"
    beside = Item("key", "tool", Location((0, 0, 0), (0, 0, 30)) * bought.key(head, motor))
    if not list(_clash(beside, every["body"], motor, "")):
        yield "the check does not see a key that meets the body's wall"


def threads(head: PumpHead, motor: str) -> Iterator[str]:
    """Screws that hold too little, or that reach the bottom of their thread; a tube that comes out beside a roller."""
    deep = bought.engaged_mm(head, motor)
    if deep < LEAST_THREAD_MM:
        yield f"the lid's screws hold {deep:.1f} mm, less than {LEAST_THREAD_MM}"
    most = SIZES["lid_screw"][motor].get("thread_depth", Heights(head, motor).top - 2.0)
    if deep > most:
        yield f"the lid's screws reach {deep:.1f} mm, the thread {most:.1f}"
    flat = bought.flattened_mm(head) + 2 * PRINT["error"]
    if flat > head.roller_width_mm:
        yield f"the tube is {flat:.2f} mm wide under a roller of {head.roller_width_mm}"
    axle = SIZES["axle"]
    rotor = PRINT["lower_plate"] + 2 * PRINT["race_boss"] + head.roller_width_mm
    held = 0.15 + axle["length"] - rotor
    if not LEAST_THREAD_MM <= held <= PRINT["upper_plate"]:
        yield f"the axle screws hold {held:.2f} mm of {PRINT['upper_plate']}"


def overhangs(name: str, part: Part) -> tuple[float, list[str]]:
    """Area of all that hangs over, mm2, and what of it is too wide for a bridge. The part lies as it is printed."""
    area = 0.0
    found: list[str] = []
    for face in parts.on_bed(name, part).faces():
        corners, triangles = face.tessellate(0.05, 0.2)
        low_x = low_y = math.inf
        high_x = high_y = -math.inf
        hanging = 0.0
        for triangle in triangles:
            a, b, c = (corners[k] for k in triangle)
            normal = (b - a).cross(c - a)
            if normal.length < 1e-9 or max(a.Z, b.Z, c.Z) < BED_MM or normal.Z / normal.length > -STEEPEST:
                continue
            hanging += normal.length / 2
            for v in (a, b, c):
                low_x, high_x = min(low_x, v.X), max(high_x, v.X)
                low_y, high_y = min(low_y, v.Y), max(high_y, v.Y)
        area += hanging
        wide = min(high_x - low_x, high_y - low_y) if hanging else 0.0
        if wide > BRIDGE_MM:
            found.append(f"{name}: {hanging:.0f} mm2 hang over, {wide:.1f} mm wide")
    return area, found
