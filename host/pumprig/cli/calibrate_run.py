"""`pumprig calibrate run`: a run on the balance, from the command line.

Owns: the command's options, the pace of the readings, what is said at the end.
Rules: nothing moves before consent; the run ends with the pump stopped; Ctrl-C stops the pump and keeps what was read.
Units: options are quantities with units.
Leaves: stages to calibration/weighing_run.py, the rig to api/rigpump.py, pictures to live.py, figures to fit.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pumprig import paths, quantities, streams
from pumprig.cli.calibrate_begin import ambient as air_of
from pumprig.cli.calibrate_begin import first_reading, planned
from pumprig.cli.options import NumberRange
from pumprig.cli.settings import Settings, current, yes_option
from pumprig.errors import Interrupted, PumpError, UsageError

if TYPE_CHECKING:
    from pumprig.api.rigpump import RigPump
    from pumprig.calibration.fit import Fit
    from pumprig.calibration.weighing_run import Progress, WeighingRun


@click.command("run")
@click.option(
    "--balance",
    "balance_port",
    required=True,
    metavar="PORT[,BAUD[,8N1|7E1|...]][,PROTOCOL]",
    help="The balance.",
)
@click.option("--rate", "rates", multiple=True, help="A rate, for example '20 ul/h'; once for each.")
@click.option(
    "--back", is_flag=True, help="Weigh the rates once more on the way back, which shows hysteresis."
)
@click.option("--for", "duration", default="4 h", show_default=True, help="Time at each rate.")
@click.option("--blank", "blank", default="30 min", show_default=True, help="Time of each blank.")
@click.option("--run-in", "run_in", default="10 min", show_default=True, help="Time before each run counts.")
@click.option("--every", default="1 s", show_default=True, help="Time between readings.")
@click.option("--readability", default="0.1 mg", show_default=True, help="The balance's smallest digit.")
@click.option(
    "--ambient",
    metavar="C,%,HPA",
    help="Temperature, humidity, pressure, like '21.5,45,985'; else U is wider.",
)
@click.option("--steps-per-rev", default=3200.0, show_default=True, type=NumberRange(1, 1e7))
@click.option("--rollers", default=3, show_default=True, type=click.IntRange(1, 20))
@click.option("--by-hand", is_flag=True, help="The pump is run by somebody else; steps are not recorded.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where the run is kept.")
@click.option("--resume", is_flag=True, help="Go on with the run in --folder.")
@click.option(
    "--speed",
    type=NumberRange(1, 1000),
    default=1.0,
    help="A simulated rig's --speed, up to 100: the times are then those of its clock.",
)
@click.option("--person", default="", help="Who weighs.")
@click.option("--place", default="", help="Where it is weighed; for the certificate.")
@click.option("--balance-serial", default="", help="The balance's serial number; for the certificate.")
@click.option(
    "--balance-checked", default="", help="When and how the balance was checked last; for the certificate."
)
@click.option("--fluid", default="", help="The fluid, where it is not water; for the certificate.")
@click.option("--tube", default="", help="Which tube.")
@yes_option
def run_command(
    balance_port: str,
    rates: tuple[str, ...],
    back: bool,
    duration: str,
    blank: str,
    run_in: str,
    every: str,
    readability: str,
    ambient: str | None,
    steps_per_rev: float,
    rollers: int,
    by_hand: bool,
    folder: Path | None,
    resume: bool,
    speed: float,
    person: str,
    place: str,
    balance_serial: str,
    balance_checked: str,
    fluid: str,
    tube: str,
    yes: bool,
) -> None:
    """Blank, run-in, run and blank again at each rate; every reading is stored as it comes."""
    from pumprig.api.rigpump import RigPump
    from pumprig.balance.search import open_balance
    from pumprig.calibration import runfolder
    from pumprig.calibration.weighing_run import StoppedByOther

    settings = current()
    if resume and folder is None:
        raise UsageError("--resume needs --folder.", "Nothing was started.", "Name the run's folder.")
    if by_hand and speed != 1:
        raise UsageError("--speed takes the rig's clock, and --by-hand has no rig.", "Nothing was started.")
    stated = {
        "place": place,
        "balance_serial": balance_serial,
        "balance_checked": balance_checked,
        "fluid": fluid,
    }
    every_s = quantities.parse(every, "time", "--every") / 1000.0
    settings.consent(yes)
    kept_in = folder or paths.database_file().parent / "runs" / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    with ExitStack() as stack:
        pump = None if by_hand else stack.enter_context(closing(RigPump(settings.rig)))
        if not resume:
            plan = planned((*rates, *rates[-2::-1]) if back else rates, duration, blank, run_in)
            metadata: dict[str, Any] = {
                "balance_readability_g": quantities.parse(readability, "mass", "--readability") * 1e-9,
                "steps_per_rev": steps_per_rev,
                "rollers": rollers,
                "person": person or "not stated",
                "tube": tube or "not stated",
                "begun_at": datetime.now(UTC).isoformat(timespec="seconds"),
                **{key: value for key, value in stated.items() if value},
            }
            measured = air_of(ambient) if ambient else {}
            need_nl = sum(stage.rate_nl_per_h * (stage.end_s - stage.start_s) for stage in plan) / 3600.0
            settings.say(
                f"{len(plan)} stages, {quantities.duration_text(1000 * plan[-1].end_s)}, "
                f"{quantities.volume_text(round(need_nl))} of fluid; kept in {kept_in}"
            )
            with closing(open_balance(balance_port)) as scale:
                metadata["balance"] = f"{scale.model} ({scale.dialect.name})"
                first_reading(settings, scale, metadata["balance_readability_g"])
                balance_port = f"{balance_port.split(',')[0]},{scale.settings}"
            settings.ask(yes, "Start?")
            if pump is not None:
                metadata |= pump.told()
                if alarm := pump.look().alarm:
                    raise PumpError(
                        f"The rig cannot start: {alarm}.", "Nothing was started.", "`pumprig stop`, or ack."
                    )
            runfolder.begin(kept_in, plan, metadata, _clock(pump, speed)(), speed, measured)
        try:
            _drive(settings, kept_in, balance_port, pump, every_s)
        except KeyboardInterrupt:
            raise Interrupted(
                "Interrupted.",
                "What the pump was to deliver for it is stopped; every reading is kept.",
                f"Go on with `--resume --folder {kept_in}`.",
            ) from None
        except StoppedByOther:
            _weighed_so_far(settings, kept_in)
            raise
    _report(settings, kept_in)


def _weighed_so_far(settings: Settings, place: Path) -> None:
    """What a run that was stopped leaves: the rates that were through, and how long was read."""
    from pumprig.calibration.runfolder import RunFolder

    folder = RunFolder(place)
    until_s = folder.plan_s(folder.last_s())
    files, left_out = folder.weighings(until_s)
    settings.say(f"weighed for {quantities.duration_text(1000 * until_s)} of the plan, kept in {place}:")
    for file in files:
        settings.say(f"  {file}: whole, for `pumprig calibrate fit`")
    for why in left_out:
        settings.say(f"  no weighing at {why}")


def _clock(pump: RigPump | None, speed: float) -> Callable[[], float]:
    """The host's time of day at the start, going on steadily; or the clock of a simulated rig that runs faster.

    A clock that is set meanwhile moves nothing.
    """
    if pump is not None and speed != 1.0:
        return pump.utc_s
    begin_utc_s, begin_s = time.time(), time.monotonic()
    return lambda: begin_utc_s + time.monotonic() - begin_s


def _drive(settings: Settings, place: Path, balance_port: str, pump: RigPump | None, every_s: float) -> None:
    from rich.live import Live

    from pumprig.balance.search import open_balance
    from pumprig.calibration.live import Picture
    from pumprig.calibration.runfolder import RunFolder
    from pumprig.calibration.weighing_run import WeighingRun

    speed = RunFolder(place).speed
    if pump is not None and speed > 1.0:
        pump.look()  # its clock is the run's
    run = WeighingRun(place, lambda: open_balance(balance_port), pump, _clock(pump, speed))
    picture = Picture(run.stages)
    console = settings.console(stderr=True)
    with (
        closing(run),
        streams.SIGN.away(),
        Live("", console=console, transient=True, auto_refresh=False) as live,
    ):
        stage = None
        for progress in _paced(run, every_s, speed):
            picture.add(progress)
            if settings.quiet:
                continue
            if console.is_terminal:
                live.update(picture.draw(progress), refresh=True)
            elif progress.stage != stage:
                stage = progress.stage
                settings.say(picture.told(progress))


def _paced(run: WeighingRun, every_s: float, speed: float) -> Generator[Progress]:
    """Tick until the run's end, every so many seconds of its own clock."""
    due_s = time.monotonic()
    while (progress := run.tick()) is not None:
        yield progress
        due_s = max(due_s + every_s / speed, time.monotonic())
        time.sleep(max(0.0, due_s - time.monotonic()))


