"""Programs on the page: checked as they are typed, shown beside the active one, committed by hash.

Owns: the page's plans, faults with their lines, the drawing of seven days.
Rules: what is committed is, to the hash, what this page was shown; a plan that another program overtook is refused by
the interface, with the reason; nothing is sent for a check.
Units: seconds from now, µL/h, µL.
Leaves: the file's meaning to therapy/, staging and committing to api/plan.py.
"""

from __future__ import annotations

import re
import secrets
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from pumprig.api.plan import Plan
from pumprig.dashboard.watch import RigWatch
from pumprig.errors import InputFileError, PumpError, UsageError
from pumprig.quantities import now_utc_us
from pumprig.therapy import forecast
from pumprig.therapy import program as programs
from pumprig.therapy.program import Program
from pumprig.therapy.review import rows_of, side_by_side
from pumprig.therapy.save import to_toml

MOST_PLANS = 50
LONGEST = 64_000  # characters of a program
DAYS = 7
SYNTAX = re.compile(r"at line (\d+), column (\d+)")


class Plans:
    """What was proposed here and not yet committed."""

    def __init__(self) -> None:
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, plan: Plan) -> str:
        """A name for a plan; the oldest make room."""
        name = secrets.token_hex(8)
        with self._lock:
            self._plans[name] = plan
            while len(self._plans) > MOST_PLANS:
                self._plans.popitem(last=False)
        return name

    def of(self, name: object) -> Plan:
        """The plan of a name. Raises PumpError."""
        with self._lock:
            found = self._plans.get(name) if isinstance(name, str) else None
        if found is None:
            raise PumpError(
                "The page's server was started anew since this was shown.",
                "Nothing was committed.",
                "Review it again.",
            )
        return found

    def drop(self, name: object) -> None:
        """It was committed or given up."""
        with self._lock:
            if isinstance(name, str):
                self._plans.pop(name, None)


def read(text: object) -> Program:
    """A program as it was typed. Raises InputFileError with every fault."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise UsageError("That is no program's text.", "Nothing was sent.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.toml"
        path.write_text(text, encoding="utf-8")
        try:
            return programs.load(path)
        except InputFileError as error:
            here = f"{path}:"
            faults = [fault.removeprefix(here) for fault in error.faults]
            happened = error.happened.replace(str(path), "The program")
            raise InputFileError(happened, faults, error.next_step) from None


def faults_of(error: InputFileError) -> list[dict[str, Any]]:
    """Each fault with its line."""
    rows: list[dict[str, Any]] = []
    for fault in error.faults:
        line, _colon, text = fault.partition(": ")
        rows.append({"line": int(line) if line.isdigit() else None, "text": text or line})
    if not rows:
        found = SYNTAX.search(error.happened)
        rows.append({"line": int(found[1]) if found else None, "text": error.happened})
    return rows


def checked(text: object) -> dict[str, Any]:
    """What follows from a program, or its faults."""
    try:
        program = read(text)
    except InputFileError as error:
        return {"faults": faults_of(error)}
    now_us = now_utc_us()
    facts = forecast.check(program, now_us)
    return {"faults": [], "name": program.name, "warnings": facts["warnings"], "week": week(program, now_us)}


def active(watch: RigWatch) -> dict[str, Any]:
    """The rig's program as a file, and the one that waits. Raises LinkError."""
    with watch.acting() as rig:
        program, waiting = rig.program(), rig.waiting_program()
    now_us = now_utc_us()
    return {
        "toml": None if program is None else to_toml(program.document),
        "name": None if program is None else program.name,
        "hash": None if program is None else program.hash,
        "week": None if program is None else week(program, now_us),
        "waiting": None if waiting is None else {"name": waiting.name, "hash": waiting.hash},
    }


def propose(plans: Plans, watch: RigWatch, text: object) -> dict[str, Any]:
    """Stage a program, have it read back, and lay it beside the active one. Raises PumpError."""
    program = read(text)
    with watch.acting() as rig:
        plan = rig.propose(program)
    now_us = plan.made_utc_us
    columns = [
        rows_of(plan.active, plan.active_forecast, now_us) if plan.active and plan.active_forecast else {},
        rows_of(plan.program, plan.forecast, now_us),
    ]
    return {
        "plan": plans.keep(plan),
        "name": plan.program.name,
        "hash": plan.hash,
        "rows": [
            {"name": name, "now": cells[0], "new": cells[1], "differs": cells[0] != cells[1]}
            for name, cells in side_by_side(columns)
        ],
        "warnings": plan.warnings,
        "beyond_soft": any(row["key"] == "limits.soft_max_rate" for row in plan.forecast["warnings"]),
        "week": week(plan.program, now_us),
        "week_now": week(plan.active, now_us) if plan.active else None,
    }


def commit(plans: Plans, watch: RigWatch, body: dict[str, Any]) -> dict[str, Any]:
    """Commit a plan by its hash. Raises RefusedError (`changed` where another program became active), LinkError."""
    plan = plans.of(body.get("plan"))
    if body.get("hash") != plan.hash:
        raise PumpError(
            "The hash is not the one that was shown.", "Nothing was committed.", "Review it again."
        )
    with watch.acting() as rig:
        if not plan.is_of(rig.device_id):
            raise PumpError("This was proposed to another rig.", "Nothing was committed.", "Review it again.")
        plan.commit(override=body.get("override") is True)
    plans.drop(body.get("plan"))
    return {"text": f"{plan.program.name} is in force (hash {plan.hash})."}


def discard(plans: Plans, watch: RigWatch, body: dict[str, Any]) -> dict[str, Any]:
    """Give up a plan. Raises LinkError."""
    plan = plans.of(body.get("plan"))
    plans.drop(body.get("plan"))
    with watch.acting():
        plan.discard()
    return {"text": "Given up; the active program goes on."}


def week(program: Program, now_us: int) -> dict[str, Any]:
    """Seven days of a program that begins now, as the page draws them."""
    document = program.document
    end_us = now_us + DAYS * forecast.DAY_US
    times: list[float] = []
    rates: list[float] = []
    for part in forecast.base_segments(document, now_us, now_us, end_us):
        times.append(part.start_us / 1e6)
        rates.append(part.rate_nl_per_day / 24_000)
    times.append(end_us / 1e6)
    rates.append(rates[-1] if rates else 0.0)
    soft = document["soft_nl_per_day"] / 24_000
    return {
        "times": times,
        "rates": rates,
        "boluses": [
            [at_us / 1e6, volume_nl / 1000]
            for at_us, volume_nl, _over_ms in forecast.periodic_starts(document, now_us, end_us)
        ],
        "soft": soft if rates and soft < 5 * max(*rates, 0.001) else None,
        "days_ul": [volume_nl / 1000 for volume_nl in forecast.days_nl(document, now_us, DAYS)],
    }
