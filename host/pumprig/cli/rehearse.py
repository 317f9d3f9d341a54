"""`pumprig rehearse`: a program on the simulated rig in virtual time, as fast as it goes.

Owns: the command, and handing program and events to the simulator's program.
Rules: every fault of either file is told before anything starts; the same files, events and seed give the same
output but for `wall_s`; with -o the log goes, verified, into a database of its own.
Units: times with units; JSON by the names' endings.
Leaves: the run to rigsim, files to therapy/, records to store/.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from pumprig import quantities, rehearsal
from pumprig.cli.log import progress_of
from pumprig.cli.options import OutputFile
from pumprig.cli.settings import Settings, current
from pumprig.delivered import delivery_lines
from pumprig.errors import PumpError, StoreError, UsageError
from pumprig.rig.refusals import numbers_text
from pumprig.store.given import Delivery
from pumprig.therapy import events as event_files
from pumprig.therapy import program as programs

START = "2026-01-01T00:00:00Z"
MOST_SHOWN = 10


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--for", "for_", required=True, metavar="TIME", help="Simulated time, for example `90 d`.")
@click.option("--events", type=click.Path(dir_okay=False, path_type=Path), help="Timed events as TOML.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Which simulated rig.")
@click.option("--start", default=START, show_default=True, help="The simulated start, ISO 8601.")
@click.option("--slow", is_flag=True, help="Run every tick, also those that provably do nothing.")
@click.option(
    "--set",
    "changed",
    metavar="NAME=VALUE",
    multiple=True,
    help="Change the simulated rig: head.NAME a dimension of its pump head, rig.NAME what its seed would draw.",
)
@click.option("-o", "--output", type=OutputFile(), help="A new database for the log.")
def rehearse(
    file: Path,
    for_: str,
    events: Path | None,
    seed: int,
    start: str,
    slow: bool,
    changed: tuple[str, ...],
    output: Path | None,
) -> None:
    """Run the program FILE on the simulated rig in virtual time, with timed events."""
    settings = current()
    start_us = quantities.parse_instant(start, "--start", quantities.now_utc_us())
    loaded = programs.load(file, start_us)
    listed = event_files.load(events, start_us) if events else []
    if output is not None and output.exists():
        raise PumpError(f"{output} exists.", "Nothing was run.", "Name a new database with -o.")
    for_ms = quantities.parse(for_, "time", "--for")
    if not for_ms:
        raise UsageError("--for: no time to rehearse.", "Nothing was run.")
    late = sum(int(row["at_ms"]) > for_ms for row in listed)
    if late:
        settings.say(f"warning: {late} of {len(listed)} events lie beyond --for and do not happen")
    request = rehearsal.request(
        loaded, for_ms, events=listed, seed=seed, start_utc_us=start_us, slow=slow, **_changes(changed)
    )
    with tempfile.TemporaryDirectory(prefix="pumprig-") as folder:
        records = Path(folder) / "records.txt"
        if output is not None:
            request["records"] = str(records)
        with progress_of(settings, "rehearsing") as progress:
            report = rehearsal.run(request, progress)
        if output is not None:
            _keep(settings, output, request, report)
    settings.document(report)
    if not settings.json:
        _show(settings, report)
    if not report["log_verified"]:
        raise PumpError(
            "The simulated rig's log does not verify.",
            "",
            "This is a fault of the firmware; please report it.",
        )


def _changes(changed: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """`head.NAME=VALUE` and `rig.NAME=VALUE` -> what `rehearsal.request` takes. Raises UsageError."""
    found: dict[str, dict[str, Any]] = {"head": {}, "truth": {}}
    for text in changed:
        name, equals, value = text.partition("=")
        kind, dot, field = name.partition(".")
        if not equals or not dot or kind not in ("head", "rig") or not value:
            raise UsageError(
                f"--set {text}: not understood.",
                "Nothing was run.",
                "Like --set head.occlusion=0.2 or --set rig.load_mnm=12.",
            )
        try:
            found["head" if kind == "head" else "truth"][field] = (
                value if name == "head.name" else float(value)
            )
        except ValueError:
            raise UsageError(f"--set {text}: {value} is no number.", "Nothing was run.") from None
    return found


def _keep(settings: Settings, output: Path, request: dict[str, Any], report: dict[str, Any]) -> None:
    """The records into a database. Raises StoreError: then a person still sees what the run has shown."""
    try:
        rehearsal.keep(output, request, report)
    except StoreError:
        if not settings.json:
            _show(settings, report)
        raise
    settings.acts()


def _show(settings: Settings, report: dict[str, Any]) -> None:
    volume = quantities.volume_text
    simulated = quantities.duration_text(report["simulated_s"] * 1000)
    settings.show(
        f"{report['program_name']}: {simulated} simulated in {report['wall_s']:.1f} s (seed {report['seed']})"
    )
    off = report["true_nl"] - report["delivered_nl"]
    for line in delivery_lines(Delivery.of(report)):
        settings.show(f"  {line}")
    settings.show(
        f"  delivered (counted) {volume(report['delivered_nl'])}, commanded {volume(report['commanded_nl'])}"
    )
    settings.show(
        f"  simulated fluid     {volume(report['true_nl'])} ({off / max(1, report['delivered_nl']):+.2%})"
    )
    for kind, value in report["by_kind"].items():
        if value:
            settings.show(f"    {kind:12} {volume(value):>12}")
    demand = report["demand"]
    if demand["asked"]:
        settings.show(
            f"  demand boluses: {demand['asked']} asked, {demand['given']} given, {demand['refused']} refused"
        )
    for row in report["refused"][:MOST_SHOWN]:
        told = "; ".join(text for text in (row["why"], numbers_text(row["numbers"])) if text)
        settings.show(f"  refused: {row['verb']} at {row['at']} ({told})")
    if len(report["refused"]) > MOST_SHOWN:
        settings.show(f"  and {len(report['refused']) - MOST_SHOWN} more refusals; --json has them")
    settings.show(f"  reservoir {volume(report['reservoir_nl'])} after {report['refills']} refills")
    for alarm in report["alarms"]:
        settings.show(
            f"  alarm {alarm['name']} ({alarm['priority']}) at {alarm['at']}, cleared {alarm['cleared_at'] or 'never'}"
        )
    settings.show(
        f"  log: {report['log_records']} records, {'verified' if report['log_verified'] else 'NOT verified'}"
    )
