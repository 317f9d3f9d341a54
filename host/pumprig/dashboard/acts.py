"""What a person asks a rig for, from the page: one function a verb, words in, words out.

Owns: the verbs of the page, and what each answers.
Rules: a quantity is the text that was typed, with its unit; whatever fails raises, and the page says what happened,
what was not done and what to do next; a key is kept on this computer and goes nowhere else.
Units: as typed.
Leaves: the verbs' meaning to the Python interface, programs to plans.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pumpwire import documents

from pumprig.api.rig import Rig
from pumprig.calibration import register
from pumprig.dashboard.watch import RigWatch
from pumprig.errors import PumpError, UsageError
from pumprig.hub.stop import stop as stop_past
from pumprig.quantities import plus_minus, volume_text, volume_with_u
from pumprig.rig import keys

Body = dict[str, Any]


def text_of(body: Body, name: str) -> str | None:
    """A text of the request; None where it is absent or empty. Raises UsageError."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > 200:
        raise UsageError(f"{name} is no short text.", "Nothing was sent.")
    return value.strip() or None


def _bolus(rig: Rig, body: Body) -> str:
    spread = body.get("spread") is True
    dose = rig.bolus(text_of(body, "volume"), over=text_of(body, "over"), spread=spread)
    return f"{'Spread bolus' if spread else 'Bolus'} of {volume_text(dose.requested_nl)} accepted."


def _demand(rig: Rig, _body: Body) -> str:
    return f"Demand bolus of {volume_text(rig.demand().requested_nl)} accepted."


def _dispense(rig: Rig, body: Body) -> str:
    dose = rig.dispense(text_of(body, "volume"), over=text_of(body, "over"), rate=text_of(body, "rate"))
    return f"Dose of {volume_text(dose.requested_nl)} accepted; the pump stands again after it."


def _prime(rig: Rig, body: Body) -> str:
    return f"Priming of {volume_text(rig.prime(text_of(body, 'volume')).requested_nl)} accepted."


def _refill(rig: Rig, body: Body) -> str:
    told = rig.refill(text_of(body, "volume"), removed=text_of(body, "removed"))
    if told.estimated_nl is None or told.u_nl is None:
        return "Refill noted."
    return f"Refill noted. By counting it had held {volume_with_u(told.estimated_nl, told.u_nl)}."


def _resume(rig: Rig, _body: Body) -> str:
    rig.resume()
    return "The program runs."


def _acknowledge(rig: Rig, _body: Body) -> str:
    rig.acknowledge()
    return "Alarms acknowledged."


def _silence(rig: Rig, _body: Body) -> str:
    rig.silence()
    return "Tone silenced for 2 min; a new alarm sounds all the same."


def _withdraw(rig: Rig, _body: Body) -> str:
    rig.withdraw()
    return "The program that waited will not begin."


def _clock(rig: Rig, _body: Body) -> str:
    moved_s = rig.set_clock()
    return "Clock set." if moved_s is None else f"Clock set; it moved by {moved_s:+.1f} s."


def _calibration(rig: Rig, body: Body) -> str:
    number = body.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise UsageError("Which calibration?", "Nothing was sent.")
    record = register.load(number)
    rig.stage_document(documents.canonical(record.document())).commit(while_stopped=True)
    return f"Calibration {number} is in force."


VERBS: dict[str, Callable[[Rig, Body], str]] = {
    "bolus": _bolus,
    "demand": _demand,
    "dispense": _dispense,
    "prime": _prime,
    "refill": _refill,
    "resume": _resume,
    "acknowledge": _acknowledge,
    "silence": _silence,
    "withdraw": _withdraw,
    "clock": _clock,
    "calibration": _calibration,
}


def do(watch: RigWatch, verb: str, body: Body) -> dict[str, Any]:
    """One verb; -> what to say of it. Raises PumpError."""
    with watch.acting() as rig:
        return {"text": VERBS[verb](rig, body)}


def stop_unreached(watch: RigWatch) -> dict[str, Any]:
    """The stop of a rig to which no conversation is open: by the shortest way there is. Raises LinkError."""
    return stopped(stop_past(watch.name, watch.state).get("delivered_steps"))


def stopped(steps: str | int | None) -> dict[str, Any]:
    """What is said of a confirmed stop."""
    return {"text": f"Stopped, confirmed by the rig; {steps} steps counted so far."}


def keep_key(watch: RigWatch, body: Body) -> dict[str, Any]:
    """Keep the rig's key on this computer, once the rig has taken it. Raises PumpError."""
    given = body.get("key")
    found = keys.parse(given) if isinstance(given, str) else None
    if found is None:
        raise UsageError(
            "That is no key: a key is 64 hex digits.", "Nothing was kept.", "`pumprig key export` prints it."
        )
    with watch.acting() as rig:
        if rig.holds_key():
            raise PumpError("This computer holds a key of the rig already.", "Nothing was changed.")
        keys.keep(rig.device_id, found)
        try:
            rig.unlock()
        except PumpError:
            keys.forget(rig.device_id)
            raise
    watch.check_key()
    return {"text": "The rig takes the key. It is kept on this computer."}


def calibrations(watch: RigWatch) -> list[dict[str, Any]]:
    """The calibrations of this computer, newest first, with what speaks against each."""
    status = watch.status
    active = status.calibration_id if status else None
    steps = status.delivered_steps if status else None
    return [
        {
            "id": record.id,
            "active": record.id == active,
            "made_at": str(record.content["made_at"]),
            "value": plus_minus(record.nl_per_rev / 1000, record.u_nl_per_rev / 1000) + " µL per turn",
            "range": " to ".join(f"{rate / 1000:.4g}" for rate in record.content["range_nl_per_h"]) + " µL/h",
            "warnings": record.warnings(datetime.now(UTC), (), steps),
        }
        for record in reversed(register.records())
    ]
