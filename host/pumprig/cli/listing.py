"""The list of calibrations: what was made, for which rig, what is in force where.

Owns: the table of `calibrate list`, and its JSON.
Rules: a calibration in force that was not weighed here is listed, too, under the table; nothing is sent to a rig that
is not named.
Units: µL a revolution, U with k = 2, days.
Leaves: records to calibration/register.py, what is known of rigs to calibrated.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pumprig import quantities
from pumprig.calibration import register
from pumprig.calibration.inforce import InForce
from pumprig.cli.calibrated import known_in_force, named, steps_known
from pumprig.cli.settings import Settings

COLUMNS = ("", "id", "made", "age", "rig", "tube", "µL a revolution (k = 2)", "range / µL/h", "drift")


def show_calibrations(settings: Settings) -> None:
    """For a person, and as JSON."""
    now = datetime.now(UTC)
    in_force = known_in_force(settings)
    if settings.port:
        with settings.rig() as rig:
            content = rig.status().document()
        in_force[str(content["device_id"])] = named(settings, content)
    rows = _rows(settings, now, in_force)
    listed = {row["id"] for row in rows}
    others = {rig: found for rig, found in in_force.items() if found.id and found.id not in listed}
    if not settings.json:
        _show(settings, now, rows, others)
    for path in register.damaged():
        settings.say(f"warning: {path} is damaged and passed over")
    latest: list[str] = rows[-1]["warnings"] if rows else []
    for warning in latest:
        settings.say(f"warning: {warning}")
    settings.document(
        [
            *rows,
            *(
                {"id": found.id, "device_id": rig, "active": [rig], "u_pct": found.u_pct, **found.document()}
                for rig, found in others.items()
            ),
        ]
    )


def _rows(settings: Settings, now: datetime, in_force: dict[str, InForce]) -> list[dict[str, Any]]:
    before: dict[tuple[str, str], float] = {}  # each tube of each rig drifts for itself
    rows: list[dict[str, Any]] = []
    for record in register.records():
        content = record.content
        rig = str(content.get("device_id", ""))
        tube = (rig, str(content["tube"]))
        drift = 100.0 * (record.nl_per_rev / before[tube] - 1.0) if tube in before else None
        before[tube] = record.nl_per_rev
        steps_now = steps_known(settings, rig)
        names = ("made_at", "person", "tube", "nl_per_rev", "u_nl_per_rev", "range_nl_per_h")
        rows.append(
            {
                "id": record.id,
                "kind": "weighed",
                "device_id": rig or None,
                "simulated": content.get("simulated") == "true",
                "active": [device for device, found in in_force.items() if found.id == record.id],
                **{name: content[name] for name in names},
                "drift_pct": drift,
                "revolutions_since": record.revolutions(steps_now),
                "warnings": record.warnings(now, (), steps_now),
            }
        )
    return rows


def _show(settings: Settings, now: datetime, rows: list[dict[str, Any]], others: dict[str, InForce]) -> None:
    if rows:
        table = [COLUMNS, *(_cells(row, now) for row in rows)]
        widths = [max(len(line[i]) for line in table) for i in range(len(COLUMNS))]
        for line in table:
            settings.show(
                "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            )
    else:
        settings.show("no calibration was weighed on this computer yet")
    for rig, found in others.items():
        settings.show(f"*  {rig}: {found.told(now)}")
    if others or any(row["active"] for row in rows):
        settings.show("* in force, as of the last pull" + (" or as the rig says" if settings.port else ""))


def _cells(row: dict[str, Any], now: datetime) -> tuple[str, ...]:
    made = datetime.fromisoformat(row["made_at"])
    age_s = (now - (made if made.tzinfo else made.replace(tzinfo=UTC))).total_seconds()
    low, high = (f"{rate / 1000:.4g}" for rate in row["range_nl_per_h"])
    drift = row["drift_pct"]
    return (
        "*" if row["active"] else "",
        str(row["id"]),
        quantities.utc_of(row["made_at"], 16),
        f"{max(0.0, age_s) / 86_400:.0f} d",
        ("SIMULATED " if row["simulated"] else "") + (row["device_id"] or "not told"),
        row["tube"] or "not told",
        quantities.plus_minus(row["nl_per_rev"] / 1000, row["u_nl_per_rev"] / 1000),
        low if low == high else f"{low} to {high}",
        "" if drift is None else f"{drift:+.2f} %",
    )
