"""The report as one self-contained HTML file.

Owns: the figures of the summary, the tables, and filling the template.
Rules: no address outside the file, whose charts are drawn by a script in it; the figures stand in tables, too; every
volume from counted steps stands with its uncertainty (k = 2); what is not known is said.
Units: shown with units.
Leaves: data to course.py and store/totals.py, columns to series.py, drawing to charts.js, layout to template.html.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from pumpwire import identity, spec, texts

from pumprig import __version__
from pumprig.delivered import delivery_lines, reason, unknown_text
from pumprig.quantities import duration_text, iso, now_utc_us, volume_text, volume_with_u
from pumprig.report.course import Course, course
from pumprig.report.series import KIND_COLOURS, charts_of
from pumprig.store import Store
from pumprig.store.intents import fields_of
from pumprig.store.ledger import Record
from pumprig.store.totals import Total, total
from pumprig.store.verify import Verdict
from pumprig.worded import style_of, words_of

DAY_US = 86_400_000_000
ALARMS = {row[1]: (row[2], texts.ALARMS[row[1]]) for row in spec.alarms()}


def render(store: Store, verdict: Verdict, from_us: int | None, to_us: int | None) -> str:
    """The page of a device's log between two instants. Raises PumpError, StoreError."""
    from pumprig.pages import environment

    template = environment().from_string(
        files("pumprig.report").joinpath("template.html").read_text(encoding="utf-8")
    )
    return template.render(
        **content(store, verdict, from_us, to_us),
        assets={
            "uplot": _asset("dashboard", "static", "uplot.js"),
            "style": _asset("dashboard", "static", "uplot.css"),
            "marks": _asset("dashboard", "static", "marks.js"),
            "charts": _asset("report", "charts.js"),
        },
        volume_text=volume_text,
        volume_with_u=volume_with_u,
    )


def content(store: Store, verdict: Verdict, from_us: int | None, to_us: int | None) -> dict[str, Any]:
    """What the report says, for any layout. Raises PumpError, StoreError."""
    device_id = verdict.device_id
    sums = total(store, device_id, from_us, to_us)
    path = course(store, sums)
    assert path.given is not None
    calibrations = store.calibrations(device_id)
    volumes = {number: row[0] / row[1] for number, row in calibrations.items()}
    u_ppm = calibrations.get(sums.last.calibration_id, (0, 1, 0))[2]
    relative = sums.u_nl / abs(sums.volume_nl) if sums.volume_nl else 0.0
    return {
        "device_id": device_id,
        "programs": path.program_names,
        "span": _span(path),
        "made": (iso(now_utc_us()) or "")[:16].replace("T", " "),
        "version": __version__,
        "cards": _cards(sums, path),
        "kinds": _kinds(sums),
        "parts": sums.parts,
        "assumed_steps": sums.assumed_steps,
        "verdict": verdict,
        "simulated": identity.is_simulated(device_id),
        "answer": delivery_lines(path.given)[0].rstrip(":"),
        "not_given": [{"volume": volume_text(row["nl"]), "why": reason(row)} for row in path.given.not_given],
        "unknown": unknown_text(sums) if sums.unknown_steps else "",
        "alarms": _alarms(path.alarms),
        "events": [_event(record, volumes.get(record.calibration_id, 0.0)) for record in path.events],
        "left_out": path.left_out,
        "put_back": path.put_back,
        "data": _charts(path, relative, u_ppm, volumes),
        "every": "hour" if path.bin_us < DAY_US else "day",
        "calibrations": [
            {"id": part.calibration_id, "text": _factor(calibrations.get(part.calibration_id))}
            for part in sums.parts
        ],
    }


def _charts(path: Course, relative: float, u_ppm: int, volumes: dict[int, float]) -> dict[str, Any] | None:
    """The charts' columns and the marks on them; None where there is no course to draw."""
    if len(path.points) < 2:
        return None
    marks = [
        {
            "t": record.at_utc_us / 1e6,
            "style": style_of(record.event),
            "text": words_of(record, volumes.get(record.calibration_id, 0.0)),
        }
        for record in path.events
        if record.at_utc_us is not None and record.event not in ("command", "clock")
    ]
    return {**charts_of(path, relative, u_ppm), "marks": marks}


def _asset(*place: str) -> str:
    return files("pumprig").joinpath(*place).read_text(encoding="utf-8")


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


def _factor(calibration: tuple[int, int, int] | None) -> str:
    """A calibration's own figure: the volume of a step, and its uncertainty."""
    if calibration is None:
        return "not known"
    num, den, u_ppm = calibration
    return f"{num / den:.5g} nL a step ± {u_ppm / 10_000:.2g} % (k = 2)"


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
            "colour": KIND_COLOURS[kind],
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
    return {
        "number": record.number,
        "at": _when(record),
        "style": style_of(record.event),
        "text": words_of(record, step_nl),
    }


def _when(record: Record) -> str:
    text = iso(record.at_utc_us)
    return text[:19].replace("T", " ") if text else f"boot {record.boot} + {record.mono_us / 1e6:.1f} s"
