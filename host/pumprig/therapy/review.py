"""A program in words: what is programmed and what follows from it, and how two programs differ.

Owns: the rows of a review.
Rules: what stands here was read back from the rig or computed from what was read back; a setting at its default is left
out; pure: nothing is printed or asked.
Units: shown with units.
Leaves: figures to forecast.py, the table's look to cli/review.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pumpwire import daily, documents, units
from pumpwire.program import zone_offset

from pumprig import quantities
from pumprig.therapy import forecast
from pumprig.therapy.program import Program

MOST_STEPS = 8
UNLIMITED = documents.MAX_RATE_NL_PER_DAY
NOTHING = {"0 nL", "up to 0 nL", "-"}


@dataclass(frozen=True)
class Difference:
    """A setting or a figure that a new program changes; `-` stands for none."""

    name: str
    now: str
    new: str

    def __str__(self) -> str:
        return f"{self.name}: {self.now} -> {self.new}"


def differences(
    old: tuple[Program, dict[str, Any]] | None, new: tuple[Program, dict[str, Any]], now_us: int
) -> list[Difference]:
    """What changes from the old program and its figures to the new one; all of it where there is no old one."""
    columns = [rows_of(*old, now_us) if old else {}, rows_of(*new, now_us)]
    found: list[Difference] = []
    for name, cells in side_by_side(columns):
        if cells[0] != cells[1]:
            found.append(Difference(name, *cells))
    return found


def rows_of(program: Program, facts: dict[str, Any], now_us: int) -> dict[str, str]:
    """A program's settings and figures, in words."""
    return {**settings_of(program, now_us), **figures_of(facts, now_us)}


def side_by_side(columns: list[dict[str, str]]) -> list[tuple[str, list[str]]]:
    """The rows of several programs, in order, without those that say nothing anywhere."""
    rows = [(name, [column.get(name, "-") for column in columns]) for name in _in_order(columns)]
    return [row for row in rows if not set(row[1]) <= NOTHING]


def becomes_of_bolus(status: Any, active: Program | None, new: Program) -> str | None:
    """What a commit at once does to the bolus or bridge under way; `status` is a rig.status.Status.

    Nothing is said of a bolus that goes on: under a program whose base flow alone is new.
    """
    bolus = status.bolus
    if bolus is None or daily.is_base_alone(new.document, active.document if active else None):
        return None
    given, asked = (quantities.volume_text(value) for value in (bolus.delivered_nl, bolus.requested_nl))
    text = f"the {bolus.kind} under way, {given} of {asked}, "
    if bolus.kind != "bridge":
        return text + "ends here"
    if new.document["bridge"]:
        return text + "ends here; what the line still holds flows at the new rate"
    return text + "goes on; the new base flow begins when its volume has left"


def _in_order(columns: list[dict[str, str]]) -> list[str]:
    """The rows of all columns, each after the row that it follows in its own column."""
    names: list[str] = []
    for rows in columns:
        place = 0
        for name in rows:
            if name not in names:
                names.insert(place, name)
            place = names.index(name) + 1
    return names


def settings_of(program: Program, now_us: int) -> dict[str, str]:
    """What is programmed, in words; a setting at its default is left out."""
    document = program.document
    rows = {"name": program.name, "mode": program.mode, "hash": program.hash, **_drugs(document)}
    rows |= _base(document)
    for index, (every_s, volume_nl, over_ms, first_s) in enumerate(document["periodic"]):
        first = f", first after {_time(first_s * 1000)}" if first_s else ""
        number = f" {index + 1}" if len(document["periodic"]) > 1 else ""
        rows[f"periodic bolus{number}"] = (
            f"{_volume(volume_nl)} over {_time(over_ms)} every {_time(every_s * 1000)}{first}"
        )
    for volume_nl, over_ms, lockout_s, most in document["demand"]:
        rows["demand bolus"] = (
            f"{_volume(volume_nl)} over {_time(over_ms)}, lockout {_time(lockout_s * 1000)}, {most} in 24 h"
        )
    for field, name in (("soft_nl_per_day", "soft limit"), ("hard_nl_per_day", "hard limit")):
        rows[name] = _rate(document[field]) if document[field] != UNLIMITED else "none"
    rows["24 h cap"] = _volume(document["cap_nl"]) if document["cap_nl"] != UNLIMITED else "none"
    rows["reservoir"] = f"{_volume(document['reservoir_nl'])}, low at {_volume(document['low_nl'])}"
    if document["catheter_nl"]:
        rows["catheter"] = _volume(document["catheter_nl"])
    if document["zone"]:
        offset_us, _change_us = zone_offset(document["zone"], now_us)
        rows["time zone"] = f"UTC{offset_us / 3_600_000_000:+g} h, {_zone_known(document['zone'])}"
    rows["after power loss"] = document["on_return"]
    if document["on_stall"] != "stop":
        rows["after a stall"] = "retried every 2 min, without catching up"
    return rows


