"""`pumprig doctor`: what works, what does not, and what to do.

Owns: the command.
Rules: reads only; exits with 1 if any check fails.
Units: none.
Leaves: the checks to checks.py, the walk through a new board to bringup.py.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from pumprig.cli.options import OutputFile
from pumprig.cli.settings import current
from pumprig.doctor.checks import all_checks
from pumprig.terminal import painted

STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--bring-up", "walk", is_flag=True, help="Walk through the checklist of a newly wired rig.")
@click.option("--from", "begin", type=click.IntRange(1), help="With --bring-up: begin at this step.")
@click.option("--record", type=OutputFile(), help="With --bring-up: an HTML page for the lab book.")
@click.option("--driver", type=click.Choice(["stepdir", "coils"]), default="stepdir", show_default=True)
def doctor(walk: bool, begin: int | None, record: Path | None, driver: str) -> int:
    """Check installation, port, permissions, firmware, clock and calibration; say what to do."""
    settings = current()
    if walk:
        from pumprig.cli.bring_up import bring_up

        bring_up(settings, driver, begin, record)
        return 0
    rows = list(all_checks(settings.port, settings.state, settings.database()))
    settings.finding = 1 if any(row.verdict == "fail" for row in rows) else 0
    settings.document([asdict(row) for row in rows])
    for row in rows:
        mark = painted(f"{row.verdict:4}", fg=STYLES[row.verdict])
        settings.show(mark, f"  {row.name}: {row.finding}")
        if row.to_do:
            settings.show(f"      {row.to_do}")
    return settings.finding
