"""`pumprig log`: pull, show, export, verify and total the delivery log.

Owns: the commands.
Rules: a pull stores verified records only and can be repeated or killed at any time; what is not in the store is
not made up.
Callers: the command table.
Units: shown with units; JSON and files by the names' endings.
Leaves: the store to store/, fetching to pull.py.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from pumpwire import spec

from pumprig import quantities
from pumprig.cli.connect import pulling, store_read, tell
from pumprig.cli.settings import Settings, current
from pumprig.errors import PumpError, UsageError
from pumprig.rig.pull import Pulled, pull
from pumprig.store import Store, ledger
from pumprig.store.export import FORMATS, export, row_of
from pumprig.store.totals import Total, total
from pumprig.store.verify import Verdict, verify

device_option = click.option("--device", metavar="ID", help="A device's id, where the store holds several.")
from_option = click.option("--from", "from_", metavar="TIME", help="ISO 8601, or how long ago: `2 d`.")
to_option = click.option("--to", metavar="TIME", help="ISO 8601, or how long ago: `2 d`.")


@click.group()
def log() -> None:
    """The delivery log."""


@contextmanager
def progress_of(settings: Settings, what: str) -> Generator[Any]:
    """A function progress(done, of) that draws a bar on stderr, where stderr is a terminal."""
    if settings.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=settings.console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def progress(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        yield progress


@log.command("pull")
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C, taking records as they appear.")
@click.option("--interval", default="2 s", show_default=True, help="With --follow: time between looks.")
def pull_(follow: bool, interval: str) -> None:
    """Fetch what is not stored yet, verified, into the store."""
    settings = current()
    pause_s = quantities.parse(interval, "time", "--interval") / 1000
    with pulling(settings) as (client, store):
        with progress_of(settings, "pulling") as progress:
            result = pull(client, store, progress)
        _pulled(settings, store, result, follow)
        while follow:
            time.sleep(pause_s)
            _pulled(settings, store, pull(client, store), follow)


def _pulled(settings: Settings, store: Store, result: Pulled, follow: bool) -> None:
    tell(settings, result.settled)
    if result.gap:
        settings.say(
            f"warning: records {result.gap[0]} to {result.gap[1]} were overwritten on the rig before they were pulled"
        )
    if result.other_calibration is not None:
        settings.say(
            f"warning: the store has other figures for calibration {result.other_calibration} than the rig: one was "
            "edited, or the number was used twice; volumes delivered with it cannot be trusted"
        )
    if follow:
        calibrations = store.calibrations(result.device_id)
        if result.new:
            for record in ledger.read(store, result.device_id, last=result.new):
                settings.document(row_of(result.device_id, record, calibrations))
                settings.show(_line(record))
        return
    settings.show(
        f"{result.new} new records; the store holds {result.device_id} up to record {result.log_next - 1}"
    )
    settings.document({**asdict(result), "database": str(store.path)})


def device_of(store: Store, chosen: str | None) -> str:
    """The device that is meant. Raises UsageError where that is not clear."""
    known = store.devices()
    if chosen:
        fitting = [device for device in known if device.startswith(chosen)]
        if len(fitting) == 1:
            return fitting[0]
        raise UsageError(
            f"No one device in the store begins with '{chosen}'.",
            "",
            "Stored: " + (", ".join(known) or "none"),
        )
    if len(known) == 1:
        return known[0]
    if not known:
        raise PumpError(
            f"The store {store.path} is empty.", "Nothing was read.", "`pumprig log pull` fills it."
        )
    raise UsageError(
        "The store holds several devices.", "Nothing was read.", "Name one: --device " + ", ".join(known)
    )


def span_of(from_: str | None, to: str | None) -> tuple[int | None, int | None]:
    """The two options as microseconds UTC. Raises UsageError."""
    now_us = quantities.now_utc_us()
    first = quantities.parse_instant(from_, "--from", now_us) if from_ else None
    last = quantities.parse_instant(to, "--to", now_us) if to else None
    if first is not None and last is not None and first >= last:
        raise UsageError("--from is not before --to.", "Nothing was read.")
    return first, last


@log.command("show")
@device_option
@from_option
@to_option
@click.option("--event", "events", multiple=True, help="Only this event; may be repeated.")
@click.option("-n", "--last", type=click.IntRange(1), help="Only the newest so many; without any limit, 40.")
def show(
    device: str | None, from_: str | None, to: str | None, events: tuple[str, ...], last: int | None
) -> None:
    """Show stored records."""
    settings = current()
    from_us, to_us = span_of(from_, to)
    if last is None and not (from_ or to or settings.json):
        last = 40
    with store_read(settings) as store:
        chosen = device_of(store, device)
        calibrations = store.calibrations(chosen)
        for record in ledger.read(store, chosen, from_us, to_us, events, last):
            settings.document(row_of(chosen, record, calibrations))
            settings.show(_line(record))


def _line(record: ledger.Record) -> str:
    when = (quantities.iso(record.at_utc_us) or f"boot {record.boot} + {record.mono_us / 1e6:.1f} s")[:19]
    when = when.replace("T", " ")
    return f"{record.number:7d}  {when:20}  {record.net_steps:10d} steps  {record.event:14} {record.text}"


@log.command("export")
@device_option
@from_option
@to_option
@click.option("--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
def export_(device: str | None, from_: str | None, to: str | None, form: str, output: Path) -> None:
    """Write stored records to a file."""
    settings = current()
    from_us, to_us = span_of(from_, to)
    with store_read(settings) as store:
        chosen = device_of(store, device)
        calibrations = store.calibrations(chosen)
        rows = (row_of(chosen, record, calibrations) for record in ledger.read(store, chosen, from_us, to_us))
        count = export(rows, form, output)
    settings.show(f"wrote {count} records to {output}")
    settings.document({"file": str(output), "format": form, "records": count})


@log.command("verify")
@device_option
def verify_(device: str | None) -> None:
    """Check every stored record's seal, chain, number and columns."""
    settings = current()
    with store_read(settings) as store:
        verdict = verify(store, device_of(store, device))
    for first, last in verdict.gaps:
        settings.show(f"gap: records {first} to {last} are missing")
    for number, what in verdict.faults:
        settings.show(f"record {number}: {what}")
    told = f"{verdict.count} records, {verdict.first} to {verdict.last}"
    if verdict.faults:
        raise VerifyError(
            verdict,
            f"{told}: {len(verdict.faults)} faults.",
            "This store was edited or damaged; the rig's log is the original.",
        )
    if verdict.gaps:
        raise VerifyError(
            verdict,
            f"{told}: every seal and every link is right, but for {len(verdict.gaps)} gaps.",
            "`pumprig log pull` brings what the rig still holds.",
        )
    settings.document({**asdict(verdict), "verified": verdict.verified})
    settings.show(f"{told}: every seal and every link of the chain is right")


