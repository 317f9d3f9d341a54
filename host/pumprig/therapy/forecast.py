"""What follows from a program: rates over time, volumes a day, doses, days until the reservoir is low.

Owns: the host's forecast; the rig computes its own.
Rules: exact integers for rates and volumes; the reservoir's days assume that every allotted demand bolus is used.
Callers: `program check|load|plot`, the report.
Units: nL/day, nL, microseconds UTC, days.
Leaves: pictures to plot.py, limits to pumpwire.documents and the rig.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pumpwire import documents

from pumprig.quantities import nl_per_h, rate_text, volume_text
from pumprig.therapy import bridge_table
from pumprig.therapy.program import Drug, Program, drugs_of

DAY_S = 86_400
SECOND_US = 1_000_000
DAY_US = DAY_S * SECOND_US
NL_PER_ML = 1_000_000
MAX_DAYS = 3_660
DAYS = 7  # that a review and a plot show


@dataclass(frozen=True)
class Segment:
    """A stretch of constant base rate."""

    start_us: int
    end_us: int
    rate_nl_per_day: int


def base_segments(document: dict[str, Any], start_us: int, begun_us: int, end_us: int) -> Iterator[Segment]:
    """The base rate from start_us to end_us for a program that began at begun_us; its bridge stands for it first."""
    at_us = start_us
    bridged_us = min(end_us, begun_us + bridge_table.lasts_us(document))
    if at_us < bridged_us:
        yield Segment(at_us, bridged_us, document["bridge"][0][1])
        at_us = bridged_us
    while at_us < end_us:
        rate, until_us = _base_rate(document, at_us - begun_us, at_us)
        stop_us = min(end_us, until_us)
        yield Segment(at_us, stop_us, rate)
        at_us = stop_us


def _base_rate(document: dict[str, Any], elapsed_us: int, at_us: int) -> tuple[int, int]:
    """(nL/day, at_us until which it holds)."""
    far_us = at_us + 10_000 * DAY_US
    if document["ramp"]:
        start, step, interval_s, ceiling = document["ramp"][0]
        turn, into_us = divmod(max(0, elapsed_us), interval_s * SECOND_US)
        rate = start + turn * step
        if rate >= ceiling or not step:
            return min(rate, ceiling), far_us
        return rate, at_us + interval_s * SECOND_US - into_us
    if document["phases"]:
        end_us = 0
        for for_s, rate in document["phases"]:
            end_us += for_s * SECOND_US
            if elapsed_us < end_us:
                return rate, at_us + end_us - elapsed_us
        return document["phases"][-1][1], far_us
    if len(document["basal"]) == 1 and not any(document[day] for day in documents.WEEKDAYS):
        return document["basal"][0][1], far_us
    offset_us, change_us = _zone(document["zone"], at_us)
    local_us = at_us + offset_us
    day, in_day_us = divmod(local_us, DAY_US)
    rate, until_us = 0, DAY_US
    for from_s, step_rate in document[documents.WEEKDAYS[(day + 3) % 7]] or document["basal"]:
        if from_s * SECOND_US > in_day_us:
            until_us = from_s * SECOND_US
            break
        rate = step_rate
    return rate, min(at_us + until_us - in_day_us, change_us)


def _zone(zone: tuple[tuple[int, int], ...], at_us: int) -> tuple[int, int]:
    offset_us = 0
    for from_s, offset_s in zone:
        if from_s * SECOND_US > at_us:
            return offset_us, from_s * SECOND_US
        offset_us = (offset_s - DAY_S) * SECOND_US
    return offset_us, at_us + 10_000 * DAY_US


def periodic_starts(document: dict[str, Any], begun_us: int, end_us: int) -> Iterator[tuple[int, int, int]]:
    """(start_us, volume_nl, over_ms) of every periodic bolus until end_us, row by row of the program."""
    for every_s, volume_nl, over_ms, first_s in document["periodic"]:
        at_us = begun_us + (first_s or every_s) * SECOND_US
        while at_us < end_us:
            yield at_us, volume_nl, over_ms
            at_us += every_s * SECOND_US


def base_units(document: dict[str, Any], start_us: int, begun_us: int, end_us: int) -> int:
    """Base volume of a stretch without rounding, in nL / DAY_US."""
    parts = base_segments(document, start_us, begun_us, end_us)
    return sum(part.rate_nl_per_day * (part.end_us - part.start_us) for part in parts)


def base_volume_nl(document: dict[str, Any], start_us: int, begun_us: int, end_us: int) -> int:
    """Base volume of a stretch, rounded down."""
    return base_units(document, start_us, begun_us, end_us) // DAY_US


def daily_demand_nl(document: dict[str, Any]) -> int:
    """The most that demand boluses can deliver in 24 h: the count allowed, and what the lockout leaves room for."""
    if not document["demand"]:
        return 0
    volume_nl, _over_ms, lockout_s, most = document["demand"][0]
    return volume_nl * (min(most, -(-DAY_S // lockout_s)) if lockout_s else most)


def daily_periodic_nl(document: dict[str, Any]) -> int:
    """Mean volume of periodic boluses in a day, rounded."""
    return sum(round(volume * DAY_S / every) for every, volume, _over, _first in document["periodic"])


def peak_rate_nl_per_day(document: dict[str, Any]) -> int:
    """The highest rate of all flows together: the highest base with the fastest bolus on top."""
    rates = dict[str, int]()
    for name, rate in documents.peak_rates(document):
        rates[name] = max(rate, rates.get(name, 0))
    boluses = [rates.pop(name, 0) for name in ("periodic", "demand")]
    return max(rates.values(), default=0) + max(boluses)


def days_nl(document: dict[str, Any], now_us: int, days: int = DAYS) -> list[int]:
    """Volume of each of the coming days of a program that begins now, periodic boluses included, nL."""
    volumes: list[int] = []
    starts = list(periodic_starts(document, now_us, now_us + days * DAY_US))
    for day in range(days):
        begin_us, end_us = now_us + day * DAY_US, now_us + (day + 1) * DAY_US
        boluses = sum(volume for at_us, volume, _over in starts if begin_us <= at_us < end_us)
        volumes.append(base_volume_nl(document, begin_us, now_us, end_us) + boluses)
    return volumes


def check(program: Program, now_us: int, reservoir_nl: int | None = None) -> dict[str, Any]:
    """The contract's `program check --json`: figures, doses and warnings.

    reservoir_nl: what the reservoir holds now; without it, the days count from the program's full reservoir.
    """
    document = program.document
    bare = {**document, "bridge": ()}  # a day's figures are the program's own, not its bridge's
    days = 1 if document["ramp"] or document["phases"] else 7
    basal_nl = round(base_volume_nl(bare, now_us, now_us, now_us + days * DAY_US) / days)
    periodic_nl, demand_nl = daily_periodic_nl(document), daily_demand_nl(document)
    low, empty = _days(document, now_us, document["reservoir_nl"] if reservoir_nl is None else reservoir_nl)
    peak = peak_rate_nl_per_day(document)
    return {
        "name": program.name,
        "hash": program.hash,
        "mode": program.mode,
        "max_rate_nl_per_h": nl_per_h(peak),
        "daily_basal_nl": basal_nl,
        "daily_periodic_nl": periodic_nl,
        "daily_demand_max_nl": demand_nl,
        "coming_days_nl": days_nl(document, now_us),
        "bridge": _bridge(document),
        "days_to_low": low,
        "days_to_empty": empty,
        "doses": [
            {
                "drug": drug.name,
                "ug_per_day": _ug(basal_nl + periodic_nl, drug),
                "ug_per_day_max": _ug(basal_nl + periodic_nl + demand_nl, drug),
            }
            for drug in drugs_of(document)
        ],
        "warnings": _warnings(document, peak, basal_nl + periodic_nl + demand_nl, low),
    }


def _ug(volume_nl: int, drug: Drug) -> float:
    return round(volume_nl * drug.concentration_ng_per_ml / NL_PER_ML / 1000, 4)


def _bridge(document: dict[str, Any]) -> dict[str, Any] | None:
    """The bridge with the hours it is estimated to take."""
    for volume_nl, rate in document["bridge"]:
        if volume_nl:
            hours = round(bridge_table.lasts_us(document) / 3_600 / SECOND_US, 2)
            return {"volume_nl": volume_nl, "rate_nl_per_h": nl_per_h(rate), "hours": hours}
    return None


def _days(document: dict[str, Any], now_us: int, reservoir_nl: int) -> tuple[float | None, float | None]:
    """Days until low and until empty from reservoir_nl, every demand bolus used; None beyond ten years."""
    extra_nl = daily_periodic_nl(document) + daily_demand_nl(document)
    left_nl = float(reservoir_nl)
    low: float | None = None
    for day in range(MAX_DAYS):
        start_us = now_us + day * DAY_US
        used = base_volume_nl(document, start_us, now_us, start_us + DAY_US) + extra_nl
        used = min(used, document["cap_nl"])
        if low is None and used and left_nl - used < document["low_nl"]:
            low = round(max(0.0, day + (left_nl - document["low_nl"]) / used), 2)
        if used and left_nl - used <= 0:
            return low, round(day + left_nl / used, 2)
        left_nl -= used
    return low, None


def _warnings(
    document: dict[str, Any], peak: int, daily_nl: int, low_days: float | None
) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    if peak > document["soft_nl_per_day"]:
        soft = rate_text(document["soft_nl_per_day"] / 24)
        text = f"all flows together reach {rate_text(peak / 24)}, above the soft limit {soft}"
        rows.append({"key": "limits.soft_max_rate", "text": text + "; `program load` needs --override"})
        over: dict[str, int] = {}
        for name, rate in documents.peak_rates(document):
            if rate > document["soft_nl_per_day"]:
                over[name] = max(rate, over.get(name, 0))
        for name, rate in over.items():
            rows.append(
                {"key": name, "text": f"alone reaches {rate_text(rate / 24)}, above the soft limit {soft}"}
            )
    if daily_nl > document["cap_nl"]:
        text = f"a day with every demand bolus is {volume_text(daily_nl)}, above the cap"
        rows.append(
            {
                "key": "limits.max_per_24h",
                "text": f"{text} {volume_text(document['cap_nl'])}: some are refused",
            }
        )
    if document["demand"] and daily_demand_nl(document) < document["demand"][0][0] * document["demand"][0][3]:
        rows.append(
            {"key": "demand_bolus.max_per_24h", "text": "the lockout allows fewer boluses than this count"}
        )
    if low_days is not None and low_days < 1:
        rows.append({"key": "reservoir.volume", "text": f"the reservoir is low after {low_days * 24:.1f} h"})
    if document["hard_nl_per_day"] == documents.MAX_RATE_NL_PER_DAY:
        rows.append(
            {"key": "limits.hard_max_rate", "text": "no hard limit is set; only the motor's own limit holds"}
        )
    return rows
