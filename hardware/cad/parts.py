"""The pump head as solids: body with the track, rotor of two plates, lid with the encoder's seat, its cover.

Owns: the shape of each printed part.
Rules: every length of the hydraulic geometry comes from rigsim.geometry, every other from parts.toml; the seal's
middle points up, so that the tube's ends leave downwards; z grows from the motor's flange to the encoder.
Units: mm, degrees where the name says so.
Leaves: the track and the tube's way to track.py, displacement to rigsim.geometry, files and pictures to build.py and
picture.py.
"""

from __future__ import annotations

import math
from itertools import pairwise

from build123d import (
    Align,
    Axis,
    Box,
    Circle,
    Cone,
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

from cad.track import PRINT, SIZES, polar, slot_path, track_outline, turn_deg

UP = (Align.CENTER, Align.CENTER, Align.MIN)
LEAST_WALL_MM = 0.8


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
        self.rotor_top = self.upper_plate + PRINT["upper_plate"]
        self.top = self.rotor_top + PRINT["top_gap"]
        self.clamp = self.rotor + PRINT["lower_plate"] / 2
        self.board = self.top + PRINT["lid"] - SIZES["encoder_board"]["seat"]


def _slot(head: PumpHead, leaving: bool, depth: float) -> Part:
    """The cutter of one tube slot, open at the top, its floor rounded by the tube's own radius."""
    width = head.outer_diameter_mm + PRINT["tube_slot"]
    sketch = Sketch()
    path = slot_path(head, leaving)
    for (x0, y0), (x1, y1) in pairwise(path):
        length, angle = math.dist((x0, y0), (x1, y1)), math.degrees(math.atan2(y1 - y0, x1 - x0))
        middle = Location(((x0 + x1) / 2, (y0 + y1) / 2, 0), (0, 0, angle))
        sketch += middle * Rectangle(length, width) + Pos(x0, y0) * Circle(width / 2)
    return extrude(sketch, depth)


def _refuse_slots_through_screws(head: PumpHead, motor: str) -> None:
    """ValueError if a tube slot comes nearer than LEAST_WALL_MM to a screw hole."""
    holes = [(x, y, SIZES["motor"][motor]["hole_diameter"]) for x, y in SIZES["motor"][motor]["holes"]]
    holes += [(x, y, SIZES["lid_screw"][motor]["clear_diameter"]) for x, y in _lid_holes(motor)]
    half = (head.outer_diameter_mm + PRINT["tube_slot"]) / 2
    for leaving in (True, False):
        path = slot_path(head, leaving)
        for (x0, y0), (x1, y1) in pairwise(path):
            for k in range(50):
                x, y = x0 + (x1 - x0) * k / 50, y0 + (y1 - y0) * k / 50
                for hole_x, hole_y, diameter in holes:
                    if math.dist((x, y), (hole_x, hole_y)) < half + diameter / 2 + LEAST_WALL_MM:
                        raise ValueError(
                            f"{head.name} {motor}: a tube slot meets the screw at {hole_x}, {hole_y}"
                        )


def body(head: PumpHead, motor: str, step_deg: float = 3.0) -> Part:
    """Motor flange, base and track in one piece, printed flange down."""
    _refuse_slots_through_screws(head, motor)
    at, size = Heights(head, motor), SIZES["motor"][motor]
    part = Box(PRINT["body_width"], PRINT["body_width"], at.top, align=UP)
    part = fillet(part.edges().filter_by(Axis.Z), 4)
    part -= Pos(0, 0, at.base) * extrude(_cavity(head, SIZES["shim"]["nominal"], step_deg), at.top)
    slot_floor = at.tube - head.outer_diameter_mm / 2 - PRINT["tube_slot"]
    for leaving in (True, False):
        part -= Pos(0, 0, slot_floor) * _slot(head, leaving, at.top)
    part -= _pilot(motor)
    part -= Cylinder(size["shaft_diameter"] / 2 + 1, at.base + 1, align=UP)
    for x, y in size["holes"]:
        part -= Pos(x, y) * Cylinder(size["hole_diameter"] / 2, at.top, align=UP)
        if motor != "nema17":  # short screws: their heads sink to the base
            room = size["screw_head_diameter"] / 2 + 0.4
            part -= Pos(x, y, at.base) * Cylinder(room, at.top, align=UP)
    for x, y in _lid_holes(motor):
        part -= Pos(x, y, 2) * Cylinder(SIZES["lid_screw"][motor]["thread_diameter"] / 2, at.top, align=UP)
    window = Box(PRINT["window"], PRINT["body_width"], at.top, align=(Align.CENTER, Align.MAX, Align.MIN))
    part -= Pos(0, 0, at.upper_plate) * window
    reach = Cylinder(PRINT["key_hole"] / 2, PRINT["body_width"], align=UP)
    return part - Location((0, 0, at.clamp), (0, 90, 0)) * reach


def _cavity(head: PumpHead, behind_mm: float, step_deg: float = 3.0) -> Face:
    outline = track_outline(head, step_deg, behind_mm)
    return Face(Wire.make_polygon([(*point, 0) for point in outline], close=True))


def _pilot(motor: str) -> Part:
    """The recess for the motor's pilot, its ceiling a cone: printed flange down, it needs no support."""
    size = SIZES["motor"][motor]
    radius, depth = size["pilot_diameter"] / 2 + PRINT["clearance"], size["pilot_height"] + 0.3
    rise = radius - size["shaft_diameter"] / 2 - 1
    cone = Cone(radius, radius - rise, rise, align=UP)
    return Cylinder(radius, depth, align=UP) + Pos(0, 0, depth) * cone


def lid_holes(motor: str) -> list[tuple[float, float]]:
    """Where the lid's screws go."""
    return _lid_holes(motor) or [(x, y) for x, y in SIZES["motor"][motor]["holes"]]


def _lid_holes(motor: str) -> list[tuple[float, float]]:
    """Lid screws: the motor's own long ones on a NEMA 17, four of its own otherwise."""
    return [] if motor == "nema17" else [(x, y) for x in (-18.0, 18.0) for y in (-18.0, 18.0)]


def flat_deg(head: PumpHead) -> float:
    """Where the shaft's flat and the clamp screw look: midway between two axles."""
    return turn_deg(head) + 180 / head.rollers


def outward(height: float, angle_deg: float) -> Location:
    """What points up, turned to point away from the axis at an angle, at a height."""
    return Location((0, 0, height), (0, 0, angle_deg)) * Location((0, 0, 0), (0, 90, 0))


def shaft(motor: str, height: float, more: float = 0.0) -> Part:
    """The shaft with its flats, the flat towards +x, `more` added to its diameter."""
    size = SIZES["motor"][motor]
    radius = (size["shaft_diameter"] + more) / 2
    flat = size["shaft_flat"] + more
    bore = Cylinder(radius, height, align=UP)
    if size["flats"] == 2:
        return bore & Box(flat, 4 * radius, height, align=UP)
    return bore & Pos(flat / 2 - radius, 0) * Box(flat, 4 * radius, height, align=UP)


def _shaft_bore(head: PumpHead, motor: str, height: float) -> Part:
    return Location((0, 0, 0), (0, 0, flat_deg(head))) * shaft(motor, height, PRINT["clearance"])


def _plate(head: PumpHead, height: float, margin: float) -> Part:
    return Cylinder(head.roller_centre_radius_mm + margin, height, align=UP)


def axles(head: PumpHead) -> list[tuple[float, float]]:
    """The axles' places; the first roller at the seal's middle."""
    turn = turn_deg(head)
    return [polar(head.roller_centre_radius_mm, turn + k * 360 / head.rollers) for k in range(head.rollers)]


def _sink(depth: float = 0.15) -> Part:
    """Room for a countersunk head whose top lies `depth` below the face at z = 0, and its edge."""
    radius = SIZES["axle"]["head_diameter"] / 2 + 0.1
    return Cylinder(radius, depth, align=UP) + Pos(0, 0, depth) * Cone(radius, 0, radius, align=UP)


def rotor_lower(head: PumpHead, motor: str) -> Part:
    """The plate on the shaft, with the clamp screw; printed as it stands, the axle screws' heads sunk below."""
    part = _plate(head, PRINT["lower_plate"], PRINT["lower_margin"])
    for x, y in axles(head):
        boss = Cylinder(PRINT["race_boss_diameter"] / 2, PRINT["race_boss"], align=UP)
        part += Pos(x, y, PRINT["lower_plate"]) * boss
        part -= Pos(x, y) * Cylinder(SIZES["axle"]["clear_diameter"] / 2, 99, align=UP)
        part -= Pos(x, y) * _sink()
    clamp = Cylinder(SIZES["clamp"]["thread_diameter"] / 2, 99, align=UP)
    part -= outward(PRINT["lower_plate"] / 2, flat_deg(head)) * clamp
    return part - _shaft_bore(head, motor, 99)


def rotor_upper(head: PumpHead, motor: str) -> Part:
    """The plate under the encoder, printed magnet pocket down; a long shaft reaches into it."""
    part = _plate(head, PRINT["upper_plate"], PRINT["upper_margin"])
    for x, y in axles(head):
        part += Pos(x, y, -PRINT["race_boss"]) * Cylinder(
            PRINT["race_boss_diameter"] / 2, PRINT["race_boss"], align=UP
        )
        part -= Pos(x, y, -1) * Cylinder(SIZES["axle"]["thread_diameter"] / 2, 99, align=UP)
    rim = head.roller_centre_radius_mm + PRINT["upper_margin"]
    notches = PRINT["notches_a_roller"] * head.rollers  # none beside an axle's thread
    for k in range(notches):
        x, y = polar(rim, flat_deg(head) + k * 360 / notches)
        part -= Pos(x, y) * Cylinder(PRINT["notch"] * (1.5 if k == 0 else 1), 99, align=UP)
    magnet = SIZES["magnet"]
    floor = PRINT["upper_plate"] - magnet["height"]
    part -= Pos(0, 0, floor) * Cylinder((magnet["diameter"] + magnet["glue"]) / 2, 99, align=UP)
    if SIZES["motor"][motor]["shaft_length"] > 15:
        part -= Pos(0, 0, -1) * _shaft_bore(head, motor, floor + 1 - 0.5)
    return part


def lid(head: PumpHead, motor: str) -> Part:
    """Closes the body, keeps the tube in its slots and seats the encoder's board over the magnet."""
    board = SIZES["encoder_board"]
    part = Box(PRINT["body_width"], PRINT["body_width"], PRINT["lid"], align=UP)
    part = fillet(part.edges().filter_by(Axis.Z), 4)
    part -= Cylinder(5.5, 99, align=UP)
    pocket = board["width"] + 2 * PRINT["clearance"]
    part -= Pos(0, 0, PRINT["lid"] - board["seat"]) * Box(pocket, pocket, 99, align=UP)
    part -= Pos(0, 17, PRINT["lid"] - board["seat"]) * Box(12, 14, 99, align=UP)
    for x, y in lid_holes(motor):
        part -= Pos(x, y) * Cylinder(SIZES["lid_screw"][motor]["clear_diameter"] / 2, 99, align=UP)
    return part


def cover(head: PumpHead, motor: str) -> Part:
    """Holds the encoder's board down by its edge; open over its parts and its cable."""
    board, screw = SIZES["encoder_board"], SIZES["lid_screw"][motor]
    part = Box(PRINT["body_width"], PRINT["body_width"], PRINT["cover"], align=UP)
    part = fillet(part.edges().filter_by(Axis.Z), 4)
    inside = board["width"] - 2 * PRINT["cover_rim"]
    part -= Box(inside, inside, 99, align=UP)
    part -= Pos(0, 17) * Box(12, 14, 99, align=UP)
    for x, y in lid_holes(motor):
        part -= Pos(x, y) * Cylinder(screw["clear_diameter"] / 2, 99, align=UP)
        head_room = Cylinder(screw["head_diameter"] / 2 + 0.4, 99, align=UP)
        part -= Pos(x, y, PRINT["cover"] - PRINT["counterbore"]) * head_room
    return part


def shim(head: PumpHead, step_deg: float = 3.0) -> Part:
    """The foil between track and tube, as wide as the rollers, from one end of the track to the other."""
    outside = _cavity(head, SIZES["shim"]["nominal"], step_deg)
    ring = extrude(outside - _cavity(head, 0.0, step_deg), SIZES["shim"]["width"])
    half, turn = head.seal_deg / 2, turn_deg(head)
    first, last = turn - half - head.entry_ramp_deg, turn + half + head.exit_ramp_deg
    opening = [polar(40.0, last + (first + 360 - last) * k / 4) for k in range(5)]
    wedge = Face(Wire.make_polygon([(0, 0, 0), *((x, y, 0) for x, y in opening)], close=True))
    return ring - extrude(wedge, SIZES["shim"]["width"])


def rollers(head: PumpHead) -> list[Part]:
    """The bearings of each roller as one cylinder, to look at and to measure against; they are bought."""
    return [
        Pos(x, y) * Cylinder(head.roller_diameter_mm / 2, head.roller_width_mm, align=UP)
        for x, y in axles(head)
    ]


def smallest_gap_mm(head: PumpHead) -> float:
    """Distance between the first roller and the track with its shim, measured on the solids."""
    ring = extrude(Circle(30) - _cavity(head, SIZES["shim"]["nominal"]), head.roller_width_mm)
    return float(rollers(head)[0].distance_to(ring)) - SIZES["shim"]["nominal"]


def printed_parts(head: PumpHead, motor: str, step_deg: float = 3.0) -> dict[str, Part]:
    """Every part to print, by its file name; step_deg: of the track's facets."""
    return {
        "body": body(head, motor, step_deg),
        "rotor-lower": rotor_lower(head, motor),
        "rotor-upper": rotor_upper(head, motor),
        "lid": lid(head, motor),
        "cover": cover(head, motor),
    }


AS_PRINTED = {"rotor-upper": Location((0, 0, 0), (180, 0, 0))}  # pocket down; all others as they stand


def on_bed(name: str, part: Part) -> Part:
    """The part as it is printed, its lowest point on z = 0."""
    turned = AS_PRINTED.get(name, Location()) * part
    return Pos(0, 0, -turned.bounding_box().min.Z) * turned
