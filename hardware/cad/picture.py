"""Pictures of solids and of the head's section, small enough to be kept beside the docs.

Owns: a depth-buffer renderer for triangle meshes, and the section drawing.
Rules: the same picture on every machine; no window, no graphics card.
Units: mm in, pixels out.
Leaves: the shapes to cad/parts.py, the curves to rigsim.geometry.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rigsim.geometry import PumpHead, load_head

from cad.parts import axles
from cad.track import track_outline, turn_deg

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.font_manager import findfont

Floats = NDArray[np.float64]
Names = Sequence[tuple[str, tuple[float, float, float]]]
NAMES_WIDTH = 230
Mesh = tuple[Floats, NDArray[np.int64], tuple[float, float, float]]  # corners, triangles, colour
SUPERSAMPLE = 2
KEPT = {"method": Image.Quantize.MAXCOVERAGE}  # a small part keeps its own colour


def _view(azimuth_deg: float, elevation_deg: float) -> Floats:
    """Rows: right, up, towards the eye."""
    a, e = math.radians(azimuth_deg), math.radians(elevation_deg)
    eye = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    right = np.array([-math.sin(a), math.cos(a), 0.0])
    return np.array([right, np.cross(eye, right), eye])


def _fill(image: Floats, depth: Floats, corners: Floats, colour: Floats) -> None:
    """One triangle, screen x, y and depth in `corners` (3 by 3), into the image where it is nearest."""
    low = np.maximum(np.floor(corners[:, :2].min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners[:, :2].max(axis=0)).astype(int) + 1, [depth.shape[1], depth.shape[0]])
    if (low >= high).any():
        return
    (x0, y0, _), (x1, y1, _), (x2, y2, _) = corners
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    if abs(area) < 1e-9:
        return
    ys, xs = np.mgrid[low[1] : high[1], low[0] : high[0]] + 0.5
    w1 = ((xs - x0) * (y2 - y0) - (x2 - x0) * (ys - y0)) / area
    w2 = ((x1 - x0) * (ys - y0) - (xs - x0) * (y1 - y0)) / area
    inside = (w1 >= -1e-9) & (w2 >= -1e-9) & (w1 + w2 <= 1 + 1e-9)
    z = corners[0, 2] + w1 * (corners[1, 2] - corners[0, 2]) + w2 * (corners[2, 2] - corners[0, 2])
    window = depth[low[1] : high[1], low[0] : high[0]]
    nearer = inside & (z > window)
    window[nearer] = z[nearer]
    image[low[1] : high[1], low[0] : high[0]][nearer] = colour


def shaded(
    meshes: Sequence[Mesh], path: Path, size: tuple[int, int], view: tuple[float, float], names: Names = ()
) -> None:
    """Write the meshes as a PNG of `size` pixels seen from `view` (azimuth and elevation in degrees).

    names: what stands beside the picture, each with the place that its line goes to; they make it wider by NAMES_WIDTH.
    """
    frame = _view(*view)
    width, height = size[0] * SUPERSAMPLE, size[1] * SUPERSAMPLE
    turned = [corners @ frame.T for corners, _, _ in meshes]
    every = np.concatenate(turned)
    low, high = every.min(axis=0), every.max(axis=0)
    scale = 0.94 * min(width / (high[0] - low[0]), height / (high[1] - low[1]))
    middle = (low + high) / 2
    image, depth = np.ones((height, width, 3)), np.full((height, width), -np.inf)
    light = np.array([-0.35, 0.55, 0.76])
    for (_, triangles, colour), corners in zip(meshes, turned, strict=True):
        screen = (corners - middle) * [scale, -scale, 1.0] + [width / 2, height / 2, 0.0]
        edges = corners[triangles]
        normals = np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        bright = 0.35 + 0.65 * np.abs(normals @ light)
        for triangle, level in zip(triangles, bright, strict=True):
            _fill(image, depth, screen[triangle], np.array(colour) * level)
    picture = Image.fromarray((image * 255).clip(0, 255).astype(np.uint8))
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    if names:
        places = [((np.array(at) @ frame.T - middle) * [scale, -scale, 1.0]) / SUPERSAMPLE for _, at in names]
        marks = [
            (name, place[0] + size[0] / 2, place[1] + size[1] / 2)
            for (name, _), place in zip(names, places, strict=True)
        ]
        picture = _named(picture, marks)
    picture.quantize(160, **KEPT).save(path, optimize=True)


def _named(picture: Image.Image, marks: list[tuple[str, float, float]]) -> Image.Image:
    """The picture with names in a column on its right, from top to bottom, none on another."""
    wide = Image.new("RGB", (picture.width + NAMES_WIDTH, picture.height), "white")
    wide.paste(picture)
    pen = ImageDraw.Draw(wide)
    font = ImageFont.truetype(findfont("DejaVu Sans"), 15)
    below = 0.0
    for name, x, y in sorted(marks, key=lambda mark: mark[2]):
        at = max(y, below)
        below = at + 21
        pen.line([(x, y), (picture.width - 6, at)], fill="#666666", width=1)
        pen.ellipse([x - 2, y - 2, x + 2, y + 2], fill="#333333")
        pen.text((picture.width, at), name, fill="#222222", font=font, anchor="lm")
    return wide


def section(names: Sequence[str], path: Path) -> None:
    """Top view of track, rollers and squeezed tube for each head, and flow against angle below it."""
    figure, grid = plt.subplots(
        2, len(names), figsize=(4.2 * len(names), 6.6), height_ratios=(3, 2), layout="constrained"
    )
    for column, name in enumerate(names):
        head = load_head(name)
        _draw_section(head, grid[0, column])
        _draw_flow(head, grid[1, column])
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)
    Image.open(path).convert("RGB").quantize(96, **KEPT).save(path, optimize=True)


def _draw_section(head: PumpHead, axes: plt.Axes) -> None:
    outline = np.array([*track_outline(head), track_outline(head)[0]])
    axes.fill(*outline.T, facecolor="#f4f1ea", edgecolor="#444444", linewidth=1)
    turn, half = turn_deg(head), head.seal_deg / 2
    reach = [head.track_radius_mm + 1.9] * 2
    for low, high, colour in (
        (-half - head.entry_ramp_deg, -half, "#7fb3d5"),
        (-half, half, "#2e6f40"),
        (half, half + head.exit_ramp_deg, "#d98b3a"),
    ):
        angles = np.radians(np.linspace(low, high, 60) + turn)
        axes.plot(reach[0] * np.cos(angles), reach[0] * np.sin(angles), color=colour, linewidth=4)
    for x, y in axles(head):
        axes.add_patch(plt.Circle((x, y), head.roller_diameter_mm / 2, color="#9aa5b1", ec="#444444"))
        axes.add_patch(plt.Circle((x, y), 1.5, color="#444444"))
    axes.add_patch(plt.Circle((0, 0), 2.5, color="#cccccc", ec="#444444"))
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(
        f"{head.name}: {head.rollers} rollers, {head.nl_per_rev / 1000:.2f} µL a revolution", fontsize=10
    )


def _draw_flow(head: PumpHead, axes: plt.Axes) -> None:
    degrees = np.linspace(0, 360, 721)
    mean = head.nl_per_rev / (2 * math.pi)
    flow = [head.slope_nl_per_rad(math.radians(angle)) / mean for angle in degrees]
    axes.axhline(0, color="#bbbbbb", linewidth=0.8)
    axes.axhline(1, color="#bbbbbb", linewidth=0.8, linestyle=":")
    axes.plot(degrees, flow, color="#2e6f40")
    axes.set_xlabel("rotor angle, °")
    axes.set_ylabel("flow over its mean")
    axes.set_xticks(range(0, 361, 90))
    axes.set_ylim(-1.6, 1.6)
