"""Asked, given, not given: what a program and requests asked for, as if nothing had interfered, and what became of it.

Owns: the account over the told records of a log (all but its checkpoints, and the last of each boot), and its reasons.
Rules: given is what was counted; each thing that kept fluid from flowing is taken from its own record, in the volume
that the program's arithmetic says for it; what is asked is the sum of both, so that they add up to the nanolitre; a
difference to the program's own arithmetic beyond rounding is told as `unexplained`, never spread over the rest.
Units: nL, steps, microseconds; rates in nL/day.
Leaves: what would flow when to due.py, sums by span and reason to booked.py, of what was delivered to totals.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pumpwire import spec
from pumpwire.program import DAY_US

from pumprig.store import under_way
from pumprig.store.booked import Ask, Book, Booked, Cut, Place, Rising, parts_without_power, place_of
from pumprig.store.displaced import Displaced
from pumprig.store.due import base_flow, by_half, refused, turns_due
from pumprig.store.not_given import Reason
from pumprig.store.record import Record, fields_of
from pumprig.store.totals import Calibration
from pumprig.store.under_way import EDGES, OVERLAYS, Assumed, OwnTime, elapsed_us, number_of

RUNNING, STOPPED = spec.MODES.index("running"), spec.MODES.index("stopped")
POWER = 1  # as a record's `halted`
BASE = "basal"
SAME_US = 1_000_000  # an alarm and the stop that it caused are no further apart
ROUNDING_US = 250_000  # of flow, at each start and stop: a record is made a few ticks after what it tells


@dataclass
class Account:
    """What `take` found so far, in `booked`, by the spans that its marks cut."""

    calibrations: dict[int, Calibration]
    programs: dict[int, dict[str, Any]]  # by the half hash that a record carries
    booked: Booked = field(default_factory=Booked)
    unweighed: bool = False  # base flow was counted under a calibration that is not known
    book: Book | None = None  # told of each amount
    every_us: int = 0  # of UTC: no amount lasts beyond a whole one of these; 0: they are not told apart
    base_nl: float = 0.0  # asked of the base flow, by the program
    base_given_nl: float = 0.0
    _last: Record | None = None
    _at_us: int | None = None
    _mono_us: int = 0
    _reason: Reason = ("stopped", "")
    _stretch: Reason | None = None  # what the time before the last record was kept from flowing by
    _cut: Cut | None = None  # the last one
    _interrupted_nl: float = 0.0  # of the base flow
    _alarm: tuple[str, int, int] = ("", 0, 0)  # name, boot, mono_us
    _due: int = 0  # turns of periodic boluses by the program's grid
    _due_nl: int = 0
    _own: OwnTime = field(default_factory=OwnTime)
    _seen: int = 0
    _edges: int = 0
    _cuts: int = 0  # at each the base flow may lose the part of a step that it was owed
    _off: Rising = field(default_factory=Rising)  # nL of the base flow that no record explains
    _unseen: Rising = field(default_factory=Rising)  # turns that no record tells of
    _assumed: Assumed = field(default_factory=Assumed)  # at a power loss
    _set: Record | None = None  # the last record before a command that set the clock
    _top_rate: int = 0
    _displaced: Displaced = field(default_factory=Displaced)
    _untold: under_way.Untold = field(default_factory=under_way.Untold)
    _ending: Displaced | None = None  # of a bridge whose place another one has taken, until its end is told

    @staticmethod
    def of(calibrations: dict[int, Calibration], texts: Iterable[str]) -> Account:
        """An account for programs by their canonical texts; one that is not understood is not known."""
        return Account(calibrations, by_half(texts))

    # --- records

    def take(self, record: Record) -> None:
        """The next record, in the order of numbers."""
        last, self._last = self._last, record
        self._at_us = record.at_utc_us
        if last is None:
            self._mono_us = record.mono_us
            self._own.look(record, anew=True)
            self._reason = under_way.standing_why(record)
            return
        for kind, rest in self._untold.look(last, record):
            self._cancel(kind, rest, last)
        if record.boot != last.boot:
            self._power(last, record)
            self._mono_us = record.mono_us
        else:
            until_us = max(self._mono_us, record.mono_us)
            self._pass(last, self._mono_us, until_us - self._mono_us, self._why(last))
            self._mono_us = until_us
            self._outage(last, record)
        cut, half = self._cut, record.program_hash
        if cut is not None and half != cut.half == last.program_hash and self._own.goes_on(record):
            self._cut = cut.with_a_rate(half, last, record.mono_us, self._displaced.asked_us())
        if half != last.program_hash and self.programs.get(half, {}).get("bridge"):
            self._not_given(("cancelled", "bridge"), self._displaced.displace(), 0.0, 0, "bridge")
            ends = bool(under_way.bridge_of(last)[0])  # told of by a record of its own, some ticks later
            self._ending, self._displaced = self._displaced if ends else None, Displaced()
        self._own.look(record, anew=record.boot != last.boot)
        self._count(last, record)
        self._hear(last, record)
        self._weigh(record)

    def _why(self, record: Record) -> Reason | None:
        """What keeps the base flow from flowing in the state that a record left; None: nothing."""
        return None if record.state["mode"] == RUNNING else self._reason

    def _pass(
        self, record: Record, from_us: int, span_us: int, why: Reason | None, cut: Cut | None = None
    ) -> None:
        """Time goes by in the state that a record left; or went by at a cut, and is told of only now."""
        half = record.program_hash
        if not half or span_us <= 0:
            return
        first, self._stretch = why != self._stretch, why
        program = self.programs.get(half)
        own_us, now_us = self._own.at(from_us), self._at_us
        if program is not None:
            turns, nl = turns_due(program, *self._own.fall(own_us, own_us + span_us), self.step_nl())
            self._due, self._due_nl = self._due + turns, self._due_nl + nl
        ahead_us = self._displaced.ahead_us(record, self.step_nl(), span_us)
        makes_up = why is None and bool(under_way.bridge_of(record)[0])
        if program is not None and makes_up and ahead_us == span_us:
            return
        flowed, base_us, since_us = record, own_us, from_us
        if cut is not None and cut.base is not None:
            flowed, since_us = cut.base, cut.rate_us
            base_us = elapsed_us(flowed) + since_us - flowed.mono_us
            program = self.programs.get(flowed.program_hash)
        ask = partial(self._ask, program, flowed, base_us, since_us)
        rows = self.booked.parts(record, from_us, span_us, self._here(), cut, self.every_us)
        for begin_us, end_us, place, at_us in rows:
            self._at_us = now_us if at_us is None else at_us
            if program is None:
                self.booked.unknown(place, half, (end_us - begin_us) / 1e6)
                continue
            ahead = min(max(begin_us, ahead_us), end_us)
            times = int(first and not begin_us and why is not None and why[0] != "power")  # its losses count
            nl, for_s = self._displaced.nl(ahead - begin_us), (ahead - begin_us) / 1e6
            if self._displaced.is_over and ahead > begin_us:  # the base flow is not asked for yet
                nl -= ask(begin_us, ahead) if why is None else 0.0
                self._not_given(("power", ""), nl, 0.0, 0, "bridge", place)
            elif why is not None and ahead > begin_us:
                self._displaced.stood(why, ahead - begin_us)
                self._not_given(why, nl, for_s, times, "bridge", place)
                times = 0
            if makes_up:
                self._make_up(ask, ahead, end_us, place)
            elif ahead < end_us:
                asked_nl = ask(ahead, end_us)
                if why is not None:
                    self._interrupted_nl += asked_nl
                    self._not_given(why, asked_nl, (end_us - ahead) / 1e6, times, place=place)
        self._at_us = now_us

    def _ask(self, program: Any, flowed: Record, base_us: int, since_us: int, *part_us: int) -> float:
        """The base flow that a part of a span asks for."""
        asked_nl, rate = base_flow(program, flowed, self._own, base_us, since_us, *part_us)
        self.base_nl, self._top_rate = self.base_nl + asked_nl, max(self._top_rate, rate)
        return asked_nl

    def _make_up(self, ask: Ask, from_us: int, until_us: int, place: Place) -> None:
        """A bridge flows beyond its own end, in the place of the base flow that is asked for then."""
        for reason, part_us in self._displaced.made_up(until_us - from_us):
            asked_nl = ask(from_us, from_us + part_us)
            self._interrupted_nl += asked_nl
            self._not_given(reason, asked_nl, 0.0, 0, BASE, place)
            self._not_given(reason, -self._displaced.nl(part_us), 0.0, 0, "bridge", place)
            from_us += part_us

    def _here(self) -> Place:
        """Where what the present record tells of is booked."""
        assert self._last is not None
        return place_of(self._last)

    def _power(self, last: Record, record: Record) -> None:
        """From the last record before a loss of power to the first one after it."""
        why = self._why(last) or ("power", "")
        self._cuts += 1
        if why[0] == "power" or any(last.state[name] for name, _done, _kind in OVERLAYS):
            self._not_given(("power", ""), 0.0, 0.0, 1)  # how long it was is known later
        span_us = max(0, elapsed_us(record) - self._own.at(last.mono_us))
        if record.rig_utc_us is None and last.at_utc_us and record.at_utc_us:
            span_us = max(0, record.at_utc_us - last.at_utc_us)  # a rig without a clock: by the host's
        self._pass(last, last.mono_us, span_us, why)
        ended_us = None if last.at_utc_us is None else last.at_utc_us + span_us
        self._cut = Cut(place_of(record), ended_us, why, record.program_hash, self._own.stood(record))
        self._displaced.ahead_us(last, self.step_nl(), 0)  # a bridge may have begun just then
        for kind, assumed in self._assumed.boot(last, record):
            self._assume(kind, self._nl(assumed, last))
        if record.state["mode"] == STOPPED and (why[0] == "power" or record.state["halted"] == POWER):
            self._reason = ("power", "")  # else a dose has ended: it stands as before

    def _assume(self, kind: str, nl: float) -> None:
        """What may have left at a loss of power, told of by no record, counts as not given."""
        self._not_given(("power", ""), self._displaced.assume(kind, nl), 0.0, 0, kind)

    def _outage(self, last: Record, record: Record) -> None:
        """A clock set after a loss of power tells how long it was. It is booked where the power was lost."""
        moved_us = number_of(fields_of(record.text), "moved_us") if record.event == "clock" else 0
        if moved_us > 0 and self._set is not None and self._set.boot == record.boot:
            last = self._set  # the command's record has the program's time with the outage in it
            jump_us = elapsed_us(record) - elapsed_us(last) - (record.mono_us - last.mono_us)
            if abs(jump_us - moved_us) < SAME_US and record.program_hash == last.program_hash:
                cut, now = self._cut, self._stretch
                if cut is not None and cut.half != record.program_hash:  # a program that began since
                    cut = None
                why = (self._why(last) or ("power", "")) if cut is None else cut.why
                self._stretch = why  # it was counted when it began
                with self._own.without_power(moved_us, cut and cut.stood_us):
                    for from_us, span_us, part in parts_without_power(cut, record.mono_us, moved_us):
                        self._pass(last, from_us, span_us, why, part)
                self._stretch = now
        if not (record.event == "command" and fields_of(record.text).get("verb") == "clock"):
            self._set = record

    def _count(self, last: Record, record: Record) -> None:
        """What was counted between two records, and what of it was no delivery."""
        now, then = record.kind_steps(), last.kind_steps()
        given_nl = self._nl(now["basal"] - then["basal"], last, record)
        self.unweighed = self.unweighed or (not given_nl and now["basal"] != then["basal"])
        self.base_given_nl += given_nl
        if (lost := record.state["lost_steps"] - last.state["lost_steps"]) > 0:
            for what, part in under_way.lost_by_boluses(last, record):
                self._not_given(("stalled", ""), self._nl(part, last, record), 0.0, kind=what)
                lost -= part
            lost_nl = self._nl(max(0, lost), last, record)
            self._not_given(("stalled", ""), lost_nl, 0.0, kind=BASE)
            self.base_given_nl += lost_nl
        relieved = then["relief"] - now["relief"]
        if relieved:  # a part may be taken back: the rotor did not go back with the motor
            relieved_nl = self._nl(relieved, last, record)
            self._not_given(("occluded", ""), relieved_nl, 0.0, int(relieved > 0), "relief")

    def _hear(self, last: Record, record: Record) -> None:
        event = record.event
        if event not in HEARD:
            self._edges += record.state["mode"] != last.state["mode"]
            if event == "power_return":
                self._assumed.booted()
            return
        fields = fields_of(record.text)
        if event == "alarm":
            self._alarm = (str(fields.get("name", "")), record.boot, record.mono_us)
        elif event == "stop":
            name, boot, mono_us = self._alarm
            is_near = boot == record.boot and abs(record.mono_us - mono_us) < SAME_US
            caused = is_near and name in under_way.STOPPING
            if caused or fields.get("was") not in ("priming", "dispensing"):  # else it stands as before
                self._reason = ("alarm", name) if caused else ("stopped", "")
            self._edges += 1
        elif event in EDGES:
            self._edge(last, record, fields)
        elif event == "missed":
            self._miss(record, fields)
        elif event == "refused":
            self._refuse(record, fields)

    def _edge(self, last: Record, record: Record, fields: dict[str, str | int]) -> None:
        """A bolus has begun or ended."""
        kind = str(fields.get("kind", ""))
        assumed = self._assumed.told(last, record, fields)
        if assumed:
            self._assume(kind, self._nl(assumed, record))
        if record.event == "bolus_start":
            self._seen += kind == "periodic"
            return
        self._cancel(kind, number_of(fields, "asked_steps") - number_of(fields, "done_steps"), record)

    def _cancel(self, kind: str, rest: int, record: Record) -> None:
        """A bolus has ended, with so many steps left."""
        rest_nl = self._nl(rest, record)
        if kind == "bridge":
            bridge, self._ending = self._ending or self._displaced, None
            owed_nl = bridge.owed_nl() - bridge.assumed_nl()  # kept by others before
            for reason, nl in bridge.end(rest_nl):
                self._not_given(reason, -nl, 0.0, 0, kind)
            rest_nl -= owed_nl
        if rest > 0 and rest_nl > 0:
            self._not_given(("cancelled", kind), rest_nl, 0.0, kind=kind)

    def _miss(self, record: Record, fields: dict[str, str | int]) -> None:
        times = number_of(fields, "times") or 1
        because = " ".join(str(fields[name]) for name in ("why", "name") if name in fields)
        self._seen += times
        nl, kind = float(number_of(fields, "nl")), str(fields.get("kind", "periodic"))
        self._not_given(("missed", because), nl, 0.0, times, kind)

    def _refuse(self, record: Record, fields: dict[str, str | int]) -> None:
        kind, nl = refused(self.programs.get(record.program_hash), fields)
        self._seen += kind == "periodic"
        if nl is not None:
            self._not_given(("refused", str(fields.get("why", ""))), nl, 0.0, kind=kind)
        elif kind in ("single", "prime", "calibration"):
            self.booked.unknown_request(self._here())

    def _weigh(self, record: Record) -> None:
        """What no record explains, so far."""
        self._off.see(place_of(record), int(self.base_nl - self._interrupted_nl - self.base_given_nl))
        if self._due > self._seen or self._unseen.steps:
            waiting = bin(record.state["waiting"]).count("1")
            self._unseen.see(place_of(record), self._due - self._seen - waiting - self._own.is_unseen(record))

    # --- sums

    def _nl(self, steps: int, last: Record, record: Record | None = None) -> float:
        number = last.calibration_id or (record.calibration_id if record is not None else 0)
        num, den, _u_ppm = self.calibrations.get(number, (0, 1, 0))
        return steps * num / den

    def _not_given(
        self,
        reason: Reason,
        nl: float,
        for_s: float,
        times: int = 1,
        kind: str = BASE,
        place: Place | None = None,
    ) -> None:
        if nl <= 0 and for_s <= 0 and kind not in ("relief", "bridge") and reason[0] != "power":
            return
        if self.book is not None:
            self.book(self._at_us, kind, reason, nl, for_s, times)
        self.booked.add(self._here() if place is None else place, reason, nl, for_s, times)

    def end(self) -> Booked:
        """All that was not given, what no record explains included. Call it once, at the end."""
        if self._unseen.last > 0 and self._due:
            for place, turns in self._unseen.rises():
                nl = self._due_nl * turns / self._due
                self._not_given(("missed", "not recorded"), nl, 0.0, turns, "periodic", place)
        rounding_nl = self._top_rate * ROUNDING_US * (1 + self._edges) / DAY_US
        rounding_nl += self.step_nl() * (2 + self._cuts)
        if self._off.last > rounding_nl and not self.booked.is_unknown() and not self.unweighed:
            for place, nl in self._off.rises():
                self._not_given(("unexplained", ""), nl, 0.0, place=place)
        return self.booked

    def step_nl(self) -> float:
        """Volume of a step under the last calibration, 0 where it is not known."""
        return self._nl(1, self._last) if self._last is not None else 0.0


HEARD = ("alarm", "stop", "bolus_start", "bolus_end", "missed", "refused")
