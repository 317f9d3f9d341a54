"""How every picture of matplotlib looks, and how it is written.

Owns: the colours, the style, the saving.
Rules: colours that survive grey printing and colour blindness; the same figure gives the same bytes; a character that
the font lacks is told by its number, but in SVG, whose text whoever shows it draws.
Units: dots an inch.
Leaves: what is drawn to who draws it.
"""

from __future__ import annotations

import warnings
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


def written(drawing: Any, kind: str, dpi: int = 160, metadata: dict[str, Any] | None = None) -> bytes:
    """A figure's bytes: png, pdf or svg."""
    from matplotlib.text import Text

    out = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        if kind != "svg":
            for text in drawing.findobj(Text):
                text.set_text(_drawn(text))
        drawing.savefig(out, format=kind, dpi=dpi, metadata=metadata or {})
    return out.getvalue()


def _drawn(text: Any) -> str:
    """What its font can draw of a text; `<U+65E5>` for what it cannot."""
    from matplotlib import font_manager

    said = str(text.get_text())
    if said.isascii():
        return said
    fonts: Any = font_manager  # its types are half told
    glyphs = fonts.get_font(fonts.findfont(text.get_fontproperties())).get_charmap()
    return "".join(c if c == "\n" or ord(c) in glyphs else f"<U+{ord(c):04X}>" for c in said)


def save(drawing: Any, path: Path) -> None:
    """Write a figure without a date in it, so that the same data give the same bytes. Raises OSError."""
    meta: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
    put(path, written(drawing, path.suffix[1:], metadata=meta))
