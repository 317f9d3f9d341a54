"""The options that say how somebody else's file is to be read, for every command that takes a weighing.

Owns: `--time --mass --unit --falling --every`, and their place in a command's help.
Rules: one set of names for all commands.
Units: `--every` is a time with its unit.
Leaves: columns, units and suggestions to calibration/columns.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from pumprig import quantities

if TYPE_CHECKING:
    from pumprig.calibration.columns import ReadAs

P = ParamSpec("P")
R = TypeVar("R")
MASS_UNITS = ("ug", "mg", "g", "kg")
UNITS = (
    *MASS_UNITS,
    "nl",
    "ul",
    "ml",
    "l",
    *(f"{v}/{t}" for v in ("nl", "ul", "ml", "l") for t in ("s", "min", "h")),
)


def reading_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add the options; the command gets one argument `how` for them."""

    @click.option(
        "--time",
        "time_column",
        default="",
        metavar="COLUMN",
        help="Column with the times, by name or number.",
    )
    @click.option("--mass", "mass_column", default="", metavar="COLUMN", help="Column with the readings.")
    @click.option(
        "--unit",
        type=click.Choice(UNITS),
        metavar="UNIT",
        help="mg, g or kg; for a column of volumes ul, ml; for a flow sensor nl/s, ul/min, ml/h and so on.",
    )
    @click.option(
        "--falling",
        is_flag=True,
        help="The source stands on the balance: its mass falls as the pump delivers.",
    )
    @click.option("--every", "every", metavar="TIME", help="Time between rows, where no column tells it.")
    @click.option(
        "--from", "start", metavar="TIME", help="Leave out what comes before, in time from the first row."
    )
    @click.option("--to", "end", metavar="TIME", help="Leave out what comes after.")
    @wraps(command)
    def with_options(
        *args: Any,
        time_column: str,
        mass_column: str,
        unit: str | None,
        falling: bool,
        every: str | None,
        start: str | None,
        end: str | None,
        **others: Any,
    ) -> R:
        return command(
            *args, how=_read_as(time_column, mass_column, unit, falling, every, (start, end)), **others
        )

    return with_options


def _read_as(
    time: str,
    mass: str,
    unit: str | None,
    falling: bool,
    every: str | None,
    part: tuple[str | None, str | None],
) -> ReadAs:
    from pumprig.calibration.columns import ReadAs
    from pumprig.errors import UsageError

    every_s = quantities.parse(every, "time", "--every") / 1000.0 if every else 0.0
    if (every is not None and every_s <= 0) or (every_s and time):
        raise UsageError("--every wants a time above zero, and no --time beside it.", "Nothing was computed.")
    names = ("--from", "--to")
    first, last = (
        quantities.parse(text, "time", name) / 1000.0 if text else 0.0
        for text, name in zip(part, names, strict=True)
    )
    if last and last <= first:
        raise UsageError("--to lies before --from.", "Nothing was computed.")
    return ReadAs(time, mass, unit or "", falling, every_s, first, last)
