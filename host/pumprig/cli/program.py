"""`pumprig program`: check, load, show, save and plot therapy programs.

Owns: the commands and the review before a commit.
Rules: a file with any fault sends nothing; a program is staged, read back, compared by hash, shown beside the old
one, agreed to, committed by that hash, and read back again.
Units: shown with units; JSON by the names' endings.
Leaves: files to therapy/, the review to review.py, staging and committing to the interface's Plan.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from pumprig import quantities, streams
from pumprig.api.rig import Rig
from pumprig.cli.delivery import commit
from pumprig.cli.options import Picture, to_stdout
from pumprig.cli.review import show_plan, table_of, warn
from pumprig.cli.settings import current, yes_option
from pumprig.errors import PumpError, UsageError
from pumprig.therapy import forecast
from pumprig.therapy import program as programs
from pumprig.therapy.program import Program
from pumprig.therapy.save import to_toml
from pumprig.wholefile import put

file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
text_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))


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
        settings.print(table_of([("", loaded, facts)], now_us))
        for row in facts["warnings"]:
            warn(settings, f"{row['key']}: {row['text']}")


@program.command()
@text_argument
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def new(file: Path, force: bool) -> None:
    """Write a commented program to FILE, to begin from; - is standard output. Every key stands in it."""
    settings = current()
    text = files("pumprig.therapy").joinpath("new.toml").read_text(encoding="utf-8")
    if to_stdout(file, settings.json):
        streams.write_bytes(text.encode())
        return
    if file.exists() and not force:
        raise PumpError(f"{file} exists.", "Nothing was written.", "Choose another name, or add --force.")
    try:
        put(file, text.encode())
    except OSError as error:
        raise PumpError(f"{file} cannot be written: {error.strerror}.", "Nothing was written.") from None
    settings.show(f"wrote {file}; edit it, then `pumprig program check {file}`")
    settings.document({"file": str(file)})


@program.command()
@file_argument
@click.option("--override", is_flag=True, help="Go beyond soft limits; it is logged.")
@click.option("--at", metavar="TIME", help="When it begins: ISO 8601, or from now like `+2 h`.")
@click.option(
    "--bridge",
    type=click.Choice(["auto"]),
    help="After a change of concentration: the line's volume at the rate that keeps the dose.",
)
@yes_option
def load(file: Path, override: bool, at: str | None, bridge: str | None, yes: bool) -> None:
    """Stage FILE, show it beside the active program, ask, commit, read back."""
    settings = current()
    now_us = quantities.now_utc_us()
    at_utc_s = -(-_instant(at, now_us) // 1_000_000) if at else 0
    new = programs.load(file, at_utc_s * 1_000_000 or now_us)
    settings.consent(yes)
    with settings.changing() as rig:
        plan = rig.propose(new, at=quantities.moment(at_utc_s * 1_000_000), bridge=bridge)
        show_plan(settings, plan)
        after = commit(settings, plan, override, yes).document()
    new = plan.program
    told = {**plan.forecast, "status": after}
    if at_utc_s:
        begins = quantities.local_text(at_utc_s * 1_000_000)
        settings.show(f"{new.name} ({new.mode}, hash {new.hash}) waits and begins at {begins}")
        settings.say("a stop, or another commit, gives it up")
        settings.document(told)
        return
    settings.show(
        f"{after['state']}: {new.name} ({new.mode}), {quantities.rate_text(after['rate_nl_per_h'])}, hash {new.hash}"
    )
    settings.document(told)


def _instant(text: str, now_us: int) -> int:
    """`+2 h` from now, or an ISO 8601 time, that is still to come. Raises UsageError."""
    if text.startswith("+"):
        return now_us + quantities.parse(text[1:], "time", "--at") * 1000
    at_us = quantities.parse_instant(text, "--at", now_us)
    if at_us <= now_us:
        raise UsageError(f"--at {text} has passed.", "Nothing was sent.", "Name a time to come.")
    return at_us


def _needed(rig: Rig) -> Program:
    found = rig.program()
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
    with settings.rig() as rig:
        later = rig.waiting_program()
        found = _needed(rig) if later is None else rig.program()
        begins = rig.status().document()["waiting"]
    now_us = quantities.now_utc_us()
    columns = [("now", found, forecast.check(found, now_us))] if found else []
    if later is not None:
        columns.append(("waits", later, forecast.check(later, now_us)))
    told: dict[str, Any] = (
        {**columns[0][2], "text": found.text, "toml": to_toml(found.document)} if found else {}
    )
    if later is not None:
        told["waiting"] = {"text": later.text, "toml": to_toml(later.document), **(begins or {})}
    settings.document(told)
    if not settings.json:
        settings.print(table_of(columns, now_us))
        for _heading, program, _facts in columns:
            settings.show_text("\n" + to_toml(program.document))


@program.command()
@yes_option
def withdraw(yes: bool) -> None:
    """Give up the program that waits for its time; the active one goes on."""
    settings = current()
    settings.consent(yes)
    with settings.changing() as rig:
        settings.ask(yes, "Give up the program that waits?")
        rig.withdraw()
    settings.show("the program that waited will not begin")
    settings.document({"withdrawn": True})


@program.command()
@text_argument
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def save(file: Path, force: bool) -> None:
    """Write the active program to FILE, or to standard output where FILE is -; loading it gives the same program."""
    settings = current()
    piped = to_stdout(file, settings.json)
    if not piped and file.exists() and not force:
        raise PumpError(f"{file} exists.", "Nothing was written.", "Choose another name, or add --force.")
    with settings.rig() as rig:
        found = _needed(rig)
    if piped:
        streams.write_bytes(to_toml(found.document).encode())
        return
    try:
        put(file, to_toml(found.document).encode())
    except OSError as error:
        raise PumpError(f"{file} cannot be written: {error.strerror}.", "Nothing was written.") from None
    settings.show(f"wrote {file} ({found.name}, hash {found.hash})")
    settings.document({"file": str(file), "name": found.name, "hash": found.hash})


@program.command()
@file_argument
@click.option("-o", "--output", type=Picture(), help="The picture as .svg, .png or .pdf; default FILE.svg.")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 366))
def plot(file: Path, output: Path | None, days: int) -> None:
    """Draw the coming days of the program in FILE. Sends nothing."""
    from pumprig.therapy.plot import plot as draw

    settings = current()
    loaded = programs.load(file)
    target = output or file.with_suffix(".svg")
    try:
        draw(loaded, target, quantities.now_utc_us(), days)
    except OSError as error:
        raise PumpError(
            f"{target} cannot be written: {error.strerror}.", "No picture was made.", "Name another with -o."
        ) from None
    settings.show(f"wrote {target}")
    settings.document({"file": str(target), "name": loaded.name, "hash": loaded.hash, "days": days})
