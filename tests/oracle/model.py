"""The therapy in exact fractions: what flows, what begins and ends, what is missed.

Owns: the course of a program and its boluses between interruptions, and what an interruption leaves of them.
Rules: written from the contract's rules alone (docs/explanation/interrupted-therapy.md numbers them); the standard
library only. What the rules leave open within bounds is taken from `peek`, the judge's look into the log.
Units: nL as Fraction, nL/day, microseconds of the device's own clock.
Leaves: which requests are granted to grants.py, comparing to judge.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import floor

from oracle import displaced, edges
from oracle.bolus import APART, ASKED, KINDS, ZERO, Bolus, Claim, PeekEdge, PeekEnd
from oracle.day import Past
from oracle.missing import Missing, by_reason
from oracle.owntime import OwnTime
from oracle.program import DAY_US, NEVER_US, S_US, Program


@dataclass
class Model(OwnTime):
    """The pump as the rules say. `step_nl` is the volume of a step, by the calibration."""

    step_nl: Fraction = ZERO
    peek_edge: PeekEdge = lambda _volume_nl, _others: ""
    peek_unstepped: Callable[[int], bool] = lambda _volume_nl: False
    peek_end: PeekEnd = lambda _over, _at_us, _slack_us: None
    placed_us: Fraction = ZERO  # since when the program's own time and day have gone on without a jump
    clock_restored: bool = False  # from the log, after a boot: late by the outage until it is set
    before_rate: OwnTime | None = None  # as it was when a rate took its place, after a boot
    outage_why: tuple[str, str] | None = None  # what kept the program from flowing when the power went
    mode: str = "stopped"
    why: str = "stopped"
    bolus: Bolus | None = None  # single, demand, periodic; prime apart
    spread: Bolus | None = None
    bridge: Bolus | None = None
    owed: displaced.Owed = ()  # microseconds that it stood before its own end, not made up for
    bridged_us: Fraction = ZERO  # for how long a bridge was asked for still as `before_rate` ended
    early_us: Fraction = ZERO  # by which what is taken for given at a loss of power lets it end earlier
    early_until_us: Fraction = ZERO  # the own end of a bridge that has ended earlier
    early_rate: int = 0  # and its rate
    assumed_before_nl: Fraction = ZERO  # as owed_before
    owed_before: displaced.Owed = ()  # nL, of one whose place was taken, until its end is told
    due_us: list[Fraction] = field(default_factory=list[Fraction])  # elapsed, of each periodic row
    carry_nl: list[Fraction] = field(default_factory=list[Fraction])
    demand_carry_nl: Fraction = ZERO
    demands_us: list[Fraction] = field(default_factory=list[Fraction])
    given: dict[str, Fraction] = field(default_factory=lambda: dict.fromkeys(KINDS, ZERO))
    past: Past = field(default_factory=Past)
    asked_nl: Fraction = ZERO  # rule 8: as if nothing had interfered; a bolus that begins in its whole steps
    missing: Missing = field(default_factory=Missing)  # rule 8: what of it was not given, by reason
    reservoir_nl: Fraction = ZERO
    filled: tuple[Fraction, ...] = (ZERO,) * 3  # nL of the last fill, delivered then, assumed since
    relief_until_us: Fraction = ZERO  # at the latest, after an occlusion
    blocking: set[str] = field(default_factory=set[str])
    claims: list[Claim] = field(default_factory=list[Claim])
    ended_us: dict[bool, Fraction] = field(
        default_factory=dict[bool, Fraction]
    )  # by is-spread: two steps after

    # --- keeping and going back

    def copy(self) -> Model:
        """As it is now."""
        return replace(
            self,
            bolus=self.bolus and replace(self.bolus),
            spread=self.spread and replace(self.spread),
            bridge=self.bridge and replace(self.bridge),
            due_us=list(self.due_us),
            carry_nl=list(self.carry_nl),
            demands_us=list(self.demands_us),
            given=dict(self.given),
            past=self.past.copy(),
            blocking=set(self.blocking),
            claims=list(self.claims),
            missing=self.missing.copy(),
        )

    def shift(self, by_us: Fraction) -> None:
        """The device's clock counts from another instant after a boot."""
        self.t_us += by_us
        self.origin_us += by_us
        self.placed_us += by_us
        self.early_until_us += by_us
        self.held_us = None if self.held_us is None else self.held_us + by_us
        self.utc_less_t_us -= by_us
        self.demands_us = [at + by_us for at in self.demands_us]
        self.past.shift(by_us)
        self.claims = [replace(claim, at_us=claim.at_us + by_us) for claim in self.claims]
        self.ended_us, self.relief_until_us = {}, ZERO
        for over in (self.bolus, self.spread, self.bridge):
            if over is not None:
                over.end_us = None  # what the log of the boot before said of it

    def round_anew(self) -> None:
        """After a loss of power what rounding owes is that of a program whose turns were all given."""
        self.demand_carry_nl = ZERO
        rows = self.program.periodic if self.program is not None else ()
        for i, row in enumerate(rows):
            turns = int((self.due_us[i] - row.first_us) // (row.every_s * S_US))
            _steps, self.carry_nl[i] = self.whole_steps(turns * row.volume_nl)

    def fill(self, volume_nl: int) -> None:
        """The reservoir was filled."""
        self.reservoir_nl = Fraction(volume_nl)
        self.filled = self.reservoir_nl, self.delivered_nl(), ZERO

    def delivered_nl(self) -> Fraction:
        """All kinds together."""
        return sum(self.given.values(), ZERO) - 2 * self.given["relief"]

    # --- what flows

    def base_rate(self) -> tuple[int, Fraction]:
        """(nL/day, microseconds that it holds)."""
        if self.mode != "running" or self.program is None or self.bridge is not None:
            return 0, NEVER_US
        return self.own_rate(self.t_us)

    def flowing(self) -> Bolus | None:
        """The bolus (or bridge) that flows now."""
        if self.mode == "stopped":
            return None
        return self.bolus or self.bridge or self.spread

    def slot(self) -> Bolus | None:
        """What keeps another bolus from beginning: rule 2."""
        return self.bolus or self.bridge

    def rate_now(self) -> int:
        """All flows together, nL/day."""
        over = self.flowing()
        return self.base_rate()[0] + (over.rate if over else 0)

    def pending_nl(self) -> Fraction:
        """What is granted and has not left."""
        return sum(
            (b.left_nl for b in (self.bolus, self.spread, self.bridge) if b and b.kind not in APART), ZERO
        )

    def advance(self, to_us: Fraction) -> None:
        """Let time pass."""
        while self.t_us < to_us:
            self.fall_due()
            over = self.flowing()
            rate, holds_us = self.base_rate()
            asked, asked_us = self.own_rate(self.t_us)
            span_us = min(to_us - self.t_us, holds_us, asked_us, self.next_due_us())
            if over is not None:
                span_us = min(span_us, self._ends_us(over))
            span_us = displaced.pass_by(self, span_us, asked, over)
            self._flow(span_us, rate, over)
            if over is not None and over.end_us is not None and self.t_us >= over.end_us:
                self.complete(over)

    def _ends_us(self, over: Bolus) -> Fraction:
        """Until it has ended: by its volume, give or take two steps; the log says at which instant just."""
        left_us = over.left_us()
        slack_us = self.steps_us(over)
        if over.end_us is not None:
            return over.end_us - self.t_us
        if left_us > slack_us:
            return left_us - slack_us
        seen_us = self.peek_end(over, self.t_us + left_us, slack_us)
        over.end_us = max(self.t_us, self.t_us + left_us if seen_us is None else seen_us)
        return over.end_us - self.t_us

    def complete(self, over: Bolus) -> None:
        self.given[over.kind] += over.left_nl
        self.reservoir_nl -= over.left_nl
        over.given_nl = over.nl
        self.end(over)

    def _flow(self, span_us: Fraction, rate: int, over: Bolus | None) -> None:
        base_nl = rate * span_us / DAY_US
        over_nl = min(over.left_nl, over.rate * span_us / DAY_US) if over else ZERO
        self.given["basal"] += base_nl
        if over is not None:
            over.given_nl += over_nl
            self.given[over.kind] += over_nl
        self.reservoir_nl -= base_nl + over_nl
        until_us = self.t_us + span_us
        if over is None or over.kind not in APART:
            asked_nl = over_nl if over is not None and over.kind in ASKED else ZERO
            self.past.add(self.t_us, until_us, base_nl + over_nl, over_nl, asked_nl)
        self.t_us = until_us

    def end(self, over: Bolus) -> None:
        """Its last step has left."""
        self.claims.append(Claim("bolus_end", self.t_us, over.kind, over.steps, over.nl, rate=over.rate))
        self._drop(over)
        if over.kind in APART or self.mode == "dispensing":
            self.mode = "stopped"

    def steps_us(self, over: Bolus) -> Fraction:
        """How long two steps of a bolus take: its last one may come so much earlier or later."""
        return 2 * self.step_nl * DAY_US / over.rate

    def _drop(self, over: Bolus) -> None:
        self.ended_us[over.kind == "spread"] = self.t_us + self.steps_us(over)
        if over is self.bolus:
            self.bolus = None
        elif over is self.bridge:
            displaced.end(self, ZERO)
            self.bridge = None
        else:
            self.spread = None

    # --- the program's grid: rules 1 and 2

    def next_due_us(self) -> Fraction:
        """Until a periodic bolus falls due, or one that waits is missed."""
        if self.program is None:
            return NEVER_US
        soonest = NEVER_US
        for i, row in enumerate(self.program.periodic):
            due_us = self.due_us[i]
            if due_us <= self.elapsed_us:
                due_us += row.every_s * S_US
            soonest = min(soonest, due_us - self.elapsed_us)
        return soonest

    def fall_due(self) -> None:
        """Begin, let wait, or miss what is due by now."""
        if self.program is None:
            return
        order = sorted(range(len(self.due_us)), key=lambda i: (self.due_us[i], i))
        for i in order:
            every_us = self.program.periodic[i].every_s * S_US
            while self.due_us[i] <= self.elapsed_us and self.mode != "running":
                self.miss(i, self.why)
            while self.due_us[i] + every_us <= self.elapsed_us:
                self.miss(i, "busy")
            if self.due_us[i] <= self.elapsed_us and self.slot() is None:
                self.begin(i)

    def miss(self, i: int, why: str) -> None:
        assert self.program is not None
        row = self.program.periodic[i]
        self.claims.append(Claim("missed", self.t_us, "periodic", done_nl=Fraction(row.volume_nl), why=why))
        self.due_us[i] += row.every_s * S_US
        self.asked_nl += row.volume_nl

    def begin(self, i: int) -> None:
        assert self.program is not None
        row = self.program.periodic[i]
        self.due_us[i] += row.every_s * S_US
        steps, self.carry_nl[i] = self.whole_steps(row.volume_nl, self.carry_nl[i])
        if steps:
            self.start(self.bolus_of("periodic", row.volume_nl, row.over_ms, steps, i))

    def standing_why(self) -> tuple[str, str]:
        """Why nothing flows without power: for its lack, or because the pump stands anyhow."""
        return ("power", "") if self.mode == "running" else by_reason(self.why)

    def to_come_nl(self) -> Fraction:
        """What is under way and has not left."""
        early_nl = self.early_us * self.bridge.rate / DAY_US if self.bridge else displaced.early_nl(self)
        return sum((b.left_nl for b in (self.bolus, self.spread, self.bridge) if b), early_nl)

    # --- boluses

    def whole_steps(self, volume_nl: int, carry_nl: Fraction = ZERO) -> tuple[int, Fraction]:
        """(steps of a turn, what the next turn has to make good): rule 7."""
        want = volume_nl + carry_nl
        steps = floor(want / self.step_nl + Fraction(1, 2))
        return steps, want - steps * self.step_nl

    def bolus_of(self, kind: str, volume_nl: int, over_ms: int, steps: int, row: int = 0) -> Bolus:
        """A bolus is never slower than asked, at a whole number of nL/day."""
        return Bolus(kind, steps, steps * self.step_nl, -(-volume_nl * 86_400_000 // over_ms), row)

    def start(self, over: Bolus) -> None:
        """It begins now, or as soon as what flows before it has ended."""
        over.from_us = self.t_us
        self.asked_nl += over.nl
        if over.kind == "spread":
            self.spread = over
        else:
            self.bolus = over
            if self.spread is not None:
                self.spread.end_us = None  # it is suspended
        self.claims.append(Claim("bolus_start", self.t_us, over.kind, over.steps, rate=over.rate))

    def load(self, program: Program, bridge: Bolus | None) -> None:
        """A program begins now: rule 3 for the bridge."""
        self.cancel("commit")
        self.program = program
        self.origin_us = self.placed_us = self.t_us
        # No lack of power before it is its own
        self.outage_why, self.clock_restored, self.before_rate = None, False, None
        self.behind_us, self.held_us, self.stood_us = ZERO, None, None
        if program.bridge is not None:
            displaced.replace(self)
        self.bridge = bridge
        self.due_us = [Fraction(row.first_us) for row in program.periodic]
        self.carry_nl = [ZERO] * len(program.periodic)
        self.demand_carry_nl = ZERO
        self.run()

    def set_base(self, program: Program) -> None:
        """Rule 6: the base flow alone changes. Grid, boluses under way, counts and rounding go on."""
        if self.mode != "running":
            self.cancel("commit")  # what flows apart
            self.fall_due()  # while it stood
        if self.clock_restored and self.before_rate is None:  # which asked while there was no power
            names = ("t_us", "utc_less_t_us", "program", "origin_us", "behind_us", "held_us", "stood_us")
            self.before_rate = OwnTime(*(getattr(self, name) for name in names))
            self.bridged_us = displaced.asked_us(self)
        self.program = program
        self.placed_us = self.t_us
        self.behind_us, self.held_us, self.stood_us = ZERO, None, None
        self.run()

    def run(self) -> None:
        """The program flows from here on; a bridge that had no step yet has its first one now at the earliest."""
        self.mode = "running"
        for claim in self.claims:
            if (claim.what, claim.kind) == ("bolus_start", "bridge"):
                claim.at_us = self.t_us

    def cancel(self, why: str) -> None:
        """Boluses under way end; those that wait are missed; a bridge keeps its rest."""
        edges.settle(self)
        for over in (self.bolus, self.spread):
            if over is not None:
                self.claims.append(
                    Claim("bolus_end", self.t_us, over.kind, over.steps, over.given_nl, why, over.rate)
                )
        self.bolus = self.spread = None
        if self.bridge is not None:
            self.bridge.end_us = None
        if self.program is not None and self.mode == "running":
            self.mode, self.why = "stopped", why
            self.fall_due()  # those that waited

    def halt(self, why: str) -> None:
        """A stop by a person, a button or an alarm."""
        if self.mode != "stopped":
            was = self.mode
            self.cancel(why)
            self.mode = "stopped"
            self.why = why if was == "running" or why != "stopped" else self.why  # a prime stands as before
