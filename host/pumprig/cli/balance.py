"""`pumprig balance test`: what a balance says, line by line, raw and as read.

Owns: the command's options and its outputs, text and JSON.
Rules: asks for readings and nothing else: no tare, no setting; ends by itself.
Units: seconds; masses with their unit.
Leaves: finding out to balance/search.py, the meaning of lines to the protocol files.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from pumprig.cli.options import NumberRange
from pumprig.cli.settings import current
from pumprig.errors import PumpError, UsageError

if TYPE_CHECKING:
    from pumprig.balance.serial_balance import Balance


@click.group()
def balance() -> None:
    """A balance beside the rig."""


@balance.command("test")
@click.argument("where", metavar="[PORT[,BAUD[,8N1|7E1|...]][,PROTOCOL]]", required=False)
@click.option(
    "--lines", "count", default=5, show_default=True, type=click.IntRange(1, 1000), help="Lines to show."
)
@click.option(
    "--wait",
    default=3.0,
    show_default=True,
    type=NumberRange(0.1, 600),
    help="Longest wait for a line, in s.",
)
def test_command(where: str | None, count: int, wait: float) -> None:
    """Find the balance on PORT (baud rate, parity, protocol) and show its lines, raw and as they are read.

    Protocols: mt-sics, sbi, a&d, ohaus, radwag, kern, and print for a balance that prints by itself. What PORT leaves
    out is found out, and what was tried is said.
    """
    from pumprig.balance.search import open_balance

    settings = current()
    if not where:
        raise UsageError("Which port?", "Nothing was opened.", f"Name it: {_ports()}.")
    opened = open_balance(where, settings.say)
    try:
        settings.say(f"found: {opened.model}, {opened.settings}")
        rows: list[dict[str, Any]] = []
        for _ in range(count):
            row = _row(opened, wait)
            rows.append(row)
            settings.show(f"{row['raw'] or '(nothing)':<36} {row['read_as']}")
    finally:
        opened.close()
    port = where.split(",")[0]
    good = sum(row["mass_g"] is not None for row in rows)
    settings.document({"model": opened.model, "settings": f"{port},{opened.settings}", "lines": rows})
    if not good:
        raise PumpError(
            f"None of {len(rows)} lines is a weight: the reason stands beside each.",
            "Nothing was changed at the balance.",
            "Set it as said there, and test it again.",
        )
    settings.say(f"{good} of {len(rows)} lines are weights; for a run: --balance {port},{opened.settings}")


def _row(opened: Balance, wait_s: float) -> dict[str, Any]:
    """One line: raw with its control characters visible, and how it is read."""
    from pumprig.balance.reading import BalanceError

    begin_s = time.monotonic()
    try:
        raw = opened.ask_line(wait_s)
    except BalanceError as error:
        return {"raw": "", "mass_g": None, "stable": None, "read_as": error.happened, "after_s": None}
    after_s = round(time.monotonic() - begin_s, 3)
    if raw is None:
        told = f"no line within {wait_s:g} s"
        return {"raw": "", "mass_g": None, "stable": None, "read_as": told, "after_s": None}
    shown = raw.encode("unicode_escape").decode("ascii")
    try:
        said = opened.dialect.said(raw)
    except BalanceError as error:
        told = f"no reading: {error.happened} {error.next_step}"
        return {"raw": shown, "mass_g": None, "stable": None, "read_as": told, "after_s": after_s}
    if said.mass_g is None:
        return {"raw": shown, "mass_g": None, "stable": False, "read_as": said.trouble, "after_s": after_s}
    told = f"{said.mass_g:.7g} g, {'stable' if said.stable else 'not stable yet'} ({after_s:.2g} s)"
    return {"raw": shown, "mass_g": said.mass_g, "stable": said.stable, "read_as": told, "after_s": after_s}


def _ports() -> str:
    from serial.tools import list_ports

    return ", ".join(port.device for port in list_ports.comports()) or "this computer has no serial port"