def _zone_known(zone: tuple[tuple[int, int], ...]) -> str:
    """How long the rig's list of changes lasts."""
    if len(zone) < 2:
        return "no changes"
    return f"changes known until {quantities.local_text(zone[-1][0] * 1_000_000)[:10]}"


def _drugs(document: dict[str, Any]) -> dict[str, str]:
    drugs = forecast.drugs_of(document)
    told = [f"{drug.name} {units.show(drug.concentration_ng_per_ml, 'concentration')}" for drug in drugs]
    return {"drug": " + ".join(told)} if told else {}


def _base(document: dict[str, Any]) -> dict[str, str]:
    rows: dict[str, str] = {}
    for volume_nl, rate in document["bridge"]:
        rows["bridge"] = f"{_volume(volume_nl)} at {_rate(rate)}" if volume_nl else "none, as named"
    for start, step, interval_s, ceiling in document["ramp"]:
        rows["ramp"] = (
            f"{_rate(start)}, + {_rate(step)} every {_time(interval_s * 1000)}, up to {_rate(ceiling)}"
        )
    if document["phases"]:
        rows["phases"] = ", then ".join(
            f"{_rate(rate)} for {_time(for_s * 1000)}" for for_s, rate in document["phases"]
        )
    if document["basal"]:
        rows["basal"] = _steps(document["basal"])
    return rows | {f"  {day}": _steps(document[day]) for day in documents.WEEKDAYS if document[day]}


def _steps(steps: tuple[tuple[int, int], ...]) -> str:
    """The steps of a day, all in the unit that makes them shortest."""
    if len(steps) == 1:
        return _rate(steps[0][1])
    times = [f"{from_s // 3600:02d}:{from_s // 60 % 60:02d}" for from_s, _rate in steps]
    told = [
        ", ".join(
            f"{at} {unit(rate)}" for at, (_from_s, rate) in zip(times, steps[:MOST_STEPS], strict=False)
        )
        for unit in (_per_hour, _per_day)
    ]
    best = min(told, key=lambda text: ("/h" in text and "/day" in text, len(text)))
    return best + (f" ... {len(steps)} steps" if len(steps) > MOST_STEPS else "")


def figures_of(facts: dict[str, Any], now_us: int) -> dict[str, str]:
    """What follows from a program, in words."""
    volume = quantities.volume_text
    rows = {
        "highest rate": quantities.rate_text(facts["max_rate_nl_per_h"]),
        "basal a day": volume(facts["daily_basal_nl"]),
        "periodic a day": volume(facts["daily_periodic_nl"]),
        "most in any 24 h": f"{volume(facts['daily_max_nl'])}, requests apart",
        "demand a day": "up to " + volume(facts["daily_demand_max_nl"]),
    }
    days = [nl // 10_000 for nl in facts["coming_days_nl"]]
    if len(set(days)) > 1:
        rows["day 1 to 7, mL"] = " ".join(f"{nl / 1e6:.2f}" for nl in facts["coming_days_nl"])
    if facts["bridge"]:
        rows["bridge ends"] = f"in about {quantities.duration_text(facts['bridge']['hours'] * 3_600_000)}"
    rows["reservoir low"] = _days(facts["days_to_low"], now_us)
    rows["reservoir empty"] = _days(facts["days_to_empty"], now_us)
    for dose in facts["doses"]:
        most = f" to {dose['ug_per_day_max']:g}" if dose["ug_per_day_max"] != dose["ug_per_day"] else ""
        rows[f"dose, {dose['drug']}"] = f"{dose['ug_per_day']:g}{most} µg a day"
    return rows


def _days(days: float | None, now_us: int) -> str:
    if days is None:
        return "beyond ten years"
    return f"after {days:g} d ({quantities.local_text(now_us + round(days * forecast.DAY_US))[:10]})"


def _volume(volume_nl: int) -> str:
    return units.show(volume_nl, "volume")


def _time(time_ms: int) -> str:
    return units.show(time_ms, "time")


def _per_hour(rate_nl_per_day: int) -> str:
    return units.show(rate_nl_per_day, "rate")


def _per_day(rate_nl_per_day: int) -> str:
    whole, part = divmod(rate_nl_per_day, 1_000_000)
    return f"{whole}.{part:06d}".rstrip("0").rstrip(".") + " ml/day"


def _rate(rate_nl_per_day: int) -> str:
    """The shorter of µL/h and mL/day, exact."""
    return min(_per_hour(rate_nl_per_day), _per_day(rate_nl_per_day), key=len)
