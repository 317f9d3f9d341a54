"""`make hardware`: wiring plans, pictures and printable parts, all from their sources.

Owns: what is rendered and where it goes: pictures beside their sources, solids and meshes to out/hardware.
Rules: pictures for the docs are committed and small; solids are built, never committed; a sheet is narrow enough to be
read at a page's width.
Units: none.
Leaves: the drawings to wiring/*.yml, the pictorial one to pictorial.py, the solids to cad/.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SHARED = ("power", "divider", "people", "sensors")
PLANS = ("tmc2209", "stepdir", "coils")
SOURCES = (*SHARED, *PLANS, "uart")  # the last one is optional
LAYOUT = {"graph": {"ranksep": "0.35", "nodesep": "0.12", "dpi": "72"}}
WIDEST_PT = 1000  # at a page's width its letters are then 11 pixels high
SECTIONS = ("connectors", "cables")


def _source(name: str) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C, where it was built
    return yaml.load((HERE / "wiring" / f"{name}.yml").read_text(encoding="utf-8"), loader)


def wiring_plan(name: str) -> dict[str, Any]:
    """Everything of one driver's rig: what is shared, the three common sheets, and the driver's own."""
    return merged(("common", *SHARED, name))


def sheets(source: str) -> dict[str, dict[str, Any]]:
    """The sheets of one source by their names, as WireViz reads them, each with the connectors that it uses.

    A sheet has two columns, so that it is narrow: parts on the left are wired to parts on the right. Where a wire would
    join two parts of one column, the smaller part goes to the next sheet with all of its wires.
    """
    plan = merged(("common", source))
    rest, made = plan["connections"], dict[str, dict[str, Any]]()
    while rest:
        columns, here, rest = _two_columns(rest)
        name = source if not made else f"{source}-{len(made) + 1}"
        made[name] = _drawn_as(plan, columns, here)
    return made


def _ends(row: list[dict[str, Any]]) -> tuple[str, str]:
    return next(iter(row[0])), next(iter(row[2]))


def _two_columns(rows: list[Any]) -> tuple[dict[str, int], list[Any], list[Any]]:
    """(column of each part, the rows that fit, the rows of parts that have to go to another sheet)."""
    gone = set[str]()
    while True:
        here = [row for row in rows if not gone & set(_ends(row))]
        columns = _columns(here)
        wrong = [_ends(row) for row in here if columns[_ends(row)[0]] == columns[_ends(row)[1]]]
        if not wrong:
            return columns, here, [row for row in rows if row not in here]
        gone.add(min(wrong[0], key=lambda part: sum(part in _ends(row) for row in here)))


def _columns(rows: list[Any]) -> dict[str, int]:
    """0 or 1 for each part, from the first of a group of wired parts on."""
    columns = dict[str, int]()
    for row in rows:
        if _ends(row)[0] in columns:
            continue
        columns[_ends(row)[0]] = 0
        waiting = [_ends(row)[0]]
        while waiting:
            part = waiting.pop()
            for ends in map(_ends, rows):
                other = ends[1] if ends[0] == part else ends[0]
                if part in ends and other not in columns:
                    columns[other] = 1 - columns[part]
                    waiting.append(other)
    return columns


def _drawn_as(plan: dict[str, Any], columns: dict[str, int], rows: list[Any]) -> dict[str, Any]:
    used = dict[str, list[int]]()
    for row in rows:
        cable, cores = next(iter(row[1].items()))
        used.setdefault(cable, []).extend(cores)
    cables, turned = dict[str, Any](), list[Any]()
    for cable, cores in used.items():
        colours = plan["cables"][cable]["colors"]
        cables[cable] = {**plan["cables"][cable], "colors": [colours[core - 1] for core in sorted(cores)]}
    for first, wire, last in rows:
        cable, cores = next(iter(wire.items()))
        wire = {cable: [sorted(used[cable]).index(core) + 1 for core in cores]}
        left = columns[next(iter(first))] == 0
        turned.append([first, wire, last] if left else [last, wire, first])
    return {
        "connectors": {name: plan["connectors"][name] for name in columns},
        "cables": cables,
        "connections": turned,
        "options": _source("common")["options"],
        "tweak": {"override": LAYOUT},
    }


def merged(names: tuple[str, ...]) -> dict[str, Any]:
    """What several sources say together."""
    sources = [_source(name) for name in names]
    plan: dict[str, Any] = {section: {} for section in SECTIONS}
    for source in sources:
        for section in SECTIONS:
            plan[section].update(source.get(section, {}))
    plan["connections"] = [row for source in sources for row in source["connections"]]
    return plan


def render_wiring(name: str, sheet: dict[str, Any]) -> None:
    """Write wiring/<name>.svg; SystemExit without Graphviz, or where it is too wide to be read on a page."""
    from wireviz.wireviz import parse  # pyright: ignore

    if not shutil.which("dot"):
        raise SystemExit("Graphviz is missing; on Debian: apt-get install graphviz")
    folder = HERE / "wiring"
    parse(sheet, output_formats=("svg",), output_dir=folder, output_name=name)
    svg = folder / f"{name}.svg"
    text = re.sub(r"<!--.*?-->\n?", "", svg.read_text(encoding="utf-8"), flags=re.DOTALL)
    svg.write_text(text, encoding="utf-8")
    if width_pt(text) > WIDEST_PT:
        raise SystemExit(f"hardware/wiring/{name}.svg is {width_pt(text):.0f} pt wide, more than {WIDEST_PT}")
    print(f"wrote hardware/wiring/{name}.svg")


def width_pt(svg: str) -> float:
    """The width that a sheet asks for."""
    found = re.search(r'<svg width="([\d.]+)pt"', svg)
    return float(found[1]) if found else 0.0


def main() -> int:
    """Render everything, or with --only wiring|parts one half of it."""
    parser = argparse.ArgumentParser(description="render wiring plans and printable parts")
    parser.add_argument("--only", choices=("wiring", "parts"))
    chosen = parser.parse_args().only
    if chosen != "parts":
        from pictorial import drawn

        for source in SOURCES:
            for name, sheet in sheets(source).items():
                render_wiring(name, sheet)
        for name in PLANS:
            path = HERE / "wiring" / f"board-{name}.svg"
            path.write_text(drawn(name), encoding="utf-8")
            print(f"wrote hardware/wiring/{path.name}")
    if chosen != "wiring":
        sys.path[:0] = [str(HERE.parent / "host"), str(HERE)]
        from cad.build import build_all

        build_all(HERE.parent / "out" / "hardware", HERE / "pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
