"""`pumprig study`: many rehearsals, and what they say together.

Owns: the commands `study FILE`, `study report`, `study show`.
Rules: a study that was broken off goes on where it was; one that is complete does nothing; the file of a study and its
programs are copied into its folder, so that `report` and `show` need the folder alone.
Units: runs are numbered from 0.
Leaves: everything else to pumprig.study.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import click

from pumprig import quantities
from pumprig.cli.log import progress_of
from pumprig.cli.settings import Settings, current
from pumprig.errors import PumpError, UsageError

COPY = "study.toml"


class _Group(click.Group):
    """`study FILE` beside `study report` and `study show`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["run", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_Group, subcommand_metavar="FILE -o DIR | report DIR | show DIR RUN")
def study() -> None:
    """Run many rehearsals with drawn seeds, faults and heads; say what they tell together."""


@study.command("run")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The study's folder.",
)
@click.option("--engine", default="local", show_default=True, help="serial, local or dask:ADDRESS.")
@click.option(
    "--workers", type=click.IntRange(1), help="Of the engine local; as many as there are processors."
)
def run_(file: Path, output: Path, engine: str, workers: int | None) -> None:
    """Run the study FILE into the folder DIR; go on where it was broken off."""
    from pumprig.study import engine as engines
    from pumprig.study import plan
    from pumprig.study.results import Results

    settings = current()
    planned = plan.load(file)
    if engine not in ("serial", "local") and not engine.startswith("dask:"):
        raise UsageError(
            f"--engine {engine}: not known.", "Nothing was run.", "serial, local or dask:ADDRESS."
        )
    with Results(output) as kept:
        _keep_file(planned, output)
        with progress_of(settings, f"{planned.name}: runs") as progress:
            made = engines.execute(planned, kept, engine, workers or os.cpu_count() or 1, progress)
    settings.say(f"{quantities.counted(made, 'run')} made into {output}")
    _tell(settings, planned, output)


def _keep_file(planned: Any, folder: Path) -> None:
    """Where the study came from, and a copy for when that is gone."""
    source = planned.path.resolve()
    (folder / "source").write_text(str(source), encoding="utf-8")
    if source != (folder / COPY).resolve():
        shutil.copyfile(source, folder / COPY)


def _study_of(folder: Path) -> Any:
    """The study of a folder, as it was run. Raises PumpError."""
    from pumprig.study import plan

    try:
        source = Path((folder / "source").read_text(encoding="utf-8"))
    except OSError:
        raise PumpError(
            f"{folder} is no study's folder.", "Nothing was read.", "`pumprig study FILE -o DIR` makes one."
        ) from None
    if source.exists():
        return plan.load(source)
    return plan.load(folder / COPY, folder / "programs")


def _tell(settings: Settings, planned: Any, folder: Path) -> dict[str, Any]:
    from pumprig.study import report

    told = report.document(planned, folder)
    (folder / "report.html").write_text(report.page(planned, folder, told), encoding="utf-8")
    settings.document(told)
    if settings.json:
        return told
    settings.show(f"{told['name']}: {told['runs']} of {told['planned']} runs, {told['failed']} failed")
    for row in told["figures"]:
        mean = report.shown(row["mean"], row["se"])
        spread = " .. ".join(report.shown(row[name], row["se" + name[1:]]) for name in ("q05", "q50", "q95"))
        se = f" ± {report.shown(row['se'], row['se'])}" if row["se"] else ""
        settings.show(f"  {row['name']}: {mean}{se}   5 %, median, 95 %: {spread}")
    for row in told["alarms"]:
        if row["runs"]:
            settings.show(
                f"  alarm {report.labelled(row['name'], row['program'])} in {row['runs']} of {row['of']} runs"
                f" ({row['lower95']:.2%} to {row['upper95']:.2%})"
            )
    settings.show(f"  page: {folder / 'report.html'}")
    return told


@study.command("report")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def report_(folder: Path) -> int:
    """What the runs in DIR say together; writes DIR/report.html."""
    told = _tell(current(), _study_of(folder), folder)
    return 0 if told["runs"] else 1


@study.command("show")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.argument("run", type=click.IntRange(0))
def show_(folder: Path, run: int) -> None:
    """Print the one command that repeats a run of DIR."""
    from pumprig.study import report, results

    settings = current()
    planned = _study_of(folder)
    if run >= planned.total:
        raise UsageError(f"There is no run {run}.", "", f"The study has the runs 0 to {planned.total - 1}.")
    kept = results.read(folder).get(planned.run(run).key, {})
    line = {**kept, "run": run}
    command, events = report.repeat(planned, folder, line)
    if events:
        path = report.events_file(folder, run)
        path.parent.mkdir(exist_ok=True)
        path.write_text(events, encoding="utf-8")
    settings.document({"run": run, "command": command, "events": events, "result": kept or None})
    settings.show(command)
    if not kept:
        settings.say("this run has no result yet")
