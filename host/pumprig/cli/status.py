"""`pumprig status` and `pumprig watch`: one reading, or a live one.

Owns: the two commands and the layout of a reading.
Rules: reads only; --json is the contract's document, for `watch` one a line.
Units: shown with units; JSON by the names' endings.
Leaves: the fields to reading.py.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from pumprig import quantities
from pumprig.calibration.inforce import InForce
from pumprig.cli.calibrated import named
from pumprig.cli.settings import Settings, current
from pumprig.delivered import so_far_document, so_far_lines, so_far_text

if TYPE_CHECKING:
    from rich.table import Table

    from pumprig.api.rig import Rig

STATE_STYLES = {
    "running": "green",
    "bolus": "cyan",
    "priming": "cyan",
    "alarm": "bold red",
    "stopped": "yellow",
}


@click.command()
def status() -> None:
    """One reading of everything."""
    settings = current()
    with settings.rig() as rig:
        content = rig.status().document()
    content["calibration"] = calibration_document(content, named(settings, content))
    settings.document(content)
    if not settings.json:
        settings.print(table_of(content, named(settings, content)))


@click.command()
@click.option("--interval", default="1 s", show_default=True, help="Time between readings.")
@click.option("--count", type=click.IntRange(1), help="End after so many readings.")
def watch(interval: str, count: int | None) -> None:
    """A live reading, until Ctrl-C, which ends the watching and not the pump.

    It also tells what was asked and given since the program in force began. For that the rig's new records go into
    the store, as `log pull` brings them.
    """
    settings = current()
    pause_s = quantities.parse(interval, "time", "--interval") / 1000
    with settings.rig() as rig:
        readings = _readings(settings, rig, pause_s, count)
        if settings.json:
            for content, known in readings:
                settings.document({**content, "calibration": calibration_document(content, known)})
            return
        if not sys.stdout.isatty():  # a pipe or a file: a line for each reading, as it comes
            for content, _known in readings:
                settings.show(line_of(content))
            return
        from rich.live import Live

        with Live(table_of(*next(readings)), console=settings.console(), auto_refresh=False) as live:
            for content, known in readings:
                live.update(table_of(content, known), refresh=True)


def _readings(
    settings: Settings, rig: Rig, pause_s: float, count: int | None
) -> Generator[tuple[dict[str, Any], InForce]]:
    """One reading after the other, and the name of the calibration in it."""
    known: InForce | None = None
    why = ""
    turn = 0
    while count is None or turn < count:
        if turn:
            time.sleep(pause_s)
        turn += 1
        reading = rig.reading()
        content = {**reading.status.document(), "so_far": so_far_document(reading.so_far)}
        if reading.why_not and reading.why_not != why:
            why = reading.why_not
            settings.say(f"note: what was asked and given is not told: {why}")
        if known is None or known.id != content["calibration_id"]:
            known = named(settings, content)
        yield content, known


def calibration_document(content: dict[str, Any], known: InForce) -> dict[str, Any] | None:
    """The calibration in a reading, with what this computer knows of it."""
    return content["calibration"] and {**content["calibration"], **known.document()}


def line_of(content: dict[str, Any]) -> str:
    """A reading as one line."""
    alarms = ", ".join(str(row["name"]) for row in content["alarms"])
    words = [
        quantities.utc_text(quantities.now_utc_us()),
        f"{content['state']:12}",
        _rate(content["rate_nl_per_h"]),
        f"delivered {_volume(content['delivered_nl'])}",
        *_told(content["so_far"]),
        f"reservoir {_volume(content['reservoir_nl'])}",
        *([f"alarms: {alarms}"] if alarms else []),
    ]
    return "  ".join(words)


def _told(so_far: dict[str, Any] | None) -> list[str]:
    return [so_far_text(so_far)] if so_far else []


def table_of(content: dict[str, Any], calibration: InForce) -> Table:
    """A reading as a table of two columns."""
    from rich.table import Table

    from pumprig.plainconsole import styled

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    state = str(content["state"])
    table.add_row("state", styled(state, STATE_STYLES.get(state, "")))
    for name, text in _rows(content, calibration):
        table.add_row(name, text)
    for alarm in content["alarms"]:
        style = {"high": "bold red", "medium": "yellow"}.get(str(alarm["priority"]), "")
        seen = ", acknowledged" if alarm["acknowledged"] else ""
        table.add_row("alarm", styled(f"{alarm['name']} ({alarm['priority']}{seen})", style))
    return table


def _rows(content: dict[str, Any], calibration: InForce) -> list[tuple[str, str]]:
    mark = "SIMULATED " if content["simulated"] else ""
    therapy, bolus, clock, loop = content["therapy"], content["bolus"], content["clock"], content["loop"]
    name = f"{therapy['name']} ({therapy['mode']}, {therapy['hash']})" if therapy["hash"] else "none loaded"
    rows = [
        (
            "device",
            f"{mark}{content['device_id']}, firmware {content['firmware']}, protocol {content['protocol']}",
        ),
        ("therapy", name),
        ("rate", _rate(content["rate_nl_per_h"]) + "; counted " + _rate(content["counted_rate_nl_per_h"])),
        (
            "delivered",
            f"{_volume(content['delivered_nl'])} ({quantities.counted(content['delivered_steps'], 'step')})",
        ),
        ("commanded", _volume(content["commanded_nl"])),
        ("reservoir", _reservoir(content["reservoir_nl"], content["reservoir_u_nl"])),
        ("refill due", _refill(content)),
    ]
    if content["pressure_pa"] is not None:
        rows.append(("outlet", f"{content['pressure_pa'] / 1000:z.1f} kPa above the standing line"))
    if bolus:
        text = f"{_volume(bolus['delivered_nl'])} of {_volume(bolus['requested_nl'])}"
        rows.insert(3, (f"{bolus['kind']} bolus", text))
    ramp = therapy["ramp"]
    if ramp:
        rows.insert(2, ("titration", f"step {ramp['step']}" + (", held" if ramp["held"] else "")))
    if content["waiting"]:
        rows.insert(2, ("waiting", f"a program that begins at {_when(content['waiting']['begins_at'])}"))
    so_far = content.get("so_far")
    if so_far:
        rows[4:4] = list(zip(("so far", *[""] * 9), so_far_lines(so_far), strict=False))
    hz = content["clock_hz"]
    battery, tube = content["battery"], content["tube"]
    offset = (
        "never set" if clock["offset_s"] is None else f"{clock['offset_s']:+z.1f} s against this computer"
    )
    rows += [
        ("clock", offset),
        ("step clock", "not known" if hz is None else f"{hz / 1e6:.3f} MHz, measured at power-on"),
        ("calibration", calibration.told(datetime.now(UTC))),
        ("log", f"next record {content['log_next']}; the rig keeps {content['log_days']} days"),
        ("loop", f"{loop['period_us']} µs, worst {loop['worst_us']} µs, late {loop['late']}"),
        ("battery", f"{battery['percent']} % (model); to be replaced {_when(battery['eri_at'])[:10]}"),
        ("tube", _tube(tube)),
        ("motor", _motor(content["motor_mj_per_ul"])),
        ("last reset", str(content["reset_cause"])),
    ]
    return rows


def _refill(content: dict[str, Any]) -> str:
    """The date with every allotted demand bolus used, and the one by the habit of the last week."""
    if content["refill_due_at"] is None:
        return "not known yet" if content["rate_nl_per_h"] else "not known (nothing flows)"
    told = _when(content["refill_due_at"])
    habit = content["refill_by_habit_at"]
    if habit is None or habit[:10] == told[:10]:
        return told
    daily = _volume(content["habit_nl_per_day"])
    return f"{told} if every demand bolus is used; {_when(habit)} by habit ({daily} a day)"


def _tube(tube: dict[str, Any]) -> str:
    since = f", in since {tube['since'][:10]}" if tube["since"] else ""
    return f"{tube['revolutions']} of {tube['life_revolutions']} revolutions{since}"


def _motor(energy_mj: int | None) -> str:
    if energy_mj is None:
        return "nothing flows"
    energy_j = energy_mj / 1000
    figure = f"{energy_j:.0f}" if energy_j >= 100 else f"{energy_j:.3g}"
    return f"about {figure} J/µL at this rate"


def _volume(volume_nl: int | None) -> str:
    return "not known" if volume_nl is None else quantities.volume_text(volume_nl)


def _reservoir(volume_nl: int | None, u_nl: int | None) -> str:
    return "not known" if volume_nl is None or u_nl is None else quantities.volume_with_u(volume_nl, u_nl)


def _rate(rate: float | None) -> str:
    return "not known" if rate is None else quantities.rate_text(rate)


def _when(text: str | None) -> str:
    return quantities.utc_of(text, 16)
