"""Kinds of options that several commands take: pictures, output files, finite numbers.

Owns: what is refused before a command does anything, because its result could not be kept.
Rules: a refused option exits 2 before anything is read, computed or sent.
Units: none.
Leaves: quantities with units to quantities.py.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from pumprig.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")

PICTURES = (".svg", ".png", ".pdf")


class NumberRange(click.FloatRange):
    """A finite number of a range; `nan` is below and above nothing, so click would let it pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number.", param, ctx)
        return number


class NewFile(click.Path):
    """A file that a command makes as it goes, and that standard output cannot be."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if str(value) == "-":
            self.fail("this goes into a file, not to standard output (a file named - is ./-).", param, ctx)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


class OutputFile(NewFile):
    """A file to be written, in a folder that is there and may be written to."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = super().convert(value, param, ctx)
        try:
            there = path.exists()
            with open(path, "ab"):
                pass
            if not there:
                path.unlink()
        except OSError as error:
            self.fail(f"{path} cannot be written: {error.strerror}.", param, ctx)
        return path


def output_option(told: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """`-o FILE`, or `-o -` for standard output, of a command that writes what it read."""
    return click.option(
        "-o",
        "--output",
        required=True,
        type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
        help=told,
    )


def to_stdout(output: Path, json: bool) -> bool:
    """Whether `-o` names standard output. Raises UsageError where --json wants it, too."""
    if str(output) != "-":
        return False
    if json:
        raise UsageError("The file - and --json both want standard output.", "Nothing was read.")
    return True


class Picture(OutputFile):
    """A picture to be drawn; its suffix chooses the format."""

    name = "picture"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if Path(value).suffix.lower() not in PICTURES:
            self.fail(f"{value}: pictures are {', '.join(PICTURES)}.", param, ctx)
        return super().convert(value, param, ctx)
