"""The course of a delivery, from the stored log: what the report draws.

Owns: the thinned series of points, the exact course of rates, the events that are told.
Rules: one pass over the records, memory does not grow with them; delivered follows from counted steps and calibration;
a rate is the program's and the bolus's from the instant of its first step to that of its last, never a mean over
what two records happen to span; counted rates are means, each as wide as it is true for; a record without a time is
left out of the series, never given one.
Units: microseconds UTC, nL, nL/day.
Leaves: reading records to store/ledger.py, what was asked for to store/asked.py and missing.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pumpwire import spec
from pumpwire.program import base_rate

from pumprig.report.missing import Missing
from pumprig.store import Store, ledger
from pumprig.store.given import Delivery, account_of, delivery
from pumprig.store.ledger import Record
from pumprig.store.totals import Calibration, Total, nl_of
from pumprig.store.under_way import titrated_us

MOST_POINTS = 1_500
MOST_EVENTS = 400
RUNNING = spec.MODES.index("running")
HOUR_US = 3_600_000_000
SHORT_US = 72 * HOUR_US  # of which the hours are told, not the days
PUT_BACK_US = 10_000_000  # less is the order of records: a bolus's carries the instant of its step
SHORTEST_US = 1_000_000  # counted steps over less say nothing of a rate
UNTOLD = ("checkpoint", "self_test", "kept", "access")


@dataclass(frozen=True)
class Point:
    """One instant of the course; volumes since the first point."""

    at_us: int
    delivered_nl: int
    asked_nl: int
    reservoir_nl: int | None


@dataclass
class Course:
    """Everything between two instants."""

    points: list[Point] = field(default_factory=list[Point])
    rates: list[tuple[int, int]] = field(
        default_factory=list[tuple[int, int]]
    )  # (from, nL/day), by program and bolus
    counted: list[tuple[int, int, float]] = field(
        default_factory=list[tuple[int, int, float]]
    )  # (from, to, nL/day)
    events: list[Record] = field(default_factory=list[Record])
    left_out: int = 0  # older events
    put_back: int = 0  # how often the rig's clock was
    alarms: list[Record] = field(default_factory=list[Record])
    bin_us: int = 86_400_000_000  # of the volumes by kind: a day, or an hour where the whole is short
    bins: dict[int, dict[str, float]] = field(
        default_factory=dict[int, dict[str, float]]
    )  # how many bins since 1970: nL by kind
    low_nl: int | None = None
    program_names: list[str] = field(default_factory=list[str])
    given: Delivery | None = None


def course(store: Store, total: Total) -> Course:
    """Read a device's log between the records of a total. Raises StoreError."""
    device_id = total.device_id
    calibrations = store.calibrations(device_id)
    out = Course()
    first_us, last_us = total.first.at_utc_us or 0, total.last.at_utc_us or 0
    span_us = last_us - first_us
    if span_us < SHORT_US:
        out.bin_us = HOUR_US
    missing = Missing(first_us)
    account = account_of(store, total, missing.take)
    out.given = delivery(account, total.volume_nl, total.unknown_steps, span=1)
    walk = _Walk(out, calibrations, account.programs, missing, max(span_us, HOUR_US) // MOST_POINTS)
    for record in ledger.between(store, device_id, total.first.number, total.last.number):
        walk.take(record)
    walk.end()
    return out


class _Walk:
    def __init__(
        self,
        out: Course,
        calibrations: dict[int, Calibration],
        programs: dict[int, dict[str, Any]],
        missing: Missing,
        width_us: int,
    ) -> None:
        """width_us: of a bin; each keeps its first point, and what its rates reach."""
        self._out = out
        self._calibrations = calibrations
        self._programs = programs
        self._missing = missing
        self._width_us = width_us
        self._last: Record | None = None
        self._delivered = 0.0  # not rounded between records
        self._net_steps = 0
        self._kinds: dict[str, int] = {}  # at the bin's beginning
        self._day = -1  # the bin, since 1970; -1: not known
        self._ratio: tuple[int, float] = (-1, 0.0)  # calibration, nL a step
        self._mark: tuple[int, float] = (0, 0.0)  # since when the counted mean runs
        self._bin = -1
        self._boot: int = 0
        self._flows: Record | None = None  # since when the last rate flows
        self._newest_us = 0

    def take(self, record: Record) -> None:
        """The next record, in the order of numbers."""
        out, last = self._out, self._last
        self._event(record)
        at_us = record.at_utc_us
        if at_us is not None:
            self._begin_anew(at_us)
        fresh = at_us is not None and at_us // self._width_us != self._bin
        told: bool = record.event != "checkpoint" or record.boot != self._boot or last is None
        if last is None:
            self._net_steps, self._kinds = record.net_steps, record.kind_steps()
            self._day = -1 if at_us is None else at_us // out.bin_us
        else:
            self._add(last, record)
        self._boot = record.boot
        self._last = record
        if at_us is None:
            return
        if fresh or told:
            self._rate(record, at_us)
        filled = last is not None and record.state["reservoir_base_nl"] != last.state["reservoir_base_nl"]
        if filled and last is not None:  # a step, not a slope from the point before
            self._point(last, at_us)
        if fresh:
            self._bin = at_us // self._width_us
            self._mean(at_us)
        if fresh or filled:
            self._point(record, at_us)

    def _event(self, record: Record) -> None:
        out = self._out
        if record.event not in UNTOLD:
            out.events.append(record)
            if len(out.events) > 2 * MOST_EVENTS:
                del out.events[:MOST_EVENTS]
                out.left_out += MOST_EVENTS
        if record.event in ("alarm", "alarm_end"):
            out.alarms.append(record)

    def _begin_anew(self, at_us: int) -> None:
        """Where the rig's clock was put back the curves begin anew: what they had of later instants is left out."""
        out, newest_us = self._out, self._newest_us
        self._newest_us = at_us
        if at_us > newest_us - PUT_BACK_US:
            self._newest_us = max(at_us, newest_us)
            return
        out.points = [point for point in out.points if point.at_us < at_us]
        out.rates = [row for row in out.rates if row[0] < at_us]
        out.counted = [row for row in out.counted if row[1] <= at_us]
        self._mark, self._bin, self._flows = (at_us, self._delivered), -1, None
        out.put_back += 1

    def end(self) -> None:
        """The last record closes every series."""
        out, last = self._out, self._last
        if last is None or last.at_utc_us is None:
            return
        self._book(last, last)
        self._point(last, last.at_utc_us)
        self._mean(last.at_utc_us)
        out.rates.append((last.at_utc_us, out.rates[-1][1] if out.rates else 0))
        out.left_out += max(0, len(out.events) - MOST_EVENTS)
        del out.events[: max(0, len(out.events) - MOST_EVENTS)]

    def _add(self, last: Record, record: Record) -> None:
        """What was counted between two records; its kinds once a bin, and where the calibration changes."""
        calibration_id = last.calibration_id or record.calibration_id
        if calibration_id != self._ratio[0]:
            num, den, _u_ppm = self._calibrations.get(calibration_id, (0, 1, 0))
            self._ratio = (calibration_id, num / den)
        net_steps = record.net_steps
        self._delivered += (net_steps - self._net_steps) * self._ratio[1]
        self._net_steps = net_steps
        day = self._day if record.at_utc_us is None else record.at_utc_us // self._out.bin_us
        if day != self._day or record.calibration_id != last.calibration_id:
            self._book(last, record)
            self._day = day

    def _book(self, last: Record, record: Record) -> None:
        """The kinds of the bin until a record, which belongs to it."""
        then, self._kinds = self._kinds, record.kind_steps()
        if self._day < 0:
            return
        day = self._out.bins.setdefault(self._day, dict.fromkeys(spec.KINDS, 0.0))
        for kind in spec.KINDS:
            day[kind] += (self._kinds[kind] - then[kind]) * self._ratio[1]

    def _point(self, record: Record, at_us: int) -> None:
        program = self._programs.get(record.program_hash)
        if program is not None:
            self._out.low_nl = program["low_nl"]
            if program["name"] not in self._out.program_names:
                self._out.program_names.append(program["name"])
        delivered = round(self._delivered)
        point = Point(
            at_us, delivered, round(self._delivered + self._missing.at(at_us)), self._reservoir(record)
        )
        if not self._out.points or at_us >= self._out.points[-1].at_us:
            self._out.points.append(point)

    def _reservoir(self, record: Record) -> int | None:
        """The rig's own estimate at a record; None before the first fill, and where its calibration is not known."""
        state = record.state
        calibration = self._calibrations.get(record.calibration_id)
        if calibration is None or not state["reservoir_base_nl"]:
            return None
        delivered = state["delivered_base_nl"] + nl_of(record.net_steps - state["base_steps"], calibration)
        return max(0, state["reservoir_base_nl"] - (delivered - state["reservoir_base_delivered_nl"]))

    def _rate(self, record: Record, at_us: int) -> None:
        """What flows from a record on, until the next that says something else."""
        rate = flow_nl_per_day(record, self._programs.get(record.program_hash))
        rates = self._out.rates
        if rates and at_us < rates[-1][0]:
            at_us = rates[-1][0]  # a bolus's record carries the instant of its step, which may lie before
        self._change(at_us)
        if not rates or rates[-1][1] != rate:
            rates.append((at_us, rate))
        self._flows = record

    def _change(self, until_us: int) -> None:
        """What the program itself changed since the last rate, between two records."""
        record, rates = self._flows, self._out.rates
        program = None if record is None else self._programs.get(record.program_hash)
        if record is None or program is None or record.at_utc_us is None or record.state["mode"] != RUNNING:
            return
        elapsed_us = titrated_us(record)
        passed_us, span_us = 0, until_us - record.at_utc_us
        over = flow_nl_per_day(record, program) - _base(program, record, elapsed_us, 0)[0]
        while passed_us < span_us and not record.state["ramp"] & 1:
            passed_us += max(1, _base(program, record, elapsed_us, passed_us)[1])
            if passed_us < span_us:
                rates.append(
                    (record.at_utc_us + passed_us, _base(program, record, elapsed_us, passed_us)[0] + over)
                )

    def _mean(self, at_us: int) -> None:
        since_us, volume = self._mark
        if since_us and at_us - since_us >= SHORTEST_US:
            mean = (self._delivered - volume) * 86_400_000_000 / (at_us - since_us)
            self._out.counted.append((since_us, at_us, mean))
        elif since_us:
            return
        self._mark = (at_us, self._delivered)


def flow_nl_per_day(record: Record, program: dict[str, Any] | None) -> int:
    """Base flow and bolus in the state that a record left."""
    state = record.state
    bolus = state["bolus_rate_nl_per_day"] if state["bolus_done_steps"] < state["bolus_steps"] else 0
    if not bolus and state["spread_done_steps"] < state["spread_steps_asked"]:
        bolus = state["spread_rate_nl_per_day"]
    if state["mode"] != RUNNING:
        return bolus if spec.MODES[state["mode"]] != "stopped" else 0
    if program is None or spec.KINDS.index("bridge") + 1 in (state["bolus_kind"], state["second_kind"]):
        return bolus
    return _base(program, record, titrated_us(record), 0)[0] + bolus


def _base(program: dict[str, Any], record: Record, elapsed_us: int, passed_us: int) -> tuple[int, int]:
    """(nL/day, us for which it holds) of the base flow, some time after a record."""
    utc_us = record.rig_utc_us + passed_us if record.rig_utc_us else 0
    return base_rate(program, elapsed_us + passed_us, utc_us)
