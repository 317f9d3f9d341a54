"""`python -m rigsim rehearse`: a program in virtual time, as fast as it goes; one JSON document in, one out.

Owns: the course of a rehearsal and its report.
Rules: the same input gives the same output to the byte but for `wall_s`; everything reaches the firmware over
its link, its pins or its sensors; memory does not grow with the simulated time.
Units: as the names in the report say; times are ISO 8601 UTC of the simulated world.
Leaves: events to events.py, the log to recorder.py, the rig to driver.py.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
import time
from dataclasses import fields, replace
from datetime import datetime, timezone
from typing import IO, Any

from pumpwire.refusals import figures_of
from pumpwire.spec import KINDS

from rigsim import geometry
from rigsim.chip import CYCLES_PER_MS, CYCLES_PER_S
from rigsim.commission import commit, first_calibration
from rigsim.costs import Costs
from rigsim.driver import SimRig
from rigsim.events import EventError, World, book
from rigsim.geometry import DEFAULT_HEAD, HeadError, PumpHead, load_head
from rigsim.physics.truth import Truth
from rigsim.recorder import Recorder
from rigsim.wire import NoAnswer, Refused, Wire

START_UTC_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
RESERVOIR_NL = 20_000_000
SLICES = 200  # progress reports of a run
_ALONE = threading.Lock()


class RehearsalError(ValueError):
    """The request cannot be carried out; the text says why."""


def main(source: IO[str], sink: IO[str], messages: IO[str]) -> int:
    """Read the request, write the report; returns 0, 1 (it failed), 2 (a bad request) or 3 (refused by the rig)."""
    asked_by = os.getppid()
    code, answer = answer_to(source.read(), messages, asked_by)
    (messages if code else sink).write(json.dumps(answer) + "\n")
    return code


def many(source: IO[str], sink: IO[str], messages: IO[str]) -> int:
    """Requests line by line, an answer line for each: {"code", "report"}; the compiler stays warm between them."""
    asked_by = os.getppid()
    for line in source:
        code, answer = answer_to(line, messages, asked_by)
        sink.write(json.dumps({"code": code, "report": answer}) + "\n")
        sink.flush()
    return 0


def answer_to(text: str, messages: IO[str], asked_by: int) -> tuple[int, dict[str, Any]]:
    """The exit code of a request, and its report or why there is none."""
    try:
        return 0, rehearse(json.loads(text), messages, asked_by)
    except Refused as error:
        return 3, {"refused": error.name, "verb": error.verb, "fields": error.fields}
    except (RehearsalError, EventError, HeadError, json.JSONDecodeError) as error:
        return 2, {"error": str(error)}
    except NoAnswer as error:
        return 1, {"error": str(error)}


def rehearse(
    request: dict[str, Any], messages: IO[str] | None = None, asked_by: int | None = None
) -> dict[str, Any]:
    """Run a request (docs/explanation/simulator.md lists its keys) and return the report. One at a time in a process:
    the firmware's modules are the process's, so another thread's run would change this one's. `asked_by`: the parent
    process with which a long run ends. Raises RehearsalError.
    """
    if not _ALONE.acquire(blocking=False):
        raise RehearsalError(
            "one rehearsal at a time in a process; begin the other one in a process of its own"
        )
    try:
        return _rehearse(request, messages, asked_by)
    finally:
        _ALONE.release()


def _rehearse(request: dict[str, Any], messages: IO[str] | None, asked_by: int | None) -> dict[str, Any]:
    started_s = time.perf_counter()
    text = request.get("program")
    if not isinstance(text, str):
        raise RehearsalError("the request needs `program`, the canonical text of a document")
    for_ms = int(request.get("for_ms", 0))
    if for_ms <= 0:
        raise RehearsalError("the request needs `for_ms`, above zero")
    with contextlib.ExitStack() as stack:
        path = request.get("records")
        file = stack.enter_context(open(path, "w", encoding="ascii")) if path else None
        path = request.get("trace")
        trace = stack.enter_context(open(path, "w", encoding="ascii")) if path else None
        path = request.get("told")
        told = stack.enter_context(open(path, "w", encoding="ascii")) if path else None
        run = _Run(request, file, trace, told)
        run.begin(text)
        run.run(for_ms, messages if request.get("progress") else None, asked_by)
        return run.report(request, for_ms, started_s)


class _Run:
    """One rehearsal under way."""

    def __init__(
        self,
        request: dict[str, Any],
        file: IO[str] | None,
        trace: IO[str] | None = None,
        told: IO[str] | None = None,
    ) -> None:
        reservoir_nl = int(request.get("reservoir_nl", _reservoir_of(request["program"])))
        if "head_table" in request:
            geometry.use_document(request["head_table"])
        self.rig = SimRig(
            int(request.get("seed", 0)),
            reservoir_nl=reservoir_nl,
            slow=bool(request.get("slow")),
            head=_head_of(request["head"]) if request.get("head") else None,
            truth=_truth_of(request.get("truth") or {}),
        )
        self.costs = Costs()
        self.rig.on_boot = self.costs.attach
        self.reservoir_nl = reservoir_nl
        self.wire = Wire(self.rig)
        self.world = World(self.rig, self.wire, 0, int(request.get("start_utc_us", START_UTC_US)))
        self.recorder = Recorder(self.world.utc_us, file, told)
        self.rig.chip.flash.on_program = self.recorder.take
        self.events: list[dict[str, Any]] = list(request.get("events") or [])
        self.calibration = request.get("calibration")
        self.trace = trace
        self.trace_ms = max(1, int(request.get("trace_every_ms", 1000)))

    def begin(self, text: str) -> None:
        """Power on, calibrate, fill, set the clock, load; the commit's instant is the start."""
        rig, wire = self.rig, self.wire
        rig.power_on()
        commit(wire, self.calibration or first_calibration(wire))
        wire.call("open")
        wire.call("clock", ("utc_us", self.world.utc_us()))
        wire.call("refill", ("volume_nl", self.reservoir_nl))
        wire.call("close")
        commit(wire, text, override=1)
        self.log_start = self.recorder.end[2] - 1  # the record of the commit, or the last one that it brought
        self.began_utc_us = self.recorder.program_began_utc_us()
        world = self.world
        world.start_utc_us, world.start_cycle = world.utc_us(), rig.chip.now
        self.true_before_nl = rig.pump.true_nl()
        self.before = self.wire.status()  # as many ticks after the start as the last one is after the end
        book(world, self.events)
        if self.trace is not None:
            self._sample()

    def _sample(self) -> None:
        """A row of the trace, and the booking of the next."""
        assert self.trace is not None
        rig, pump = self.rig, self.rig.pump
        passed_cycles = rig.chip.now - self.world.start_cycle
        if not self.trace.tell():
            self.trace.write("t_s,true_nl,steps,angle_deg,pressure_pa\n")
        true_nl = pump.true_nl() - self.true_before_nl
        angle_deg = math.degrees(pump.rotor.angle_rad) % 360
        where = f"{pump.pulses_total},{angle_deg:.4f},{pump.fluid.pressure_pa:.1f}"
        self.trace.write(f"{passed_cycles / CYCLES_PER_S:.6f},{true_nl:.3f},{where}\n")
        rig.after_us(self.trace_ms * 1000, self._sample)

    def run(self, for_ms: int, messages: IO[str] | None, asked_by: int | None = None) -> None:
        """Let the time pass, as long as the process that asked for it lives."""
        start = self.world.start_cycle
        for part in range(1, SLICES + 1):
            self.rig.run_until(start + for_ms * CYCLES_PER_MS * part // SLICES)
            if asked_by is not None and os.getppid() != asked_by:
                raise SystemExit("whoever asked for this rehearsal is gone")
            if messages is not None:
                messages.write(json.dumps({"progress": part / SLICES}) + "\n")
                messages.flush()
        self.rig.hear()  # a tick at the end, as there was one at the start: what follows is a tick later in both

    def report(self, request: dict[str, Any], for_ms: int, started_s: float) -> dict[str, Any]:
        """The contract's fields."""
        true_nl = round(self.rig.pump.true_nl() - self.true_before_nl)
        recorder = self.recorder
        status, undelivered_nl = self._last_status(), recorder.undelivered_nl
        self._last_record(self.began_utc_us + for_ms * 1000 - 1000)
        if recorder.undelivered_nl != undelivered_nl:  # found just now: no kind has those steps any more
            status = self._last_status()
        status = self._relieved(status)
        by_kind = self._by_kind(status)
        return {
            "seed": self.rig.chip.seed,
            "device_id": status["device_id"],
            "firmware": status["firmware"],
            "protocol": _number(status, "protocol"),
            "calibration": {
                "id": _number(status, "calibration_id"),
                "step_nl_num": _number(status, "step_nl_num"),
                "step_nl_den": _number(status, "step_nl_den"),
                "u_ppm": _number(status, "u_ppm"),
            },
            "program_name": request.get("program_name"),
            "simulated_s": for_ms / 1000,
            "wall_s": round(time.perf_counter() - started_s, 3),
            "delivered_nl": sum(by_kind.values()),
            "true_nl": true_nl,
            "commanded_nl": _number(status, "commanded_nl") - _number(self.before, "commanded_nl"),
            "by_kind": by_kind,
            "delivered_steps": _number(status, "delivered_steps") - _number(self.before, "delivered_steps"),
            "demand": {
                "asked": recorder.demand_asked,
                "given": recorder.demand_given,
                "refused": recorder.demand_refused,
            },
            "alarms": [
                {**row, "at": _iso(row["at"]), "cleared_at": row["cleared_at"] and _iso(row["cleared_at"])}
                for row in recorder.alarms
            ],
            "refused": [
                {
                    "at": _iso(self.world.utc_us_at(cycle)),
                    "verb": error.verb,
                    "why": error.name,
                    "numbers": figures_of(error.fields),
                }
                for cycle, error in self.wire.refusals[:1000]
            ],
            "refills": recorder.refills - 1,  # the first fill is none
            "reservoir_nl": _number(status, "reservoir_nl"),
            "power_cuts": self.world.power_cuts,
            "undelivered_nl": recorder.undelivered_nl,
            "loop": {"late": _number(status, "late"), "worst_us": self.costs.worst_us},
            "log_records": recorder.count,
            "log_start": self.log_start,
            "log_end": recorder.end,
            "log_verified": not recorder.faults,
            "log_faults": recorder.faults[:20],
        }

    def _last_status(self) -> dict[str, str]:
        """What the rig says at the end; a rig without power, or at its prompt, is started once more to be asked."""
        rig = self.rig
        while rig.rig is None:  # at the prompt, where the stop button was held at its start
            rig.power_off()
            rig.power_on()
            upcoming = rig.next_cycle()  # the button is let go, or is held for good
            if rig.rig is not None or upcoming is None:
                break
            rig.run_until(upcoming)
        self.rig.port.plug(True)
        self.wire.reset()
        return self.wire.status()

    def _relieved(self, status: dict[str, str]) -> dict[str, str]:
        """The status with the relief of the log's end, which may have gone on since: the account is of the log."""
        steps = self.recorder.relief_steps()
        more = steps - _number(status, "relief_steps")
        if not more:
            return status
        more_nl = more * _number(status, "step_nl_num") // _number(status, "step_nl_den")
        delivered = _number(status, "delivered_nl") - more_nl, _number(status, "delivered_steps") - more
        told = {"relief_steps": steps, "delivered_nl": delivered[0], "delivered_steps": delivered[1]}
        return {**status, **{name: str(value) for name, value in told.items()}}

    def _last_record(self, end_utc_us: int) -> None:
        """One more record, of the end; the clock that it sets tells of time without power, too.

        It is set to the last instant that was asked for, some ticks ago: a turn that falls due at the end is not in it,
        and must not be missed only because the clock moved over it.
        """
        with contextlib.suppress(Refused, NoAnswer):
            self.wire.greet()
            self.wire.call("open")
            self.wire.call("clock", ("utc_us", end_utc_us))
            self.wire.call("close")

    def _by_kind(self, status: dict[str, str]) -> dict[str, int]:
        """Volume of each kind; the rounding of all goes to the largest, so that they add up to what was counted."""
        num, den = _number(status, "step_nl_num"), _number(status, "step_nl_den")
        total_nl = _number(status, "delivered_nl") - _number(self.before, "delivered_nl")
        volumes: dict[str, int] = {}
        for kind in KINDS:
            steps = _number(status, f"{kind}_steps") - _number(self.before, f"{kind}_steps")
            volumes[kind] = (-1 if kind == "relief" else 1) * (steps * num // den if den else 0)
        largest = max(volumes, key=lambda kind: abs(volumes[kind]))
        volumes[largest] += total_nl - sum(volumes.values())
        return volumes


def _head_of(changes: dict[str, Any]) -> PumpHead:
    """The head `name` with some of its dimensions changed. Raises HeadError."""
    head = load_head(str(changes.get("name", DEFAULT_HEAD)))
    dimensions = {name: float(value) for name, value in changes.items() if name != "name"}
    unknown = set(dimensions) - {name for name, value in vars(head).items() if isinstance(value, float)}
    if unknown:
        raise HeadError(f"a head has no {', '.join(sorted(unknown))}")
    return replace(head, **dimensions) if dimensions else head


def _truth_of(changes: dict[str, Any]) -> dict[str, float]:
    """Values of a rig that are not to be drawn from its seed. Raises RehearsalError."""
    drawn = {entry.name for entry in fields(Truth) if entry.type == "float"}
    unknown = set(changes) - drawn
    if unknown:
        raise RehearsalError(
            f"a simulated rig has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(drawn))}"
        )
    return {name: float(value) for name, value in changes.items()}


def _number(status: dict[str, str], name: str) -> int:
    return int(status.get(name) or 0)


def _iso(utc_us: int) -> str:
    moment = datetime.fromtimestamp(utc_us // 1_000_000, timezone.utc).replace(microsecond=utc_us % 1_000_000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reservoir_of(text: object) -> int:
    """The program's own reservoir, else the usual one."""
    from pumpwire import documents

    try:
        document = documents.parse(str(text))
    except documents.DocumentError as error:
        raise RehearsalError(f"program: {' '.join(str(part) for part in error.args)}") from error
    return int(document.get("reservoir_nl", RESERVOIR_NL))
