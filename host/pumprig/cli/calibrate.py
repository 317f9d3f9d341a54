"""`pumprig calibrate`: plan, list, apply, report and angle; the group that run and fit belong to.

Owns: the commands' options and their outputs, text and JSON.
Rules: data alone on stdout, everything else on stderr; heavy libraries are imported when a command runs.
Units: options are quantities with units.
Leaves: the figures to pumprig.calibration, the run to cli/calibrate_run.py, the fit to cli/fit.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pumprig import quantities
from pumprig.cli import completing
from pumprig.cli.calibrate_run import run_command
from pumprig.cli.fit import fit_command
from pumprig.cli.options import NewFile, NumberRange
from pumprig.cli.readas import reading_options
from pumprig.cli.settings import Settings, current, yes_option
from pumprig.cli.watching import doses_command, record_command, verify_command
from pumprig.errors import PumpError, UsageError
from pumprig.wholefile import put

if TYPE_CHECKING:
    from pumprig.api.rig import Rig
    from pumprig.calibration.columns import ReadAs

NOMINAL_U_PPM = 200_000
CSV = click.Path(dir_okay=False, path_type=Path)


@click.group()
def calibrate() -> None:
    """Calibrate the pump on a balance, with uncertainty."""


def percent(text: str) -> float:
    """`1 %` -> 1.0. Raises UsageError."""
    number, sign, rest = text.partition("%")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not sign or rest.strip() or not 0 < value <= 100:
        raise UsageError(
            f"--want: '{text}' is no share in %.", "Nothing was planned.", "Write it like `1 %`."
        )
    return value


@calibrate.command("plan")
@click.option("--rate", required=True, help="The rate to calibrate, for example '20 ul/h'.")
@click.option("--readability", default="0.1 mg", show_default=True, help="The balance's smallest digit.")
@click.option("--want", default="1 %", show_default=True, help="Wanted expanded uncertainty (k = 2).")
@click.option(
    "--per-rev", default="10 ul", show_default=True, help="The head's volume per revolution, about."
)
@click.option("--rollers", default=3, show_default=True, type=click.IntRange(1, 20))
def plan_command(rate: str, readability: str, want: str, per_rev: str, rollers: int) -> None:
    """How long to weigh for a wanted uncertainty, and what will limit it."""
    from pumprig.calibration.plan import plan

    settings = current()
    rate_nl_per_h = quantities.parse(rate, "rate", "--rate") / 24.0
    readability_g = quantities.parse(readability, "mass", "--readability") * 1e-9
    nl_per_rev = quantities.parse(per_rev, "volume", "--per-rev")
    if not (rate_nl_per_h > 0 and readability_g > 0 and nl_per_rev > 0):
        raise UsageError("A rate, a readability or a volume of zero plans nothing.", "Nothing was planned.")
    result = plan(readability_g, rate_nl_per_h, percent(want), float(nl_per_rev), float(rollers))
    expected = result.expected
    for warning in result.warnings:
        settings.say(f"warning: {warning}")
    blank, run, total = (
        quantities.duration_text(3.6e6 * hours)
        for hours in (expected.blank_h, expected.run_h, expected.run_h + 2 * expected.blank_h)
    )
    settings.show(
        f"blank {blank}, run {run} ({result.roller_periods:.0f} roller periods), blank again: {total} together"
    )
    settings.show(f"expected U {expected.u_pct:.3g} % (k = 2), wanted {result.wanted_pct:g} %")
    for source, u_pct in sorted(expected.terms.items(), key=lambda item: -item[1]):
        settings.show(f"  {source:<44} {u_pct:.4f} %")
    settings.document(result.as_json())


@calibrate.command("list")
def list_command() -> None:
    """The calibrations made so far, with their drift from one to the next; `*` marks those in force.

    What is in force is known as of the last pull; with -p the rig itself is asked.
    """
    from pumprig.cli.listing import show_calibrations

    show_calibrations(current())


@calibrate.command("apply")
@click.argument("number", type=click.IntRange(1), metavar="ID", shell_complete=completing.calibrations)
@yes_option
def apply_command(number: int, yes: bool) -> None:
    """Write calibration ID to the rig: staged, read back, shown, committed by its hash."""
    from pumprig.calibration import register

    settings = current()
    record = register.load(number)
    settings.consent(yes)
    with settings.changing() as rig:
        steps_now = rig.status().delivered_steps
        for warning in record.warnings(datetime.now(UTC), (), steps_now):
            settings.say(f"warning: {warning}")
        _commit(settings, rig, record.document(), record.nl_per_rev, record.u_nl_per_rev, yes)
    settings.show(f"calibration {number} is in force")
    settings.document({"id": number, "nl_per_rev": record.nl_per_rev, "u_nl_per_rev": record.u_nl_per_rev})


@calibrate.command("nominal")
@click.option(
    "--per-rev", required=True, help="The head's volume per revolution by its geometry, like '10 ul'."
)
@yes_option
def nominal_command(per_rev: str, yes: bool) -> None:
    """A first guess for a new rig, so that it moves at all and can be weighed: U is 20 %."""
    from pumprig.calibration.register import LEAST_NL_PER_REV, MOST_NL_PER_REV, numbered

    settings = current()
    nl_per_rev = quantities.parse(per_rev, "volume", "--per-rev")
    if not LEAST_NL_PER_REV <= nl_per_rev <= MOST_NL_PER_REV:
        allowed = " to ".join(quantities.volume_text(bound) for bound in (LEAST_NL_PER_REV, MOST_NL_PER_REV))
        raise UsageError(
            f"--per-rev: {quantities.volume_text(nl_per_rev)} is outside the allowed range {allowed}.",
            "Nothing was sent.",
        )
    settings.consent(yes)
    number = numbered(f"nominal {nl_per_rev} nl {NOMINAL_U_PPM} ppm")
    document = {"kind": "calibration", "id": number, "nl_num": nl_per_rev, "nl_den": 1}
    document |= {"u_ppm": NOMINAL_U_PPM, "at_utc_s": int(datetime.now(UTC).timestamp()), "by": "nominal"}
    with settings.changing() as rig:
        _commit(settings, rig, document, nl_per_rev, nl_per_rev * NOMINAL_U_PPM / 1e6, yes)
    settings.show("the nominal calibration is in force; weigh before you believe a volume")
    settings.document(
        {"id": number, "nl_per_rev": nl_per_rev, "u_nl_per_rev": nl_per_rev * NOMINAL_U_PPM / 1e6}
    )


def _commit(
    settings: Settings, rig: Rig, document: dict[str, Any], nl_per_rev: float, u: float, yes: bool
) -> None:
    """Stage a calibration, compare what the rig read back, ask, commit by its hash; a no discards it."""
    from pumpwire import documents

    text = documents.canonical(document)
    staged = rig.stage_document(text)
    settings.say(
        f"staged: {nl_per_rev / 1000:.5f} µL per revolution ± {100 * u / nl_per_rev:.2g} % (hash {staged.hash})"
    )
    try:
        settings.ask(yes, "Make it the rig's calibration?")
    except PumpError:
        staged.discard()
        raise
    staged.commit()


@calibrate.command("report")
@click.argument("number", type=click.IntRange(1), metavar="ID", shell_complete=completing.calibrations)
@click.option("-o", "--output", required=True, type=NewFile(), help="The certificate as .html or .pdf.")
def report_command(number: int, output: Path) -> None:
    """The certificate of calibration ID, as HTML or PDF."""
    from pumprig.calibration import certificate, register

    settings = current()
    if output.suffix not in (".html", ".pdf"):
        raise UsageError(f"{output}: a certificate is .html or .pdf.", "Nothing was written.")
    record = register.load(number)
    data = certificate.pdf(record) if output.suffix == ".pdf" else certificate.html(record).encode()
    try:
        put(output, data)
    except OSError as error:
        raise PumpError(f"{output}: {error.strerror}.", "No certificate was written.") from error
    settings.show(f"certificate: {output}")
    settings.document({"id": number, "file": str(output)})


@calibrate.command("angle")
@click.argument("file", type=CSV)
@click.option("--steps-per-rev", default=3200.0, show_default=True, type=NumberRange(1, 1e7))
@reading_options
def angle_command(file: Path, steps_per_rev: float, how: ReadAs) -> None:
    """The displacement over the rotor's angle from the weighing FILE, and the weights that even it out."""
    from pumprig.calibration.anglemap import estimate
    from pumprig.calibration.files import read_file

    settings = current()
    found = estimate(read_file(file, how), steps_per_rev)
    amplitudes = (found.a**2 + found.b**2) ** 0.5
    for k, (amplitude, u) in enumerate(zip(amplitudes, found.u, strict=True), 1):
        if amplitude > 2 * u:
            settings.show(f"harmonic {k:>2}  {100 * amplitude:7.2f} ± {200 * u:.2f} %")
    before, after = (100 * found.peak_to_peak(evened) for evened in (False, True))
    settings.show(
        f"peak to peak over 1/96 turn: {before:.0f} % stepping evenly, {after:.0f} % expected with the map"
    )
    settings.document(
        {
            "nl_per_rev": found.nl_per_rev,
            "peak_to_peak_pct": before,
            "expected_pct": after,
            "a": [float(v) for v in found.a],
            "b": [float(v) for v in found.b],
            "u": [float(v) for v in found.u],
            "weights": found.table(),
        }
    )


calibrate.add_command(fit_command)
calibrate.add_command(run_command)
for added in (record_command, doses_command, verify_command):
    calibrate.add_command(added)
