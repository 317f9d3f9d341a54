"""The console of rich, on which nothing that is shown is interpreted.

Owns: the one console of the tool.
Rules: strings are text: no markup, no emoji codes, no highlighting; every segment passes `shown` on its way out, so
that a control character can come from rich's own styles alone.
Units: none.
Leaves: what a character looks like to shown.py.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from pumprig.shown import shown, shown_lines

ENDLESS = 10_000


def styled(text: str, style: str) -> Text:
    """A cell in a style."""
    return Text(shown(text), style=style)


class PlainConsole(Console):
    """Draws tables and bars; takes no text for markup."""

    def __init__(self, stderr: bool = False, **more: Any) -> None:
        dull = "NO_COLOR" in os.environ or None
        super().__init__(stderr=stderr, no_color=dull, highlight=False, markup=False, emoji=False, **more)
        if not self.is_terminal and "width" not in more:
            self.width = ENDLESS  # a row is a line for whoever reads it: grep, a file, a script

    def render_str(self, text: str, **more: Any) -> Text:
        """A table's cell or a title: one line."""
        return super().render_str(shown(text), **more)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is about to be written, whoever made it."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else shown_lines(text), style, control)

    def on_broken_pipe(self) -> None:
        """Whoever draws is told; rich would end the process, whatever is under way, with a code of its own."""
        raise BrokenPipeError(errno.EPIPE, "standard output is closed")
