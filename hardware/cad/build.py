"""Builds the printable pump head: STL to print, STEP to change, pictures for the docs, and a check against the model.

Owns: file names and the list of what is built.
Rules: a part that is not one valid solid, or a gap that differs from the geometry's by more than 0.01 mm, stops it.
Units: mm.
Leaves: shapes to cad/parts.py, pixels to cad/picture.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from build123d import Location, Part, Pos, export_step, export_stl
from rigsim.geometry import PumpHead, load_head

from cad.parts import Heights, on_bed, printed_parts, rollers, smallest_gap_mm
from cad.picture import Mesh, section, shaded

HEADS = ("r3", "r4")
MOTORS = ("nema17", "byj48")
PLASTIC, ROTOR, STEEL, LID = (0.93, 0.72, 0.40), (0.45, 0.68, 0.82), (0.80, 0.82, 0.85), (0.70, 0.83, 0.70)


def _mesh(part: Part, colour: tuple[float, float, float], lift: float) -> Mesh:
    corners, triangles = (Location((0, 0, lift)) * part).tessellate(0.05, 0.3)
    return np.array([[v.X, v.Y, v.Z] for v in corners]), np.array(triangles, dtype=np.int64), colour


def exploded(head: PumpHead, motor: str, parts: dict[str, Part], path: Path) -> None:
    """A picture of the parts above each other in the order of assembly."""
    at = Heights(head, motor)
    meshes = [
        _mesh(parts["body"], PLASTIC, 0),
        _mesh(parts["rotor-lower"], ROTOR, at.rotor + 22),
        *[_mesh(Pos(0, 0, 0) * roller, STEEL, at.rollers + 27) for roller in rollers(head)],
        _mesh(parts["rotor-upper"], ROTOR, at.upper_plate + 34),
        _mesh(parts["lid"], LID, at.top + 62),
    ]
    shaded(meshes, path, (480, 800), (-60, 32))


def checked(name: str, part: Part) -> Part:
    """The part, if it is one valid solid; SystemExit otherwise."""
    if not part.is_valid or len(part.solids()) != 1:
        raise SystemExit(f"{name} is not one valid solid")
    return part


def build_all(out: Path, pictures: Path) -> None:
    """Every part of every head and motor into `out`, and the pictures into `pictures`."""
    pictures.mkdir(parents=True, exist_ok=True)
    for head_name in HEADS:
        head = load_head(head_name)
        gap = smallest_gap_mm(head)
        print(
            f"{head_name}: gap {gap:.4f} mm on the solids, {head.gap_mm:.4f} in the model; "
            f"{head.nl_per_rev / 1000:.3f} µL a revolution"
        )
        if abs(gap - head.gap_mm) > 0.01:
            raise SystemExit(f"{head_name}: the solids' gap is not the model's")
        for motor in MOTORS:
            folder = out / f"{head_name}-{motor}"
            folder.mkdir(parents=True, exist_ok=True)
            parts = printed_parts(head, motor)
            for name, part in parts.items():
                solid = checked(f"{head_name} {motor} {name}", on_bed(part))
                export_stl(solid, folder / f"{name}.stl")
                export_step(solid, folder / f"{name}.step")
            print(f"wrote {folder.name}: {', '.join(parts)} as STL and STEP")
            if motor == MOTORS[0]:
                exploded(head, motor, parts, pictures / f"pumphead-{head_name}.png")
    section(("r3", "r4", "r3-plain"), pictures / "pumphead-section.png")
    print("wrote the pictures")
