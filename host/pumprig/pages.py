"""HTML pages from templates, in which no text from elsewhere is interpreted.

Owns: the one environment of jinja2.
Rules: every value is escaped, and what hides in it is shown; a drawing of our own is put in as a picture by `picture`,
never as markup: a drawing that was read from a file could bring a script along.
Units: none.
Leaves: what a character looks like to shown.py, layouts to the templates.
"""

from __future__ import annotations

import base64
from typing import Any

import jinja2

from pumprig.shown import shown


def _finished(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def environment() -> jinja2.Environment:
    """For templates in this package."""
    return jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_finished)


def picture(svg: str) -> str:
    """The address of a drawing that lies in the page itself; nothing in it runs."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode() if svg else ""
