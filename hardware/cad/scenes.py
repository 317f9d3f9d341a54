"""The pictures of the head: taken apart, and each step of its assembly.

Owns: what is in each picture and how far apart.
Rules: every solid comes from parts.py and bought.py, where it sits, moved along the axis alone.
Units: mm.
Leaves: pixels to picture.py, the words to docs/how-to/assemble-head.md.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from build123d import Part, Pos
from rigsim.geometry import PumpHead

from cad import check
from cad.picture import Mesh, shaded

COLOURS = {
    "body": (0.93, 0.72, 0.40), "rotor": (0.45, 0.68, 0.82), "steel": (0.72, 0.74, 0.78), "lid": (0.66, 0.82, 0.66),
    "magnet": (0.80, 0.20, 0.20), "board": (0.10, 0.42, 0.24), "tube": (0.95, 0.60, 0.70), "shim": (0.95, 0.88, 0.25),
}  # fmt: skip
KIND = {
    "body": "body", "rotor-lower": "rotor", "rotor-upper": "rotor", "lid": "lid", "cover": "lid",
    "magnet": "magnet", "board": "board", "shim": "shim", "tube": "tube",
}  # fmt: skip


NAMES = {
    "lid screw 4": "screws M3 × 35 (4)", "cover": "cover", "board": "encoder's board", "lid": "lid", "magnet": "magnet",
    "rotor-upper": "rotor, upper plate", "bearing 1b": "bearings MR63ZZ, pairs", "rotor-lower": "rotor, lower plate",
    "clamp screw": "set screw M3 × 8", "axle screw 1": "axles M3 × 14", "tube": "tube", "shim": "shim", "body": "body",
    "motor": "motor",
}  # fmt: skip


def _mesh(name: str, part: Part, lift: float) -> Mesh:
    corners, triangles = (Pos(0, 0, lift) * part).tessellate(0.08, 0.3)
    points = np.array([[v.X, v.Y, v.Z] for v in corners])
    return points, np.array(triangles, dtype=np.int64), COLOURS[KIND.get(name, "steel")]


def draw(head: PumpHead, motor: str, folder: Path, steps: bool) -> None:
    """The exploded view of a head, and with `steps` the pictures of its assembly."""
    found = {item.name: item.solid for item in check.items(head, motor)}
    lifts = _lifts(found)
    names: list[tuple[str, tuple[float, float, float]]] = []
    for item, title in NAMES.items():
        box = found[item].bounding_box()
        at = (
            (-4.0, box.min.Y) if item == "board" else (box.max.X, (box.min.Y + box.max.Y) / 2)
        )  # its front edge is seen
        names.append((title, (*at, (box.min.Z + box.max.Z) / 2 + lifts[item])))
    shaded([_mesh(name, part, lifts[name]) for name, part in found.items()],
           folder / f"pumphead-{head.name}.png", (520, 1040), (-60, 28), names)  # fmt: skip
    if steps:
        for number, meshes in enumerate(_steps(found), 1):
            shaded(meshes, folder / f"step-{number}.png", (560, 560), (-60, 32))


def _lifts(found: dict[str, Part]) -> dict[str, float]:
    by_kind = {
        "motor": -22.0, "body": 0.0, "shim": 26.0, "tube": 34.0, "axle screw": 24.0, "clamp screw": 44.0,
        "rotor-lower": 44.0, "bearing": 56.0, "rotor-upper": 66.0, "magnet": 74.0, "lid": 92.0, "board": 104.0,
        "cover": 112.0, "lid screw": 126.0, "motor screw": 20.0,
    }  # fmt: skip
    names = sorted(by_kind, key=len, reverse=True)
    return {name: by_kind[next(kind for kind in names if name.startswith(kind))] for name in found}


def _steps(found: dict[str, Part]) -> list[list[Mesh]]:
    def some(*kinds: str, lift: float = 0.0) -> list[Mesh]:
        return [
            _mesh(name, part, lift)
            for name, part in found.items()
            if any(re.fullmatch(rf"{kind}( \d\w?)?", name) for kind in kinds)
        ]

    low = some("motor") + some("body")
    rotor = ("rotor-lower", "rotor-upper", "axle screw", "bearing", "magnet", "clamp screw")
    return [
        some("axle screw", lift=-18) + some("rotor-lower", "clamp screw") + some("bearing", lift=9)
        + some("rotor-upper", lift=18) + some("magnet", lift=26),
        some("motor", lift=-20) + some("body"),
        low + some(*rotor, lift=26),
        low + some(*rotor) + some("shim", lift=18) + some("tube", lift=26),
        low + some(*rotor) + some("shim", "tube") + some("lid", lift=14) + some("board", lift=24)
        + some("cover", lift=32) + some("lid screw", "motor screw", lift=44),
    ]  # fmt: skip
