"""The pages and tables that follow from a source: written by `make docs`, compared by `make check`.

Owns: the list of generated files and the function that makes each.
Rules: a generated file is committed, is the same on every machine, and never edited by hand; a row of PAGES is all
that a new one needs; each function takes nothing and returns the file's text.
Units: none.
Leaves: what a page says to the module named in its row.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# file -> module:function that returns its text
PAGES = {
    "docs/index.md": "generate:index_page",
    "docs/requirements.md": "tracing:page",
    "docs/protocol.md": "protocol_page:page",
    "docs/reference/python.md": "api_page:page",
    "docs/reference/cli.md": "cli_page:page",
    "docs/reference/licences.md": "licences_page:page",
    "docs/reference/program-keys.md": "keys_page:programs_page",
    "docs/reference/event-keys.md": "keys_page:events_page",
    "docs/reference/pins.md": "pinout:pins_page",
    "docs/reference/parts.md": "pinout:parts_page",
    "docs/reference/pump-head.md": "pinout:head_page",
    "docs/reference/figures.md": "figures_page:page",
    "docs/how-to/bring-up.md": "pumprig.doctor.bringup_page:page",
}


# folder -> what a reader finds there
SHELVES = {
    "tutorials": "Tutorials: learn by doing, from the start",
    "how-to": "How-to: one task each",
    "explanation": "Explanation: how it works and why",
    "reference": "Reference: look it up",
    "decisions": "Decisions: what was chosen, and what follows from it",
}


def _title(path: Path) -> str:
    """The first heading of a page, or its name."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            return line[2:].strip()
    return path.stem


def index_page() -> str:
    """docs/index.md: every page by its title, shelf by shelf."""
    docs = ROOT / "docs"
    lines = [
        "# Documentation",
        "",
        "Generated from the pages' titles by `make docs`; do not edit. Pages that say so are generated too.",
    ]
    for folder, title in SHELVES.items():
        pages = sorted((docs / folder).glob("*.md"))
        if folder == "reference":
            pages += sorted(path for path in docs.glob("*.md") if path.name != "index.md")
        if pages:
            lines += ["", f"## {title}", ""]
            lines += [f"- [{_title(path)}]({path.relative_to(docs).as_posix()})" for path in pages]
    return "\n".join(lines) + "\n"


def _maker(place: str) -> Callable[[], str]:
    module, _, function = place.partition(":")
    return getattr(importlib.import_module(module), function)


def stale_pages() -> dict[str, str]:
    """The generated files that differ from what their sources say, with the difference."""
    stale: dict[str, str] = {}
    for name, place in PAGES.items():
        path = ROOT / name
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        made = _maker(place)()
        if kept != made:
            lines = difflib.unified_diff(
                kept.splitlines(), made.splitlines(), name, "its source", lineterm="", n=0
            )
            stale[name] = "\n".join(list(lines)[:20])
    return stale


def main() -> int:
    """Write every page, or the named ones, or with --check only compare; 1 if one was out of date."""
    sys.path[:0] = [
        str(ROOT / folder) for folder in ("tests", "host", "firmware/lib", "firmware", "hardware", "docs")
    ]
    if "--check" in sys.argv:
        stale = stale_pages()
        for name, difference in stale.items():
            print(f"{name} is not what its source makes; run `make docs`\n{difference}", file=sys.stderr)
        return 1 if stale else 0
    chosen = [word for word in sys.argv[1:] if word in PAGES] or list(PAGES)
    for name, place in reversed(PAGES.items()):  # the index last: it reads the other pages' titles
        if name not in chosen:
            continue
        text = _maker(place)()
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
