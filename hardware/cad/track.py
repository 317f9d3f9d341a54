"""The track's outline and the way of the tube along it, in the plane.

Owns: where the track's surface lies, and the free tube's middle line from one side of the body to the other.
Rules: every length of the hydraulic geometry comes from rigsim.geometry, every other from parts.toml; nothing here
needs a CAD kernel; the seal's middle points up, so that the tube's ends leave downwards.
Units: mm, degrees.
Leaves: solids to parts.py and bought.py.
"""

from __future__ import annotations

import math
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

from rigsim.geometry import PumpHead

SIZES: dict[str, Any] = tomllib.loads((Path(__file__).parent / "parts.toml").read_text(encoding="utf-8"))
PRINT: dict[str, float] = SIZES["print"]
FACETS = 12  # of a ramp, however short: its raised cosine stays within 0.01 mm


def turn_deg(head: PumpHead) -> float:
    """How far the head's angle 0 (the seal's middle) is turned so that the way in and out points down."""
    gap_middle = head.seal_deg / 2 + head.exit_ramp_deg + (360 - head.arc_deg) / 2
    return 270 - gap_middle


def polar(radius: float, angle_deg: float) -> tuple[float, float]:
    return radius * math.cos(math.radians(angle_deg)), radius * math.sin(math.radians(angle_deg))


def track_outline(head: PumpHead, step_deg: float = 3.0, behind_mm: float = 0.0) -> list[tuple[float, float]]:
    """The track's surface as a closed polygon round the rotor; beyond the ramps it stays at their full lift.

    behind_mm: so far outside it, as the body is, behind its shim.
    """
    turn, radius = turn_deg(head), head.track_radius_mm + behind_mm
    return [
        polar(radius + head.track_lift_mm(math.radians(deg)), deg + turn)
        for deg in _outline_deg(head, step_deg)
    ]


def _outline_deg(head: PumpHead, step_deg: float) -> list[float]:
    """The corners of the outline, from the seal's middle on: a facet each step_deg, FACETS at least on a ramp."""
    half = head.seal_deg / 2
    last, first = half + head.exit_ramp_deg, 360 - half - head.entry_ramp_deg
    ends = (0.0, half, last, first, 360 - half, 360.0)
    least = (1, FACETS, 1, FACETS, 1)
    corners: list[float] = []
    for (start, end), fewest in zip(pairwise(ends), least, strict=True):
        count = max(fewest, math.ceil((end - start) / step_deg - 1e-9))
        corners += [start + (end - start) * k / count for k in range(count)]
    return corners


def slot_path(head: PumpHead, leaving: bool) -> list[tuple[float, float]]:
    """Centreline of the tube from a track's end to beyond the body: an arc that turns outward, then straight."""
    sign = 1 if leaving else -1
    end_deg = turn_deg(head) + sign * (
        head.seal_deg / 2 + (head.exit_ramp_deg if leaving else head.entry_ramp_deg)
    )
    x, y = polar(head.centreline_radius_mm + head.ramp_lift_mm, end_deg)
    heading = end_deg + sign * 90
    points = [(x, y)]
    steps = 12
    for _ in range(steps):
        heading -= sign * PRINT["tube_turn_deg"] / steps
        length = PRINT["tube_bend_radius"] * math.radians(PRINT["tube_turn_deg"]) / steps
        dx, dy = polar(length, heading)
        x, y = x + dx, y + dy
        points.append((x, y))
    dx, dy = polar(PRINT["body_width"], heading)
    return [*points, (x + dx, y + dy)]


def tube_path(head: PumpHead) -> list[tuple[float, float]]:
    """The free tube's middle line, from one side of the body to the other."""
    half, turn = head.seal_deg / 2, turn_deg(head)
    first, last = -half - head.entry_ramp_deg, half + head.exit_ramp_deg
    count = round((last - first) / min(4.0, head.entry_ramp_deg / 6, head.exit_ramp_deg / 6))
    track = [first + (last - first) * k / count for k in range(1, count)]
    along = [polar(_lying_radius_mm(head, deg), deg + turn) for deg in track]
    coming, going = slot_path(head, False), slot_path(head, True)
    return [*reversed(_shortened(coming)), *along, *_shortened(going)]


def _lying_radius_mm(head: PumpHead, at_deg: float) -> float:
    """How far out the tube's middle lies at an angle: until its wall touches the track, there or a little beside."""
    radius = head.outer_diameter_mm / 2
    found = math.inf
    for k in range(-60, 61):
        beside = k / 4  # degrees: 15 to each side are more than a tube's radius
        out = head.track_radius_mm + head.track_lift_mm(math.radians(at_deg + beside))
        across, along = out * math.sin(math.radians(beside)), out * math.cos(math.radians(beside))
        if abs(across) < radius:
            found = min(found, along - math.sqrt(radius**2 - across**2))
    return found


def _shortened(path: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The last, straight stretch as far as beyond the body, with a point at each millimetre: a spline stays on it."""
    (x0, y0), (x1, y1) = path[-2:]
    share = 1 / math.dist((x0, y0), (x1, y1))
    straight = [k * share for k in range(1, round(PRINT["tube_shown"]) + 1)]
    return [*path[:-1], *((x0 + at * (x1 - x0), y0 + at * (y1 - y0)) for at in straight)]
