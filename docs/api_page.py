"""docs/reference/python.md: the public Python interface, from its docstrings.

Owns: the layout of the page.
Rules: what a name takes, gives and raises stands in its own docstring; a public name without one fails here; the page
is the same on every machine.
Units: none.
Leaves: the names to pumprig.__all__, examples to docs/how-to/python.md.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import pumprig

HEAD = """# The Python interface

Generated from the docstrings by `make docs`; do not edit. How to use it: [Use a rig from Python](../how-to/python.md).
Quantities are text with units (`"20 ul/h"`), or numbers under names that end in their unit (`volume_nl=50_000`).
`pumprig.aio` has the same names for asyncio: `async with pumprig.aio.connect("sim") as rig: await rig.status()`.
"""
FIRST = ("connect", "Rig", "Plan", "Dose", "Status", "read_program", "constant", "rehearse", "calibrations")


class Undocumented(Exception):
    """A public name that does not say what it does; the text names it."""


def page() -> str:
    """The whole page."""
    names = [*FIRST, *(name for name in pumprig.__all__ if name not in (*FIRST, "aio"))]
    lines = [HEAD]
    for name in names:
        thing = getattr(pumprig, name)
        lines += _class(name, thing) if inspect.isclass(thing) else _function(f"pumprig.{name}", thing, 2)
    return "\n".join(lines).rstrip() + "\n"


def _doc(name: str, thing: Any) -> str:
    text = inspect.getdoc(thing) or ""
    if not text:
        raise Undocumented(name)
    return text


def _signature(thing: Any) -> str:
    text = str(inspect.signature(thing))
    text = re.sub(r"\'([^\']*)\'", r"\1", text) if "'" in text else text
    return text.replace("self, ", "").replace("(self)", "()")


def _function(name: str, thing: Any, level: int) -> list[str]:
    return [
        "",
        f"{'#' * level} {name}",
        "",
        "```python",
        f"{name}{_signature(thing)}",
        "```",
        "",
        _doc(name, thing),
    ]


def _class(name: str, thing: Any) -> list[str]:
    lines = ["", f"## pumprig.{name}", "", _doc(name, thing)]
    fields = [field for field in getattr(thing, "__dataclass_fields__", {}) if not field.startswith("_")]
    if fields:
        lines += ["", "Attributes: " + ", ".join(f"`{field}`" for field in fields) + "."]
    for member, value in inspect.getmembers(thing):
        if member.startswith("_") or member in fields or member in dir(Exception):
            continue
        if isinstance(value, property):
            lines += ["", f"### {name}.{member}", "", _doc(f"{name}.{member}", value)]
        elif inspect.isfunction(value):
            lines += _function(f"{name}.{member}", value, 3)
    return lines
