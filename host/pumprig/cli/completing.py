"""What the shell offers for an argument: ports, calibrations, events.

Owns: the three lists.
Rules: quick, and silent: nothing is asked of a port; where a list cannot be made, nothing is offered.
Units: none.
Leaves: completing itself to click.
"""

from __future__ import annotations

from contextlib import suppress

import click
from click.shell_completion import CompletionItem


def _fitting(rows: list[tuple[str, str]], begun: str) -> list[CompletionItem]:
    return [CompletionItem(name, help=text) for name, text in rows if name.startswith(begun)]


def ports(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The serial ports of this computer, and the private simulated rig."""
    rows = [("sim", "the private simulated rig")]
    with suppress(Exception):
        from pumprig.rig.discovery import found

        rows += [(row.device, row.description) for row in found()]
    return _fitting(rows, begun)


def calibrations(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The numbers of the calibrations that are kept here."""
    rows: list[tuple[str, str]] = []
    with suppress(Exception):
        from pumprig.calibration import register

        rows = [(str(row.id), str(row.content.get("made_at", ""))) for row in register.records()]
    return _fitting(rows, begun)


def events(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The names of the log's events."""
    from pumpwire import records

    return _fitting([(name, "") for name in records.EVENTS], begun)
