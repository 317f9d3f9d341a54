"""Commands, requests and refusals in the log: each granted or refused as the rules say.

Owns: what each command does to the model, and the scenario's event that a refusal answers.
Rules: a refusal's reason is one that holds; a granted request has none against it.
Units: as in scenario.py.
Leaves: the reasons to grants.py, the effects to model.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from oracle import edges, grants
from oracle.bolus import Bolus, Claim
from oracle.outage import set_clock
from oracle.program import Program
from oracle.scenario import Row
from oracle.waiting import Waiting

if TYPE_CHECKING:
    from oracle.judge import Judge


class Orders:
    """The orders of one walk."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.waiting = Waiting(judge)

    def _loaded(self, row: Row) -> Program:
        """The program of the latest load that was sent by then; a typed one is a line a second after another."""
        since_ms = (row.world_us - self._judge.begun_world_us) / 1000
        is_typed = row.fields.get("seq") == "0"
        does = ("rate",) if row.fields["verb"] == "rate" else ("rate", "load", "later")
        lines_ms = (1_000 if row.fields["verb"] == "rate" else 2_000) if is_typed else 0
        found = [
            event
            for k, event in enumerate(self._judge.scenario.events)
            if (event.do == "typed" if is_typed else event.do in does)
            and event.at_ms + lines_ms <= since_ms + (0 if is_typed else 20)
            and k not in self._judge.seen.refused_files
        ]
        self._judge.check(bool(found), "refused what nobody loaded")
        if found[-1].program is not None:
            return found[-1].program
        return self._at_rate(found[-1].fields["rate_nl_per_day"])

    def _staged(self) -> Program | None:
        """The rate that the log last heard of, if somebody asked for it: of two that are typed at once."""
        asked = [
            e.fields["rate_nl_per_day"] for e in self._judge.scenario.events if e.do in ("rate", "typed")
        ]
        for row in reversed(self._judge.rows[: self._judge.at]):
            if row.fields.get("verb") == "stage":
                return None
            if row.fields.get("verb") == "rate" and row.event == "command":
                rate = int(row.fields["rate_nl_per_day"])
                self._judge.check(rate in asked, f"nobody asked for {rate} nL/day")
                return self._at_rate(rate)
        return None

    def _at_rate(self, nl_per_day: int) -> Program:
        """Rule 6: the base flow alone changes; a bridge that is under way goes on."""
        program = self._judge.model.program
        assert program is not None
        return replace(
            program,
            name="constant",
            days={"": ((0, nl_per_day),)},
            ramp=None,
            phases=(),
            bridge=None,
            zone="UTC",
        )

    def _granted(self, row: Row, reasons: grants.Reasons) -> None:
        must, _may = reasons
        self._judge.check(not must, f"granted, right: refused for {sorted(must)}")

    def refused(self, row: Row) -> None:
        why = row.fields["why"]
        must, may = self._reasons(row)
        refused_nl = self._refused_nl(row)
        self._judge.model.asked_nl += refused_nl
        self._judge.model.missing.add(("refused", why), Fraction(refused_nl))
        self._judge.check(why in must | may, f"refused for {why}, right: {sorted(must | may) or 'granted'}")

    def _reasons(self, row: Row) -> grants.Reasons:
        model, fields = self._judge.model, row.fields
        verb = fields.get("verb", "request")
        if verb == "bolus":
            event = self._event(row, ("bolus",))
            volume_nl, over_ms = event["volume_nl"], event.get("over_ms", 60_000)
            return grants.bolus(model, volume_nl, over_ms, bool(event.get("spread")))
        if verb in ("demand", "request"):
            return grants.demand(model)
        if verb == "resume":
            return grants.resume(model)
        if verb == "prime":
            return grants.prime(model, self._event(row, ("prime",)).get("volume_nl", 0))
        if verb == "calibrate":
            return grants.prime(model, self._event(row, ("calibrate",))["volume_nl"])
        if verb == "dispense":
            event = self._event(row, ("dispense",))
            return grants.dispense(model, event["volume_nl"], dose_rate(event))
        if verb == "ramp":
            return grants.ramp(model, self._event(row, ("titrate",))["ramp"])
        staged = self._staged() if (verb, fields.get("seq")) == ("commit", "0") else None
        if staged is not None:
            return grants.rate(model, staged)
        later = self.waiting.reasons(row) if verb in ("stage", "commit") else None
        if later is not None:
            return later
        if verb in ("stage", "commit", "rate"):
            program = self._loaded(row)
            is_whole = program in self._judge.seen.programs.values()
            return grants.commit(model, program) if is_whole else grants.rate(model, program)
        return set(), set()

    def _refused_nl(self, row: Row) -> int:
        """The volume that was asked for in vain."""
        program = self._judge.model.program
        if row.fields.get("verb", "request") in ("demand", "request"):
            return program.demand.volume_nl if program is not None and program.demand is not None else 0
        return int(row.fields.get("nl", 0))

    def _event(self, row: Row, names: tuple[str, ...]) -> dict[str, Any]:
        """The fields of the scenario's event that a refusal answers."""
        since_ms = (row.world_us - self._judge.begun_world_us) / 1000
        found = [e for e in self._judge.scenario.events if e.do in names and e.at_ms <= since_ms + 100]
        self._judge.check(bool(found), "refused what nobody asked")
        return found[-1].fields

    def demand(self, row: Row) -> None:
        model = self._judge.model
        self._granted(row, grants.demand(model))
        assert model.program is not None
        assert model.program.demand is not None
        one = model.program.demand
        steps, model.demand_carry_nl = model.whole_steps(one.volume_nl, model.demand_carry_nl)
        model.start(model.bolus_of("demand", one.volume_nl, one.over_ms, max(1, steps)))
        model.demands_us.append(model.t_us)

    def command(self, row: Row) -> None:
        handler: Callable[[Row], None] | None = getattr(self, f"_do_{row.fields.get('verb')}", None)
        if handler is not None:
            handler(row)

    def _do_demand(self, row: Row) -> None:
        self.demand(row)

    def _do_bolus(self, row: Row) -> None:
        model = self._judge.model
        volume_nl, over_ms = int(row.fields["volume_nl"]), int(row.fields["over_ms"])
        spread = row.fields.get("spread") == "1"
        self._granted(row, grants.bolus(model, volume_nl, over_ms, spread))
        steps, _rest = model.whole_steps(volume_nl)
        model.start(model.bolus_of("spread" if spread else "single", volume_nl, over_ms, max(1, steps)))

    def _do_stop(self, row: Row) -> None:
        self._judge.model.halt("stopped")

    def _do_resume(self, row: Row) -> None:
        model = self._judge.model
        self._granted(row, grants.resume(model))
        if model.mode != "running":  # else it interrupts nothing: what begins at this instant goes on
            edges.settle(model)
            model.run()

    def _do_prime(self, row: Row) -> None:
        model = self._judge.model
        asked_nl = int(row.fields.get("volume_nl", 0))
        self._granted(row, grants.prime(model, asked_nl))
        volume_nl = asked_nl or (model.program.catheter_nl if model.program else 0)
        steps, _rest = model.whole_steps(volume_nl)
        rate = row.state["bolus_rate_nl_per_day"]  # the motor's fastest, which no rule of the therapy names
        model.mode = "priming"
        model.start(Bolus("prime", steps, steps * model.step_nl, rate))

    def _do_calibrate(self, row: Row) -> None:
        model = self._judge.model
        event = self._event(row, ("calibrate",))  # a page has no room for all that was asked for
        volume_nl, rate = event["volume_nl"], event["rate_nl_per_day"]
        self._granted(row, grants.prime(model, volume_nl))
        steps, _rest = model.whole_steps(volume_nl)
        model.mode = "priming"
        model.start(Bolus("calibration", steps, steps * model.step_nl, rate))

    def _do_dispense(self, row: Row) -> None:
        model = self._judge.model
        event = self._event(row, ("dispense",))
        volume_nl, rate = event["volume_nl"], dose_rate(event)
        self._granted(row, grants.dispense(model, volume_nl, rate))
        steps, _rest = model.whole_steps(volume_nl)
        model.mode = "dispensing"
        model.start(Bolus("single", max(1, steps), max(1, steps) * model.step_nl, rate))

    def _do_commit(self, row: Row) -> None:
        model = self._judge.model
        if "at" in row.fields:
            self.waiting.commit(row)
            return
        program = self._judge.seen.programs.get(row.fields.get("hash", ""))
        if program is not None:
            self._granted(row, grants.commit(model, program))
            model.load(program, self.bridge(program))
            self._judge.own_time(row)
        else:
            program = self._staged() or self._loaded(row)
            self._granted(row, grants.rate(model, program))
            self._judge.check(self._judge.goes_on(row), "the program's own time does not go on")
            model.set_base(program)

    def bridge(self, program: Program) -> Bolus | None:
        if program.bridge is None:
            return self._judge.model.bridge
        volume_nl, rate = program.bridge
        if not rate:
            return None
        steps, _rest = self._judge.model.whole_steps(volume_nl)
        self._judge.model.asked_nl += steps * self._judge.model.step_nl
        self._judge.model.claims.append(
            Claim("bolus_start", self._judge.model.t_us, "bridge", steps, rate=rate)
        )
        return Bolus("bridge", steps, steps * self._judge.model.step_nl, rate)

    def _do_ramp(self, row: Row) -> None:
        self._granted(row, grants.ramp(self._judge.model, row.fields["do"]))
        self._judge.model.titrate(row.fields["do"])

    def _do_refill(self, row: Row) -> None:
        if "removed_nl" in row.fields:
            self._judge.alarms.found(row, int(row.fields["removed_nl"]))
        self._judge.model.fill(int(row.fields["volume_nl"]))

    def _do_clock(self, row: Row) -> None:
        if row is self._judge.rows[-1]:
            return  # the log ends before the record that tells by how much
        set_clock(self._judge.model, Fraction(row.utc_us - row.mono_us))

    def _do_ack(self, row: Row) -> None:
        self._judge.alarms.acknowledged()


def dose_rate(fields: dict[str, Any]) -> int:
    """nL/day of a dose that names its rate, or the time that it takes."""
    over_ms = fields.get("over_ms") or 60_000
    return fields.get("rate_nl_per_day") or -(-fields["volume_nl"] * 86_400_000 // over_ms)
