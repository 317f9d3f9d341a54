"""What a program's own limits allow of it, said with the file's keys before anything is sent.

Owns: the hard limit over all flows together, and the cap.
Rules: as the rig judges a program that it stages: one bolus at a time on the highest base flow, the most in any 24 h.
Units: nL/day, nL, ms.
Leaves: each value by itself to reader.py, the arithmetic to pumpwire, the motor's own limit to the rig.
"""

from __future__ import annotations

from typing import Any

from pumpwire import daily, documents, units
from pumpwire import program as arithmetic
from pumpwire.terms import DAY_S, bolus_rate_nl_per_day

from pumprig.quantities import rate_text, volume_text
from pumprig.therapy.positions import Path
from pumprig.therapy.reader import Reader

DEFAULTS = {field: default for field, _kind, default in documents.FIELDS["program"]}


def check_flows(reader: Reader, fields: dict[str, Any]) -> None:
    """No bolus may exceed the hard limit together with the base flow; the rig would refuse the program."""
    document = {**DEFAULTS, **fields}
    base = arithmetic.max_base_rate(document)
    boluses: list[tuple[Path, Any, int, int]] = [
        (("periodic_bolus", index), reader.root["periodic_bolus"][index], row[1], row[2])
        for index, row in enumerate(document["periodic"])
    ]
    for volume_nl, over_ms, _lockout_s, _most in document["demand"]:
        boluses.append((("demand_bolus",), reader.root["demand_bolus"], volume_nl, over_ms))
    for path, table, volume_nl, over_ms in boluses:
        _check_bolus(reader, (*path, "over"), table["over"], volume_nl, over_ms, base, document)


def _check_bolus(
    reader: Reader,
    path: Path,
    over: object,
    volume_nl: int,
    over_ms: int,
    base: int,
    document: dict[str, Any],
) -> None:
    hard = document["hard_nl_per_day"]
    rate = base + bolus_rate_nl_per_day(volume_nl, over_ms)
    if rate <= hard:
        return
    why = f"is {rate_text(rate / 24)} with the base flow, above limits.hard_max_rate, {rate_text(hard / 24)}"
    if base < hard:
        least_ms = -(-volume_nl * DAY_S * 1000 // (hard - base) // 1000) * 1000
        why += f"; allowed: {units.show(least_ms, 'time')} and more"
    reader.fault(path, over, why)


def check_cap(reader: Reader, document: dict[str, Any]) -> None:
    """The program's own most in any 24 h has to fit the cap, as the rig judges it."""
    most_nl = daily.finish(daily.most_own_nl(document))
    if most_nl > document["cap_nl"]:
        why = f"must be {volume_text(most_nl)} at least, the most that the program delivers by itself in any 24 h"
        reader.fault(
            ("limits", "max_per_24h"),
            units.show(document["cap_nl"], "volume"),
            why + "; the rig would refuse it",
        )
