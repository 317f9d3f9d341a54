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

from oracle.alarms import Alarms
from oracle.bolus import APART, KINDS, Bolus, Claim
from oracle.cuts import Cuts
from oracle.model import Model
from oracle.orders import Orders
from oracle.program import DAY_US
from oracle.scenario import Row, Scenario, Seen

TICK_US = 45_000  # two ticks: what is heard in one may act in the next
LATE_US = 150_000  # a start or an end is logged so much later
GRACE_US = 150_000  # after which an event that is due is missing in the log
STEPS = 4  # of each kind that a record may be off
STOPPED_TOGETHER_US = 300_000
WHY = {"stopped": ("stopped",), "busy": ("overlap",), "commit": ("program",), "power": ("power",)}


def _by_elapsed(model: Model) -> bool:
    """Whether the base flow changes by the program's own time, of which a cut leaves whole seconds."""
    return model.program is not None and bool(model.program.ramp or model.program.phases)


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
        self.model = Model(seen.step_nl)
        self.model.peek, self.model.peek_end = self._peek, self._peek_end
        self.alarms = Alarms(self)
        self.cuts = Cuts(self)
        self.begun_world_us = 0
        self._zeros: dict[int, int] = {}  # of each boot's clock, on the world's
        self.orders = Orders(self)
        self._handlers: dict[str, Callable[[Row], None]] = {
            "bolus_start": self._on_bolus_start,
            "bolus_end": self._on_bolus_end,
            "missed": self._on_missed,
            "refused": self.orders.refused,
            "request": self.orders.demand,
            "command": self.orders.command,
        }

    def run(self) -> list[str]:
        """The disagreements: none, or the first one."""
        try:
            self._first()
            while self.at < len(self.rows):
                self._step(self.rows[self.at])
                self.at += 1
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

    def _first(self) -> None:
        """Up to the commit of the first program, which is where the scenario begins."""
        while self.rows[self.at].fields.get("hash") not in self.seen.programs:
            self.at += 1
        row = self.rows[self.at]
        model = self.model
        model.t_us = Fraction(row.mono_us)
        model.utc_less_t_us = Fraction(row.utc_us - row.mono_us)
        model.reservoir_nl = Fraction(self.scenario.program.reservoir_nl)
        self.begun_world_us = row.world_us
        model.load(self.scenario.program, self.orders.bridge(self.scenario.program))
        self.cuts.keep(row)
        self.at += 1

    def _step(self, row: Row) -> None:
        if row.event == "cut":
            self.cuts.cut(row)
            return
        if self.cuts.under_way:
            self.cuts.boot(row)
        self._stop_begins(row)
        self.model.advance(Fraction(self.written_us(row)))
        handler = self._handlers.get(row.event)
        if handler is not None:
            handler(row)
        self.alarms.look(row)
        self._volumes(row)
        self._overdue(row)
        self.cuts.keep(row)

    def _stop_begins(self, row: Row) -> None:
        """A stop ends boluses before it is logged itself."""
        whole = row.event == "bolus_end" and row.fields["done_steps"] == row.fields["asked_steps"]
        if self.model.mode == "stopped" or row.event not in ("bolus_end", "stop") or whole:
            return
        for later in self.rows[self.at : self.at + 4]:
            if (
                later.event == "stop"
                and later.boot == row.boot
                and later.mono_us <= row.mono_us + STOPPED_TOGETHER_US
            ):
                self.model.advance(Fraction(row.mono_us))
                self.check(
                    self.model.mode == "priming" or self.alarms.stops(row), "the pump stops for no reason"
                )
                self.model.halt("stopped")
                return

    def _volumes(self, row: Row) -> None:
        """Each kind's steps, to a few."""
        model = self.model
        over = model.flowing()
        for kind in KINDS:
            if kind == "relief":
                continue
            got_nl = row.state[f"{kind}_steps"] * model.step_nl
            rate = over.rate if over and over.kind == kind else 0
            if kind == "basal":
                rate = model.program.highest_rate() if model.program else 0
            if kind in APART:  # the fastest motion, with ramps; its end is compared
                model.given[kind] = got_nl
                continue
            slack_us = 2 * TICK_US + (model.slack_us if kind == "basal" and _by_elapsed(model) else 0)
            slack_nl = STEPS * model.step_nl + rate * slack_us / DAY_US
            off_nl = got_nl - model.given[kind]
            self.check(
                abs(off_nl) <= slack_nl,
                f"{kind} {float(got_nl):.1f} nL, right {float(model.given[kind]):.1f} "
                f"(off {float(off_nl / model.step_nl):+.1f} steps, allowed {float(slack_nl / model.step_nl):.1f})",
            )

    def _overdue(self, row: Row) -> None:
        for claim in self.model.claims:
            late_us = GRACE_US + self.model.slack_us + self._step_of(claim)
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

    def _peek(self, what: str, at_us: Fraction) -> bool:
        """Whether the log has a refusal of a periodic bolus about now."""
        boot = self.rows[self.at].boot
        for row in self.rows[self.at : self.at + 12]:
            if row.boot != boot or row.mono_us > at_us + GRACE_US:
                return False
            about = row.fields.get("what", row.fields.get("kind"))
            if row.event in (what, "missed") and about == "periodic" and abs(row.mono_us - at_us) <= GRACE_US:
                return True
        return False

    def _peek_end(self, over: Bolus, at_us: Fraction, slack_us: Fraction) -> Fraction | None:
        """When the log says that a bolus had its last step, if that is within two steps of the model's."""
        boot = self.rows[self.at].boot
        for row in self.rows[self.at :]:
            if row.boot != boot or row.event == "cut" or row.mono_us > at_us + slack_us + LATE_US:
                return None
            if row.event != "bolus_end" or row.fields["kind"] != over.kind:
                continue
            if abs(int(row.fields["asked_steps"]) - over.steps) > 2:
                continue
            if abs(row.mono_us - at_us) > slack_us + LATE_US:
                continue
            whole = row.fields["done_steps"] == row.fields["asked_steps"]
            return Fraction(
                row.mono_us + (0 if whole else LATE_US)
            )  # cancelled just before its end: not yet over
        return None

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

    def _drop_early(self) -> None:
        """The model comes to what the log had a little earlier."""
        for claim in list(self.model.claims):
            if (claim.what, claim.kind) in self.early:
                self.early.remove((claim.what, claim.kind))
                self.model.claims.remove(claim)

    def _on_bolus_start(self, row: Row) -> None:
        kind = row.fields["kind"]
        claim = self.take("bolus_start", kind)
        self.check(claim is not None, f"no {kind} bolus begins here")
        assert claim is not None
        got = int(row.fields["asked_steps"])
        self.check(abs(got - claim.steps) <= 2, f"{kind} of {got} steps, right {claim.steps}")
        over = self.model.slot() if kind != "spread" else self.model.spread
        if over is not None and over.kind == kind and over.steps == claim.steps != got:
            self.model.set_steps(over, got)
        self._instant(row, claim)

    def _on_bolus_end(self, row: Row) -> None:
        kind = row.fields["kind"]
        if kind == "bridge" and int(row.fields["done_steps"]) < int(row.fields["asked_steps"]):
            return  # it will go on
        if int(row.fields["done_steps"]) == 0:
            if self.take("missed", kind) is not None:
                return  # due at the very instant of the stop
            self.take("bolus_start", kind)  # cancelled before its first step
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
        if claim.why:  # a button's stop cuts the pulses before it is heard
            self.model.given[kind] = row.state[f"{kind}_steps"] * self.model.step_nl

    def _instant(self, row: Row, claim: Claim) -> None:
        at_us = int(row.fields.get("at_us", row.mono_us))
        slack_us = LATE_US + self._step_of(claim) + self.model.slack_us
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
        right = WHY.get(claim.why, ("alarm", "stopped"))
        self.check(
            row.fields["why"] in right, f"missed because of {row.fields['why']}, right: {' or '.join(right)}"
        )
