"""PDF pages of text, tables and pictures, for certificates and reports.

Owns: the layout of such a document, with the fonts that matplotlib carries.
Rules: no text from elsewhere is interpreted, and what hides in it is shown; a character that the fonts lack is told by
its number, never left out; the same content gives the same bytes.
Units: millimetres on A4, points of type.
Leaves: what is said to who writes it, HTML pages to pages.py.
"""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any

from pumprig.shown import shown

RED = (184, 58, 58)


class Pdf:
    """One document, from its first page to its bytes."""

    def __init__(self, title: str, made: datetime) -> None:
        import matplotlib as mpl
        from fpdf import FPDF

        fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
        page: Any = FPDF(format="A4")
        page.set_creation_date(made)
        page.set_title(shown(title))
        page.add_font("text", "", str(fonts / "DejaVuSans.ttf"))
        page.add_font("text", "B", str(fonts / "DejaVuSans-Bold.ttf"))
        page.set_auto_page_break(True, margin=18)
        page.add_page()
        self._page = page
        self._glyphs = [page.fonts[name].cmap for name in ("text", "textB")]

    def _drawn(self, text: str) -> str:
        """Text with what both fonts can draw; `<U+65E5>` for what they cannot."""
        return "".join(
            c if all(ord(c) in glyphs for glyphs in self._glyphs) else f"<U+{ord(c):04X}>"
            for c in shown(text)
        )

    def line(
        self, text: str, size: float = 9.5, bold: bool = False, gap: float = 1.0, alarming: bool = False
    ) -> None:
        """A paragraph, and a gap in mm after it."""
        page = self._page
        page.set_font("text", "B" if bold else "", size)
        page.set_text_color(*(RED if alarming else (0, 0, 0)))
        page.multi_cell(0, size * 0.5, self._drawn(text), new_x="LMARGIN", new_y="NEXT")
        page.set_text_color(0, 0, 0)
        page.ln(gap)

    def table(
        self, rows: list[tuple[str, ...]], widths: tuple[int, ...], align: str, heading: bool = True
    ) -> None:
        """Rows of cells; align: L or R for each column."""
        from fpdf.fonts import FontFace

        page = self._page
        page.set_font("text", "", 8)
        page.set_draw_color(190)
        page.set_line_width(0.15)
        with page.table(
            col_widths=widths,
            borders_layout="HORIZONTAL_LINES",
            first_row_as_headings=heading,
            headings_style=FontFace(emphasis="BOLD"),
            text_align=tuple("LEFT" if mark == "L" else "RIGHT" for mark in align),
            line_height=4.6,
        ) as table:
            for cells in rows:
                row = table.row()
                for cell in cells:
                    row.cell(self._drawn(cell))
        page.ln(3)

    def picture(self, png: bytes) -> None:
        """A picture as wide as the text."""
        self._page.image(io.BytesIO(png), w=self._page.epw)

    def keep_together(self, height_mm: float) -> None:
        """A new page where less room than this is left."""
        if self._page.will_page_break(height_mm):
            self._page.add_page()

    def content(self) -> bytes:
        """The document's bytes. The last call."""
        return bytes(self._page.output())
