"""The pump head as solids: body with the track, rotor of two plates, lid with the encoder's seat.

Owns: the shape of each printed part.
Rules: every length of the hydraulic geometry comes from rigsim.geometry, every other from parts.toml; the seal's
middle points up, so that the tube's ends leave downwards; z grows from the motor's flange to the encoder.
Units: mm, degrees where the name says so.
Leaves: displacement to rigsim.geometry, files and pictures to cad/build.py and cad/picture.py.
"""

from __future__ import annotations

import math
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

from build123d import (
    Align,
    Axis,
    Box,
    Circle,
    Cylinder,
    Face,
    Location,
    Part,
    Pos,
    Rectangle,
    Sketch,
    Wire,
    extrude,
    fillet,
)
from rigsim.geometry import PumpHead

SIZES: dict[str, Any] = tomllib.loads((Path(__file__).parent / "parts.toml").read_text(encoding="utf-8"))
PRINT: dict[str, float] = SIZES["print"]
UP = (Align.CENTER, Align.CENTER, Align.MIN)
LEAST_WALL_MM = 0.8


def turn_deg(head: PumpHead) -> float:
    """How far the head's angle 0 (the seal's middle) is turned so that the way in and out points down."""
    gap_middle = head.seal_deg / 2 + head.exit_ramp_deg + (360 - head.arc_deg) / 2
    return 270 - gap_middle


class Heights:
    """z of every level, from the motor's flange up."""

    def __init__(self, head: PumpHead, motor: str) -> None:
        rotor = PRINT["lower_plate"] + 2 * PRINT["race_boss"] + head.roller_width_mm
        shaft_room = PRINT["rotor_gap"] + rotor + PRINT["upper_plate"] - SIZES["magnet"]["height"] - 0.5
        self.base = max(PRINT["base"], SIZES["motor"][motor]["shaft_length"] - shaft_room)
        self.rotor = self.base + PRINT["rotor_gap"]
        self.rollers = self.rotor + PRINT["lower_plate"] + PRINT["race_boss"]
        self.tube = self.rollers + head.roller_width_mm / 2
        self.upper_plate = self.rollers + head.roller_width_mm + PRINT["race_boss"]
        self.top = self.upper_plate + PRINT["upper_plate"] + 0.9


def _polar(radius: float, angle_deg: float) -> tuple[float, float]:
    return radius * math.cos(math.radians(angle_deg)), radius * math.sin(math.radians(angle_deg))


def track_outline(head: PumpHead, step_deg: float = 1.0) -> list[tuple[float, float]]:
    """The track's surface as a closed polygon round the rotor; beyond the ramps it stays at their full lift."""
    turn = turn_deg(head)
    count = round(360 / step_deg)
    return [
        _polar(head.track_radius_mm + head.track_lift_mm(math.radians(k * step_deg)), k * step_deg + turn)
        for k in range(count)
    ]


def _slot_path(head: PumpHead, leaving: bool) -> list[tuple[float, float]]:
    """Centreline of the tube from a track's end to beyond the body: an arc that turns outward, then straight."""
    sign = 1 if leaving else -1
    end_deg = turn_deg(head) + sign * (
        head.seal_deg / 2 + (head.exit_ramp_deg if leaving else head.entry_ramp_deg)
    )
    x, y = _polar(head.centreline_radius_mm + head.ramp_lift_mm, end_deg)
    heading = end_deg + sign * 90
    points = [(x, y)]
    steps = 12
    for _ in range(steps):
        heading -= sign * PRINT["tube_turn_deg"] / steps
        length = PRINT["tube_bend_radius"] * math.radians(PRINT["tube_turn_deg"]) / steps
        dx, dy = _polar(length, heading)
        x, y = x + dx, y + dy
        points.append((x, y))
    dx, dy = _polar(PRINT["body_width"], heading)
    return [*points, (x + dx, y + dy)]


