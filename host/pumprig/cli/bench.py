"""`pumprig calibrate run`: a run on the balance, from the command line.

Owns: the command's options, its live line, the rig as the run's pump.
Rules: nothing moves before consent; the run ends with the pump stopped; Ctrl-C stops the pump and keeps what was read.
Callers: cli/calibrate.py adds it to its group.
Units: options are quantities with units.
Leaves: the stages and the storage to calibration/bench.py, figures to calibration/fit.py.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pumpwire import spec

from pumprig import paths, quantities
from pumprig.cli.settings import Settings, current, yes_option
from pumprig.errors import UsageError

if TYPE_CHECKING:
    from pumprig.calibration.bench import Pump, Stage
    from pumprig.client import Client
    from pumprig.requests import Value

VERB = "calibrate"


class RigPump:
    """The rig as a calibration's pump: deliveries of kind calibration, which are never therapy."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def run(self, rate_nl_per_h: float, duration_s: float) -> None:
        """Deliver at a rate for a time; the rig stops by itself at the end."""
        volume_nl = round(rate_nl_per_h * duration_s / 3600.0)
        values: dict[str, Value] = {"rate_nl_per_day": round(24 * rate_nl_per_h), "volume_nl": volume_nl}
        self._client.change(VERB, values)

    def stop(self) -> None:
        """Stop the pump now."""
        self._client.stop()

    def steps(self) -> int:
        """Counted steps since the rig was made."""
        return int(self._client.read("status").fields["delivered_steps"])


@click.command("run")
@click.option("--balance", "balance_port", required=True, metavar="PORT", help="The balance's serial port.")
@click.option("--rate", "rates", multiple=True, help="A rate, for example '20 ul/h'; several, up and down.")
@click.option("--for", "duration", default="4 h", show_default=True, help="Time at each rate.")
@click.option("--blank", "blank", default="30 min", show_default=True, help="Time of each blank.")
@click.option("--run-in", "run_in", default="10 min", show_default=True, help="Time before each run counts.")
@click.option("--readability", default="0.1 mg", show_default=True, help="The balance's smallest digit.")
@click.option("--steps-per-rev", default=3200.0, show_default=True, type=click.FloatRange(1, 1e7))
@click.option("--rollers", default=3, show_default=True, type=click.IntRange(1, 20))
@click.option("--by-hand", is_flag=True, help="The pump is run by somebody else; steps are not recorded.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where the run is kept.")
@click.option("--resume", is_flag=True, help="Go on with the run in --folder.")
@click.option("--person", default="")
@click.option("--tube", default="")
@yes_option
def run_command(
    balance_port: str,
    rates: tuple[str, ...],
    duration: str,
    blank: str,
    run_in: str,
    readability: str,
    steps_per_rev: float,
    rollers: int,
    by_hand: bool,
    folder: Path | None,
    resume: bool,
    person: str,
    tube: str,
    yes: bool,
) -> None:
    """Blank, run-in, run and blank again at each rate; every reading is stored as it comes."""
    from pumprig.calibration import bench

    settings = current()
    if resume and folder is None:
        raise UsageError("--resume needs --folder.", "Nothing was started.", "Name the run's folder.")
    if not by_hand and spec.command(VERB) is None:
        raise UsageError(
            "The rig's protocol has no delivery of kind calibration.",
            "Nothing was started.",
            "Run the pump yourself and add --by-hand.",
        )
    settings.consent(yes)
    place = folder or paths.database_file().parent / "runs" / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    if not resume:
        plan = _stages(rates, duration, blank, run_in)
        metadata = {
            "balance_readability_g": quantities.parse(readability, "mass", "--readability") * 1e-9,
            "steps_per_rev": steps_per_rev,
            "rollers": rollers,
            "person": person or "not stated",
            "tube": tube or "not stated",
        }
        settings.say(
            f"{len(plan)} stages, {quantities.duration_text(1000 * plan[-1].end_s)}; kept in {place}"
        )
        settings.ask(yes, "Start?")
        bench.begin(place, plan, metadata, time.time())
    with ExitStack() as stack:
        pump: Pump | None = None
        if not by_hand:
            from pumprig.cli.connect import changing

            pump = RigPump(stack.enter_context(changing(settings)))
        _drive(settings, place, balance_port, pump)
    _report(settings, place)


def _stages(rates: tuple[str, ...], duration: str, blank: str, run_in: str) -> list[Stage]:
    from pumprig.calibration.bench import stages

    values = [quantities.parse(rate, "rate", "--rate") / 24.0 for rate in rates]
    if not values or min(values) <= 0:
        raise UsageError("A run needs one --rate or more, each above zero.", "Nothing was started.")
    times = [quantities.parse(text, "time", "a time") / 1000.0 for text in (duration, blank, run_in)]
    if min(times[:2]) < 60.0:
        raise UsageError("A run and a blank last at least one minute.", "Nothing was started.")
    return stages(values, times[0], times[1], times[2])


def _drive(settings: Settings, place: Path, balance_port: str, pump: Pump | None) -> None:
    from rich.live import Live

    from pumprig.balance.serial_balance import open_balance
    from pumprig.calibration.bench import READ_EVERY_S, Bench, Progress

    bench = Bench(place, lambda: open_balance(balance_port), pump, time.time)

    def told(progress: Progress) -> str:
        mass = "no reading" if progress.mass_g is None else f"{progress.mass_g:.4f} g"
        left = quantities.duration_text(1000 * progress.left_s)
        rate = f" {progress.stage.rate_nl_per_h / 1000:g} µL/h" if progress.stage.rate_nl_per_h else ""
        return f"{progress.stage.kind}{rate}  {mass}  {left} left  {progress.trouble}"

    due_s = time.monotonic()
    try:
        with Live("", console=settings.console(stderr=True), transient=True, auto_refresh=False) as live:
            while (progress := bench.tick()) is not None:
                if not settings.quiet:
                    live.update(told(progress), refresh=True)
                due_s = max(due_s + READ_EVERY_S, time.monotonic())
                time.sleep(max(0.0, due_s - time.monotonic()))
    finally:
        bench.close()


def _report(settings: Settings, place: Path) -> None:
    from pumprig.calibration.bench import weighings
    from pumprig.calibration.fit import fit_file

    files = weighings(place)
    fits = [fit_file(file) for file in files]
    for file, result in zip(files, fits, strict=True):
        flow = result.result
        settings.show(
            f"{file}: {flow.flow_nl_per_h / 1000:.4f} ± {flow.u_flow_nl_per_h / 1000:.4f} µL/h (k = 2)"
        )
    settings.show("keep them with `pumprig calibrate fit --save " + " ".join(str(f) for f in files) + "`")
    settings.document(
        {"folder": str(place), "files": [str(f) for f in files], "weighings": [f.as_json() for f in fits]}
    )
