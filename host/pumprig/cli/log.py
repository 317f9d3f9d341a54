"""`pumprig log`: pull, show, export, verify and total the delivery log.

Owns: the commands.
Rules: a pull stores verified records only and can be repeated or killed at any time; what is not in the store is
not made up.
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
from pumpwire import records

from pumprig import quantities, streams
from pumprig.cli import completing
from pumprig.cli.options import output_option, to_stdout
from pumprig.cli.settings import Settings, current
from pumprig.cli.stored import (
    VerifyError,
    anyway_option,
    believed,
    device_of,
    device_option,
    from_option,
    span_of,
    summary,
    to_option,
)
from pumprig.cli.total import show_total, total_document
from pumprig.errors import PumpError
from pumprig.rig.pull import Pulled
from pumprig.store import Store, ledger
from pumprig.store.export import FORMATS, Rows, export, form_of, plain
from pumprig.store.given import delivery_of
from pumprig.store.totals import total
from pumprig.store.verify import verify
from pumprig.worded import words_of


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
    with (
        streams.SIGN.away(),
        Progress(*columns, console=settings.console(stderr=True), transient=True) as bar,
    ):
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
    with settings.changing() as rig, settings.store() as store:
        with progress_of(settings, "pulling") as progress:
            result = rig.pull(progress)
        _pulled(settings, store, result, follow)
        if follow:
            last = result.log_next - 1
            settings.say(f"{result.device_id}: stored up to record {last}; takes what comes, until Ctrl-C")
        while follow and not streams.reader_has_left():
            time.sleep(pause_s)
            _pulled(settings, store, rig.pull(), follow)


def _pulled(settings: Settings, store: Store, result: Pulled, follow: bool) -> None:
    settings.tell(result.settled)
    if result.gap:
        settings.say(
            f"warning: records {result.gap[0]} to {result.gap[1]} were overwritten on the rig before they were pulled"
        )
    if result.store_note:
        settings.say(f"warning: {result.store_note}")
    if result.other_calibration is not None:
        settings.say(
            f"warning: the store has other figures for calibration {result.other_calibration} than the rig: one was "
            "edited, or the number was used twice; volumes delivered with it cannot be trusted"
        )
    if follow:
        if result.new:
            rows = Rows(store, result.device_id)
            for record in ledger.read(store, result.device_id, last=result.new):
                settings.document(plain(rows.of(record)) if settings.json else None)
                settings.show(_line(record, rows))
            streams.flush()
        return
    settings.show(
        f"{result.new} new records; the store holds {result.device_id} up to record {result.log_next - 1}"
    )
    settings.document({**asdict(result), "database": str(store.path)})


@log.command("show")
@device_option
@from_option
@to_option
@click.option(
    "--event",
    "events",
    multiple=True,
    help="Only this event; may be repeated.",
    shell_complete=completing.events,
)
@click.option("-n", "--last", type=click.IntRange(1), help="Only the newest so many; without any limit, 40.")
def show(
    device: str | None, from_: str | None, to: str | None, events: tuple[str, ...], last: int | None
) -> None:
    """Show stored records."""
    settings = current()
    from_us, to_us = span_of(from_, to)
    unknown = [name for name in events if name not in records.EVENTS]
    if unknown:
        raise PumpError(
            f"No record is ever of the event '{unknown[0]}'.",
            "Nothing was read.",
            "Events: " + ", ".join(sorted(name for name in records.EVENTS if name)) + ".",
        )
    if last is None and not (from_ or to or settings.json):
        last = 40
    with settings.store_read() as store:
        chosen = device_of(store, device)
        rows = Rows(store, chosen)
        shown = 0
        for record in ledger.read(store, chosen, from_us, to_us, events, last):
            shown += 1
            settings.document(plain(rows.of(record)) if settings.json else None)
            settings.show(_line(record, rows))
    if not shown:
        settings.say("no record of that kind in that time")


def _line(record: ledger.Record, rows: Rows) -> str:
    """A record as a person reads it: number, when, what had been delivered by then, what happened."""
    when = quantities.utc_text(record.at_utc_us or 0)
    if not record.at_utc_us:
        when = f"boot {record.boot} + {record.mono_us / 1e6:.1f} s"
    delivered_nl = rows.of(record)["delivered_nl"]
    steps = quantities.counted(record.net_steps, "step")
    delivered = steps if delivered_nl is None else quantities.volume_text(delivered_nl)
    words = words_of(record, rows.step_nl(record))
    return f"{record.number:7d}  {when:23}  {delivered:>11}  {record.event:14} {words}"


@log.command("export")
@device_option
@from_option
@to_option
@anyway_option
@click.option("--format", "form", type=click.Choice(FORMATS), help="Without it, by the file's suffix.")
@output_option("The file; - is standard output.")
def export_(
    device: str | None, from_: str | None, to: str | None, anyway: bool, form: str | None, output: Path
) -> None:
    """Write stored records to a file: CSV, JSON Lines or Parquet."""
    settings = current()
    from_us, to_us = span_of(from_, to)
    piped = to_stdout(output, settings.json)
    chosen_form = (form or "csv") if piped else form_of(form, output)
    with settings.store_read() as store:
        chosen = device_of(store, device)
        believed(settings, store, chosen, anyway)
        rows = Rows(store, chosen)
        every = (rows.of(record) for record in ledger.read(store, chosen, from_us, to_us))
        if piped:
            with streams.binary():
                count = export(every, chosen_form, None)
        else:
            count = export(every, chosen_form, output)
    settings.acts()
    if piped:
        settings.say(f"wrote {count} records")
    else:
        settings.show(f"wrote {count} records to {output}")
    settings.document({"file": str(output), "format": chosen_form, "records": count})


@log.command("verify")
@device_option
def verify_(device: str | None) -> None:
    """Check seals, chain, numbers, columns, hashes of programs and calibrations, and the end against the last pull."""
    settings = current()
    with settings.store_read() as store:
        verdict = verify(store, device_of(store, device))
    settings.finding = 0 if verdict.ok else 1
    if not settings.json:
        for first, last in verdict.gaps:
            settings.show(f"gap: records {first} to {last} are missing")
    if not verdict.ok:
        raise VerifyError(
            verdict,
            "Nothing was changed.",
            "This store was edited or damaged; the rig's log is the original. `log total`, `log export` and `report` "
            "refuse it, unless --anyway is given.",
            len(verdict.faults),
        )
    settings.document(verdict.document())
    settings.show(summary(verdict))


@log.command("total")
@device_option
@from_option
@to_option
@anyway_option
def total_(device: str | None, from_: str | None, to: str | None, anyway: bool) -> None:
    """Volume delivered between two instants, from counted steps, with its uncertainty (k = 2)."""
    settings = current()
    from_us, to_us = span_of(from_, to)
    with settings.store_read() as store:
        chosen = device_of(store, device)
        verdict = believed(settings, store, chosen, anyway)
        result = total(store, chosen, from_us, to_us)
        given = delivery_of(store, result)
    settings.document({**total_document(result, given), "verified": verdict.ok, "digest": verdict.digest})
    if not settings.json:
        show_total(settings, result, given)
