"""The track of every head and the tube's way along it, without a CAD kernel: what `make hardware` then cuts.

Owns: tests of hardware/cad/track.py.
Rules: distances are taken from the track's own formula, finely, never from the outline under test.
Units: mm, degrees.
Leaves: the solids to `make hardware`.
"""

import math
import sys
from pathlib import Path

import pytest
from rigsim.geometry import PumpHead, head_names, load_head

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "hardware"))
from cad import track

Points = list[tuple[float, float]]
HEADS = [load_head(name) for name in head_names()]
each_head = pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)


def surface(head: PumpHead) -> Points:
    """The true track, a point each twentieth of a degree."""
    turn = track.turn_deg(head)
    angles = [k / 20 for k in range(7200)]
    radii = [head.track_radius_mm + head.track_lift_mm(math.radians(deg)) for deg in angles]
    return [track.polar(radius, deg + turn) for radius, deg in zip(radii, angles, strict=True)]


def beside_mm(point: tuple[float, float], outline: Points) -> float:
    """How far a point is from a closed polygon."""
    least = math.inf
    for (x0, y0), (x1, y1) in zip(outline, outline[1:] + outline[:1], strict=True):
        dx, dy = x1 - x0, y1 - y0
        share = ((point[0] - x0) * dx + (point[1] - y0) * dy) / (dx * dx + dy * dy)
        share = min(1.0, max(0.0, share))
        least = min(least, math.dist(point, (x0 + share * dx, y0 + share * dy)))
    return least


@each_head
@pytest.mark.parametrize(("step_deg", "most_mm"), [(3.0, 0.02), (6.0, 0.03)])
def test_the_facets_of_a_track_stay_near_its_formula_however_short_its_ramp(
    head: PumpHead, step_deg: float, most_mm: float
) -> None:
    """A short ramp in two facets would be 0.15 mm off, and a tube would meet a wall that there is not."""
    outline = track.track_outline(head, step_deg)
    assert max(beside_mm(point, outline) for point in surface(head)[::4]) < most_mm


@each_head
def test_the_tube_lies_against_its_track_and_never_in_it(head: PumpHead) -> None:
    radius = head.outer_diameter_mm / 2
    wall = surface(head)
    way = track.tube_path(head)
    inside = [point for point in way if math.hypot(*point) < head.centreline_radius_mm + head.ramp_lift_mm]
    assert len(inside) > 20
    for point in inside:
        near = min(math.dist(point, other) for other in wall)
        assert radius - 0.01 < near, point
    sealing = [point for point in inside if abs(math.hypot(*point) - head.centreline_radius_mm) < 1e-6]
    assert len(sealing) >= head.seal_deg / 4 - 2  # on the seal it lies on the centreline, to the point


@each_head
def test_the_tube_comes_in_and_goes_out_beyond_the_body(head: PumpHead) -> None:
    first, *_, last = track.tube_path(head)
    for x, y in (first, last):
        assert max(abs(x), abs(y)) > track.PRINT["body_width"] / 2
        assert y < 0
