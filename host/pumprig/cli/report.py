"""`pumprig report`: a self-contained report, HTML or PDF.

Owns: the command.
Rules: reads the store; with a port named on the command line the log is pulled first; the file appears whole or
not at all.
Units: instants as ISO 8601 or ages.
Leaves: the page to report/.
"""

from __future__ import annotations

from pathlib import Path

import click

from pumprig import streams
from pumprig.cli.log import progress_of
from pumprig.cli.options import output_option, to_stdout
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
from pumprig.errors import PumpError, UsageError
from pumprig.store import Store
from pumprig.store.given import delivery_of
from pumprig.store.totals import total
from pumprig.store.verify import Verdict
from pumprig.wholefile import put

SUFFIXES = (".html", ".htm", ".pdf")


@click.command()
@device_option
@from_option
@to_option
@anyway_option
@output_option("A file .html or .pdf; - is HTML on standard output.")
def report(device: str | None, from_: str | None, to: str | None, anyway: bool, output: Path) -> None:
    """Write a self-contained report of the stored log: HTML, or PDF by the file's suffix."""
    settings = current()
    piped = to_stdout(output, settings.json)
    if not piped and output.suffix and output.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{output}: a report is {' or '.join(SUFFIXES)}.", "Nothing was written.", "Name such a file."
        )
    from_us, to_us = span_of(from_, to)
    if settings.port:
        with settings.changing() as rig, progress_of(settings, "pulling") as progress:
            device = device or rig.pull(progress).device_id
    with settings.store_read() as store:
        chosen = device_of(store, device)
        verdict = believed(settings, store, chosen, anyway)
        sums = total(store, chosen, from_us, to_us)
        given = delivery_of(store, sums)
        if piped:
            page = rendered(store, verdict, from_us, to_us, output)
            streams.write_bytes(page)
        else:
            write(store, verdict, from_us, to_us, output)
    settings.acts()
    answer = delivery_lines(given)[0].rstrip(":")
    if piped:
        settings.say(answer)
    else:
        settings.show(f"wrote {output}")
        settings.show(answer)
    told = {"file": str(output), **total_document(sums, given), "digest": verdict.digest}
    settings.document(told)


def rendered(store: Store, verdict: Verdict, from_us: int | None, to_us: int | None, output: Path) -> bytes:
    """The bytes of a report; the file's suffix chooses the form. Raises PumpError."""
    if output.suffix.lower() == ".pdf":
        from pumprig.report import paper

        return paper.render(store, verdict, from_us, to_us)
    from pumprig.report import page

    return page.render(store, verdict, from_us, to_us).encode()


def write(store: Store, verdict: Verdict, from_us: int | None, to_us: int | None, output: Path) -> None:
    """Render and write the report. Raises PumpError."""
    page = rendered(store, verdict, from_us, to_us, output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        put(output, page)
    except OSError as error:
        raise PumpError(f"{output} cannot be written: {error.strerror}.", "No report was made.") from None
