"""What a bring-up walk has found so far, kept from one run to the next, and as a page for the lab book.

Owns: the file of a walk under way, and the record's page.
Rules: each answer is kept as soon as it is given; a walk goes on at the first step that has not passed; the page says
who is to sign and carries the SHA-256 of its rows, so that an edit shows.
Units: times ISO 8601 UTC.
Leaves: the steps and their judgement to bringup.py.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from pumprig import __version__, paths
from pumprig.doctor.bringup import Result, Step
from pumprig.errors import PumpError
from pumprig.quantities import iso, now_utc_us

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Bring-up of a pump rig</title>
<style>body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #1c2733; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .8rem .35rem 0;
border-bottom: 1px solid #dfe5ea; vertical-align: top; } .wrong { color: #b83a3a; font-weight: 600; }
code { overflow-wrap: anywhere; } .sign { margin-top: 3rem; display: flex; gap: 3rem; }
.sign p { border-top: 1px solid #1c2733; flex: 1; padding-top: .3rem; }</style></head><body>
<h1>Bring-up of a pump rig</h1>
<p>Driver <b>{{ driver }}</b>, rig {{ device_id or "not read" }}, {{ made }} UTC, pumprig {{ version }}.
A test instrument, never a medical device.</p>
<p>{{ passed }} of {{ count }} steps passed{% if passed < count %}:
<span class="wrong">not finished</span>{% endif %}.</p>
<table><tr><th>step</th><th>what was done</th><th>found</th><th>right</th><th>when (UTC)</th></tr>
{% for row in rows %}
<tr><td>{{ row.number }}. {{ row.title }}</td><td>{{ row.do }}</td><td>{{ row.found }}</td>
<td{% if not row.passed %} class="wrong"{% endif %}>{{ "yes" if row.passed else "no" }}
{% if row.fault %}<br>{{ row.fault }}{% endif %}</td>
<td>{{ row.at }}</td></tr>
{% endfor %}
</table>
<p>SHA-256 of the rows: <code>{{ digest }}</code></p>
<div class="sign"><p>name</p><p>date</p><p>signature</p></div>
</body></html>
"""


class Walked:
    """One driver's walk."""

    def __init__(self, driver: str) -> None:
        self.driver = driver
        self._path = paths.state_folder() / f"bring-up-{driver}.json"
        self.rows: dict[str, dict[str, Any]] = {}  # step id: found, passed, at
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            self.rows = {str(step): dict(row) for step, row in kept.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self.rows = {}

    def begins_at(self, steps: list[Step]) -> int:
        """The number of the first step that has not passed; 1 where all have."""
        for number, step in enumerate(steps, 1):
            if not self.rows.get(step.id, {}).get("passed"):
                return number
        return 1

    def keep(self, result: Result) -> None:
        """Keep a step's result. Raises PumpError."""
        self.rows[result.step.id] = {
            "found": result.found,
            "passed": result.passed,
            "fault": result.fault.name if result.fault else "",
            "at": (iso(now_utc_us()) or "")[:19].replace("T", " "),
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps(self.rows), encoding="utf-8")
            os.replace(part, self._path)
        except OSError as error:
            raise PumpError(
                f"{self._path} cannot be written: {error.strerror}.", "The step was not kept."
            ) from None

    def page(self, steps: list[Step], device_id: str) -> str:
        """The record for the lab book."""
        from pumprig.pages import environment

        rows = [
            {"number": number, "title": step.title, "do": step.do, "fault": "", **self.rows[step.id]}
            for number, step in enumerate(steps, 1)
            if step.id in self.rows
        ]
        digest = hashlib.sha256(
            json.dumps([self.driver, device_id, rows], sort_keys=True).encode()
        ).hexdigest()
        return (
            environment()
            .from_string(PAGE)
            .render(
                driver=self.driver,
                device_id=device_id,
                rows=rows,
                count=len(steps),
                passed=sum(bool(row["passed"]) for row in rows),
                digest=digest,
                made=(iso(now_utc_us()) or "")[:16].replace("T", " "),
                version=__version__,
            )
        )

    def write(self, path: Path, steps: list[Step], device_id: str) -> None:
        """Write the record to a file. Raises PumpError."""
        try:
            path.write_text(self.page(steps, device_id), encoding="utf-8")
        except OSError as error:
            raise PumpError(
                f"{path} cannot be written: {error.strerror}.",
                "The walk is kept; only the page was not made.",
            ) from None
