"""The report as PDF: the same figures, tables and pictures as the page.

Owns: their order and layout on paper.
Rules: it says nothing that page.py does not; a simulated rig is marked first.
Units: as page.py has them; column widths in mm.
Leaves: what is said to page.py, the pages to pdfpages.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pumprig.pdfpages import Pdf
from pumprig.quantities import volume_with_u
from pumprig.report.drawings import drawings
from pumprig.report.page import content
from pumprig.store import Store
from pumprig.store.verify import Verdict

NOTE = (
    "U is the expanded uncertainty (k = 2) of the calibration. This is no medical record and no accredited "
    "certificate."
)


def render(store: Store, verdict: Verdict, from_us: int | None, to_us: int | None) -> bytes:
    """The document of a device's log between two instants. Raises PumpError, StoreError."""
    said = content(store, verdict, from_us, to_us)
    made = datetime.fromisoformat(said["made"]).replace(tzinfo=UTC)
    page = Pdf(f"Delivery report, rig {said['device_id']}", made)
    span = said["span"]
    page.line(", ".join(said["programs"]) or "Delivery", 16, True)
    page.line(f"Rig {said['device_id']}, {span['from']} to {span['to']} UTC, {span['length']}")
    if said["simulated"]:
        page.line("SIMULATED", 12, True, alarming=True)
    page.line(said["answer"], 12, True)
    if said["unknown"]:
        page.line(said["unknown"])
    page.line("A test instrument, never a medical device.", 8.5, True)
    for where, what in verdict.faults[:20]:
        page.line(f"The store has a fault: {where}: {what}", 8.5, alarming=True)
    page.table(
        [(card["name"], card["value"], card["note"]) for card in said["cards"]], (35, 45, 110), "LRL", False
    )
    if said["not_given"]:
        page.line("What was not given", 11, True)
        page.table(
            [("volume", "why"), *((row["volume"], row["why"]) for row in said["not_given"])], (35, 155), "RL"
        )
    if said["put_back"]:
        page.line(
            f"The rig's clock was put back {said['put_back']} times; the curves begin anew where it was.", 8.5
        )
    for title, note, png in drawings(said["data"]) if said["data"] else []:
        page.keep_together(105)
        page.line(title, 11, True)
        page.picture(png)
        page.line(note, 8, gap=3)
    if not said["data"]:
        page.line("There are too few records with a known time to draw a course.", 8.5)
    _tables(page, said, verdict)
    page.line(f"Made {said['made']} UTC by pumprig {said['version']} from the stored log. {NOTE}", 8)
    return page.content()


def _tables(page: Pdf, said: dict[str, Any], verdict: Verdict) -> None:
    page.line("What was delivered", 11, True)
    kinds = [(row["kind"], row["volume"], row["share"], row["steps"]) for row in said["kinds"]]
    page.table([("kind", "volume", "share", "counted steps"), *kinds], (60, 45, 40, 45), "LRRR")
    if said["assumed_steps"]:
        page.line(
            f"Besides, {said['assumed_steps']} steps were taken as delivered at power losses uncounted.", 8.5
        )
    page.line("Traceability", 11, True)
    parts = [
        (
            f"calibration {part.calibration_id}",
            "not known" if part.volume_nl is None else volume_with_u(part.volume_nl, part.u_nl or 0),
        )
        for part in said["parts"]
    ]
    gaps = ", ".join(f"{first} to {last}" for first, last in verdict.gaps) or "none"
    seals = f"{len(verdict.faults)} faults" if verdict.faults else "verified"
    facts = [
        ("records in the store", f"{verdict.count} ({verdict.first} to {verdict.last})"),
        ("seals and chain", seals),
        ("gaps", gaps),
        ("digest of the log", verdict.digest),
    ]
    page.table([*parts, *facts], (60, 130), "LL", False)
    page.line("Alarms", 11, True)
    if said["alarms"]:
        rows = [
            (f"{row['name']} ({row['priority']})", row["at"], row["end"] or "active", row["text"])
            for row in said["alarms"]
        ]
        page.table([("alarm", "raised (UTC)", "ended (UTC)", "meaning"), *rows], (40, 35, 35, 80), "LLLL")
    else:
        page.line("No alarm in this time.", 8.5)
    page.line("Events", 11, True)
    if said["left_out"]:
        page.line(f"The newest {len(said['events'])}; {said['left_out']} older ones are in the log.", 8.5)
    rows = [(str(row["number"]), row["at"], row["text"]) for row in said["events"]]
    page.table([("record", "time (UTC)", "what"), *rows], (18, 36, 136), "RLL")