def _slot(head: PumpHead, leaving: bool, depth: float) -> Part:
    """The cutter of one tube slot, open at the top, its floor rounded by the tube's own radius."""
    width = head.outer_diameter_mm + PRINT["tube_slot"]
    sketch = Sketch()
    path = _slot_path(head, leaving)
    for (x0, y0), (x1, y1) in pairwise(path):
        length, angle = math.dist((x0, y0), (x1, y1)), math.degrees(math.atan2(y1 - y0, x1 - x0))
        middle = Location(((x0 + x1) / 2, (y0 + y1) / 2, 0), (0, 0, angle))
        sketch += middle * Rectangle(length, width) + Pos(x0, y0) * Circle(width / 2)
    return extrude(sketch, depth)


def _refuse_slots_through_screws(head: PumpHead, motor: str) -> None:
    """ValueError if a tube slot comes nearer than LEAST_WALL_MM to a screw hole."""
    holes = [(x, y, SIZES["motor"][motor]["hole_diameter"]) for x, y in SIZES["motor"][motor]["holes"]]
    holes += [(x, y, SIZES["axle"]["thread_diameter"]) for x, y in _lid_holes(motor)]
    half = (head.outer_diameter_mm + PRINT["tube_slot"]) / 2
    for leaving in (True, False):
        path = _slot_path(head, leaving)
        for (x0, y0), (x1, y1) in pairwise(path):
            for k in range(50):
                x, y = x0 + (x1 - x0) * k / 50, y0 + (y1 - y0) * k / 50
                for hole_x, hole_y, diameter in holes:
                    if math.dist((x, y), (hole_x, hole_y)) < half + diameter / 2 + LEAST_WALL_MM:
                        raise ValueError(
                            f"{head.name} {motor}: a tube slot meets the screw at {hole_x}, {hole_y}"
                        )


def body(head: PumpHead, motor: str) -> Part:
    """Motor flange, base and track in one piece, printed flange down."""
    _refuse_slots_through_screws(head, motor)
    at, size = Heights(head, motor), SIZES["motor"][motor]
    part = Box(PRINT["body_width"], PRINT["body_width"], at.top, align=UP)
    part = fillet(part.edges().filter_by(Axis.Z), 4)
    cavity = Face(Wire.make_polygon([(*point, 0) for point in track_outline(head)], close=True))
    part -= Pos(0, 0, at.base) * extrude(cavity, at.top)
    slot_floor = at.tube - head.outer_diameter_mm / 2 - PRINT["tube_slot"]
    for leaving in (True, False):
        part -= Pos(0, 0, slot_floor) * _slot(head, leaving, at.top)
    part -= Cylinder(size["pilot_diameter"] / 2 + PRINT["clearance"], size["pilot_height"] + 0.3, align=UP)
    part -= Cylinder(size["shaft_diameter"] / 2 + 1, at.base + 1, align=UP)
    for x, y in size["holes"]:
        part -= Pos(x, y) * Cylinder(size["hole_diameter"] / 2, at.top, align=UP)
        if motor != "nema17":  # short screws: their heads sink to the base
            part -= Pos(x, y, at.base) * Cylinder(size["hole_diameter"] / 2 + 1.6, at.top, align=UP)
    for x, y in _lid_holes(motor):
        part -= Pos(x, y, 2) * Cylinder(SIZES["axle"]["thread_diameter"] / 2, at.top, align=UP)
    return part


def _lid_holes(motor: str) -> list[tuple[float, float]]:
    """Lid screws: the motor's own long ones on a NEMA 17, four of its own otherwise."""
    return [] if motor == "nema17" else [(x, y) for x in (-18.0, 18.0) for y in (-18.0, 18.0)]


def _shaft_bore(motor: str, height: float) -> Part:
    """The shaft with its flats and the print's clearance."""
    size = SIZES["motor"][motor]
    radius = size["shaft_diameter"] / 2 + PRINT["clearance"] / 2
    flat = size["shaft_flat"] + PRINT["clearance"]
    bore = Cylinder(radius, height, align=UP)
    if size["flats"] == 2:
        return bore & Box(flat, 4 * radius, height, align=UP)
    return bore & Pos(flat / 2 - radius, 0) * Box(flat, 4 * radius, height, align=UP)


