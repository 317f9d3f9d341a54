"""Was it delivered? The answer in words.

Owns: the lines that `log total`, `rehearse` and the report begin with, and those of a live reading.
Rules: asked, given and what was not given stand together, with the reason and for how long.
Units: shown with units.
Leaves: the figures to store/asked.py.
"""

from __future__ import annotations

from typing import Any

from pumpwire import texts

from pumprig import quantities
from pumprig.store.given import Delivery
from pumprig.store.sofar import SoFar
from pumprig.store.totals import Total

WHY = {
    "stopped": "stopped by a person",
    "power": "without power",
    "stalled": "the rotor did not follow",
    "occluded": "taken back to relieve an occlusion",
    "unexplained": "not explained by any record",
}


def delivery_lines(given: Delivery) -> list[str]:
    """The first line answers; one more for each reason."""
    more = f" and {given.unknown_steps} steps of unknown volume" if given.unknown_steps else ""

    def volume(nl: int) -> str:
        return quantities.volume_text(nl) + more

    if given.asked_nl is None:
        lasted = quantities.duration_text(1000 * sum(given.unknown_s.values()))
        names = ", ".join(given.unknown_s)
        lines = [
            f"asked not known, given {volume(given.delivered_nl)}: for {lasted} a program ran that this store "
            f"does not know ({names}...)"
        ]
    elif not given.not_given:
        lines = [f"asked {volume(given.asked_nl)}, all of it given"]
    else:
        missing = missing_text(given.asked_nl - given.delivered_nl)
        lines = [f"asked {volume(given.asked_nl)}, given {volume(given.delivered_nl)}, {missing}:"]
    lines += [f"  {quantities.volume_text(row['nl']):>12}  {reason(row)}" for row in given.not_given]
    if given.unknown_requests:
        lines.append(f"  besides, {given.unknown_requests} refused requests, whose volume is in no record")
    return lines


def missing_text(missing_nl: int) -> str:
    """How asked and given differ."""
    volume = quantities.volume_text(abs(missing_nl))
    return f"not given {volume}" if missing_nl >= 0 else f"{volume} more than asked"


def reason(row: dict[str, Any]) -> str:
    """Why, and for how long; less than nothing is not given where a bridge and the base flow beside it moved."""
    why = str(row["why"])
    name = str(row.get("name", row.get("because", "")))
    times = int(row["times"])
    counted = f" ({times} times)" if times > 1 else ""
    if why == "alarm":
        told = f"alarm {name}{counted}"
    elif why == "missed":
        told = f"periodic boluses missed{counted}: {name}"
    elif why == "cancelled":
        told = f"rest of a cancelled {name} bolus{counted}"
    elif why == "refused":
        told = f"requests refused{counted}: {texts.ERRORS.get(name, name)}"
    else:
        told = f"{WHY.get(why, why)}{counted if row['for_s'] else ''}"
    lasted = f", for {quantities.duration_text(row['for_s'] * 1000)}" if row["for_s"] else ""
    return told + lasted + (": more than asked" if row["nl"] < 0 else "")


def so_far_document(so_far: SoFar | None) -> dict[str, Any] | None:
    """Asked, given, not given of the program in force, as JSON."""
    if so_far is None:
        return None
    return {
        "since": quantities.iso(so_far.since_utc_us),
        "since_record": so_far.since_record,
        "of_program": so_far.of_program,
        **so_far.delivery.document(),
        "u_delivered_nl": so_far.u_nl,
        "not_known_steps": so_far.unknown_steps,
        "records_to_come": so_far.behind,
    }


def so_far_lines(told: dict[str, Any]) -> list[str]:
    """Asked, given, not given of the program in force, and since when; a line for each reason."""
    since = quantities.parse_instant(told["since"], "since", 0) if told["since"] else None
    begun = f"since {quantities.local_text(since)}" if since else f"since record {told['since_record']}"
    first, *more = delivery_lines(Delivery.of(told))
    lines = [f"{begun}: {first}", *(line.strip() for line in more)]
    if told["not_known_steps"]:
        lines.append(f"besides, {told['not_known_steps']} steps under a calibration that is not known here")
    if told["records_to_come"]:
        lines.append(
            f"{told['records_to_come']} records of the rig are still to come, and not in these figures"
        )
    return lines


def so_far_text(told: dict[str, Any]) -> str:
    """The same in a few words."""
    given = quantities.volume_text(told["delivered_nl"])
    if told["asked_nl"] is None:
        return f"given {given}, asked not known"
    asked = quantities.volume_text(told["asked_nl"])
    if not told["not_given"]:
        return f"asked {asked}, all given"
    missing = missing_text(told["asked_nl"] - told["delivered_nl"])
    reasons = "; ".join(reason(row) for row in told["not_given"][:2])
    more = "; ..." if len(told["not_given"]) > 2 else ""
    return f"asked {asked}, given {given}, {missing} ({reasons}{more})"


def unknown_text(result: Total) -> str:
    """Why a part of the steps has no volume."""
    ids = [str(number) for number in result.unknown_ids if number]
    named = f"calibration {' and '.join(ids)} was" if ids else "no calibration was"
    return (
        f"and {result.unknown_steps} steps whose volume is not known: {named} in force for them, and "
        f"{'it was never read back here' if ids else 'none can be told'}"
    )
