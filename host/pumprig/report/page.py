"""The report as one self-contained HTML file.

Owns: the figures of the summary, the tables, and filling the template.
Rules: no script, no font, no address outside the file; every volume from counted steps stands with its uncertainty
(k = 2); what is not known is said.
Callers: the command `report`, the demo.
Units: shown with units.
Leaves: data to course.py and store/totals.py, pictures to plots.py, layout to template.html.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from pumpwire import spec, texts

from pumprig import __version__
from pumprig.quantities import duration_text, iso, now_utc_us, volume_text, volume_with_u
from pumprig.report import plots
from pumprig.report.course import Course, course
from pumprig.store import Store
from pumprig.store.intents import fields_of
from pumprig.store.ledger import Record
from pumprig.store.totals import Total, total
from pumprig.store.verify import Verdict

MAX_EVENTS = 400
ALARMS = {row[1]: (row[2], texts.ALARMS[row[1]]) for row in spec.ALARMS}
LOUD = {
    "alarm": "alarm",
    "refused": "refused",
    "power_return": "alarm",
    "undelivered": "alarm",
    "dropped": "alarm",
}


def render(store: Store, verdict: Verdict, from_us: int | None, to_us: int | None) -> str:
    """The page of a device's log between two instants. Raises PumpError, StoreError."""
    from pumprig.pages import environment

    device_id = verdict.device_id
    sums = total(store, device_id, from_us, to_us)
    path = course(store, device_id, from_us, to_us)
    relative = sums.u_nl / abs(sums.volume_nl) if sums.volume_nl else 0.0
    template = environment().from_string(
        files("pumprig.report").joinpath("template.html").read_text(encoding="utf-8")
    )
    return template.render(
        device_id=device_id,
        programs=path.program_names,
        span=_span(path),
        made=(iso(now_utc_us()) or "")[:16].replace("T", " "),
        version=__version__,
        cards=_cards(sums, path),
        kinds=_kinds(sums),
        parts=sums.parts,
        assumed_steps=sums.assumed_steps,
        verdict=verdict,
        alarms=_alarms(path.events),
        events=[_event(record) for record in path.events[-MAX_EVENTS:]],
        left_out=max(0, len(path.events) - MAX_EVENTS),
        pictures=_pictures(path, relative),
        volume_text=volume_text,
        volume_with_u=volume_with_u,
    )


def _pictures(path: Course, relative: float) -> list[dict[str, str]]:
    if len(path.points) < 2:
        return []
    return [
        {
            "title": "Delivered and commanded",
            "svg": plots.delivered(path, relative),
            "note": "Delivered is counted steps × the calibration that was active. Commanded is the program's base "
            "rate while it ran, plus the boluses granted. The band is the calibration's expanded uncertainty.",
        },
        {
            "title": "Rate",
            "svg": plots.rates(path),
            "note": "Means between log records; short boluses appear as low and wide as the records allow.",
        },
        {"title": "Volume by kind", "svg": plots.by_day(path), "note": "A bar a day, UTC."},
        {
            "title": "Reservoir",
            "svg": plots.reservoir(path),
            "note": "The rig's own estimate, from counted steps.",
        },
    ]


def _span(path: Course) -> dict[str, str]:
    if not path.points:
        return {"from": "not known", "to": "not known", "length": "not known"}
    first, last = path.points[0].at_us, path.points[-1].at_us
    return {
        "from": (iso(first) or "")[:16].replace("T", " "),
        "to": (iso(last) or "")[:16].replace("T", " "),
        "length": duration_text((last - first) / 1000),
    }


def _cards(sums: Total, path: Course) -> list[dict[str, str]]:
    last = path.points[-1] if path.points else None
    alarms = sum(record.event == "alarm" for record in path.events)
    cards = [
        {
            "name": "delivered",
            "value": volume_text(sums.volume_nl),
            "note": f"± {volume_text(sums.u_nl)} (k = 2)"
            + (f", and {sums.unknown_steps} steps not known" if sums.unknown_steps else ""),
        },
        {
            "name": "commanded",
            "value": volume_text(last.commanded_nl) if last else "not known",
            "note": f"counted is {_signed(last.delivered_nl - last.commanded_nl)}" if last else "",
        },
        {
            "name": "counted steps",
            "value": f"{sums.steps:,}".replace(",", "\u202f"),
            "note": "at the step pin",
        },
        {
            "name": "reservoir",
            "value": volume_text(last.reservoir_nl) if last else "not known",
            "note": f"low alert at {volume_text(path.low_nl)}" if path.low_nl is not None else "",
        },
        {"name": "alarms", "value": str(alarms), "note": "none" if not alarms else "see below"},
    ]
    return cards


def _signed(volume_nl: int) -> str:
    return ("+" if volume_nl >= 0 else "−") + volume_text(abs(volume_nl))


def _kinds(sums: Total) -> list[dict[str, str]]:
    volumes = sums.by_kind_nl
    return [
        {
            "kind": kind,
            "steps": f"{steps:,}".replace(",", "\u202f"),
            "volume": volume_text(volumes[kind]) if kind in volumes else "not known",
            "share": f"{100 * volumes[kind] / sums.volume_nl:.1f} %"
            if kind in volumes and sums.volume_nl
            else "",
            "colour": plots.KIND_COLOURS[kind],
        }
        for kind, steps in sums.by_kind_steps.items()
        if steps
    ]


def _alarms(events: list[Record]) -> list[dict[str, str]]:
    """Each alarm with its end, where the log has one."""
    rows: list[dict[str, str]] = []
    for record in events:
        name = fields_of(record.text).get("name", "")
        if record.event == "alarm":
            priority, text = ALARMS.get(name, ("", ""))
            rows.append({"name": name, "priority": priority, "text": text, "at": _when(record), "end": ""})
        elif record.event == "alarm_end":
            for row in rows:
                if row["name"] == name and not row["end"]:
                    row["end"] = _when(record)
    return rows


def _event(record: Record) -> dict[str, Any]:
    fields = fields_of(record.text)
    words = [
        value if name in ("verb", "name") else f"{name} {_value(name, value)}"
        for name, value in fields.items()
    ]
    return {
        "number": record.number,
        "at": _when(record),
        "event": record.event.replace("_", " "),
        "style": LOUD.get(record.event, ""),
        "text": ", ".join(words),
    }


def _value(name: str, value: str) -> str:
    if not value.isdigit():
        return value
    if name.endswith("_nl"):
        return volume_text(int(value))
    if name == "utc_us":
        return iso(int(value)) or ""
    if name.endswith("_ms"):
        return duration_text(int(value))
    return value


def _when(record: Record) -> str:
    text = iso(record.at_utc_us)
    return text[:19].replace("T", " ") if text else f"boot {record.boot} + {record.mono_us / 1e6:.1f} s"
