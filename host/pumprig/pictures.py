"""How every picture of matplotlib looks, and how it is written.

Owns: the colours, the style, the saving.
Rules: colours that survive grey printing and colour blindness; the same figure gives the same bytes.
Units: dots an inch.
Leaves: what is drawn to who draws it.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from pumprig.wholefile import put

BLUE, ORANGE, GREY = "#0b5394", "#c8500a", "#666666"
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
    "legend.fontsize": 8,
    "svg.hashsalt": "pumprig",
    "svg.fonttype": "none",
}


def legend_below(axes: Any, columns: int) -> None:
    """A legend under the axis' own label: never over the data."""
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=columns, columnspacing=1.2, borderaxespad=0
    )


def save(drawing: Any, path: Path) -> None:
    """Write a figure without a date in it, so that the same data give the same bytes. Raises OSError."""
    meta: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
    written = BytesIO()
    drawing.savefig(written, format=path.suffix[1:], dpi=160, metadata=meta)
    put(path, written.getvalue())
