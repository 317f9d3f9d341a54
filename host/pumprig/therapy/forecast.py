"""What follows from a program: rates over time, volumes a day, doses, days until the reservoir is low.

Owns: the host's forecast; the rig computes its own.
Rules: exact integers for rates and volumes; the reservoir's days assume that every allotted demand bolus is used.
Units: nL/day, nL, microseconds UTC, days.
Leaves: pictures to plot.py, limits to pumpwire.documents and the rig.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pumpwire import daily, documents
from pumpwire import program as arithmetic

from pumprig.quantities import nl_per_h, rate_text, volume_text
from pumprig.therapy import bridge_table
from pumprig.therapy.program import Drug, Program, drugs_of

DAY_S = 86_400
SECOND_US = 1_000_000
DAY_US = DAY_S * SECOND_US
NL_PER_ML = 1_000_000
MAX_DAYS = 3_660
FEW_STEPS_NL = 35  # ten steps of the commonest head (10 uL a revolution, 2 900 steps)
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
        rate, holds_us = arithmetic.base_rate(document, at_us - begun_us, at_us)
        stop_us = min(end_us, at_us + holds_us)
        yield Segment(at_us, stop_us, rate)
        at_us = stop_us


def periodic_starts(document: dict[str, Any], begun_us: int, end_us: int) -> Iterator[tuple[int, int, int]]:
    """(start_us, volume_nl, over_ms) of every periodic bolus until end_us, in the order in which they begin.

    One at a time, the bridge first: a turn that falls due meanwhile begins at the end, or is missed at its next turn.
    """
    rows = document["periodic"]
    turns = [0] * len(rows)
    free_us = begun_us + bridge_table.lasts_us(document)
    while rows:
        for index, row in enumerate(rows):
            turns[index] = max(turns[index], arithmetic.turns_before(row, free_us - begun_us + 1) - 1)
        due, index = min(
            (begun_us + arithmetic.due_us(row, turns[index]), index) for index, row in enumerate(rows)
        )
        start_us = max(due, free_us)
        if start_us >= end_us:
            return
        _every_s, volume_nl, over_ms, _first_s = rows[index]
        yield start_us, volume_nl, over_ms
        turns[index] += 1
        free_us = start_us + over_ms * 1000


def base_units(document: dict[str, Any], start_us: int, begun_us: int, end_us: int) -> int:
    """Base volume of a stretch without rounding, in nL / DAY_US."""
    parts = base_segments(document, start_us, begun_us, end_us)
    return sum(part.rate_nl_per_day * (part.end_us - part.start_us) for part in parts)


def base_volume_nl(document: dict[str, Any], start_us: int, begun_us: int, end_us: int) -> int:
    """Base volume of a stretch, rounded down."""
    return base_units(document, start_us, begun_us, end_us) // DAY_US


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
    periodic_nl, demand_nl = arithmetic.periodic_a_day_nl(document), arithmetic.demand_a_day_nl(document)
    low, empty = _days(document, now_us, document["reservoir_nl"] if reservoir_nl is None else reservoir_nl)
    peak = arithmetic.peak_rate(document)
    return {
        "name": program.name,
        "hash": program.hash,
        "mode": program.mode,
        "max_rate_nl_per_h": nl_per_h(peak),
        "daily_basal_nl": basal_nl,
        "daily_periodic_nl": periodic_nl,
        "daily_demand_max_nl": demand_nl,
        "daily_max_nl": daily.finish(daily.most_own_nl(document)),
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
        "warnings": _overlapping(bare, now_us)
        + _warnings(document, peak, basal_nl + periodic_nl + demand_nl, low),
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
    extra_nl = arithmetic.periodic_a_day_nl(document) + arithmetic.demand_a_day_nl(document)
    left_nl = float(reservoir_nl)
    low: float | None = None
    for day in range(MAX_DAYS):
        start_us = now_us + day * DAY_US
        base_nl = base_volume_nl(document, start_us, now_us, start_us + DAY_US)
        besides_nl = max(0, min(extra_nl, document["cap_nl"] - base_nl))
        used = base_nl + besides_nl
        if low is None and used and left_nl - used < document["low_nl"]:
            spent_nl = max(0.0, left_nl - document["low_nl"])
            low = round(day + _day_part(document, start_us, now_us, besides_nl, spent_nl), 2)
        if used and left_nl - used <= 0:
            return low, round(day + _day_part(document, start_us, now_us, besides_nl, left_nl), 2)
        left_nl -= used
    return low, None


def _day_part(
    document: dict[str, Any], start_us: int, begun_us: int, besides_nl: int, spent_nl: float
) -> float:
    """Which part of a day that begins at start_us has passed when so much is spent; boluses are spread over it."""
    need = spent_nl * DAY_US
    for part in base_segments(document, start_us, begun_us, start_us + DAY_US):
        rate = part.rate_nl_per_day + besides_nl
        brings = rate * (part.end_us - part.start_us)
        if rate and brings >= need:
            return (part.start_us - start_us + need / rate) / DAY_US
        need -= brings
    return 1.0


def _overlapping(document: dict[str, Any], now_us: int) -> list[dict[str, str]]:
    """Whether periodic boluses are missed because others take their time, and how many."""
    rows = document["periodic"]
    due = sum(arithmetic.turns_before(row, DAYS * DAY_US) for row in rows)
    missed = due - len(list(periodic_starts(document, now_us, now_us + DAYS * DAY_US)))
    if missed <= len(rows):  # at the end as many may still wait
        return []
    text = f"they need more time than there is: of {due} in {DAYS} days {missed} still wait when their own next turn"
    return [{"key": "periodic_bolus", "text": text + " is due, and are missed"}]


def _warnings(
    document: dict[str, Any], peak: int, daily_nl: int, low_days: float | None
) -> list[dict[str, str]]:
    warned: list[dict[str, str]] = []
    if peak > document["soft_nl_per_day"]:
        soft = rate_text(document["soft_nl_per_day"] / 24)
        text = f"all flows together reach {rate_text(peak / 24)}, above the soft limit {soft}"
        warned.append({"key": "limits.soft_max_rate", "text": text + "; `program load` needs --override"})
        over: dict[str, int] = {}
        for name, rate in documents.peak_rates(document):
            if rate > document["soft_nl_per_day"]:
                over[name] = max(rate, over.get(name, 0))
        for name, rate in over.items():
            warned.append(
                {"key": name, "text": f"alone reaches {rate_text(rate / 24)}, above the soft limit {soft}"}
            )
    if daily_nl > document["cap_nl"]:
        text = f"a day with every demand bolus is {volume_text(daily_nl)}, above the cap"
        warned.append(
            {
                "key": "limits.max_per_24h",
                "text": f"{text} {volume_text(document['cap_nl'])}: some are refused",
            }
        )
    if (
        document["demand"]
        and arithmetic.demand_a_day_nl(document) < document["demand"][0][0] * document["demand"][0][3]
    ):
        warned.append(
            {"key": "demand_bolus.max_per_24h", "text": "the lockout allows fewer boluses than this count"}
        )
    for key, rows in (("periodic_bolus", document["periodic"]), ("demand_bolus", document["demand"])):
        volume_nl = min((row[1 if key == "periodic_bolus" else 0] for row in rows), default=FEW_STEPS_NL)
        if volume_nl < FEW_STEPS_NL:
            text = f"{volume_text(volume_nl)} is less than ten steps of a usual pump head; what rounding takes from one"
            warned.append({"key": key, "text": text + " bolus is given with a later one"})
    if low_days is not None and low_days < 1:
        warned.append(
            {"key": "reservoir.volume", "text": f"the reservoir is low after {low_days * 24:.1f} h"}
        )
    if document["hard_nl_per_day"] == documents.MAX_RATE_NL_PER_DAY:
        warned.append(
            {"key": "limits.hard_max_rate", "text": "no hard limit is set; only the motor's own limit holds"}
        )
    return warned
