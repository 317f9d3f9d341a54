"""The review before a commit, as people see it: the active and the new program side by side.

Owns: the table and its marks.
Rules: a row that differs is marked in words, so that it shows without colour; fits 80 columns for programs of ordinary
length, and the window's height: a high one shows all rows.
Units: shown with units.
Leaves: the rows to therapy/review.py, asking and committing to its callers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pumprig.api.plan import Plan
from pumprig.cli.settings import Settings
from pumprig.terminal import painted
from pumprig.therapy.program import Program
from pumprig.therapy.review import rows_of, side_by_side

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

REST_LINES = 5  # what is said of the plan below its table, the question, the line for typing, the status line


def show_plan(settings: Settings, plan: Plan) -> None:
    """Print old and new side by side on stderr, then every warning."""
    if not settings.json and not settings.quiet:
        now = [("now", plan.active, plan.active_forecast)] if plan.active and plan.active_forecast else []
        columns = [*now, ("new", plan.program, plan.forecast)]
        console = settings.console(stderr=True)
        lines = sum(len(text) // console.width + 1 for text in plan.warnings) + REST_LINES
        table, same = _fitting(console, columns, plan.made_utc_us, console.height - lines)
        if table.row_count:
            settings.print(table, err=True)
        if same:
            settings.say(f"not shown, for they are the same now and new: {same} rows")
    for text in plan.warnings:
        warn(settings, text)
    settings.say(f"staged, not yet in force: {plan.program.name} (hash {plan.program.hash})")


def _fitting(
    console: Console, columns: list[tuple[str, Program, dict[str, Any]]], now_us: int, room: int
) -> tuple[Table, int]:
    """The table as a window of this height shows it: with its heads, and of two programs what differs alone.

    And how many rows are left out.
    """
    whole = table_of(columns, now_us)
    if not console.is_terminal or len(columns) < 2 or _height(console, whole) <= room:
        return whole, 0
    table = table_of(columns, now_us, whole=False)
    table.show_footer = _height(console, table) > room  # the heads once more, where they are in sight
    return table, whole.row_count - table.row_count


def _height(console: Console, table: Any) -> int:
    return len(console.render_lines(table))


def warn(settings: Settings, text: str) -> None:
    """One warning on its own line."""
    settings.say(painted("warning:", fg="yellow"), f" {text}")


def table_of(columns: list[tuple[str, Program, dict[str, Any]]], now_us: int, whole: bool = True) -> Table:
    """Programs side by side; with two of them, `*` marks the rows that differ; or, not whole, these alone."""
    from rich.table import Table

    several = len(columns) > 1
    table = Table(box=None, show_header=several, header_style="bold", padding=(0, 2, 0, 0))
    if several:
        table.add_column("", width=1, style="bold")
    table.add_column("", style="dim", no_wrap=True)
    for heading, _program, _facts in columns:
        table.add_column(heading, heading, overflow="fold", footer_style="bold")
    for name, cells in side_by_side(
        [rows_of(program, facts, now_us) for _heading, program, facts in columns]
    ):
        differs = len(set(cells)) > 1
        if not differs and not whole:
            continue
        mark = ["*" if differs else ""] if several else []
        table.add_row(*mark, name, *cells, style="bold" if differs else None)
    return table