class VerifyError(PumpError):
    """The store is not what the rig sealed; `details()` are the findings."""

    def __init__(self, verdict: Verdict, happened: str, next_step: str) -> None:
        super().__init__(happened, "Nothing was changed.", next_step)
        self._verdict = verdict

    def details(self) -> dict[str, object]:
        return {**asdict(self._verdict), "verified": self._verdict.verified}


@log.command("total")
@device_option
@from_option
@to_option
def total_(device: str | None, from_: str | None, to: str | None) -> None:
    """Volume delivered between two instants, from counted steps, with its uncertainty (k = 2)."""
    settings = current()
    from_us, to_us = span_of(from_, to)
    with store_read(settings) as store:
        result = total(store, device_of(store, device), from_us, to_us)
    settings.document(total_document(result))
    if not settings.json:
        _show_total(settings, result)


def total_document(result: Total) -> dict[str, Any]:
    """A total as JSON."""
    return {
        "device_id": result.device_id,
        "from": quantities.iso(result.first.at_utc_us),
        "to": quantities.iso(result.last.at_utc_us),
        "from_record": result.first.number,
        "to_record": result.last.number,
        "delivered_steps": result.steps,
        "delivered_nl": result.volume_nl,
        "u_delivered_nl": result.u_nl,
        "by_kind_steps": result.by_kind_steps,
        "by_kind_nl": result.by_kind_nl,
        "assumed_steps": result.assumed_steps,
        "by_calibration": [asdict(part) for part in result.parts],
    }


def _show_total(settings: Settings, result: Total) -> None:
    start, end = quantities.local_text(result.first.at_utc_us), quantities.local_text(result.last.at_utc_us)
    settings.show(
        f"{result.device_id}, records {result.first.number} to {result.last.number} ({start} to {end})"
    )
    if result.volume_nl is None:
        settings.show(
            f"{result.steps} steps; a calibration in use then is not known here, so that no volume is stated"
        )
        return
    volume = quantities.volume_with_u(result.volume_nl, result.u_nl or 0)
    settings.show(f"delivered {volume} (k = 2), {result.steps} steps")
    for kind in spec.KINDS:
        steps = result.by_kind_steps[kind]
        if steps and result.by_kind_nl:
            settings.show(
                f"  {kind:12} {quantities.volume_text(result.by_kind_nl[kind]):>12}  {steps:10d} steps"
            )
    for part in result.parts:
        if part.volume_nl is not None and part.steps:
            settings.show(f"  calibration {part.calibration_id}: {quantities.volume_text(part.volume_nl)}")
    if result.assumed_steps:
        settings.show(
            f"  besides, {result.assumed_steps} steps were taken as delivered at power losses without being counted"
        )
