"""The report as one self-contained HTML file.

Owns: the figures of the summary, the tables, and filling the template.
Rules: no script, no font, no address outside the file; every volume from counted steps stands with its uncertainty
(k = 2); what is not known is said.
Units: shown with units.
Leaves: data to course.py and store/totals.py, pictures to plots.py, layout to template.html.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from pumpwire import identity, spec, texts

from pumprig import __version__
from pumprig.delivered import delivery_lines, reason, unknown_text
from pumprig.quantities import duration_text, iso, now_utc_us, rate_text, volume_text, volume_with_u
from pumprig.report import plots
from pumprig.report.course import Course, course
from pumprig.store import Store
from pumprig.store.intents import fields_of
from pumprig.store.ledger import Record
from pumprig.store.totals import Total, total
from pumprig.store.verify import Verdict

ALARMS = {row[1]: (row[2], texts.ALARMS[row[1]]) for row in spec.ALARMS}
LOUD = {
    "alarm": "alarm",
    "refused": "refused",
    "power_return": "alarm",
    "undelivered": "alarm",
    "dropped": "alarm",
    "missed": "alarm",
}


def render(store: Store, verdict: Verdict, from_us: int | None, to_us: int | None) -> str:
    """The page of a device's log between two instants. Raises PumpError, StoreError."""
    from pumprig.pages import environment

    device_id = verdict.device_id
    sums = total(store, device_id, from_us, to_us)
    path = course(store, sums)
    assert path.given is not None
    num, den, _u_ppm = store.calibrations(device_id).get(sums.last.calibration_id, (0, 1, 0))
    step_nl = num / den
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
        simulated=identity.is_simulated(device_id),
        answer=delivery_lines(path.given)[0].rstrip(":"),
        not_given=[{"volume": volume_text(row["nl"]), "why": reason(row)} for row in path.given.not_given],
        unknown=unknown_text(sums) if sums.unknown_steps else "",
        alarms=_alarms(path.alarms),
        events=[_event(record, step_nl) for record in path.events],
        left_out=path.left_out,
        pictures=_pictures(path, relative),
        volume_text=volume_text,
        volume_with_u=volume_with_u,
    )


def _pictures(path: Course, relative: float) -> list[dict[str, str]]:
    if len(path.points) < 2:
        return []
    return [
        {
            "title": "Asked and given",
            "svg": plots.delivered(path, relative),
            "note": "Given is counted steps × the calibration that was active; the band is its expanded uncertainty. "
            "Asked is what the program and requests asked for, as if nothing had interfered.",
        },
        {
            "title": "Rate",
            "svg": plots.rates(path),
            "note": "The line is the program and each bolus from its first step to its last; the area is the mean of "
            "the counted steps between two points.",
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
    given = path.given
    assert given is not None
    known = given.asked_nl is not None
    missing = sum(int(row["nl"]) for row in given.not_given)
    reservoir = path.points[-1].reservoir_nl if path.points else None
    alarms = sum(record.event == "alarm" for record in path.alarms)
    return [
        {
            "name": "asked",
            "value": volume_text(given.asked_nl) if given.asked_nl is not None else "not known",
            "note": "by program and requests" if known else "a program that ran is not in this store",
        },
        {
            "name": "given",
            "value": volume_text(sums.volume_nl),
            "note": f"± {volume_text(sums.u_nl)} (k = 2)"
            + (f", and {sums.unknown_steps} steps not known" if sums.unknown_steps else ""),
        },
        {
            "name": "not given",
            "value": volume_text(missing),
            "note": "nothing" if not missing else "for the reasons below",
        },
        {
            "name": "reservoir",
            "value": volume_text(reservoir) if reservoir is not None else "not known",
            "note": f"low alert at {volume_text(path.low_nl)}" if path.low_nl is not None else "",
        },
        {"name": "alarms", "value": str(alarms), "note": "none" if not alarms else "see below"},
    ]


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


def _event(record: Record, step_nl: float) -> dict[str, Any]:
    fields = fields_of(record.text)
    words = [
        value if name in ("verb", "name") else told_value(name, value, step_nl)
        for name, value in fields.items()
    ]
    return {
        "number": record.number,
        "at": _when(record),
        "event": record.event.replace("_", " "),
        "style": LOUD.get(record.event, ""),
        "text": ", ".join(words),
    }


def told_value(name: str, value: str, step_nl: float) -> str:
    """A word of an event as a person reads it: steps with their volume, times and volumes with units."""
    label = name.replace("_", " ")
    if not value.isdigit():
        return f"{label} {value}"
    number = int(value)
    if name.endswith("_steps") or name == "steps":
        label = label.removesuffix("steps").strip() or "counted"
        return (
            f"{label} {volume_text(number * step_nl)} ({number} steps)"
            if step_nl
            else f"{label} {number} steps"
        )
    for suffix, shown in UNITS:
        if name.endswith(suffix) or name == suffix.removeprefix("_"):
            return f"{label.removesuffix(suffix.replace('_', ' ')).strip()} {shown(number)}".strip()
    return f"{label} {value}"


UNITS: tuple[tuple[str, Callable[[int], str]], ...] = (
    ("_nl_per_day", lambda value: rate_text(value / 24)),
    ("_nl", volume_text),
    ("utc_us", lambda value: (iso(value) or "")[:19].replace("T", " ")),
    ("_us", lambda value: duration_text(value / 1000)),
    ("_ms", duration_text),
    ("_s", lambda value: duration_text(value * 1000)),
    ("_pa", lambda value: f"{value / 1000:.1f} kPa"),
)


def _when(record: Record) -> str:
    text = iso(record.at_utc_us)
    return text[:19].replace("T", " ") if text else f"boot {record.boot} + {record.mono_us / 1e6:.1f} s"
