"""`pumprig accuracy`: start-up and trumpet graphs and figures from a weighing.

Owns: the command's options and its two outputs, text and JSON.
Rules: data alone on stdout; heavy libraries are imported when the command runs.
Units: options are quantities with units; windows are plain minutes.
Leaves: the figures to pumprig.accuracy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pumprig import quantities
from pumprig.cli.options import Picture
from pumprig.cli.readas import reading_options
from pumprig.cli.settings import current

if TYPE_CHECKING:
    from pumprig.accuracy.curve import Accuracy, Plan
    from pumprig.calibration.columns import ReadAs


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--rate", required=True, help="The set rate, for example '20 ul/h'.")
@click.option("--windows", default="", help="More observation windows in minutes, for example '1,60'.")
@click.option(
    "--roller-period", default=None, help="Time of one roller passage, where the file does not tell."
)
@click.option(
    "--sample", default="30 s", show_default=True, help="Sample interval S; 15 min for slow ambulatory pumps."
)
@click.option("--t0", default="2 h", show_default=True, help="Length of T0, the start-up graph.")
@click.option("--t1", default="1 h,2 h", show_default=True, help="Start and end of T1, the trumpet's period.")
@reading_options
@click.option("--plot", "plot", type=Picture(), help="Graphs as .svg, .png or .pdf.")
def accuracy(
    file: Path,
    rate: str,
    windows: str,
    roller_period: str | None,
    sample: str,
    t0: str,
    t1: str,
    plot: Path | None,
    how: ReadAs,
) -> None:
    """Start-up and trumpet graphs (after IEC 60601-2-24; no compliance is claimed) of the weighing FILE."""
    from pumprig.accuracy.curve import SLOW_WINDOWS_MIN, analyse
    from pumprig.accuracy.trumpet import WINDOWS_MIN
    from pumprig.calibration.files import read_file

    settings = current()
    rate_nl_per_h = quantities.parse(rate, "rate", "--rate") / quantities.NL_PER_DAY_PER_NL_PER_H
    if rate_nl_per_h <= 0:
        raise click.BadParameter("must be above zero", param_hint="--rate")
    period_s = quantities.parse(roller_period, "time", "--roller-period") / 1000.0 if roller_period else None
    plan = _plan(sample, t0, t1)
    usual = WINDOWS_MIN if plan.sample_min <= 1.0 else SLOW_WINDOWS_MIN
    result = analyse(
        read_file(file, how), rate_nl_per_h, tuple(sorted({*usual, *_minutes(windows)})), period_s, plan
    )
    if plot is not None:
        from pumprig.accuracy.graphs import save_graphs

        save_graphs(result, plot, file.name)
        settings.say(f"graphs: {plot}")
    for warning in result.warnings:
        settings.say(f"warning: {warning}")
    for line in _text(result):
        settings.show(line)
    settings.document(result.as_json())


def _plan(sample: str, t0: str, t1: str) -> Plan:
    """The periods as the options say them. Raises UsageError."""
    from pumprig.accuracy.curve import Plan
    from pumprig.errors import UsageError

    parts = [quantities.parse(part.strip(), "time", "--t1") / 60_000.0 for part in t1.split(",")]
    sample_min = quantities.parse(sample, "time", "--sample") / 60_000.0
    startup_min = quantities.parse(t0, "time", "--t0") / 60_000.0
    if len(parts) != 2 or parts[1] - parts[0] < 2 * sample_min or sample_min <= 0 or startup_min < sample_min:
        raise UsageError(
            "--t1 is start,end and holds two samples at least; --t0 holds one.",
            "Nothing was computed.",
            "Write it like `--t1 '1 h,2 h'`.",
        )
    return Plan(sample_min, startup_min, (parts[0], parts[1]))


def _minutes(text: str) -> list[float]:
    values: list[float] = []
    for part in text.replace(",", " ").split():
        try:
            values.append(float(part))
        except ValueError:
            raise click.BadParameter(f"'{part}' is no number of minutes", param_hint="--windows") from None
        if not 0 < values[-1] < 1e5:
            raise click.BadParameter(f"'{part}' is no window", param_hint="--windows")
    return values


def _signed(value: float, u: float | None) -> tuple[str, str]:
    """(a figure with its sign, ` ± U %`): both to the second digit of U; without one to a hundredth, and nothing."""
    if not u:
        return f"{value:+.2f}", ""
    size, shown_u = quantities.with_u(abs(value), u)
    return ("-" if value < 0 else "+") + size, f" ± {shown_u} %"


def _text(result: Accuracy) -> list[str]:
    lines = [f"set rate {quantities.rate_text(result.rate_nl_per_h)}"]
    a, u_a = _signed(result.a_pct, result.u_a_pct)
    lines.append(f"A   {a:>8} %{u_a}   over {result.t1_min[0]:g} to {result.t1_min[1]:g} min")
    if result.b_pct is not None:
        b, u_b = _signed(result.b_pct, result.u_b_pct)
        lines.append(f"B   {b:>8} %{u_b}   over the last hour")
    lines.append("window        Ep(max)     Ep(min)   of it the balance")
    noise = {band.p_min: band.noise_pct for band in result.bands}
    for window in [*result.windows, *result.hours]:
        most, own = _signed(window.ep_max_pct, noise.get(window.p_min))
        least, _own = _signed(window.ep_min_pct, noise.get(window.p_min))
        lines.append(f"{window.p_min:7.5g} min {most:>9} % {least:>9} %  {own}".rstrip())
    if result.period_s is not None:
        lines.append(f"roller period {result.period_s:.5g} s; windows of whole periods:")
        for window in result.cycle:
            lines.append(f"{window.p_min:7.5g} min {window.ep_max_pct:+9.2f} % {window.ep_min_pct:+9.2f} %")
    if result.first_day is not None:
        volume = quantities.volume_text(result.first_day["volume_nl"])
        lines.append(f"first 24 h: {volume}, {result.first_day['error_pct']:+.3f} %")
    if result.occlusion is not None:
        found = result.occlusion
        pressure = found["alarm_pressure_hpa"]
        told = "" if pressure is None else f" at {pressure:g} hPa"
        bolus = f"{quantities.plus_minus(found['bolus_nl'] / 1000, found['u_bolus_nl'] / 1000)} µL"
        lines.append(
            f"occlusion: alarm after {found['alarm_after_s']:g} s{told}, bolus on opening {bolus} (k = 2)"
        )
    return lines
