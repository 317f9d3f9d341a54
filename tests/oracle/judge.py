"""The log of a rig against the reference model, record by record.

Owns: the walk over what was seen; every volume, instant, grant, refusal and interruption compared.
Rules: nothing of firmware/ or host/ is imported; what the model leaves open within bounds is taken from the log, and
the bounds are checked; the first disagreement ends the walk, because all that follows would only repeat it.
Units: as in scenario.py; a fault is one line of text.
Leaves: the rules to model.py and grants.py, requests to orders.py, alarms to alarms.py, power cuts to cuts.py.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from oracle import displaced
from oracle.alarms import Alarms
from oracle.bolus import APART, KINDS, Bolus, Claim
from oracle.cuts import Cuts, elapsed_us
from oracle.model import Model
from oracle.orders import Orders
from oracle.peeks import GRACE_US, LATE_US, Peeks
from oracle.program import DAY_US
from oracle.scenario import Row, Scenario, Seen
from oracle.told import Told

AHEAD_US = 150_000
TICK_US = 45_000  # two ticks: what is heard in one may act in the next
END_US = 150_000  # seven ticks: the report's volume is asked for, then comes the last record
STEPS = 2  # of each kind that a record may be off
LOST_NL = 2_000  # in a stall, before it is known
STOPPED_TOGETHER_US = 300_000
WHY = {"stopped": ("stopped",), "busy": ("overlap",), "commit": ("program",), "power": ("power",)}
WHY["edge"] = ("overlap", "stopped", "alarm", "program", "power")


class Disagreement(Exception):
    """What differs; the text says got and right."""


class Judge:
    """One scenario's walk. `faults` says what differs."""

    def __init__(self, scenario: Scenario, seen: Seen) -> None:
        self.scenario = scenario
        self.seen = seen
        self.rows = seen.rows
        self.at = 0
        self.faults: list[str] = []
        self.model = Model(step_nl=seen.step_nl)
        look = Peeks(self)
        self.model.peek_end, self.model.peek_edge = look.end, look.edge
        self.model.peek_unstepped = look.unstepped
        self.alarms = Alarms(self)
        self.cuts = Cuts(self)
        self.begun_world_us = 0
        self._lost_steps = 0
        self.edge_nl = Fraction(0)  # what may flow while the pump's mode changes
        self._zeros: dict[int, int] = {}  # of each boot's clock, on the world's
        self.orders = Orders(self)
        self._told = Told()
        self._handlers: dict[str, Callable[[Row], None]] = {
            "bolus_start": self._on_bolus_start,
            "bolus_end": self._on_bolus_end,
            "missed": self._on_missed,
            "refused": self.orders.refused,
            "request": self.orders.demand,
            "command": self.orders.command,
            "program": self.orders.waiting.heard,
        }

    def run(self) -> list[str]:
        """The disagreements: none, or the first one."""
        try:
            self._first()
            while self.at < len(self.rows):
                self._step(self.rows[self.at])
                self.at += 1
            self._account()
        except Disagreement as error:
            row = self.rows[min(self.at, len(self.rows) - 1)]
            since_s = (row.world_us - self.begun_world_us) / 1e6
            self.faults.append(f"{since_s:.3f} s, boot {row.boot}, {row.event} {row.fields}: {error}")
        return self.faults

    def check(self, holds: bool, what: str) -> None:
        """Disagree."""
        if not holds:
            raise Disagreement(what)

    # --- the walk

    def _account(self) -> None:
        """Rule 8, over all: what the report says was asked for is what program and requests asked for."""
        right_nl = self.model.asked_nl - self.model.to_come_nl()
        got_nl = self.seen.report["asked_nl"]
        slack_nl = (STEPS + 1 + self.cuts.count) * self.model.step_nl + self.edge_nl
        slack_nl += Fraction(self.model.rate_now() * END_US, DAY_US)
        slack_nl += self.cuts.count * self.model.missing.bridged_nl  # a part of a bridge's step at each
        self.at = len(self.rows) - 1
        self.check(
            abs(got_nl - right_nl) <= slack_nl,
            f"asked {got_nl} nL, right {float(right_nl):.1f}, allowed {float(slack_nl):.1f}",
        )
        wrong = self.model.missing.faults(self.seen.report["not_given"], slack_nl, self.model.step_nl)
        self.check(not wrong, "; ".join(wrong))

    def _first(self) -> None:
        """Up to the commit of the first program, which is where the scenario begins."""
        while self.rows[self.at].fields.get("hash") not in self.seen.programs:
            self.at += 1
        row = self.rows[self.at]
        model = self.model
        model.t_us = Fraction(row.mono_us)
        model.utc_less_t_us = Fraction(row.utc_us - row.mono_us)
        model.fill(self.scenario.program.reservoir_nl)
        self.begun_world_us = row.world_us
        model.load(self.scenario.program, self.orders.bridge(self.scenario.program))
        self.own_time(row)
        self.cuts.keep(row)
        self.at += 1

    def own_time(self, row: Row) -> None:
        """A program begins at the instant that its record tells of."""
        off_us = elapsed_us(row.state) - self.model.elapsed_us
        self.check(abs(off_us) <= TICK_US, f"the program begins {float(off_us) / 1e6:.3f} s off")
        self.model.origin_us -= off_us

    def goes_on(self, row: Row) -> bool:
        """Whether a record has the model's time of the program; shortly before a bolus it is ahead."""
        return -TICK_US <= elapsed_us(row.state) - self.model.elapsed_us <= AHEAD_US

    def _step(self, row: Row) -> None:
        if row.event == "cut":
            self.cuts.cut(row)
            return
        if self.cuts.under_way:
            self.cuts.boot(row)
        untold = self._told.fault(row)
        self.check(not untold, untold)
        rate, was, flowed = self.model.rate_now(), self.model.mode, self.model.flowing()
        self._stop_begins(row)
        self.model.advance(Fraction(self.written_us(row)))
        self._relief(row)  # before what the record tells of: a fill comes after it
        handler = self._handlers.get(row.event)
        if handler is not None:
            handler(row)
        if self.model.mode != was:  # the log tells of it in the tick after it
            self.edge_nl += Fraction(max(rate, self.model.rate_now()) * TICK_US, DAY_US)
        self._lost(row)
        self.alarms.look(row)
        self._volumes(row, flowed)
        self._overdue(row)
        self.cuts.keep(row)

    def _stop_begins(self, row: Row) -> None:
        """A stop ends boluses before it is logged itself; never a bridge, which keeps its rest."""
        kind = row.fields.get("kind")
        whole = row.event == "bolus_end" and row.fields["done_steps"] == row.fields["asked_steps"]
        whole = whole or kind == "bridge"
        told = any(
            (c.what, c.kind) == (row.event, kind) and c.why for c in self.model.claims
        )  # of a command before
        apart = self.model.mode in ("priming", "dispensing")  # then what falls due is missed anyhow
        passed = row.event == "missed" and (apart or row.fields["why"] in ("overlap", "power"))
        if (
            self.model.mode == "stopped"
            or row.event not in ("missed", "bolus_end", "stop")
            or whole
            or passed
            or told
        ):
            return
        for later in self.rows[self.at : self.at + 12]:
            if (
                later.event == "stop"
                and later.boot == row.boot
                and later.mono_us <= row.mono_us + STOPPED_TOGETHER_US
            ):
                self.model.advance(Fraction(row.mono_us))
                self.check(
                    self.model.mode in ("priming", "dispensing") or self.alarms.stops(row),
                    "the pump stops for no reason",
                )
                self.model.halt("stopped")
                return

    def _lost(self, row: Row) -> None:
        """Steps that did not turn the rotor are taken back: they are no delivery."""
        model = self.model
        lost = row.state["lost_steps"] - self._lost_steps
        if not lost:
            return
        self._lost_steps += lost
        since_ms = (row.world_us - self.begun_world_us) / 1000
        stalled = any(e.do == "stall" and e.at_ms <= since_ms for e in self.scenario.events)
        self.check(stalled, f"{lost} steps are lost without a stall")
        self.check(lost * model.step_nl <= LOST_NL, f"{lost} steps are lost before the pump stops")
        model.reservoir_nl += lost * model.step_nl
        model.missing.add(("stalled", ""), lost * model.step_nl)
        for kind in KINDS:
            model.given[kind] = min(model.given[kind], row.state[f"{kind}_steps"] * model.step_nl)

    def _relief(self, row: Row) -> None:
        """The motor goes backwards by as much as the pressure asks for."""
        model = self.model
        got_nl = row.state["relief_steps"] * model.step_nl
        model.missing.add(("occluded", ""), got_nl - model.given["relief"])
        model.reservoir_nl += got_nl - model.given["relief"]
        model.given["relief"] = got_nl

    def _volumes(self, row: Row, flowed: Bolus | None) -> None:
        """Each kind's steps, to a few; of what flowed until this record, too."""
        model = self.model
        rates = {over.kind: over.rate for over in (flowed, model.flowing()) if over is not None}
        for kind in KINDS:
            got_nl = row.state[f"{kind}_steps"] * model.step_nl
            if kind == "relief":
                continue
            rate = rates.get(kind, 0)
            if kind == "basal":
                rate = model.program.highest_rate() if model.program else 0
            if kind in APART:  # the fastest motion, with ramps; its end is compared
                model.given[kind] = got_nl
                continue
            slack_nl = STEPS * model.step_nl + rate * 2 * TICK_US / DAY_US
            off_nl = got_nl - model.given[kind]
            if abs(off_nl) > slack_nl:
                raise Disagreement(
                    f"{kind} {float(got_nl):.1f} nL, right {float(model.given[kind]):.1f} "
                    f"(off {float(off_nl / model.step_nl):+.1f} steps, allowed {float(slack_nl / model.step_nl):.1f})"
                )

    def _overdue(self, row: Row) -> None:
        for claim in self.model.claims:
            late_us = GRACE_US + self._step_of(claim)
            if claim.at_us < row.mono_us - late_us and not self._before_first_step(claim):
                raise Disagreement(
                    f"{claim.what} of {claim.kind} at {float(claim.at_us) / 1e6:.3f} s is not in the log"
                )

    def _before_first_step(self, claim: Claim) -> bool:
        """A bolus that was suspended, or waits for its first step, has not begun in the log."""
        model = self.model
        under_way = [
            b.given_nl for b in (model.bolus, model.spread, model.bridge) if b and b.kind == claim.kind
        ]
        ended = [one.done_nl for one in model.claims if one.what == "bolus_end" and one.kind == claim.kind]
        given_nl = min([*under_way, *ended], default=None)
        return claim.what == "bolus_start" and given_nl is not None and given_nl <= 2 * model.step_nl

    def _step_of(self, claim: Claim) -> Fraction:
        """How long its bolus takes for two steps."""
        return 2 * self.model.step_nl * DAY_US / claim.rate if claim.rate else Fraction(0)

    # --- what the log says of boluses

    def take(self, what: str, kind: str) -> Claim | None:
        """The oldest claim of this name and kind, taken off the list; one that comes within two steps, ahead of it."""
        for claim in self.model.claims:
            if claim.what == what and claim.kind == kind:
                self.model.claims.remove(claim)
                return claim
        model = self.model.copy()
        known = len(model.claims)
        model.advance(model.t_us + TICK_US)
        for claim in model.claims[known:]:
            if claim.what == what and claim.kind == kind:
                self.model.advance(claim.at_us + 1)
                self.model.claims.remove(claim)
                return claim
        return None

    def written_us(self, row: Row) -> int:
        """When a record was written, on the device's clock: a bolus's tells of an instant a little before."""
        if row.boot not in self._zeros:
            mine = [
                one
                for one in self.rows
                if one.boot == row.boot and one.event not in ("bolus_start", "bolus_end")
            ]
            self._zeros[row.boot] = mine[0].world_us - mine[0].mono_us
        if row.event not in ("bolus_start", "bolus_end"):
            return row.mono_us
        return row.world_us - self._zeros[row.boot]

    def _on_bolus_start(self, row: Row) -> None:
        kind = row.fields["kind"]
        claim = self.take("bolus_start", kind)
        self.check(claim is not None, f"no {kind} bolus begins here")
        assert claim is not None
        got = int(row.fields["asked_steps"])
        self.check(got == claim.steps, f"{kind} of {got} steps, right {claim.steps}")
        if row.fields["done_steps"] != "0":  # else it was cancelled before its first step
            self._instant(row, claim)

    def _on_bolus_end(self, row: Row) -> None:
        kind = row.fields["kind"]
        if kind == "bridge" and int(row.fields["done_steps"]) < int(row.fields["asked_steps"]):
            self.model.given[kind] = row.state[f"{kind}_steps"] * self.model.step_nl
            rest = int(row.fields["asked_steps"]) - int(row.fields["done_steps"])
            rest_nl = displaced.end(self.model, rest * self.model.step_nl)
            self.model.missing.add(("cancelled", kind), rest_nl)
            return  # a new program's takes its place
        claim = self.take("bolus_end", kind)
        self.check(claim is not None, f"no {kind} bolus ends here")
        assert claim is not None
        done_nl = int(row.fields["done_steps"]) * self.model.step_nl
        slack_nl = self.model.step_nl * STEPS
        if done_nl < claim.steps * self.model.step_nl:
            slack_nl += claim.rate * 2 * TICK_US / DAY_US
        self.check(
            abs(done_nl - claim.done_nl) <= slack_nl,
            f"{kind} ended with {float(done_nl):.1f} nL, right {float(claim.done_nl):.1f}",
        )
        self._instant(row, claim)
        rest_nl = claim.steps * self.model.step_nl - claim.done_nl
        if claim.why and rest_nl > 0:
            self.model.missing.add(("cancelled", kind), rest_nl)
        if claim.why:  # a button's stop cuts the pulses before it is heard
            self.model.given[kind] = row.state[f"{kind}_steps"] * self.model.step_nl

    def _instant(self, row: Row, claim: Claim) -> None:
        at_us = int(row.fields.get("at_us", row.mono_us))
        slack_us = LATE_US + self._step_of(claim)
        if claim.kind in APART:
            slack_us += 2_000_000
        if claim.kind == "spread" and claim.what == "bolus_start" and at_us > claim.at_us:
            return  # suspended before its first step, perhaps; its volume is compared
        self.check(
            abs(at_us - claim.at_us) <= slack_us,
            f"{claim.what} at {at_us / 1e6:.3f} s, right {float(claim.at_us) / 1e6:.3f}",
        )

    def _on_missed(self, row: Row) -> None:
        kind = row.fields.get("kind", "periodic")
        claim = self.take("missed", kind)
        self.check(claim is not None, f"no {kind} bolus is missed here")
        assert claim is not None
        right = WHY.get(claim.why, ("alarm",))
        if claim.why not in WHY:
            name = row.fields.get("name")
            self.check(name == claim.why, f"missed because of {name}, right: {claim.why}")
        times = int(row.fields.get("times", 1))
        self.check(times == claim.times, f"{times} turns are missed, right {claim.times}")
        self.check(
            row.fields["why"] in right, f"missed because of {row.fields['why']}, right: {' or '.join(right)}"
        )
        because = " ".join(row.fields[name] for name in ("why", "name") if name in row.fields)
        self.model.missing.add(("missed", because), claim.done_nl * claim.times)
