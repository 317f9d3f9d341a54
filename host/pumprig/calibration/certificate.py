"""The certificate of a calibration, as self-contained HTML and as PDF.

Owns: what a certificate says, and both layouts.
Rules: both are made from the stored record alone and its raw files; the same record gives the same bytes; each
    says that it is no accredited certificate and no medical device.
Units: shown as µL/h, µL/rev, mg/h, with U at k = 2.
Leaves: figures to fit.py, pictures to plots.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

from pumpwire.identity import is_simulated

from pumprig.calibration.register import Record, folder, picture_name
from pumprig.quantities import with_u

STATEMENT = (
    "Made with a test instrument. The pump rig is no medical device, and this is no certificate of an accredited "
    "laboratory. It says what was weighed, how, and how well the result is known."
)
METHOD = (
    "Gravimetric, dynamic: mass on a balance against counted motor steps, water density after Tanaka (2001), air "
    "density by the simplified CIPM formula, buoyancy and Z factor as in ISO 8655-6, evaporation from blanks. "
    "Generalised least squares with white, wandering and 1/f noise averaged by their evidence; budget after the GUM; "
    "U is the expanded uncertainty for a coverage of about 95 %, k from the effective degrees of freedom."
)


@dataclass(frozen=True)
class Part:
    """One weighing on the certificate."""

    name: str
    sha256: str
    budget: list[tuple[str, str, str]]
    notes: list[str]
    svg: str
    png: bytes


Pictures = Callable[[str], tuple[str, bytes]]


def kept_pictures(record: Record) -> Pictures:
    """The pictures that lie beside a kept calibration."""
    return lambda name: _pictures(folder() / str(record.id) / name)


def html(record: Record, pictures: Pictures | None = None) -> str:
    """The certificate as one HTML file without outside references; `pictures` where the record is not kept."""
    from pumprig.pages import environment, picture

    source = resources.files("pumprig.calibration").joinpath("templates/certificate.html").read_text("utf-8")
    template = environment().from_string(source)
    return template.render(
        id=record.id,
        made_at=record.content["made_at"],
        statement=STATEMENT,
        method=METHOD,
        result=_result(record),
        facts=_facts(record),
        rows=_rows(record),
        hysteresis=_hysteresis(record),
        rates_svg=picture((pictures or kept_pictures(record))("rates")[0]),
        parts=_parts(record, pictures or kept_pictures(record)),
        mark=_mark(record),
        picture=picture,
    )


def pdf(record: Record, pictures: Pictures | None = None) -> bytes:
    """The certificate as PDF."""
    from pumprig.pdfpages import Pdf

    page = Pdf(f"Calibration {record.id}", datetime.fromisoformat(record.content["made_at"]))
    line = page.line
    line("Calibration of a peristaltic pump", 16, True)
    line(f"{f'No. {record.id}, ' if record.id else ''}{record.content['made_at']}", gap=3)
    line(STATEMENT, 8.5, gap=3)
    if mark := _mark(record):
        line(mark, 12, True, 3)
    line(_result(record), 12, True, 3)
    page.table(_facts(record), (45, 145), "LL", False)
    line("Weighings", 11, True)
    head = ("file", "flow / (µL/h)", "U", "k", "µL/rev", "U", "evap. / (mg/h)")
    page.table([head, *_rows(record)], (50, 30, 24, 12, 24, 20, 30), "LRRRRRR")
    rates = (pictures or kept_pictures(record))("rates")[1]
    if rates:
        page.picture(rates)
    for text in _hysteresis(record):
        line(text, 8.5)
    for part in _parts(record, pictures or kept_pictures(record)):
        page.keep_together(120)  # budget and picture
        line(f"Budget of {part.name}", 11, True)
        page.table([("source", "u / (nL/h)", "degrees of freedom"), *part.budget], (100, 40, 50), "LRR")
        if part.png:
            page.picture(part.png)
        for note in part.notes:
            line(note, 8.5)
        line(f"SHA-256 of the raw data: {part.sha256}", 7, gap=3)
    line("Method", 11, True)
    line(METHOD, 8.5)
    return page.content()


def _small(value: float) -> str:
    """Three digits without an exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _simulated(record: Record) -> str:
    """What of it was a program: "the rig", "the balance", both; empty for a real weighing, or where nothing says so."""
    stated = str(record.content.get("simulated", "")).lower() in ("true", "yes", "1")
    rig = stated or is_simulated(str(record.content.get("device_id", "")))
    balance = str(record.content.get("balance", "")).startswith("SIM-")
    return " and ".join(name for name, is_one in (("the rig", rig), ("the balance", balance)) if is_one)


def _mark(record: Record) -> str:
    """The word that stands above a simulated weighing's result; empty for another."""
    what = _simulated(record)
    return f"SIMULATED: {what} {'are programs' if ' and ' in what else 'is a program'}" if what else ""


