"""`pumprig calibrate fit`: from weighings to figures with their uncertainty, and to a calibration that is kept.

Owns: the command's options and its outputs, text and JSON.
Rules: data alone on stdout, everything else on stderr; heavy libraries are imported when the command runs.
Units: shown with units; JSON by the names' endings.
Leaves: the figures to pumprig.calibration.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pumprig import quantities
from pumprig.cli import waiting
from pumprig.cli.options import NewFile, NumberRange, Picture
from pumprig.cli.readas import reading_options
from pumprig.cli.settings import current
from pumprig.errors import UsageError
from pumprig.quantities import k_text, plus_minus
from pumprig.wholefile import put

if TYPE_CHECKING:
    from pumprig.calibration.anglemap import AngleMap
    from pumprig.calibration.columns import ReadAs
    from pumprig.calibration.fit import Fit

CSV = click.Path(dir_okay=False, path_type=Path)


@click.command("fit")
@click.argument("files", nargs=-1, required=True, type=CSV)
@click.option("--blank", "blanks", multiple=True, type=CSV, help="A weighing with the pump standing.")
@click.option("--steps-per-rev", type=NumberRange(1, 1e7), help="Steps for one turn of the rotor.")
@click.option("--rollers", type=click.IntRange(1, 20), help="Rollers of the pump head.")
@click.option("--plot", type=Picture(), help="The fit's picture as .svg, .png or .pdf.")
@click.option("--save", "kept", is_flag=True, help="Keep the weighings as one calibration.")
@click.option(
    "--angle", "mapped", is_flag=True, help="With --save: measure the displacement over the angle too."
)
@click.option("--rate", "rate", help="The set rate, like '20 ul/h': units and times are judged by it.")
@reading_options
@click.option(
    "--certificate",
    type=NewFile(),
    help="A certificate of the weighings as .html or .pdf, also of a pump without counted steps.",
)
@click.option("--person", default="", help="Who weighed; for --save, else as the file says.")
@click.option("--tube", default="", help="Which tube; for --save, else as the file says.")
def fit_command(
    files: tuple[Path, ...],
    blanks: tuple[Path, ...],
    steps_per_rev: float | None,
    rollers: int | None,
    plot: Path | None,
    kept: bool,
    mapped: bool,
    person: str,
    tube: str,
    rate: str | None,
    certificate: Path | None,
    how: ReadAs,
) -> None:
    """Volume and flow of the weighings FILES with their uncertainty (95 %)."""
    settings = current()
    if len(files) > 1 and (plot or not (kept or certificate)):
        raise UsageError(
            "Several files need --save or --certificate, and allow no --plot.",
            "Nothing was computed.",
            "Give one file.",
        )
    if certificate is not None and certificate.suffix not in (".html", ".pdf"):
        raise UsageError(f"{certificate}: a certificate is .html or .pdf.", "Nothing was computed.")
    given = {
        "rate_nl_per_h": None if rate is None else rate_of(rate),
        "steps_per_rev": steps_per_rev,
        "rollers": rollers,
    }
    fits: list[Fit] = []
    for file in files:
        size_kb = file.stat().st_size / 1e3 if file.is_file() else 0.0
        with waiting.told(settings, f"fitting {file.name} ({size_kb:.0f} kB) ..."):
            fits.append(_fit(file, blanks, how, given))
        for warning in fits[-1].weighing.warnings:
            settings.say(f"warning: {file.name}: {warning}")
    if plot is not None:
        from pumprig.calibration.plots import save_fit

        save_fit(fits[0], plot)
        settings.say(f"picture: {plot}")
    for result in fits:
        for line in _fit_text(result):
            settings.show(line)
    document: dict[str, Any] = (
        fits[0].as_json() if len(fits) == 1 else {"weighings": [f.as_json() for f in fits]}
    )
    stated = fits[0].weighing.texts
    person, tube = person or stated.get("person", ""), tube or stated.get("tube", "")
    if certificate is not None:
        _certify(fits, certificate, person, tube)
        settings.show(f"certificate: {certificate}")
        document["certificate"] = str(certificate)
    if kept:
        from pumprig.calibration import keep

        found = _longest_map(fits) if mapped else None
        record = keep.save(fits, list(files), person, tube, angle=found)
        if found is not None:
            settings.show(
                f"pulsation {100 * found.peak_to_peak():.0f} % of the flow, peak to peak over 1/96 turn; "
                f"{100 * found.peak_to_peak(evened=True):.0f} % expected with the map"
            )
        settings.show(
            f"kept as calibration {record.id}; `pumprig calibrate apply {record.id}` writes it to the rig"
        )
        document["id"] = record.id
    settings.document(document)


def rate_of(text: str) -> float:
    """`20 ul/h` -> nL/h. Raises UsageError, also for zero."""
    rate_nl_per_h = quantities.parse(text, "rate", "--rate") / quantities.NL_PER_DAY_PER_NL_PER_H
    if rate_nl_per_h <= 0:
        raise click.BadParameter("must be above zero", param_hint="--rate")
    return rate_nl_per_h


def _certify(fits: list[Fit], output: Path, person: str, tube: str) -> None:
    """A certificate straight from the weighings; nothing is kept. Raises PumpError."""
    from datetime import UTC, datetime

    from pumprig.calibration import certificate, keep, register
    from pumprig.calibration.plots import pictures_of
    from pumprig.calibration.rates import fit_rates, points_of
    from pumprig.errors import PumpError

    keep.refuse_twice(fits)
    points = points_of(fits)
    model = fit_rates(points) if len(points) == len(fits) else None
    record = register.Record(0, keep.content_of(fits, model, person, tube, datetime.now(UTC)))
    drawn = pictures_of(fits)

    def pictures(name: str) -> tuple[str, bytes]:
        return drawn.get(name, ("", b""))

    pdf = output.suffix == ".pdf"
    data = certificate.pdf(record, pictures) if pdf else certificate.html(record, pictures).encode()
    try:
        put(output, data)
    except OSError as error:
        raise PumpError(f"{output}: {error.strerror}.", "No certificate was written.") from error


def _longest_map(fits: list[Fit]) -> AngleMap:
    """The angle map of the weighing with the most turns. Raises WeighingError where the rotor's angle is not known."""
    from pumprig.calibration.anglemap import estimate
    from pumprig.calibration.design import NOMINAL_STEPS_PER_REV
    from pumprig.calibration.weighing import refuse

    def steps(found: Fit) -> float:
        counted = found.weighing.steps
        return 0.0 if counted is None else float(counted[-1] - counted[0])

    weighing = max(fits, key=steps).weighing
    if "index_steps" not in weighing.numbers:
        raise refuse(
            weighing.name,
            "it does not say where the rotor's angle is 0 (`# index_steps`).",
            "Weigh with `calibrate run` without --speed: it reads the encoder.",
        )
    return estimate(weighing, weighing.numbers.get("steps_per_rev", NOMINAL_STEPS_PER_REV))