def _report(settings: Settings, place: Path) -> None:
    from pumprig.calibration.fit import fit_file
    from pumprig.calibration.rates import hysteresis, points_of
    from pumprig.calibration.runfolder import RunFolder

    files, left_out = RunFolder(place).weighings()
    for why in left_out:
        settings.say(f"warning: no weighing at {why}")
    fits: list[Fit] = []
    good: list[Path] = []
    for file in files:
        try:
            fits.append(fit_file(file))
        except PumpError as error:
            settings.say(f"warning: {error}")
            continue
        good.append(file)
        flow = fits[-1].result
        value = quantities.plus_minus(flow.flow_nl_per_h / 1000, flow.u_flow_nl_per_h / 1000)
        told = f"{file}: {value} µL/h (k = {quantities.k_text(flow.k)})"
        per_rev, u_per_rev = fits[-1].nl_per_rev, fits[-1].u_nl_per_rev
        if per_rev is not None and u_per_rev is not None:
            told += f", {quantities.plus_minus(per_rev / 1000, u_per_rev / 1000)} µL/rev"
        settings.show(told)
    if not fits:
        raise PumpError(f"{place} gives no weighing.", "", "The readings and the events are kept there.")
    found = hysteresis(points_of(fits))
    for row in found:
        change = quantities.plus_minus(row.pct, row.u_pct)
        settings.show(f"hysteresis at {row.rate_nl_per_h / 1000:.4g} µL/h: {change} % on the way back")
    settings.show("keep them with `pumprig calibrate fit --save " + " ".join(str(f) for f in good) + "`")
    settings.document(
        {
            "folder": str(place),
            "files": [str(f) for f in good],
            "left_out": left_out,
            "weighings": [f.as_json() for f in fits],
            "hysteresis": [row.as_json() for row in found],
        }
    )
