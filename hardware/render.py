"""`make hardware`: wiring plans, pictures and printable parts, all from their sources.

Owns: what is rendered and where it goes: pictures beside their sources, solids and meshes to out/hardware.
Rules: pictures for the docs are committed and small; solids are built, never committed.
Units: none.
Leaves: the drawings to wiring/*.yml, the solids to cad/.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PLANS = ("stepdir", "coils")
LAYOUT = {"graph": {"ranksep": "1.1", "nodesep": "0.15", "dpi": "70"}}


def wiring_plan(name: str) -> dict[str, Any]:
    """The whole plan `name` as WireViz reads it: wiring/common.yml with wiring/<name>.yml on top."""
    import yaml

    common, own = (
        yaml.safe_load((HERE / "wiring" / f"{part}.yml").read_text(encoding="utf-8"))
        for part in ("common", name)
    )
    plan: dict[str, Any] = {"options": common["options"], "tweak": {"override": LAYOUT}}
    for section in ("connectors", "cables"):
        plan[section] = {**common[section], **own[section]}
    plan["connections"] = common["connections"] + own["connections"]
    return plan


def render_wiring(name: str) -> None:
    """Write wiring/<name>.svg and .png; SystemExit without Graphviz."""
    from PIL import Image
    from wireviz.wireviz import parse  # pyright: ignore

    if not shutil.which("dot"):
        raise SystemExit("Graphviz is missing; on Debian: apt-get install graphviz")
    folder = HERE / "wiring"
    parse(wiring_plan(name), output_formats=("png", "svg"), output_dir=folder, output_name=name)
    picture = folder / f"{name}.png"
    Image.open(picture).convert("RGB").quantize(48).save(picture, optimize=True)
    svg = folder / f"{name}.svg"
    text = re.sub(r"<!--.*?-->\n?", "", svg.read_text(encoding="utf-8"), flags=re.DOTALL)
    svg.write_text(text, encoding="utf-8")
    print(f"wrote hardware/wiring/{name}.svg and .png")


def main() -> int:
    """Render everything, or with --only wiring|parts one half of it."""
    parser = argparse.ArgumentParser(description="render wiring plans and printable parts")
    parser.add_argument("--only", choices=("wiring", "parts"))
    chosen = parser.parse_args().only
    if chosen != "parts":
        for name in PLANS:
            render_wiring(name)
    if chosen != "wiring":
        sys.path[:0] = [str(HERE.parent / "host"), str(HERE)]
        from cad.build import build_all

        build_all(HERE.parent / "out" / "hardware", HERE / "pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