def _result(record: Record) -> str:
    content = record.content
    if "nl_per_rev" not in content:
        flows = [with_u(w["flow_nl_per_h"] / 1000, w["u_flow_nl_per_h"] / 1000) for w in content["weighings"]]
        return "; ".join(f"{value} µL/h ± {u} µL/h" for value, u in flows) + " (no counted steps)"
    share = 100.0 * record.u_nl_per_rev / record.nl_per_rev
    value, u = with_u(record.nl_per_rev / 1000, record.u_nl_per_rev / 1000)
    return f"{value} µL per revolution ± {u} µL ({share:.2g} %, k = {content.get('k', 2.0):.3g})"


def _hysteresis(record: Record) -> list[str]:
    """What changed at a rate that was weighed on the way up and on the way back."""
    return [
        f"Hysteresis at {row['rate_nl_per_h'] / 1000:.4g} µL/h: {row['pct']:+.2f} % ± {row['u_pct']:.2f} % (k = 2) "
        "on the way back."
        for row in record.content.get("hysteresis", [])
    ]


def _each(said: Iterable[str]) -> str:
    """What is said of each weighing, once where it is the same of all."""
    texts = list(said)
    return ", ".join(texts if len(set(texts)) > 1 else texts[:1])


def _facts(record: Record) -> list[tuple[str, ...]]:
    content = record.content
    low, high = content["range_nl_per_h"]
    z = _each(f"{w['z_ul_per_mg']:.5f}" for w in content["weighings"])
    found = content.get("angle")
    angle = (
        f"pulsation {found['peak_to_peak_pct']:.0f} % peak to peak over 1/96 turn, {found['expected_pct']:.0f} % "
        "expected when stepping by it"
        if found
        else ""
    )
    number = f"no. {record.id}, its number is the start of its SHA-256" if record.id else "not kept"
    balance = (
        f"{content.get('balance') or 'not stated'}, smallest digit {1000 * content['readability_g']:.4g} mg"
    )
    return [
        ("made by", content["person"] or "not stated"),
        ("made at", content["made_at"]),
        ("place", content.get("place") or "not stated"),
        ("weighed at", _each(str(w.get("begun_at") or "not stated") for w in content["weighings"])),
        ("rig", content.get("device_id") or "not stated"),
        ("firmware", content.get("firmware") or "not stated"),
        ("tool", content.get("tool") or "not stated"),
        ("simulated", _simulated(record) or "no, or not stated"),
        ("balance", balance),
        ("its serial number", content.get("balance_serial") or "not stated"),
        ("its last check", content.get("balance_checked") or "not stated"),
        ("tube", content["tube"] or "not stated"),
        ("fluid", "; ".join(sorted({str(w.get("fluid", "water")) for w in content["weighings"]}))),
        ("air", "; ".join(sorted({str(w.get("ambient", "not kept")) for w in content["weighings"]}))),
        (
            "reference temperature",
            content.get("reference_temp") or "that of the weighing: no volume was converted",
        ),
        ("rates", " to ".join(dict.fromkeys(f"{rate / 1000:.4g}" for rate in (low, high))) + " µL/h"),
        *([("angle map", angle)] if angle else []),
        ("Z factor", f"{z} µL/mg"),
        ("readings", ", ".join(str(w["readings"]) for w in content["weighings"])),
        ("record", number),
    ]


def _rows(record: Record) -> list[tuple[str, ...]]:
    return [
        (
            str(w["name"]),
            *with_u(w["flow_nl_per_h"] / 1000, w["u_flow_nl_per_h"] / 1000),
            f"{w.get('k', 2.0):.3g}",
            *(with_u(w["nl_per_rev"] / 1000, w["u_nl_per_rev"] / 1000) if "nl_per_rev" in w else ("", "")),
            _small(1000 * w["evaporation_g_per_h"]),
        )
        for w in record.content["weighings"]
    ]


def _parts(record: Record, pictures: Pictures) -> list[Part]:
    found: list[Part] = []
    for weighing in record.content["weighings"]:
        terms = [t for t in weighing["budget"] if t["u_nl_per_h"] > 0.002 * weighing["u_flow_nl_per_h"]]
        budget = [
            (str(t["source"]), _small(t["u_nl_per_h"]), "∞" if t["dof"] is None else f"{t['dof']:.0f}")
            for t in terms
        ]
        budget.append(
            (
                "combined",
                _small(weighing["u_flow_nl_per_h"] / weighing.get("k", 2.0)),
                "∞" if weighing["dof"] is None else f"{weighing['dof']:.0f}",
            )
        )
        notes = [
            f"Left out: {len(r['rows'])} row(s) from row {r['rows'][0]}: {r['why']}."
            for r in weighing["rejected"]
        ]
        notes += [f"Note: {w}." for w in weighing["warnings"]]
        svg, png = pictures(picture_name(weighing))
        if not svg:  # as records made earlier name them
            svg, png = pictures(str(weighing["name"]))
        found.append(Part(str(weighing["name"]), str(weighing["sha256"]), budget, notes, svg, png))
    return found


def _pictures(path: Path) -> tuple[str, bytes]:
    """The fit's picture as SVG text and PNG bytes, as it was drawn when the record was made; empty where it is gone."""
    try:
        text = path.with_name(path.name + ".svg").read_text(encoding="utf-8")
        png = path.with_name(path.name + ".png").read_bytes()
    except OSError:
        return "", b""
    return text[text.index("<svg") :], png