def _plate(head: PumpHead, height: float) -> Part:
    return Cylinder(head.roller_centre_radius_mm + PRINT["plate_margin"], height, align=UP)


def axles(head: PumpHead) -> list[tuple[float, float]]:
    """The axles' places; the first roller at the seal's middle."""
    turn = turn_deg(head)
    return [_polar(head.roller_centre_radius_mm, turn + k * 360 / head.rollers) for k in range(head.rollers)]


def rotor_lower(head: PumpHead, motor: str) -> Part:
    """The plate on the shaft; the axle screws cut their thread into it."""
    part = _plate(head, PRINT["lower_plate"])
    for x, y in axles(head):
        boss = Cylinder(PRINT["race_boss_diameter"] / 2, PRINT["race_boss"], align=UP)
        part += Pos(x, y, PRINT["lower_plate"]) * boss
        part -= Pos(x, y) * Cylinder(SIZES["axle"]["thread_diameter"] / 2, 99, align=UP)
    return part - _shaft_bore(motor, 99)


def rotor_upper(head: PumpHead, motor: str) -> Part:
    """The plate under the encoder, printed magnet pocket up; a long shaft reaches into it."""
    part = _plate(head, PRINT["upper_plate"])
    for x, y in axles(head):
        part += Pos(x, y, -PRINT["race_boss"]) * Cylinder(
            PRINT["race_boss_diameter"] / 2, PRINT["race_boss"], align=UP
        )
        part -= Pos(x, y, -1) * Cylinder(SIZES["axle"]["clear_diameter"] / 2, 99, align=UP)
    magnet = SIZES["magnet"]
    floor = PRINT["upper_plate"] - magnet["height"]
    part -= Pos(0, 0, floor) * Cylinder(magnet["diameter"] / 2 + 0.05, 99, align=UP)
    if SIZES["motor"][motor]["shaft_length"] > 15:
        part -= Pos(0, 0, -1) * _shaft_bore(motor, floor + 1 - 0.5)
    return part


def lid(head: PumpHead, motor: str) -> Part:
    """Closes the body, keeps the tube in its slots and seats the encoder's board over the magnet."""
    size, board = SIZES["motor"][motor], SIZES["encoder_board"]
    part = Box(PRINT["body_width"], PRINT["body_width"], PRINT["lid"], align=UP)
    part = fillet(part.edges().filter_by(Axis.Z), 4)
    part -= Cylinder(5.5, 99, align=UP)
    pocket = board["width"] + 2 * PRINT["clearance"]
    part -= Pos(0, 0, PRINT["lid"] - board["depth"]) * Box(pocket, pocket, 99, align=UP)
    part -= Pos(0, 16, PRINT["lid"] - board["depth"]) * Box(12, 14, 99, align=UP)
    for x, y in _lid_holes(motor) or size["holes"]:
        part -= Pos(x, y) * Cylinder(SIZES["axle"]["clear_diameter"] / 2, 99, align=UP)
    return part


def rollers(head: PumpHead) -> list[Part]:
    """The bearings of each roller as one cylinder, to look at and to measure against; they are bought."""
    return [
        Pos(x, y) * Cylinder(head.roller_diameter_mm / 2, head.roller_width_mm, align=UP)
        for x, y in axles(head)
    ]


def smallest_gap_mm(head: PumpHead) -> float:
    """Distance between the first roller and the track, measured on the solids."""
    cavity = Face(Wire.make_polygon([(*point, 0) for point in track_outline(head)], close=True))
    ring = extrude(Circle(30) - cavity, head.roller_width_mm)
    return float(rollers(head)[0].distance_to(ring))


def printed_parts(head: PumpHead, motor: str) -> dict[str, Part]:
    """Every part to print, by its file name."""
    return {
        "body": body(head, motor),
        "rotor-lower": rotor_lower(head, motor),
        "rotor-upper": rotor_upper(head, motor),
        "lid": lid(head, motor),
    }


def on_bed(part: Part) -> Part:
    """The part moved so that its lowest point stands on z = 0."""
    return Pos(0, 0, -part.bounding_box().min.Z) * part
