"""Builds the printable pump head: STL to print, STEP to change, pictures for the docs, and every check of it.

Owns: file names and the list of what is built.
Rules: a part that is not one valid solid, a gap that differs from the geometry's by more than 0.01 mm, two solids that
share room, a part that cannot come to its place, a screw that holds too little, or an overhang that needs support: each
is told, all of them, and then it stops.
Units: mm.
Leaves: shapes to cad/parts.py and cad/bought.py, the checks to cad/check.py, pictures to cad/scenes.py.
"""

from __future__ import annotations

from pathlib import Path

from build123d import Part, export_step, export_stl
from rigsim.geometry import PumpHead, load_head

from cad import check
from cad.parts import on_bed, printed_parts, smallest_gap_mm
from cad.picture import section
from cad.scenes import draw

HEADS = (
    "r3",
    "r4",
    "r3-plain",
)  # the last one reverses the flow for a moment: to show why the others have a long ramp
DRAWN = ("r3", "r4")
MOTORS = ("nema17", "byj48")


def checked(name: str, part: Part) -> Part:
    """The part, if it is one valid solid; SystemExit otherwise."""
    if not part.is_valid or len(part.solids()) != 1:
        raise SystemExit(f"{name} is not one valid solid")
    return part


def faults_of(head: PumpHead, motor: str, parts: dict[str, Part]) -> list[str]:
    """All that is wrong with a head, in words."""
    found = [*check.threads(head, motor), *check.interferences(head, motor), *check.blocked_ways(head, motor)]
    found += check.blind_spots(head, motor)
    for name, part in parts.items():
        area, wide = check.overhangs(name, part)
        print(
            f"  {name}: {area:.0f} mm2 hang over, all of it to be bridged"
            if area
            else f"  {name}: no overhang"
        )
        found += wide
    return found


def build_all(out: Path, pictures: Path) -> None:
    """Every part of every head and motor into `out`, and the pictures into `pictures`."""
    pictures.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    for head_name in HEADS:
        head = load_head(head_name)
        gap = smallest_gap_mm(head)
        print(
            f"{head_name}: gap {gap:.4f} mm on the solids, {head.gap_mm:.4f} in the model; "
            f"{head.nl_per_rev / 1000:.3f} µL a revolution"
        )
        if abs(gap - head.gap_mm) > 0.01:
            wrong.append(f"{head_name}: the solids' gap is not the model's")
        for motor in MOTORS:
            folder = out / f"{head_name}-{motor}"
            folder.mkdir(parents=True, exist_ok=True)
            parts = printed_parts(head, motor)
            for name, part in parts.items():
                solid = checked(f"{head_name} {motor} {name}", on_bed(name, part))
                export_stl(solid, folder / f"{name}.stl")
                export_step(solid, folder / f"{name}.step")
            print(f"wrote {folder.name}: {', '.join(parts)} as STL and STEP", flush=True)
            found = faults_of(head, motor, parts)
            print(f"  {len(found)} faults" + "".join(f"\n    {fault}" for fault in found), flush=True)
            wrong += [f"{head_name} {motor}: {fault}" for fault in found]
    for head_name in DRAWN:
        draw(load_head(head_name), MOTORS[0], pictures, steps=head_name == DRAWN[0])
    section(HEADS, pictures / "pumphead-section.png")
    print("wrote the pictures")
    if wrong:
        raise SystemExit(f"{len(wrong)} faults, the first: {wrong[0]}")
