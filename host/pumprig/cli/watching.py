"""`pumprig calibrate record`, `doses` and `verify`: a balance beside a rig that does what it is told by somebody else.

Owns: the commands' options and outputs; the record of balance and counts side by side.
Rules: `record` changes nothing at the rig; every reading is on disk before the next one is asked for.
Units: options are quantities with units; the record's columns are named with theirs.
Leaves: dose errors to calibration/doses.py, the hours to calibration/verify.py.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pumprig import quantities
from pumprig.cli.options import NewFile, NumberRange
from pumprig.cli.readas import reading_options
from pumprig.cli.settings import current
from pumprig.errors import PumpError, UsageError
from pumprig.quantities import plus_minus

if TYPE_CHECKING:
    from pumprig.calibration.columns import ReadAs
    from pumprig.calibration.verify import Hour

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("record")
@click.option("--balance", "balance_port", required=True, metavar="PORT[,BAUD[,8N1|7E1|...]][,PROTOCOL]")
@click.option("--for", "duration", required=True, help="How long to record.")
@click.option("--every", default="1 s", show_default=True, help="Time between readings.")
@click.option(
    "--speed", type=NumberRange(1, 1000), default=1.0, help="A simulated rig's --speed: its clock counts."
)
@click.option("-o", "--output", required=True, type=NewFile(), help="The weighing, as CSV.")
def record_command(balance_port: str, duration: str, every: str, speed: float, output: Path) -> None:
    """Record the balance and the rig's counts side by side, while the rig does what it is programmed to do."""
    from pumprig.api.rigpump import RigPump
    from pumprig.balance.reading import BalanceError
    from pumprig.balance.search import open_balance

    settings = current()
    for_s = quantities.parse(duration, "time", "--for") / 1000.0
    every_s = quantities.parse(every, "time", "--every") / 1000.0
    if output.exists():
        raise UsageError(f"{output} is there already.", "Nothing was recorded.", "Choose another name.")
    lost = 0
    with ExitStack() as stack:
        pump = stack.enter_context(closing(RigPump(settings.rig)))
        told = pump.told()
        scale = stack.enter_context(closing(open_balance(balance_port)))
        file = stack.enter_context(output.open("x", encoding="utf-8"))
        head = {"begun_at": datetime.now(UTC).isoformat(timespec="seconds"), "balance": scale.model, **told}
        file.writelines(f"# {key}: {value}\n" for key, value in head.items())
        file.write("t_s,mass_g,steps,asked_nl,counted_nl\n")
        begin_s: float | None = None
        now_s = 0.0
        rows = 0
        while now_s < for_s:
            due_s = time.monotonic() + every_s / speed
            try:
                counts = pump.counts()
                reading = scale.read()
                clock_s = time.monotonic() if speed == 1.0 else pump.utc_s()
                begin_s = clock_s if begin_s is None else begin_s
                now_s = clock_s - begin_s
                if reading.mass_g is not None:
                    file.write(
                        f"{now_s:.3f},{reading.mass_g:.7g},{','.join(str(count) for count in counts)}\n"
                    )
                    file.flush()
                    os.fsync(file.fileno())
                    rows += 1
            except (BalanceError, PumpError) as error:
                if not lost:
                    settings.say(f"warning: {error}")
                lost += 1
                if begin_s is None:
                    raise
                now_s = (time.monotonic() if speed == 1.0 else pump.utc_s()) - begin_s
            time.sleep(max(0.0, due_s - time.monotonic()))
    settings.show(f"{rows} readings in {output}" + (f", {lost} failed" if lost else ""))
    settings.document({"file": str(output), "readings": rows, "failed": lost})


@click.command("doses")
@click.argument("file", type=FILE)
@click.option("--volume", required=True, help="What was asked for each time, like '50 ul'.")
@reading_options
def doses_command(file: Path, volume: str, how: ReadAs) -> None:
    """Systematic and random error of single doses in the weighing FILE (after ISO 8655; no compliance is claimed)."""
    from pumprig.calibration.doses import dose_test
    from pumprig.calibration.files import read_file

    settings = current()
    asked_nl = float(quantities.parse(volume, "volume", "--volume"))
    if asked_nl <= 0:
        raise UsageError("--volume must be above zero.", "Nothing was computed.")
    found = dose_test(read_file(file, how), asked_nl)
    for warning in found.warnings:
        settings.say(f"warning: {warning}")
    settings.show(f"{len(found.doses)} doses of {quantities.volume_text(asked_nl)}")
    for number, dose in enumerate(found.doses, 1):
        counted = "" if dose.counted_nl is None else f"  counted {dose.counted_nl / 1000:.4g} µL"
        settings.show(f"{number:>3}  {dose.weighed_nl / 1000:10.4g} µL  {dose.error_pct:+7.2f} %{counted}")
    settings.show(
        f"mean              {plus_minus(found.mean_nl / 1000, found.u_mean_nl / 1000)} µL (k = {found.k:.3g})"
    )
    settings.show(f"systematic error  {plus_minus(found.systematic_pct, found.u_systematic_pct)} %")
    settings.show(
        f"random error      {found.random_nl / 1000:.3g} µL, {found.random_pct:.2g} % (standard deviation)"
    )
    settings.document(found.as_json())


@click.command("verify")
@click.argument("file", type=FILE)
@click.option("--row", "row_time", default="1 h", show_default=True, help="Length of a row of the table.")
@reading_options
def verify_command(file: Path, row_time: str, how: ReadAs) -> None:
    """Asked, counted and weighed side by side, hour by hour, from a record by `calibrate record`."""
    from pumprig.calibration.files import read_file
    from pumprig.calibration.verify import verify

    settings = current()
    every_s = quantities.parse(row_time, "time", "--row") / 1000.0
    if every_s < 60:
        raise UsageError("--row: a row lasts a minute at least.", "Nothing was computed.")
    weighing = read_file(file, how)
    columns = (weighing.ambient.get("asked_nl"), weighing.ambient.get("counted_nl"))
    found = verify(weighing, *columns, every_s=every_s)
    for warning in found.warnings:
        settings.say(f"warning: {warning}")
    settings.show(f"{'from':>10} {'to':>10} {'asked':>11} {'counted':>11}  weighed / µL")
    for row in found.hours:
        settings.show(_line(row))
    settings.show("whole")
    settings.show(_line(found.whole))
    if found.agrees is not None:
        settings.show(f"weighed and counted {'agree' if found.agrees else 'do not agree'} within U")
    settings.document(found.as_json())


def _line(row: Hour) -> str:
    cells = ["" if v is None else f"{v / 1000:.4g}" for v in (row.asked_nl, row.counted_nl)]
    weighed = plus_minus(row.weighed_nl / 1000, row.u_weighed_nl / 1000)
    return f"{_clock(row.from_s):>10} {_clock(row.to_s):>10} {cells[0]:>11} {cells[1]:>11}  {weighed}"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
