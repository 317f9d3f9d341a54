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
SHARED = ("power", "people", "sensors")
PLANS = ("tmc2209", "stepdir", "coils")
SHEETS = (*SHARED, *PLANS)
LAYOUT = {"graph": {"ranksep": "0.9", "nodesep": "0.12", "dpi": "80"}}
SECTIONS = ("connectors", "cables")


def _source(name: str) -> dict[str, Any]:
    import yaml

    return yaml.safe_load((HERE / "wiring" / f"{name}.yml").read_text(encoding="utf-8"))


def wiring_plan(name: str) -> dict[str, Any]:
    """Everything of one driver's rig: what is shared, the three common sheets, and the driver's own."""
    return _merged(("common", *SHARED, name))


def sheet(name: str) -> dict[str, Any]:
    """One sheet as WireViz reads it: only the connectors that it uses."""
    plan = _merged(("common", name))
    used = {connector for connection in plan["connections"] for end in connection for connector in end}
    plan["connectors"] = {key: value for key, value in plan["connectors"].items() if key in used}
    return {**plan, "options": _source("common")["options"], "tweak": {"override": LAYOUT}}


def _merged(names: tuple[str, ...]) -> dict[str, Any]:
    sources = [_source(name) for name in names]
    plan: dict[str, Any] = {section: {} for section in SECTIONS}
    for source in sources:
        for section in SECTIONS:
            plan[section].update(source.get(section, {}))
    plan["connections"] = [row for source in sources for row in source["connections"]]
    return plan


def render_wiring(name: str) -> None:
    """Write wiring/<name>.svg; SystemExit without Graphviz."""
    from wireviz.wireviz import parse  # pyright: ignore

    if not shutil.which("dot"):
        raise SystemExit("Graphviz is missing; on Debian: apt-get install graphviz")
    folder = HERE / "wiring"
    parse(sheet(name), output_formats=("svg",), output_dir=folder, output_name=name)
    svg = folder / f"{name}.svg"
    text = re.sub(r"<!--.*?-->\n?", "", svg.read_text(encoding="utf-8"), flags=re.DOTALL)
    svg.write_text(text, encoding="utf-8")
    print(f"wrote hardware/wiring/{name}.svg")


def main() -> int:
    """Render everything, or with --only wiring|parts one half of it."""
    parser = argparse.ArgumentParser(description="render wiring plans and printable parts")
    parser.add_argument("--only", choices=("wiring", "parts"))
    chosen = parser.parse_args().only
    if chosen != "parts":
        from pictorial import drawn

        for name in SHEETS:
            render_wiring(name)
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
