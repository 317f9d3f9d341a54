"""`pumprig program`: check, load, show, save and plot therapy programs.

Owns: the commands and the review before a commit.
Rules: a file with any fault sends nothing; a program is staged, read back, compared by hash, shown beside the old
one, agreed to, committed by that hash, and read back again.
Callers: the command table.
Units: shown with units; JSON by the names' endings.
Leaves: files to therapy/, the review to review.py, the wire to client.py.
"""

from __future__ import annotations

from pathlib import Path

import click

from pumprig import quantities
from pumprig.cli.calibrated import warn_of_calibration
from pumprig.cli.connect import changing, reading
from pumprig.cli.delivery import active, commit_staged, staged_as
from pumprig.cli.review import show_review, table_of, warn
from pumprig.cli.settings import current, yes_option
from pumprig.client import Client
from pumprig.errors import PumpError
from pumprig.reading import read_status
from pumprig.therapy import forecast
from pumprig.therapy import program as programs
from pumprig.therapy.program import Program
from pumprig.therapy.save import to_toml

file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.group()
def program() -> None:
    """Therapy programs as TOML files."""


@program.command()
@file_argument
def check(file: Path) -> None:
    """Check FILE and show what follows from it. Sends nothing."""
    settings = current()
    loaded = programs.load(file)
    now_us = quantities.now_utc_us()
    facts = forecast.check(loaded, now_us)
    settings.document(facts)
    if not settings.json:
        settings.console().print(table_of([("", loaded, facts)], now_us))
        warn(settings, facts)


@program.command()
@file_argument
@click.option("--override", is_flag=True, help="Go beyond soft limits; it is logged.")
@yes_option
def load(file: Path, override: bool, yes: bool) -> None:
    """Stage FILE, show it beside the active program, ask, commit, read back."""
    settings = current()
    new = programs.load(file)
    settings.consent(yes)
    now_us = quantities.now_utc_us()
    with changing(settings) as client:
        old = active(client)
        staged_as(client, new)
        before = read_status(client)
        facts = show_review(settings, old, new, now_us, before["reservoir_nl"])
        warn_of_calibration(settings, before, new.document)
        commit_staged(settings, client, new.hash, override, yes)
        back = active(client)
        if back is None or back.hash != new.hash:
            raise PumpError("The rig does not run what was committed.", "", "Look at `pumprig program show`.")
        after = read_status(client)
    settings.show(
        f"{after['state']}: {new.name} ({new.mode}), {quantities.rate_text(after['rate_nl_per_h'])}, hash {new.hash}"
    )
    settings.document({**facts, "status": after})


def _needed(client: Client) -> Program:
    found = active(client)
    if found is None:
        raise PumpError(
            "No program is loaded.",
            "Nothing was shown.",
            "`pumprig program load FILE` or `pumprig rate RATE`.",
        )
    return found


@program.command()
def show() -> None:
    """The active program: what follows from it, and as TOML."""
    settings = current()
    with reading(settings) as client:
        found = _needed(client)
    now_us = quantities.now_utc_us()
    facts = forecast.check(found, now_us)
    settings.document({**facts, "text": found.text, "toml": to_toml(found.document)})
    if not settings.json:
        settings.console().print(table_of([("", found, facts)], now_us))
        settings.show("\n" + to_toml(found.document))


@program.command()
@file_argument
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def save(file: Path, force: bool) -> None:
    """Write the active program to FILE; loading it gives the same program."""
    settings = current()
    if file.exists() and not force:
        raise PumpError(f"{file} exists.", "Nothing was written.", "Choose another name, or add --force.")
    with reading(settings) as client:
        found = _needed(client)
    try:
        file.write_text(to_toml(found.document), encoding="utf-8")
    except OSError as error:
        raise PumpError(f"{file} cannot be written: {error.strerror}.", "Nothing was written.") from None
    settings.show(f"wrote {file} ({found.name}, hash {found.hash})")
    settings.document({"file": str(file), "name": found.name, "hash": found.hash})


@program.command()
@file_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="SVG, PNG or PDF; default FILE.svg.",
)
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 366))
def plot(file: Path, output: Path | None, days: int) -> None:
    """Draw the coming days of the program in FILE. Sends nothing."""
    from pumprig.therapy.plot import plot as draw

    settings = current()
    loaded = programs.load(file)
    target = output or file.with_suffix(".svg")
    try:
        draw(loaded, target, quantities.now_utc_us(), days)
    except (OSError, ValueError) as error:
        raise PumpError(
            f"{target} cannot be drawn: {error}.", "No picture was made.", "Use .svg, .png or .pdf."
        ) from None
    settings.show(f"wrote {target}")
    settings.document({"file": str(target), "name": loaded.name, "hash": loaded.hash, "days": days})
