"""Records of the log in words: one sentence each, with volumes instead of steps.

Owns: what each event says to a person.
Rules: a step has the volume of the calibration that holds at the record; where that is not known the steps stand as
steps; an event or a word that is new to this table is still told, as its name and value.
Units: shown with units.
Leaves: what an alarm means to pumpwire.texts, the look of a table to its callers.
"""

from __future__ import annotations

from pumpwire import spec, texts

from pumprig.quantities import said, utc_text, volume_text
from pumprig.store.intents import fields_of
from pumprig.store.record import Record

PRIORITIES = {row[1]: row[2] for row in spec.alarms()}
LOUD = {  # how much an event matters to who looks over the list
    "alarm": "alarm",
    "refused": "refused",
    "power_return": "alarm",
    "undelivered": "alarm",
    "dropped": "alarm",
    "missed": "alarm",
    "fault": "alarm",
}
COMMANDS = {
    "commit": "program committed",
    "refill": "reservoir refilled",
    "stage": "document staged",
    "discard": "staged document dropped",
    "ack": "alarms acknowledged",
    "silence": "tone silenced",
    "stop": "stop asked for",
    "resume": "resumed",
    "clock": "clock set",
    "rate": "constant rate staged",
    "bolus": "bolus asked for",
    "dispense": "dose asked for",
    "demand": "demand bolus asked for",
    "prime": "priming asked for",
    "calibrate": "delivery onto a balance asked for",
    "tube": "new tube",
    "battery": "new battery",
    "access": "key or PIN changed",
    "ramp": "titration changed",
    "withdraw": "waiting program given up",
}


UNTOLD = ("verb", "seq", "name", "n", "parts", "part", "of", "waited", "day", "old")


def style_of(event: str) -> str:
    """`alarm`, `refused` or nothing."""
    return LOUD.get(event, "")


def words_of(record: Record, step_nl: float) -> str:
    """What a record says, for a person; step_nl 0: the volume of a step is not known."""
    told = fields_of(record.text)
    name = record.event
    if name == "command":
        return _command(told, step_nl)
    if name in ("bolus_start", "bolus_end"):
        return _bolus(name, told, step_nl)
    if name in ("alarm", "alarm_end"):
        return _alarm(name, told, step_nl)
    if name == "refused":
        what = told.pop("what", "") or told.get("verb", "")
        why = told.pop("why", "")
        rule = str(texts.ERRORS.get(why, why))
        return _joined(f"{what} refused: {rule}", told, step_nl)
    if name == "boot":
        kept = ", and stays at the prompt for files" if told.get("maintenance") == "1" else ""
        return f"started: {told.get('cause', 'no cause told').replace('_', ' ')}{kept}"
    if name == "self_test":
        return (
            "power-on test passed"
            if told.get("failed") == "none"
            else f"power-on test failed: {told.get('failed')}"
        )
    if name == "calibration":
        num, den = told.pop("num", ""), told.pop("den", "")
        if num.isdigit() and den.isdigit() and int(den):
            u = f" ± {int(told.pop('u_ppm')) / 10_000:.2g} %" if told.get("u_ppm", "").isdigit() else ""
            return f"calibration {record.calibration_id} in force: {int(num) / int(den):.4g} nL a step{u}"
    return _joined(FIRST.get(name, name.replace("_", " ")), told, step_nl)


FIRST = {
    "first_boot": "first start, with an empty log",
    "stop": "stopped",
    "power_return": "power came back; the pump had been running",
    "undelivered": "steps that did not turn the rotor, taken back",
    "relief": "pressure relieved",
    "missed": "periodic bolus missed, not made up for",
    "request": "request button: demand bolus given",
    "clock": "clock moved",
    "late": "a turn of the loop took too long",
    "staged_expired": "staged document expired",
    "access": "wrong key, PIN or code",
    "program": "waiting program",
}

FIRST_STEPS = 2


def _command(told: dict[str, str], step_nl: float) -> str:
    verb = told.get("verb", "")
    more = dict(told)
    if verb in ("bolus", "dispense") and more.get("spread") in ("0", "1"):
        spread = more.pop("spread") == "1"
        return _joined("spread bolus asked for" if spread else COMMANDS[verb], more, step_nl)
    if verb == "clock" and told.get("utc_us", "").isdigit():
        return f"clock set to {utc_text(int(told['utc_us']))}"
    if verb == "access":
        more = {}
    return _joined(COMMANDS.get(verb, verb), more, step_nl)


def _bolus(event: str, told: dict[str, str], step_nl: float) -> str:
    kind = told.get("kind", "")
    what = {"prime": "priming", "calibration": "delivery onto a balance", "bridge": "bridge"}.get(
        kind, f"{kind} bolus"
    )
    asked, done = told.get("asked_steps", ""), told.get("done_steps", "")
    if not (asked.isdigit() and done.isdigit()):
        return _joined(f"{what} {'begins' if event == 'bolus_start' else 'ends'}", told, step_nl)
    if event == "bolus_start":
        # it is told with its first step, and a record may come a step later
        rest = f", {_volume(done, step_nl)} of it already given" if int(done) > FIRST_STEPS else ""
        return f"{what} of {_volume(asked, step_nl)} begins{rest}"
    if int(done) >= int(asked):
        return f"{what} of {_volume(asked, step_nl)} given"
    why = f" ({told['why']})" if "why" in told else ""
    return f"{what} ended early{why}: {_volume(done, step_nl)} of {_volume(asked, step_nl)} given"


def _alarm(event: str, told: dict[str, str], step_nl: float) -> str:
    name = told.get("name", "")
    spoken = name.replace("_", " ")
    if event == "alarm_end":
        return _joined(f"alarm over: {spoken}", told, step_nl)
    meaning = str(texts.ALARMS.get(name, ""))
    return _joined(f"{spoken} ({PRIORITIES.get(name, '')}): {meaning}", told, step_nl)


def _joined(first: str, told: dict[str, str], step_nl: float) -> str:
    if "nl" in told and "steps" in told:
        told = {name: value for name, value in told.items() if name != "steps"}  # the same, said twice
    words = [told_value(name, value, step_nl) for name, value in told.items() if name not in UNTOLD]
    times = told.get("n", "1")
    if times.isdigit() and int(times) > 1:
        words.append(f"{times} times")
    return ", ".join(word for word in [first, *words] if word)


def _volume(steps: str, step_nl: float) -> str:
    return volume_text(int(steps) * step_nl) if step_nl else f"{steps} steps"


def told_value(name: str, value: str, step_nl: float) -> str:
    """One word of a record as a person reads it: steps with their volume, times and volumes with units."""
    if not value.lstrip("-").isdigit():
        return f"{name.replace('_', ' ')} {value}"
    label, shown = said(name, int(value))
    if name.endswith("_steps") or name == "steps":
        label, shown = label or "counted", _volume(value, step_nl)
    return f"{label} {shown}".strip()
