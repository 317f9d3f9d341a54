"""docs/reference/figures.md: where each figure with a unit is from, page by page.

Owns: the page's layout.
Rules: every line of docs/figures.toml stands on it; nothing else does.
Units: as on the pages.
Leaves: whether the table is complete and right to tests/unit/house/test_figures.py.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

DOCS = Path(__file__).resolve().parent
HEAD = """# Figures, and where each is from

Generated from `docs/figures.toml` by `make docs`; do not edit. Every figure with a unit on the pages of this shelf, and
on the other pages that state figures of the hardware. `tests/unit/house/test_figures.py` fails for a figure that is not
here, for a line whose figure is gone, and for a computation that gives another number.

- **computed**: by that expression, in the test; its names are the firmware's modules, `head` and `SIZES` the printed
  head's
- **a test**: computed there
- **the part**: its value in the [bill of materials](parts.md)
- **generated**: the page is made from the code that it speaks of
- **example**: something to type
- all else is a source in words. Nothing here was measured on a built rig."""


def _told(origin: str) -> str:
    if origin.startswith("= "):
        return f"computed: `{origin.removeprefix('= ')}`"
    if origin.startswith("test "):
        path, _, name = origin.removeprefix("test ").partition("::")
        return f"a test: `{path}`, `{name}`"
    if origin.startswith("parts "):
        return f"the part {origin.removeprefix('parts ')}"
    return origin


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    for name, rows in tomllib.loads((DOCS / "figures.toml").read_text(encoding="utf-8")).items():
        lines += ["", f"## docs/{name}", "", "| figure | from |", "|---|---|"]
        lines += [f"| {figure} | {_told(origin)} |" for figure, origin in rows.items()]
    return "\n".join(lines) + "\n"
