"""The rig's status: every field once, as attributes with units in their names, and as the contract's JSON.

Owns: the fields of a reading, and how they follow from the wire's.
Rules: what is not known is None, never a made-up value; a field stands here once: the JSON document is made from it;
times are aware datetimes in UTC, in JSON ISO 8601 with milliseconds.
Units: by the names' endings; rates on the wire in nL/day, here in nL/h.
Leaves: the wire to client.py, layout to the commands.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, cast

from pumpwire import spec
from pumpwire.identity import is_simulated

from pumprig.quantities import iso, moment, nl_per_h, now_utc_us, to_utc_us
from pumprig.rig.client import Client

FARTHEST_S = 100 * 365 * 86_400  # a forecast beyond it is no date


@dataclass(frozen=True)
class Alarm:
    """One active alarm."""

    name: str
    priority: str | None
    since: datetime | None
    acknowledged: bool

    @property
    def text(self) -> str:
        """What it means."""
        from pumpwire import texts

        return str(texts.ALARMS.get(self.name, ""))


@dataclass(frozen=True)
class Ramp:
    """A titration under way."""

    step: int | None
    held: bool


@dataclass(frozen=True)
class Therapy:
    """The active program; all None without one."""

    mode: str | None
    hash: str | None
    name: str | None
    ramp: Ramp | None


@dataclass(frozen=True)
class Waiting:
    """A program that waits for its time."""

    begins_at: datetime | None


@dataclass(frozen=True)
class BolusUnderWay:
    """The bolus or the bridge that flows now."""

    kind: str | None
    requested_nl: int
    delivered_nl: int


@dataclass(frozen=True)
class Calibration:
    """What the rig delivers by: the volume of a step and its expanded uncertainty (k = 2)."""

    id: int
    nl_per_step: float | None
    u_pct: float | None


@dataclass(frozen=True)
class Clock:
    """The rig's clock."""

    device: datetime | None
    offset_s: float | None
    source: str | None


@dataclass(frozen=True)
class Battery:
    """The battery of the modelled implant."""

    percent: int | None
    eri_at: datetime | None
    age_h: int | None


@dataclass(frozen=True)
class Tube:
    """The tube in the pump."""

    revolutions: int | None
    life_revolutions: int | None
    since: datetime | None


@dataclass(frozen=True)
class Loop:
    """The rig's own timing."""

    period_us: int | None
    worst_us: int | None
    late: int | None


@dataclass(frozen=True)
class Status:
    """One reading of everything. `document()` is the JSON of `pumprig status --json`.

    pressure_pa: the outlet's, above that of the standing line, when the rig last looked; None without a sensor.
    """

    device_id: str | None
    simulated: bool
    firmware: str | None
    protocol: int | None
    state: str | None
    rate_nl_per_h: int | float | None
    counted_rate_nl_per_h: int | float | None
    delivered_steps: int | None
    delivered_nl: int | None
    commanded_nl: int | None
    assumed_steps: int | None
    by_kind_steps: dict[str, int]
    reservoir_nl: int | None
    reservoir_u_nl: int | None
    reservoir_empty_at: datetime | None
    reservoir_low_at: datetime | None
    refill_due_at: datetime | None
    refill_by_habit_at: datetime | None
    habit_nl_per_day: int | None
    therapy: Therapy
    waiting: Waiting | None
    bolus: BolusUnderWay | None
    alarms: list[Alarm]
    calibration_id: int | None
    calibration: Calibration | None
    last_seq: int | None
    log_next: int | None
    log_days: int | None
    clock: Clock
    battery: Battery
    tube: Tube
    minimum_rate_nl_per_h: int | float | None
    motor_mj_per_ul: int | None
    supply_mv: int | None
    pressure_pa: int | None
    loop: Loop
    clock_hz: int | None
    reset_cause: str | None

    def document(self) -> dict[str, Any]:
        """The contract's JSON document."""
        return cast("dict[str, Any]", document_of(self))


