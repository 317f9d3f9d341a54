"""What is bought: screws, bearings, magnet, shaft, board, each as a solid where it sits in the head.

Owns: the shapes of bought parts and their places.
Rules: sizes come from parts.toml; `more` is added to every diameter and thickness, as if a print had shrunk round it.
Units: mm.
Leaves: printed parts to parts.py, who may touch whom to check.py.
"""

from __future__ import annotations

import math

from build123d import (
    Align,
    Box,
    Circle,
    Cone,
    Cylinder,
    Location,
    Part,
    Plane,
    Pos,
    RegularPolygon,
    Spline,
    Vector,
    extrude,
    sweep,
)
from rigsim.geometry import PumpHead

from cad.parts import PRINT, SIZES, UP, Heights, axles, flat_deg, lid_holes, outward, shaft
from cad.track import tube_path

SOFT = 0.03  # so far a tube gives way to the facets of the checks' coarser track
DOWN = (Align.CENTER, Align.CENTER, Align.MAX)


def _cap_screw(diameter: float, length: float, head: tuple[float, float], more: float) -> Part:
    """ISO 4762, the head's seat at z = 0, pointing down."""
    top = Cylinder((head[0] + more) / 2, head[1] + more, align=UP)
    return top + Cylinder((diameter + more) / 2, length, align=DOWN)


def _countersunk(more: float) -> Part:
    """ISO 10642, the head's top at z = 0, pointing up."""
    size = SIZES["axle"]
    radius = (size["head_diameter"] + more) / 2
    cone = Cone(radius, size["diameter"] / 2, radius - size["diameter"] / 2, align=UP)
    return cone + Cylinder((size["diameter"] + more) / 2, size["length"], align=UP)


def axle_screws(head: PumpHead, motor: str, more: float = 0.0) -> dict[str, Part]:
    """Countersunk from below, 0.15 mm sunk."""
    z = Heights(head, motor).rotor + 0.15
    return {f"axle screw {k + 1}": Pos(x, y, z) * _countersunk(more) for k, (x, y) in enumerate(axles(head))}


def bearings(head: PumpHead, motor: str) -> dict[str, Part]:
    """Two on each axle."""
    size, z = SIZES["bearing"], Heights(head, motor).rollers
    ring = Cylinder(size["diameter"] / 2, size["width"], align=UP)
    ring -= Cylinder(size["bore"] / 2, size["width"], align=UP)
    return {
        f"bearing {k + 1}{'ab'[n]}": Pos(x, y, z + n * size["width"]) * ring
        for k, (x, y) in enumerate(axles(head))
        for n in range(2)
    }


def magnet(head: PumpHead, motor: str, more: float = 0.0) -> Part:
    """In the upper plate, flush."""
    size = SIZES["magnet"]
    z = Heights(head, motor).rotor_top - size["height"]
    return Pos(0, 0, z) * Cylinder((size["diameter"] + more) / 2, size["height"], align=UP)


def clamp_screw(head: PumpHead, motor: str, more: float = 0.0) -> Part:
    """Radial, its point on the shaft's flat."""
    size, turned = SIZES["clamp"], SIZES["motor"][motor]
    flat = (
        turned["shaft_flat"] - turned["shaft_diameter"] / 2
        if turned["flats"] == 1
        else turned["shaft_flat"] / 2
    )
    screw = Pos(0, 0, flat + PRINT["clearance"] / 2) * Cylinder(
        (size["diameter"] + more) / 2, size["length"], align=UP
    )
    return outward(Heights(head, motor).clamp, flat_deg(head)) * screw


def key(head: PumpHead, motor: str) -> Part:
    """The hexagon key in the clamp screw, through the body's wall; the rotor stands so that the screw looks at it."""
    size = SIZES["clamp"]
    shape = extrude(RegularPolygon(size["key_diameter"] / 2, 6), size["key_length"])
    start = size["length"] + SIZES["motor"][motor]["shaft_flat"] / 2 - 1.5
    return Location((0, 0, Heights(head, motor).clamp), (0, 90, 0)) * (Pos(0, 0, start) * shape)


def motor_solid(head: PumpHead, motor: str, more: float = 0.0) -> Part:
    """Shaft, pilot and a slab of the motor's body under the flange, with its screw holes."""
    size = SIZES["motor"][motor]
    part = Location((0, 0, 0), (0, 0, flat_deg(head))) * shaft(motor, size["shaft_length"], more)
    part += Cylinder(size["pilot_diameter"] / 2, size["pilot_height"], align=UP)
    part += Box(size["body_width"], size["body_width"], 6, align=DOWN)
    for x, y in size["holes"]:
        part -= Pos(x, y) * Cylinder(size["hole_diameter"] / 2 + 0.2, 20)
    return part


def lid_screws(head: PumpHead, motor: str, more: float = 0.0) -> dict[str, Part]:
    """Heads in the cover's counterbores."""
    size, at = SIZES["lid_screw"][motor], Heights(head, motor)
    seat = at.top + PRINT["lid"] + PRINT["cover"] - PRINT["counterbore"]
    screw = _cap_screw(size["diameter"], size["length"], (size["head_diameter"], size["head_height"]), more)
    return {f"lid screw {k + 1}": Pos(x, y, seat) * screw for k, (x, y) in enumerate(lid_holes(motor))}


def motor_screws(head: PumpHead, motor: str, more: float = 0.0) -> dict[str, Part]:
    """Of a motor that has its own, with their nuts below; none where the lid's screws reach it."""
    size = SIZES["motor"][motor]
    if "screw_length" not in size:
        return {}
    screw = _cap_screw(
        size["screw_diameter"],
        size["screw_length"],
        (size["screw_head_diameter"], size["screw_head_height"]),
        more,
    )
    z = Heights(head, motor).base
    return {f"motor screw {k + 1}": Pos(x, y, z) * screw for k, (x, y) in enumerate(size["holes"])}


def board(head: PumpHead, motor: str, more: float = 0.0) -> Part:
    """The encoder's module, chip down, in the lid's seat."""
    size, z = SIZES["encoder_board"], Heights(head, motor).board
    width = size["width"] + more
    part = Box(width, width, size["thickness"], align=UP)
    return Pos(0, 0, z) * (
        part + Box(size["chip_width"], size["chip_width"], size["chip_height"], align=DOWN)
    )


def tube(head: PumpHead, motor: str, more: float = 0.0) -> Part:
    """The free tube: along the track, and on each side through its slot to beyond the body."""
    path = Spline([Vector(x, y, 0) for x, y in tube_path(head)])
    radius = (head.outer_diameter_mm + more) / 2 - SOFT
    section = Plane(origin=path @ 0, z_dir=path % 0) * Circle(radius)
    return Pos(0, 0, Heights(head, motor).tube) * sweep(section, path)


def flattened_mm(head: PumpHead) -> float:
    """How wide a tube is under a roller: its middle line keeps its length, its walls lie on each other."""
    return math.pi * (head.outer_diameter_mm - head.wall_mm) / 2 + head.wall_mm


def engaged_mm(head: PumpHead, motor: str) -> float:
    """How deep the lid's screws reach into their thread: the motor's, or the body's."""
    size, at = SIZES["lid_screw"][motor], Heights(head, motor)
    above = PRINT["lid"] + PRINT["cover"] - PRINT["counterbore"]
    return size["length"] - above - (at.top if "thread_depth" in size else 0.0)
