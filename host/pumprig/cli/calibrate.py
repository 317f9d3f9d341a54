"""`pumprig calibrate`: plan, run, fit, apply and list calibrations.

Owns: the commands' options and their outputs, text and JSON.
Rules: data alone on stdout, everything else on stderr; heavy libraries are imported when a command runs.
Callers: the command line, which loads it by name.
Units: options are quantities with units.
Leaves: the figures to pumprig.calibration, the balance to pumprig.balance.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pumprig.calibration.fit import Fit


@click.group()
def calibrate() -> None:
    """Calibrate the pump on a balance, with uncertainty."""


def global_json(ctx: click.Context) -> bool:
    """Whether `--json` stands before the command: the main group keeps it among its parameters."""
    parent = ctx.parent
    while parent is not None:
        if parent.params.get("as_json") or parent.params.get("json"):
            return True
        parent = parent.parent
    return False


@calibrate.command("fit")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--blank",
    "blanks",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A weighing with the pump standing.",
)
@click.option("--steps-per-rev", type=click.FloatRange(1, 1e7), help="Steps for one turn of the rotor.")
@click.option("--rollers", type=click.IntRange(1, 20), help="Rollers of the pump head.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="The fit's picture as .svg, .png or .pdf."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def fit_command(
    ctx: click.Context,
    file: Path,
    blanks: tuple[Path, ...],
    steps_per_rev: float | None,
    rollers: int | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Volume and flow of the weighing FILE with their uncertainty (k = 2)."""
    from pumprig.calibration.fit import fit, use_blanks
    from pumprig.calibration.weighing import read_csv

    weighing = read_csv(file)
    if steps_per_rev is not None:
        weighing.numbers["steps_per_rev"] = steps_per_rev
    if rollers is not None:
        weighing.numbers["rollers"] = float(rollers)
    use_blanks(weighing, [read_csv(blank) for blank in blanks])
    result = fit(weighing)
    if plot is not None:
        from pumprig.calibration.plots import save_fit

        save_fit(result, plot)
        click.echo(f"picture: {plot}", err=True)
    for warning in result.weighing.warnings:
        click.echo(f"warning: {warning}", err=True)
    if as_json or global_json(ctx):
        click.echo(json.dumps(result.as_json()))
    else:
        click.echo(_fit_text(result))


def _fit_text(result: Fit) -> str:
    figures = result.result
    share = 100.0 * figures.u_flow_nl_per_h / figures.flow_nl_per_h
    lines = [
        f"volume  {figures.volume_nl / 1000:12.4f} ± {figures.u_volume_nl / 1000:.4f} uL   (k = 2)",
        f"flow    {figures.flow_nl_per_h / 1000:12.5f} ± {figures.u_flow_nl_per_h / 1000:.5f} uL/h   ({share:.3g} %)",
    ]
    if result.nl_per_rev is not None and result.u_nl_per_rev is not None:
        lines.append(f"per rev {result.nl_per_rev / 1000:12.5f} ± {result.u_nl_per_rev / 1000:.5f} uL")
    lines.append(
        f"evaporation {1000 * result.evaporation_g_per_h:.4g} mg/h, Z {figures.z_ul_per_mg:.5f} uL/mg"
    )
    lines.append("budget (standard uncertainty of the flow)")
    for term in figures.terms:
        if term.u_nl_per_h > 1e-3 * figures.u_flow_nl_per_h:
            dof = "inf" if term.dof > 1e6 else f"{term.dof:.0f}"
            lines.append(f"  {term.source:<46} {term.u_nl_per_h:10.3f} nL/h  dof {dof}")
    for rejection in result.weighing.rejected:
        rows = ", ".join(str(row) for row in rejection.rows[:8]) + (" ..." if len(rejection.rows) > 8 else "")
        lines.append(f"left out: row {rows}: {rejection.why}")
    return "\n".join(lines)
