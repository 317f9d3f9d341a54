"""Asked, given, not given: what a program and requests asked for, as if nothing had interfered, and what became of it.

Owns: the account over the told records of a log (all but its checkpoints, and the last of each boot), and its reasons.
Rules: given is what was counted; each thing that kept fluid from flowing is taken from its own record, in the volume
that the program's arithmetic says for it; what is asked is the sum of both, so that they add up to the nanolitre; a
difference to the program's own arithmetic beyond rounding is told as `unexplained`, never spread over the rest.
Units: nL, steps, microseconds; rates in nL/day.
Leaves: when what flows to pumpwire.program, sums of what was delivered to totals.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pumpwire import documents, spec
from pumpwire.program import DAY_US, base_rate, turns_before

from pumprig.store.export import fields_of
from pumprig.store.not_given import NotGiven, Reason
from pumprig.store.record import Record
from pumprig.store.totals import Calibration
from pumprig.store.under_way import OVERLAYS, OwnTime, bridges, elapsed_us

RUNNING = spec.MODES.index("running")
STOPPED = spec.MODES.index("stopped")
BASE = "basal"
SPREAD = spec.KINDS.index("spread") + 1
STOPPING = {row[1] for row in spec.alarms() if row[1] and row[3] == "stop"}
ALARM_BITS = {row[0]: row[1] for row in spec.alarms() if row[1]}
SAME_US = 1_000_000  # an alarm and the stop that it caused are no further apart
ROUNDING_US = 250_000  # of flow, at each start and stop: a record is made a few ticks after what it tells
HOUR_US = 3_600_000_000
# at (us UTC), kind, reason, nl, for_s, times
Book = Callable[[int | None, str, Reason, float, float, int], None]


@dataclass
class Account:
    """What `take` found so far; `given_nl` in the calibrations that are known."""

    calibrations: dict[int, Calibration]
    programs: dict[int, dict[str, Any]]  # by the half hash that a record carries
    reasons: dict[Reason, NotGiven] = field(default_factory=dict[Reason, NotGiven])
    unknown_s: dict[int, float] = field(default_factory=dict[int, float])  # programs that the store lacks
    unweighed: bool = False  # base flow was counted under a calibration that is not known
    unknown_requests: int = 0  # refused, and their volume is told nowhere
    book: Book | None = None  # is told of each amount, none of which then lasts beyond a full hour UTC
    base_nl: float = 0.0  # asked of the base flow, by the program
    base_given_nl: float = 0.0
    _last: Record | None = None
    _at_us: int | None = None
    _mono_us: int = 0
    _reason: Reason = ("stopped", "")
    _stretch: Reason | None = None  # what the time before the last record was kept from flowing by
    _losses: int = 0  # of power, while the pump ran
    _alarm: tuple[str, int, int] = ("", 0, 0)  # name, boot, mono_us
    _due: int = 0  # turns of periodic boluses by the program's grid
    _due_nl: int = 0
    _own: OwnTime = field(default_factory=OwnTime)
    _seen: int = 0
    _edges: int = 0
    _written_off: dict[str, int] = field(default_factory=dict[str, int])  # at a power loss: done less counted
    _set: Record | None = None  # the last record before a command that set the clock
    _top_rate: int = 0

    @staticmethod
    def of(calibrations: dict[int, Calibration], texts: Iterable[str]) -> Account:
        """An account for programs by their canonical texts; one that is not understood is not known."""
        programs: dict[int, dict[str, Any]] = {}
        for text in texts:
            try:
                programs[int(documents.digest(text)[:8], 16)] = documents.parse(text)
            except documents.DocumentError:
                continue
        return Account(calibrations, programs)

    # --- records

    def take(self, record: Record) -> None:
        """The next record, in the order of numbers."""
        last, self._last = self._last, record
        self._at_us = record.at_utc_us
        if last is None:
            self._mono_us = record.mono_us
            self._begin(record)
            return
        if record.boot != last.boot:
            self._power(last, record)
            self._mono_us = record.mono_us
        else:
            until_us = max(self._mono_us, record.mono_us)
            self._pass(last, self._mono_us, until_us - self._mono_us, self._why(last))
            self._mono_us = until_us
            self._outage(last, record)
        self._own.look(record, anew=(record.boot, record.program_hash) != (last.boot, last.program_hash))
        self._count(last, record)
        self._hear(last, record)

    def _begin(self, record: Record) -> None:
        self._own.look(record, anew=True)
        active = [
            name for bit, name in ALARM_BITS.items() if record.state["alarms"] >> bit & 1 and name in STOPPING
        ]
        self._reason = ("alarm", active[0]) if active else ("stopped", "")

    def _why(self, record: Record) -> Reason | None:
        """What keeps the base flow from flowing in the state that a record left; None: nothing."""
        return None if record.state["mode"] == RUNNING else self._reason

    def _pass(self, record: Record, from_us: int, span_us: int, why: Reason | None) -> None:
        """Time goes by in the state that a record left."""
        half = record.program_hash
        if not half or span_us <= 0:
            return
        first, self._stretch = why != self._stretch, why
        program = self.programs.get(half)
        if program is None:
            self.unknown_s[half] = self.unknown_s.get(half, 0.0) + span_us / 1e6
            return
        own_us = self._own.at(from_us)
        self._fall_due(program, own_us, span_us)
        if why is None and bridges(record):
            return
        now_us = self._at_us
        for begin_us, end_us in self._hours(record, from_us, span_us):
            asked_nl = self._flow(program, record, own_us, from_us, begin_us, end_us)
            self.base_nl += asked_nl
            if why is not None:
                self._not_given(why, asked_nl, (end_us - begin_us) / 1e6, int(first and begin_us == 0))
        self._at_us = now_us

    def _hours(self, record: Record, from_us: int, span_us: int) -> Iterator[tuple[int, int]]:
        """(begin, end) of the parts of a span that are told apart, since its start; `_at_us` goes along."""
        if self.book is None or record.at_utc_us is None:
            yield 0, span_us
            return
        utc_us, begin_us = record.at_utc_us + from_us - record.mono_us, 0
        while begin_us < span_us:
            self._at_us = utc_us + begin_us
            end_us = min(span_us, begin_us + HOUR_US - self._at_us % HOUR_US)
            yield begin_us, end_us
            begin_us = end_us

    def _flow(
        self,
        program: dict[str, Any],
        record: Record,
        since_us: int,
        from_us: int,
        begin_us: int,
        end_us: int,
    ) -> float:
        """The base flow's volume between two instants since from_us, by the program."""
        behind_us, held_us = record.state["ramp"] // 2 * 1_000_000, self._own.held_us
        utc_us = (record.rig_utc_us or 0) and (record.rig_utc_us or 0) + from_us - record.mono_us
        units, passed_us = 0, begin_us
        while passed_us < end_us:
            at_us = utc_us + passed_us if utc_us else 0
            own_us = held_us if held_us is not None else since_us + passed_us - behind_us
            rate, holds_us = base_rate(program, max(0, own_us), at_us)
            part_us = end_us - passed_us if held_us is not None else min(max(1, holds_us), end_us - passed_us)
            units += rate * part_us
            passed_us += part_us
            self._top_rate = max(self._top_rate, rate)
        return units / DAY_US

    def _fall_due(self, program: dict[str, Any], from_us: int, span_us: int) -> None:
        from_us, until_us = self._own.fall(from_us, from_us + span_us)
        for row in program["periodic"]:
            before = turns_before(row, from_us + 1)
            turns = turns_before(row, until_us + 1) - before
            self._due += self._shown(row[1], before, turns)
            self._due_nl += turns * row[1]

    def _shown(self, volume_nl: int, before: int, turns: int) -> int:
        """How many turns have a step of their own: of volumes below a step not every one."""
        step_nl = self.step_nl()
        if not step_nl or volume_nl >= step_nl:
            return turns
        return int((before + turns) * volume_nl / step_nl + 0.5) - int(before * volume_nl / step_nl + 0.5)

    def _power(self, last: Record, record: Record) -> None:
        """From the last record before a loss of power to the first one after it."""
        why = self._why(last) or ("power", "")
        self._losses += why[0] == "power"
        span_us = max(0, elapsed_us(record) - self._own.at(last.mono_us))
        if record.rig_utc_us is None and last.at_utc_us and record.at_utc_us:
            span_us = max(0, record.at_utc_us - last.at_utc_us)  # a rig without a clock: by the host's
        self._pass(last, last.mono_us, span_us, why)
        now, then = record.kind_steps(), last.kind_steps()
        self._written_off.clear()
        for name, done, kind in OVERLAYS:
            if not last.state[name]:
                continue
            what = spec.KINDS[(last.state[kind] or SPREAD) - 1]
            if last.state[name] == record.state[name]:
                assumed = record.state[done] - last.state[done] - (now[what] - then[what])
                self._not_given(("power", ""), self._nl(assumed, last), 0.0, kind=what)
            else:  # its end is told in a moment
                self._written_off[what] = last.state[done] - then[what]
        if record.state["mode"] == STOPPED != last.state["mode"]:
            self._reason = ("power", "")

    def _outage(self, last: Record, record: Record) -> None:
        """A clock set after a loss of power puts the program's grid to where it would be: it was off for so long."""
        moved_us = _number(fields_of(record.text), "moved_us") if record.event == "clock" else 0
        if moved_us > 0 and self._set is not None and self._set.boot == record.boot:
            last = self._set  # the command's record has the program's time with the outage in it
            jump_us = elapsed_us(record) - elapsed_us(last) - (record.mono_us - last.mono_us)
            if abs(jump_us - moved_us) < SAME_US and record.program_hash == last.program_hash:
                why, now = self._why(last) or ("power", ""), self._stretch
                self._stretch = why  # it was counted when it began
                self._own.zero_us += moved_us
                self._pass(last, record.mono_us, moved_us, why)
                self._own.zero_us -= moved_us
                self._stretch = now
        if not (record.event == "command" and fields_of(record.text).get("verb") == "clock"):
            self._set = record

    def _count(self, last: Record, record: Record) -> None:
        """What was counted between two records, and what of it was no delivery."""
        now, then = record.kind_steps(), last.kind_steps()
        given_nl = self._nl(now["basal"] - then["basal"], last, record)
        self.unweighed = self.unweighed or (not given_nl and now["basal"] != then["basal"])
        self.base_given_nl += given_nl
        lost = record.state["lost_steps"] - last.state["lost_steps"]
        if lost > 0:
            for name, done, kind in OVERLAYS:
                if record.state[name]:  # a bolus lost what it gained and does not have
                    before = last.state[done] if last.state[name] == record.state[name] else 0
                    what = spec.KINDS[(record.state[kind] or SPREAD) - 1]
                    part = then[what] + record.state[done] - before - now[what]
                    self._not_given(("stalled", ""), self._nl(part, last, record), 0.0, kind=what)
                    lost -= part
            lost_nl = self._nl(max(0, lost), last, record)
            self._not_given(("stalled", ""), lost_nl, 0.0, kind=BASE)
            self.base_given_nl += lost_nl
        relieved = then["relief"] - now["relief"]
        if relieved:  # a part may be taken back: the rotor did not go back with the motor
            self._not_given(
                ("occluded", ""), self._nl(relieved, last, record), 0.0, int(relieved > 0), "relief"
            )

    def _hear(self, last: Record, record: Record) -> None:
        event = record.event
        if event not in HEARD:
            if record.state["mode"] != last.state["mode"]:
                self._edges += 1
            return
        fields = fields_of(record.text)
        if event == "alarm":
            self._alarm = (str(fields.get("name", "")), record.boot, record.mono_us)
        elif event == "stop":
            name, boot, mono_us = self._alarm
            caused = name in STOPPING and boot == record.boot and abs(record.mono_us - mono_us) < SAME_US
            if caused or fields.get("was") not in ("priming", "dispensing"):  # else it stands as before
                self._reason = ("alarm", name) if caused else ("stopped", "")
            self._edges += 1
        elif event == "bolus_start":
            self._seen += fields.get("kind") == "periodic"
        elif event == "bolus_end":
            rest = _number(fields, "asked_steps") - _number(fields, "done_steps")
            kind = str(fields.get("kind", ""))
            if kind in self._written_off:
                counted = self._written_off.pop(kind) + record.kind_steps()[kind]
                assumed = _number(fields, "done_steps") - counted
                self._not_given(("power", ""), self._nl(assumed, record), 0.0, kind=kind)
            if rest > 0:
                self._not_given(("cancelled", kind), self._nl(rest, record), 0.0, kind=kind)
        elif event == "missed":
            self._miss(record, fields)
        elif event == "refused":
            self._refuse(record, fields)

    def _miss(self, record: Record, fields: dict[str, str | int]) -> None:
        times = _number(fields, "times") or 1
        because = " ".join(str(fields[name]) for name in ("why", "name") if name in fields)
        self._seen += times
        nl, kind = float(_number(fields, "nl")), str(fields.get("kind", "periodic"))
        self._not_given(("missed", because), nl, 0.0, times, kind)

    def _refuse(self, record: Record, fields: dict[str, str | int]) -> None:
        program = self.programs.get(record.program_hash)
        what = str(fields.get("verb", fields.get("what", "")))
        why = ("refused", str(fields.get("why", "")))
        if what in ("demand", "request"):
            if program is not None and program["demand"]:
                self._not_given(why, float(program["demand"][0][0]), 0.0, kind="demand")
        elif what == "periodic":
            self._seen += 1
            if program is not None and program["periodic"]:
                self._not_given(why, float(program["periodic"][0][1]), 0.0, kind="periodic")
        elif "nl" in fields:
            self._not_given(why, float(_number(fields, "nl")), 0.0, kind=KIND_OF.get(what, "single"))
        elif what in ("bolus", "prime", "dispense", "calibrate"):
            self.unknown_requests += 1

    # --- sums

    def _nl(self, steps: int, last: Record, record: Record | None = None) -> float:
        number = last.calibration_id or (record.calibration_id if record is not None else 0)
        num, den, _u_ppm = self.calibrations.get(number, (0, 1, 0))
        return steps * num / den

    def _not_given(self, reason: Reason, nl: float, for_s: float, times: int = 1, kind: str = BASE) -> None:
        if nl <= 0 and for_s <= 0 and kind != "relief":
            return
        if self.book is not None:
            self.book(self._at_us, kind, reason, nl, for_s, times)
        row = self.reasons.setdefault(reason, NotGiven(*reason))
        row.nl += nl
        row.for_s += for_s
        row.times += times

    def rows(self) -> list[NotGiven]:
        """Every reason, the largest first. Call it once, at the end."""
        waiting = bin(self._last.state["waiting"]).count("1") if self._last is not None else 0
        unseen = self._due - self._seen - waiting - self._own.is_unseen(self._last)
        if unseen > 0 and self._due:
            self._not_given(
                ("missed", "not recorded"), self._due_nl * unseen / self._due, 0.0, unseen, "periodic"
            )
        interrupted = sum(
            row.nl for (why, _name), row in self.reasons.items() if why in ("stopped", "alarm") or row.for_s
        )
        if ("power", "") in self.reasons:  # how long is known later, and then for all of them
            self.reasons["power", ""].times = max(1, self._losses)
        off_nl = self.base_nl - interrupted - self.base_given_nl
        rounding_nl = self.step_nl() * 2 + self._top_rate * ROUNDING_US * (1 + self._edges) / DAY_US
        if off_nl > rounding_nl and not self.unknown_s and not self.unweighed:
            self._not_given(("unexplained", ""), off_nl, 0.0)
        return sorted(self.reasons.values(), key=lambda row: -row.nl)

    def step_nl(self) -> float:
        """Volume of a step under the last calibration, 0 where it is not known."""
        return self._nl(1, self._last) if self._last is not None else 0.0


# a refused request's verb; all others ask for a single dose
KIND_OF = {"prime": "prime", "calibrate": "calibration"}
HEARD = ("alarm", "stop", "bolus_start", "bolus_end", "missed", "refused")


def _number(fields: dict[str, str | int], name: str) -> int:
    value = fields.get(name, 0)
    return value if isinstance(value, int) else 0