def document_of(value: Any) -> Any:
    """A value of this module as JSON has it."""
    if isinstance(value, datetime):
        return iso(to_utc_us(value))
    if is_dataclass(value):
        return {field.name: document_of(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list):
        return [document_of(row) for row in cast("list[Any]", value)]
    return value


def integer(fields: dict[str, str], name: str) -> int | None:
    """A whole number of the answer, None where it is absent."""
    text = fields.get(name, "")
    return int(text) if text.lstrip("-").isdigit() else None


def read_status(client: Client) -> dict[str, Any]:
    """One reading of everything as the JSON document. Raises LinkError."""
    return status_of(client).document()


def status_of(client: Client, fields: dict[str, str] | None = None) -> Status:
    """One reading of everything; `fields`: of an answer to `status` that has come already. Raises LinkError."""
    row = fields if fields is not None else client.read("status").fields
    now_us = now_utc_us()
    device_us = integer(row, "utc_us")
    return Status(
        device_id=row.get("device_id"),
        simulated=is_simulated(row.get("device_id", "")),
        firmware=row.get("firmware"),
        protocol=integer(row, "protocol"),
        state=row.get("state"),
        rate_nl_per_h=_rate(row, "rate_nl_per_day"),
        counted_rate_nl_per_h=_rate(row, "counted_nl_per_day"),
        delivered_steps=integer(row, "delivered_steps"),
        delivered_nl=integer(row, "delivered_nl"),
        commanded_nl=integer(row, "commanded_nl"),
        assumed_steps=integer(row, "assumed_steps"),
        by_kind_steps={
            kind: integer(row, f"{kind}_steps") or 0 for kind in spec.KINDS if f"{kind}_steps" in row
        },
        reservoir_nl=integer(row, "reservoir_nl"),
        reservoir_u_nl=integer(row, "reservoir_u_nl"),
        reservoir_empty_at=_ahead(row, "empty_s", now_us),
        reservoir_low_at=_ahead(row, "low_s", now_us),
        refill_due_at=_ahead(row, "refill_s", now_us),
        refill_by_habit_at=_ahead(row, "habit_s", now_us),
        habit_nl_per_day=integer(row, "habit_nl_per_day"),
        therapy=_therapy(row),
        waiting=Waiting(_at_s(row, "later_utc_s")) if "later_utc_s" in row else None,
        bolus=_bolus(row),
        alarms=alarms_of(client),
        calibration_id=integer(row, "calibration_id") or None,
        calibration=_calibration(row),
        last_seq=integer(row, "last_seq"),
        log_next=integer(row, "log_next"),
        log_days=integer(row, "log_days"),
        clock=Clock(
            moment(device_us),
            round((device_us - now_us) / 1e6, 3) if device_us else None,
            row.get("clock_source"),
        ),
        battery=Battery(
            integer(row, "battery_percent"), _ahead(row, "eri_s", now_us), integer(row, "battery_h")
        ),
        tube=Tube(integer(row, "tube_revolutions"), integer(row, "tube_life"), _at_s(row, "tube_utc_s")),
        minimum_rate_nl_per_h=_rate(row, "minimum_nl_per_day"),
        motor_mj_per_ul=integer(row, "motor_mj_per_ul"),
        supply_mv=integer(row, "supply_mv"),
        pressure_pa=integer(row, "outlet_pa"),
        loop=Loop(integer(row, "period_us"), integer(row, "worst_us"), integer(row, "late")),
        clock_hz=integer(row, "clock_hz"),
        reset_cause=row.get("reset_cause"),
    )


def alarms_of(client: Client) -> list[Alarm]:
    """The active alarms. Raises LinkError."""
    return [
        Alarm(row["name"], row.get("priority"), moment(integer(row, "since_utc_us")), row.get("acked") == "1")
        for row in client.read("alarms").rows
        if "name" in row
    ]


def documents_of(alarms: list[Alarm]) -> list[dict[str, Any]]:
    """Alarms as JSON has them: name, priority, since, acknowledged."""
    return [document_of(alarm) for alarm in alarms]


def _rate(row: dict[str, str], name: str) -> int | float | None:
    value = integer(row, name)
    return None if value is None else nl_per_h(value)


def _ahead(row: dict[str, str], name: str, now_us: int) -> datetime | None:
    seconds = integer(row, name)
    return None if seconds is None or seconds > FARTHEST_S else moment(now_us + seconds * 1_000_000)


def _at_s(row: dict[str, str], name: str) -> datetime | None:
    seconds = integer(row, name)
    return None if seconds is None else moment(seconds * 1_000_000)


def _therapy(row: dict[str, str]) -> Therapy:
    ramp = Ramp(integer(row, "ramp_step"), row.get("ramp_held") == "1") if "ramp_step" in row else None
    return Therapy(row.get("therapy_mode"), row.get("therapy_hash"), row.get("therapy_name"), ramp)


def _calibration(row: dict[str, str]) -> Calibration | None:
    number, u_ppm = integer(row, "calibration_id"), integer(row, "u_ppm")
    num, den = integer(row, "step_nl_num"), integer(row, "step_nl_den")
    if not number:
        return None
    return Calibration(number, num / den if num and den else None, None if u_ppm is None else u_ppm / 10_000)


def _bolus(row: dict[str, str]) -> BolusUnderWay | None:
    steps, done = integer(row, "bolus_steps"), integer(row, "bolus_done_steps")
    num, den = integer(row, "step_nl_num"), integer(row, "step_nl_den")
    if steps is None or done is None or not num or not den:
        return None
    return BolusUnderWay(row.get("bolus_kind"), steps * num // den, done * num // den)
