"""`pumprig report`: a self-contained HTML report.

Owns: the command.
Rules: reads the store; with a port named on the command line the log is pulled first; the file appears whole or
not at all.
Units: instants as ISO 8601 or ages.
Leaves: the page to report/.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from pumprig.cli.log import progress_of
from pumprig.cli.settings import current
from pumprig.cli.stored import (
    anyway_option,
    believed,
    device_of,
    device_option,
    from_option,
    span_of,
    to_option,
)
from pumprig.cli.total import total_document
from pumprig.delivered import delivery_lines
from pumprig.errors import PumpError
from pumprig.store import Store
from pumprig.store.given import delivery_of
from pumprig.store.totals import total
from pumprig.store.verify import Verdict


@click.command()
@device_option
@from_option
@to_option
@anyway_option
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
def report(device: str | None, from_: str | None, to: str | None, anyway: bool, output: Path) -> None:
    """Write a self-contained HTML report of the stored log."""
    settings = current()
    from_us, to_us = span_of(from_, to)
    if settings.port:
        with settings.changing() as rig, progress_of(settings, "pulling") as progress:
            device = device or rig.pull(progress).device_id
    with settings.store_read() as store:
        chosen = device_of(store, device)
        verdict = believed(settings, store, chosen, anyway)
        sums = total(store, chosen, from_us, to_us)
        given = delivery_of(store, sums)
        write(store, verdict, from_us, to_us, output)
    settings.acts()
    settings.show(f"wrote {output}")
    settings.show(delivery_lines(given)[0].rstrip(":"))
    told = {"file": str(output), **total_document(sums, given), "digest": verdict.digest}
    settings.document(told)


def write(store: Store, verdict: Verdict, from_us: int | None, to_us: int | None, output: Path) -> None:
    """Render and write the page. Raises PumpError."""
    from pumprig.report.page import render

    page = render(store, verdict, from_us, to_us)
    part = output.with_name(output.name + ".part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(page, encoding="utf-8")
        os.replace(part, output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise PumpError(f"{output} cannot be written: {error.strerror}.", "No report was made.") from None