def _fit(file: Path, blanks: tuple[Path, ...], how: ReadAs, given: dict[str, float | None]) -> Fit:
    from pumprig.calibration.files import read_file
    from pumprig.calibration.fit import fit, use_blanks

    weighing = read_file(file, how)
    weighing.numbers |= {key: float(value) for key, value in given.items() if value is not None}
    use_blanks(weighing, [read_file(blank, how) for blank in blanks])
    return fit(weighing)


def _dof(dof: float) -> str:
    return "many" if dof > 999 else f"{dof:.0f}"


def _fit_text(result: Fit) -> list[str]:
    figures = result.result
    share = 100.0 * figures.u_flow_nl_per_h / figures.flow_nl_per_h
    lines = [
        f"{result.weighing.name} (k = {k_text(figures.k)} for {_dof(figures.dof)} degrees of freedom)",
        f"volume      {plus_minus(figures.volume_nl / 1000, figures.u_volume_nl / 1000)} µL",
        f"flow        {plus_minus(figures.flow_nl_per_h / 1000, figures.u_flow_nl_per_h / 1000)} µL/h ({share:.2g} %)",
    ]
    if result.nl_per_rev is not None and result.u_nl_per_rev is not None:
        lines.append(f"revolution  {plus_minus(result.nl_per_rev / 1000, result.u_nl_per_rev / 1000)} µL")
    lines.append(
        f"evaporation {1000 * result.evaporation_g_per_h:.4g} mg/h, Z {figures.z_ul_per_mg:.5f} µL/mg"
    )
    lines.append("budget (standard uncertainty of the flow)")
    for term in figures.terms:
        if term.u_nl_per_h > 1e-3 * figures.u_flow_nl_per_h:
            dof = _dof(term.dof)
            lines.append(f"  {term.source:<46} {term.u_nl_per_h:8.1f} nL/h  dof {dof}")
    for rejection in result.weighing.rejected:
        rows = ", ".join(str(row) for row in rejection.rows[:8]) + (" ..." if len(rejection.rows) > 8 else "")
        lines.append(f"left out: row {rows}: {rejection.why}")
    return lines
