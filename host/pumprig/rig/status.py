"""The rig's status as the command-line contract states it.

Owns: the contract's field names and how they follow from the wire's.
Rules: what is not known is null, never a made-up value; times are ISO 8601 UTC.
Callers: status, watch, rate, doctor, the report, the demo.
Units: by the names' endings; rates on the wire in nL/day, here in nL/h.
Leaves: the wire to client.py, layout to the commands.
"""

from __future__ import annotations

from typing import Any

from pumprig.quantities import iso, nl_per_h, now_utc_us
from pumprig.rig.client import Client

FARTHEST_S = 100 * 365 * 86_400  # a forecast beyond it is no date


def integer(fields: dict[str, str], name: str) -> int | None:
    """A whole number of the answer, None where it is absent."""
    text = fields.get(name, "")
    return int(text) if text.lstrip("-").isdigit() else None


def read_status(client: Client) -> dict[str, Any]:
    """One reading of everything, in the contract's names and some more. Raises LinkError."""
    fields = client.read("status").fields
    now_us = now_utc_us()
    device_us = integer(fields, "utc_us")
    return {
        "device_id": fields.get("device_id"),
        "firmware": fields.get("firmware"),
        "protocol": integer(fields, "protocol"),
        "state": fields.get("state"),
        "rate_nl_per_h": _rate(fields, "rate_nl_per_day"),
        "counted_rate_nl_per_h": _rate(fields, "counted_nl_per_day"),
        "delivered_steps": integer(fields, "delivered_steps"),
        "delivered_nl": integer(fields, "delivered_nl"),
        "commanded_nl": integer(fields, "commanded_nl"),
        "assumed_steps": integer(fields, "assumed_steps"),
        "by_kind_steps": {
            name.removesuffix("_steps"): integer(fields, name)
            for name in fields
            if name.endswith("_steps") and name.removesuffix("_steps") in KINDS
        },
        "reservoir_nl": integer(fields, "reservoir_nl"),
        "reservoir_u_nl": integer(fields, "reservoir_u_nl"),
        "reservoir_empty_at": _ahead(fields, "empty_s", now_us),
        "reservoir_low_at": _ahead(fields, "low_s", now_us),
        "refill_due_at": _ahead(fields, "refill_s", now_us),
        "refill_by_habit_at": _ahead(fields, "habit_s", now_us),
        "habit_nl_per_day": integer(fields, "habit_nl_per_day"),
        "therapy": _therapy(fields),
        "waiting": {"begins_at": iso(_us(fields, "later_utc_s"))} if "later_utc_s" in fields else None,
        "bolus": _bolus(fields),
        "alarms": read_alarms(client),
        "calibration_id": integer(fields, "calibration_id") or None,
        "last_seq": integer(fields, "last_seq"),
        "log_next": integer(fields, "log_next"),
        "log_days": integer(fields, "log_days"),
        "clock": {
            "device": iso(device_us),
            "offset_s": round((device_us - now_us) / 1e6, 3) if device_us else None,
            "source": fields.get("clock_source"),
        },
        "battery": {
            "percent": integer(fields, "battery_percent"),
            "eri_at": _ahead(fields, "eri_s", now_us),
            "age_h": integer(fields, "battery_h"),
        },
        "tube": {
            "revolutions": integer(fields, "tube_revolutions"),
            "life_revolutions": integer(fields, "tube_life"),
            "since": iso(_us(fields, "tube_utc_s")),
        },
        "minimum_rate_nl_per_h": _rate(fields, "minimum_nl_per_day"),
        "motor_mj_per_ul": integer(fields, "motor_mj_per_ul"),
        "supply_mv": integer(fields, "supply_mv"),
        "loop": {
            "period_us": integer(fields, "period_us"),
            "worst_us": integer(fields, "worst_us"),
            "late": integer(fields, "late"),
        },
        "clock_hz": integer(fields, "clock_hz"),
        "reset_cause": fields.get("reset_cause"),
    }


KINDS = ("basal", "periodic", "demand", "single", "spread", "bridge", "prime", "relief", "calibration")


def read_alarms(client: Client) -> list[dict[str, Any]]:
    """The active alarms: name, priority, since, acknowledged."""
    return [
        {
            "name": row["name"],
            "priority": row.get("priority"),
            "since": iso(integer(row, "since_utc_us")),
            "acknowledged": row.get("acked") == "1",
        }
        for row in client.read("alarms").rows
        if "name" in row
    ]


def _rate(fields: dict[str, str], name: str) -> int | float | None:
    value = integer(fields, name)
    return None if value is None else nl_per_h(value)


def _ahead(fields: dict[str, str], name: str, now_us: int) -> str | None:
    seconds = integer(fields, name)
    return None if seconds is None or seconds > FARTHEST_S else iso(now_us + seconds * 1_000_000)


def _us(fields: dict[str, str], name: str) -> int | None:
    seconds = integer(fields, name)
    return None if seconds is None else seconds * 1_000_000


def _therapy(fields: dict[str, str]) -> dict[str, Any]:
    return {
        "mode": fields.get("therapy_mode"),
        "hash": fields.get("therapy_hash"),
        "name": fields.get("therapy_name"),
        "ramp": {"step": integer(fields, "ramp_step"), "held": fields.get("ramp_held") == "1"}
        if "ramp_step" in fields
        else None,
    }


def _bolus(fields: dict[str, str]) -> dict[str, Any] | None:
    steps, done = integer(fields, "bolus_steps"), integer(fields, "bolus_done_steps")
    num, den = integer(fields, "step_nl_num"), integer(fields, "step_nl_den")
    if steps is None or done is None or not num or not den:
        return None
    return {
        "kind": fields.get("bolus_kind"),
        "requested_nl": steps * num // den,
        "delivered_nl": done * num // den,
    }
