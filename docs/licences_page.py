"""docs/reference/licences.md, from the list of parts in locks/sbom.cdx.json.

Owns: the page's layout and the notes on licences that ask something of whoever passes the program on.
Rules: says what the packages say of themselves; no advice in law.
Units: none.
Leaves: the list to locks/sbom.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NOTES = {
    "uplot": "MIT. The one piece of others inside pumprig's own files: `host/pumprig/dashboard/static/uplot.js` and "
    "`uplot.css`, byte for byte as published, with the licence beside them. A test compares them with the package.",
    "fpdf2": "LGPL-3.0. pumprig imports it unmodified, as a package that anybody may replace by another version. "
    "Whoever passes on an image or an installer with fpdf2 in it passes on fpdf2's licence and source, too.",
    "adafruit-circuitpython-motor": "MIT. One module, the coil sequences, goes onto the Pico. The 14 packages that "
    "it asks for are not installed.",
}
HEAD = """# Licences of the packages

Generated from `locks/sbom.cdx.json`; do not edit. pumprig itself is under the MIT License.

But for uPlot no package is inside pumprig's own files. They are installed beside it, each under its own licence, as
its authors state it.
`locks/sbom.cdx.json` is the same list for machines (CycloneDX 1.6). `make lock` writes both.

## Worth knowing
"""


def _licence(part: dict[str, Any]) -> str:
    told = [
        row.get("expression") or row["license"].get("id") or row["license"]["name"]
        for row in part.get("licenses", [])
    ]
    return ", ".join(told) or "not stated"


def _uses(part: dict[str, Any]) -> list[str]:
    return part["properties"][0]["value"].split(", ")


def page() -> str:
    """The page's text."""
    document = json.loads((ROOT / "locks" / "sbom.cdx.json").read_text(encoding="utf-8"))
    parts = document["components"]
    lines = [HEAD]
    lines += [f"- **{name}**: {note}" for name, note in NOTES.items()]
    sections = {"pumprig": "Every installation", "": "Extras", "tests": "Tests and tools only"}
    for use, title in sections.items():
        rows = [part for part in parts if (_uses(part)[0] if _uses(part)[0] in sections else "") == use]
        if rows:
            extra = " needed for |" if not use else ""
            lines += [
                "",
                f"## {title}",
                "",
                f"| package | version | licence |{extra}",
                "|---|---|---|" + ("---|" if extra else ""),
            ]
            for part in rows:
                more = f" {', '.join(_uses(part))} |" if extra else ""
                lines.append(f"| {part['name']} | {part['version']} | {_licence(part)} |{more}")
    return "\n".join(lines) + "\n"
