"""A document back to the TOML file that gives it.

Owns: the file's layout.
Rules: loading what was written gives the same document; keys at their default are left out; a zone gets a name
that has the same transitions, and if none has, the file says so and the caller is told.
Units: quantities as canonical text with units.
Leaves: the other direction to program.py.
"""

from __future__ import annotations

from typing import Any

from pumpwire import documents, units

from pumprig.therapy import zones
from pumprig.therapy.program import drugs_of

DEFAULTS = {field: default for field, _shape, default in documents.FIELDS["program"]}


def to_toml(document: dict[str, Any]) -> str:
    """The text of the TOML file."""
    lines = [f"name = {_quoted(document['name'])}", *_drug(document)]
    lines += _section(
        "reservoir", [_volume(document, "volume", "reservoir_nl"), _volume(document, "low_alert", "low_nl")]
    )
    lines += _catheter(document)
    limits = [
        _unless_default(document, "soft_max_rate", "soft_nl_per_day", "rate"),
        _unless_default(document, "hard_max_rate", "hard_nl_per_day", "rate"),
        _unless_default(document, "max_per_24h", "cap_nl", "volume"),
    ]
    lines += _section("limits", [line for line in limits if line])
    lines += _basal(document)
    for every_s, volume_nl, over_ms, first_s in document["periodic"]:
        rows = [_quantity("every", every_s * 1000, "time"), _quantity("volume", volume_nl, "volume")]
        rows.append(_quantity("over", over_ms, "time"))
        lines += _section(
            "periodic_bolus", rows + ([_quantity("first", first_s * 1000, "time")] if first_s else []), True
        )
    for volume_nl, over_ms, lockout_s, most in document["demand"]:
        rows = [_quantity("volume", volume_nl, "volume"), _quantity("over", over_ms, "time")]
        lines += _section(
            "demand_bolus", [*rows, _quantity("lockout", lockout_s * 1000, "time"), f"max_per_24h = {most}"]
        )
    zone = zones.name_of(document["zone"])
    if zone != "UTC":
        told = (
            f"zone = {_quoted(zone)}   # or another one with the same changes; a rig knows only these"
            if zone
            else '# zone = "..."   no known zone has the transitions of this program'
        )
        lines += _section("time", [told])
    power = [f"on_return = {_quoted(document['on_return'])}"]
    if document["on_stall"] != DEFAULTS["on_stall"]:
        power.append(f"on_stall = {_quoted(document['on_stall'])}")
    lines += _section("power", power)
    for volume_nl, rate in document["bridge"]:
        rows = [_quantity("volume", volume_nl, "volume"), _quantity("rate", rate, "rate")]
        lines += _section("bridge", rows if volume_nl else ["none = true"])
    return "\n".join(lines) + "\n"


def _section(name: str, rows: list[str], repeated: bool = False) -> list[str]:
    if not rows:
        return []
    return [f"[[{name}]]" if repeated else f"[{name}]", *rows]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quantity(key: str, value: int, kind: str) -> str:
    return f"{key} = {_quoted(units.show(value, kind))}"


def _volume(document: dict[str, Any], key: str, field: str) -> str:
    return _quantity(key, document[field], "volume")


def _unless_default(document: dict[str, Any], key: str, field: str, kind: str) -> str:
    return "" if document[field] == DEFAULTS[field] else _quantity(key, document[field], kind)


def _drug(document: dict[str, Any]) -> list[str]:
    drugs = drugs_of(document)
    if not drugs:
        return []
    shown = [(drug.name, units.show(drug.concentration_ng_per_ml, "concentration")) for drug in drugs]
    rows = [f"name = {_quoted(shown[0][0])}", f"concentration = {_quoted(shown[0][1])}"]
    if len(shown) > 1:
        also = ", ".join(f"{{name = {_quoted(n)}, concentration = {_quoted(c)}}}" for n, c in shown[1:])
        rows.append(f"also = [{also}]")
    return _section("drug", rows)


def _catheter(document: dict[str, Any]) -> list[str]:
    """The rig keeps the volume alone, so it is written as one, and not as a length that nobody gave."""
    return _section(
        "catheter", [_volume(document, "volume", "catheter_nl")] if document["catheter_nl"] else []
    )


def _basal(document: dict[str, Any]) -> list[str]:
    rows: list[str] = []
    if document["basal"]:
        plain = len(document["basal"]) == 1 and not any(document[day] for day in documents.WEEKDAYS)
        if plain:
            rows.append(_quantity("rate", document["basal"][0][1], "rate"))
        else:
            rows.append(f"steps = {_steps(document['basal'])}")
            rows += [f"{day} = {_steps(document[day])}" for day in documents.WEEKDAYS if document[day]]
    for start, step, interval_s, ceiling in document["ramp"]:
        parts = [_quantity("start", start, "rate"), _quantity("step", step, "rate")]
        parts += [_quantity("interval", interval_s * 1000, "time"), _quantity("ceiling", ceiling, "rate")]
        rows.append("ramp = {" + ", ".join(parts) + "}")
    if document["phases"]:
        items = [
            f"{{{_quantity('for', s * 1000, 'time')}, {_quantity('rate', r, 'rate')}}}"
            for s, r in document["phases"]
        ]
        rows.append("phases = [" + ", ".join(items) + "]")
    return _section("basal", rows)


def _steps(steps: tuple[tuple[int, int], ...]) -> str:
    items = [
        f'{{from = "{s // 3600:02d}:{s // 60 % 60:02d}", {_quantity("rate", rate, "rate")}}}'
        for s, rate in steps
    ]
    return "[" + ", ".join(items) + "]"
