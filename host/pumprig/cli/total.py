"""A total as JSON and as lines for a person.

Owns: the two forms.
Rules: the volume that is known stands with its uncertainty, the rest in steps, with one line why.
Units: shown with units; JSON by the names' endings.
Leaves: the sums to store/totals.py.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pumpwire import identity, spec

from pumprig import quantities
from pumprig.cli.settings import Settings
from pumprig.delivered import delivery_lines, unknown_text
from pumprig.store.given import Delivery
from pumprig.store.totals import Total


def total_document(result: Total, given: Delivery) -> dict[str, Any]:
    """A total as JSON."""
    return {
        "device_id": result.device_id,
        "simulated": identity.is_simulated(result.device_id),
        "from": quantities.iso(result.first.at_utc_us),
        "to": quantities.iso(result.last.at_utc_us),
        "from_record": result.first.number,
        "to_record": result.last.number,
        "delivered_steps": result.steps,
        **given.document(),
        "u_delivered_nl": result.u_nl,
        "not_known_steps": result.unknown_steps,
        "not_known_calibrations": result.unknown_ids,
        "by_kind_steps": result.by_kind_steps,
        "by_kind_nl": result.by_kind_nl,
        "assumed_steps": result.assumed_steps,
        "by_calibration": [asdict(part) for part in result.parts],
    }


def show_total(settings: Settings, result: Total, given: Delivery) -> None:
    """A total for a person."""
    start, end = quantities.local_text(result.first.at_utc_us), quantities.local_text(result.last.at_utc_us)
    mark = "SIMULATED " if identity.is_simulated(result.device_id) else ""
    settings.show(
        f"{mark}{result.device_id}, records {result.first.number} to {result.last.number} ({start} to {end})"
    )
    for line in delivery_lines(given):
        settings.show(line)
    volume = quantities.volume_with_u(result.volume_nl, result.u_nl)
    known_steps = result.steps - result.unknown_steps
    settings.show(f"delivered {volume} (k = 2), {known_steps} steps")
    if result.unknown_steps:
        settings.show(unknown_text(result))
    for kind in spec.KINDS:
        steps = result.by_kind_steps[kind]
        if steps:
            volume = quantities.volume_text(result.by_kind_nl[kind])
            settings.show(f"  {kind:12} {volume:>12}  {steps:10d} steps")
    for part in result.parts:
        if part.volume_nl is not None and part.steps:
            settings.show(f"  calibration {part.calibration_id}: {quantities.volume_text(part.volume_nl)}")
    if result.assumed_steps:
        settings.show(
            f"  besides, {result.assumed_steps} steps were taken as delivered at power losses without being counted"
        )
