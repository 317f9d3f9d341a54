"""The table [bridge] of a program's file: how the old fluid leaves the line before the program's own rate begins.

Owns: the table's keys, and how long a bridge lasts.
Rules: plug flow: the volume of the line at the rate that keeps the dose, rate = dose / old concentration (V_old at
Q = dose_rate / C_old); real fluid mixes, so its end is an estimate; a change without a bridge is named as such.
Units: nL, nL/day, ng/mL, microseconds.
Leaves: a bridge from the program that runs to bridge.py, running it to the rig.
"""

from __future__ import annotations

from typing import Any

from pumpwire import units

from pumprig.therapy.positions import Path
from pumprig.therapy.reader import Reader

DAY_S = 86_400
MAX_VOLUME_NL = 20_000_000
NONE = ((0, 0),)
Bridge = tuple[tuple[int, int], ...]


def read(reader: Reader, out: dict[str, Any], hard: int) -> Bridge:
    """`none = true`, or a volume (default: the catheter's) and either `rate` or `old_concentration`."""
    table = reader.table(reader.root, (), "bridge")
    if "bridge" not in reader.root:
        return ()
    path: Path = ("bridge",)
    for key in ("none", "volume", "rate", "old_concentration"):
        reader.get(table, path, key)
    if "none" in table:
        if table["none"] is not True or len(table) > 1:
            reader.fault((*path, "none"), table["none"], "must be true, and then stands alone")
        return NONE
    stored = int(out.get("catheter_nl") or 0) or None
    volume = reader.quantity(table, path, "volume", "volume", 1, MAX_VOLUME_NL, stored) or 1
    if ("rate" in table) == ("old_concentration" in table):
        reader.fault(path, None, "needs exactly one of rate, old_concentration (or `none = true`)")
        return ((volume, 1),)
    if "rate" in table:
        return ((volume, reader.quantity(table, path, "rate", "rate", 1, hard) or 1),)
    return ((volume, _rate_of_dose(reader, table, path, out, hard)),)


def _rate_of_dose(reader: Reader, table: dict[str, Any], path: Path, out: dict[str, Any], hard: int) -> int:
    """The rate at which the old fluid carries the new program's dose, nL/day, rounded."""
    old = reader.quantity(table, path, "old_concentration", "concentration", 1, 1_000_000_000)
    new = reader.concentration_ng_per_ml
    here = (*path, "old_concentration")
    if old is None:
        return 1
    if new is None:
        reader.fault(here, table["old_concentration"], "needs drug.concentration")
        return 1
    rate = (2 * mean_rate(out) * new + old) // (2 * old)
    if not 1 <= rate <= hard:
        why = f"keeps the dose at {units.show(rate, 'rate')}; allowed: 1 nl/day to {units.show(hard, 'rate')}"
        reader.fault(here, table["old_concentration"], why)
    return max(1, rate)


def mean_rate(document: dict[str, Any]) -> int:
    """The rate to begin with, nL/day: a pattern's mean over its day, else the first rate of a ramp or of phases."""
    for start, _step, _interval_s, _ceiling in document.get("ramp") or ():
        return int(start)
    for _for_s, rate in document.get("phases") or ():
        return int(rate)
    steps: list[tuple[int, int]] = list(document.get("basal") or ())
    total = 0
    for index, (from_s, rate) in enumerate(steps):
        end_s = steps[index + 1][0] if index + 1 < len(steps) else DAY_S
        total += rate * (end_s - from_s)
    return (total + DAY_S // 2) // DAY_S


def lasts_us(document: dict[str, Any]) -> int:
    """Microseconds that a program's bridge takes, 0 without one."""
    for volume_nl, rate in document["bridge"]:
        if volume_nl:
            return volume_nl * DAY_S * 1_000_000 // rate
    return 0
