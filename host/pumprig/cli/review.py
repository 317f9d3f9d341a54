"""The review before a commit, as people see it: the active and the new program side by side.

Owns: the table and its marks.
Rules: a row that differs is marked in words, so that it shows without colour; fits 80 columns for programs of ordinary
length.
Units: shown with units.
Leaves: the rows to therapy/review.py, asking and committing to its callers.
"""

from __future__ import annotations

from typing import Any

from pumprig.api.plan import Plan
from pumprig.cli.settings import Settings
from pumprig.terminal import painted
from pumprig.therapy.program import Program
from pumprig.therapy.review import rows_of, side_by_side


def show_plan(settings: Settings, plan: Plan) -> None:
    """Print old and new side by side on stderr, then every warning."""
    if not settings.json and not settings.quiet:
        now = [("now", plan.active, plan.active_forecast)] if plan.active and plan.active_forecast else []
        columns = [*now, ("new", plan.program, plan.forecast)]
        settings.console(stderr=True).print(table_of(columns, plan.made_utc_us))
    for text in plan.warnings:
        warn(settings, text)
    settings.say(f"staged, not yet in force: {plan.program.name} (hash {plan.program.hash})")


def warn(settings: Settings, text: str) -> None:
    """One warning on its own line."""
    settings.say(painted("warning:", fg="yellow"), f" {text}")


def table_of(columns: list[tuple[str, Program, dict[str, Any]]], now_us: int) -> Any:
    """Programs side by side; with two of them, `*` marks the rows that differ."""
    from rich.table import Table

    several = len(columns) > 1
    table = Table(box=None, show_header=several, header_style="bold", padding=(0, 2, 0, 0))
    if several:
        table.add_column("", width=1, style="bold")
    table.add_column("", style="dim", no_wrap=True)
    for heading, _program, _facts in columns:
        table.add_column(heading, overflow="fold")
    for name, cells in side_by_side(
        [rows_of(program, facts, now_us) for _heading, program, facts in columns]
    ):
        differs = len(set(cells)) > 1
        mark = ["*" if differs else ""] if several else []
        table.add_row(*mark, name, *cells, style="bold" if differs else None)
    return table
