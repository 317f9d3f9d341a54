"""A loss of power, judged: what the rig knew, what it lost, what it takes up again.

Owns: the model as it was at the last record, and the bounds of what a cut may cost.
Rules: rules 3, 4 and 5 of interrupted therapy; time without power is no time to the rig, and its program's own time
goes on from the last record's.
Units: as in scenario.py.
Leaves: the walk to judge.py.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from oracle import edges
from oracle.bolus import KINDS, Bolus
from oracle.model import Model
from oracle.peeks import told_steps
from oracle.program import DAY_US, S_US
from oracle.scenario import Row

if TYPE_CHECKING:
    from oracle.judge import Judge

RECORD_NL = 5_000  # a record is due at least every so much
FAST_S = 10  # or what flows in so long
RECORD_S = 600  # or in so long
LOOK_S = 1  # a volume is looked at as often as this
SLACK_S = Fraction(150, 1_000)  # by which a record may come late: the ticks before it may be filled
NEXT_US = 150_000
LATE_US = Fraction(60_000)  # by which the program's own time may come back late


class Cuts:
    """The cuts of one walk."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.under_way = False
        self.returned = False  # the pump ran when the power went
        self._kept: Model | None = None
        self._kept_row: Row | None = None
        self._lost_steps = 0  # since the beginning, never in the books
        self._pulses = 0
        self._pulses_base: int | None = None
        self.count = 0

    def keep(self, row: Row) -> None:
        """What the rig would come back with."""
        self._kept = self._judge.model.copy()
        self._kept_row = row
        if self._kept.bolus is None and row.state["bolus_kind"]:
            self._kept.fall_due()
            ahead_us = self._kept.next_due_us()  # the record before its first step tells of it already
            if self._kept.bolus is None and ahead_us <= NEXT_US:
                self._kept.advance(self._kept.t_us + ahead_us + 1)

    def cut(self, row: Row) -> None:
        """The power goes: the model goes on to here, only to be thrown away."""
        self.under_way = True
        self._pulses = int(row.fields["pulses"])
        self._judge.model.advance(Fraction(row.mono_us))

    def boot(self, row: Row) -> None:
        """The first record after it."""
        judge, kept = self._judge, self._kept
        assert kept is not None
        assert self._kept_row is not None
        self.under_way = False
        self.count += 1
        self._flowed = judge.model
        judge.model = kept
        kept.shift(row.mono_us - kept.t_us)
        off_us = row.utc_us - row.mono_us - kept.utc_less_t_us
        judge.check(abs(off_us) <= NEXT_US, f"the clock comes back {float(off_us) / 1e6:.3f} s off")
        kept.utc_less_t_us += off_us
        self._slot_as_recorded(kept, self._kept_row.state)
        self._steps_as_recorded(kept, self._kept_row)
        self.returned = kept.mode != "stopped"
        self._own_time(kept, self._kept_row)
        kept.clock_restored, kept.outage_why, kept.before_rate = True, kept.standing_why(), None
        kept.round_anew()
        for claim in kept.claims:  # one that was suspended before its first step is told of by the boot
            claim.at_us = max(claim.at_us, kept.t_us) if claim.what == "bolus_start" else claim.at_us
        judge.alarms.booted()
        if self.returned:
            self._returns(row)

    def _slot_as_recorded(self, kept: Model, state: dict[str, int]) -> None:
        """A bolus may end a few steps' time before or after the model's; the rig goes on with what it recorded."""
        over, kind = kept.bolus, KINDS[state["bolus_kind"] - 1] if state["bolus_kind"] else ""
        done_nl = state["bolus_done_steps"] * kept.step_nl
        few_nl = 3 * kept.step_nl
        is_same = over is not None and (kind, state["bolus_steps"]) == (over.kind, over.steps)
        if over and is_same and abs(done_nl - over.given_nl) <= few_nl:
            return
        if over and over.left_nl <= few_nl and (not kind or done_nl <= few_nl):
            kept.complete(over)
            kept.fall_due()
            return
        ended = [
            c for c in kept.claims if (c.what, c.kind, c.steps) == ("bolus_end", kind, state["bolus_steps"])
        ]
        if not ended:
            return
        if over is not None and over.kind == "periodic" and kept.program is not None:
            row = kept.program.periodic[over.row]
            edges.take_back(kept, over, row.volume_nl)
            kept.due_us[over.row] -= row.every_s * S_US
        claim = ended[-1]
        kept.claims.remove(claim)
        kept.given[kind] -= claim.done_nl - done_nl
        kept.bolus = Bolus(kind, claim.steps, claim.done_nl, claim.rate, given_nl=done_nl)

    def _steps_as_recorded(self, kept: Model, row: Row) -> None:
        """The phase below a step goes with the power."""
        for kind in KINDS:
            kept.given[kind] = row.state[f"{kind}_steps"] * kept.step_nl
        for over in (kept.bolus, kept.spread, kept.bridge):
            told = over and told_steps(over.kind, row.state)
            if over is not None and told is not None:
                over.given_nl = min(over.nl, told[0] * kept.step_nl)

    def _own_time(self, kept: Model, row: Row) -> None:
        """The program's own time goes on as the record has it: that of the model, but for the grain of a tick."""
        if kept.program is None:
            return
        held_us = elapsed_us(row.state)
        off_us = held_us - kept.elapsed_us
        # A turn that falls due so soon, and may begin behind a bolus before the next record, counts as due
        most_us = NEXT_US if kept.next_due_us() <= NEXT_US else LATE_US
        self._judge.check(
            -LATE_US <= off_us <= most_us,
            f"the program's own time comes back {float(off_us) / 1e6:.3f} s off",
        )
        kept.origin_us -= off_us
        behind_us = Fraction(row.state["ramp"] // 2 * S_US)
        right_us = kept.elapsed_us - kept.ramp_us(kept.t_us)
        self._judge.check(abs(behind_us - right_us) <= S_US + LATE_US, "a titration comes back elsewhere")
        kept.behind_us = behind_us
        kept.held_us = kept.t_us if row.state["ramp"] & 1 else None
        if kept.held_us is not None or kept.stood_us is not None:  # at this loss of power, or one before it
            kept.stood_us = kept.ramp_us(kept.t_us)

    def _returns(self, first: Row) -> None:
        """It ran: the loss is bounded, stated, and counted as delivered."""
        judge = self._judge
        row = next((r for r in judge.rows[judge.at :][:6] if r.event == "power_return"), None)
        judge.check(row is not None, "it ran, and no power_return is in the log")
        assert row is not None
        model = judge.model
        assert self._kept_row is not None
        before, after = self._kept_row.state, row.state
        lost = self._lost(before)
        assumed = after["assumed_steps"] - before["assumed_steps"]
        judge.check(0 <= lost <= assumed, f"{lost} steps were lost, {assumed} assumed")
        most_nl = self._bound_nl()
        assumed_nl = assumed * model.step_nl
        judge.check(
            assumed_nl <= most_nl,
            f"assumed {float(assumed_nl):.0f} nL, no more than {float(most_nl):.0f} can have left",
        )
        self._lost_steps += lost
        model.reservoir_nl -= assumed_nl
        model.filled = (*model.filled[:2], model.filled[2] + assumed_nl)
        if model.mode == "running":
            model.past.assume(model.t_us, assumed_nl)
        stops = model.mode == "priming" or model.program is None or model.program.on_return == "stop"
        for over in (model.bridge, model.spread):
            if over is not None:
                self._written_off(over, after, assumed_nl)
        told = judge.rows[judge.at : judge.rows.index(row)]
        left_nl = assumed_nl
        while model.bolus is not None or self._begins_another(told):
            model.fall_due()  # what waited behind another that is over may have begun
            over = model.bolus
            if over is None:
                break
            left_nl -= self._written_off(over, after, left_nl, told)
            if model.bolus is over:
                break
        if stops:
            model.halt("power")
            # Also where all that was left of a dose from standing is assumed to have left
            model.why = "power"

    def _lost(self, state: dict[str, int]) -> int:
        counted = sum(state[f"{kind}_steps"] for kind in KINDS) + state["lost_steps"]
        return self._pulses - counted - self._lost_steps

    def _bound_nl(self) -> Fraction:
        """The most that can have left since the last record."""
        model, flowed = self._judge.model, self._flowed
        most = Fraction(0)
        base, base_nl = self._base(model)
        for one in (model, flowed):
            over = one.flowing() or model.bolus
            over_rate = over.rate if over else 0
            rate = base + over_rate
            by_volume = max(Fraction(RECORD_NL), Fraction(rate * FAST_S, 86_400))
            by_volume += rate * (LOOK_S + SLACK_S) / 86_400
            left_nl = over.left_nl + 2 * one.step_nl if over else Fraction(0)
            by_time = base_nl + min(left_nl, over_rate * (RECORD_S + SLACK_S) / 86_400)
            most = max(most, min(by_volume, by_time))
        highest = model.program.highest_rate() if model.program else 0
        return most + self._behind_nl() + Fraction(highest, 86_400) + 3 * model.step_nl

    def _behind_nl(self) -> Fraction:
        """What waits behind a bolus may begin before the record of its end, and only until that was due."""
        model = self._judge.model
        if model.program is None or model.mode != "running" or model.slot() is None:
            return Fraction(0)
        soon_us = model.elapsed_us + NEXT_US
        rows = [
            row for row, due_us in zip(model.program.periodic, model.due_us, strict=True) if due_us <= soon_us
        ]
        rates = [-(-row.volume_nl * 86_400_000 // row.over_ms) for row in rows]
        return max(rates, default=0) * SLACK_S / 86_400

    def _base(self, model: Model) -> tuple[int, Fraction]:
        """(the highest nL/day, nL) of the base flow after a record, until one is due again: at a rise, or by time."""
        if model.mode != "running" or model.program is None:
            return 0, Fraction(0)
        if model.bridge is not None:  # the base flow follows it
            rate = model.program.highest_rate()
            return rate, rate * (RECORD_S + SLACK_S) / 86_400
        at_us, until_us = model.t_us, model.t_us + (RECORD_S + SLACK_S) * S_US
        highest = before = 0
        flowed = Fraction(0)
        while at_us < until_us:
            rate, holds_us = model.own_rate(at_us)
            if rate > before and at_us > model.t_us + NEXT_US:
                break
            span_us = min(holds_us, until_us - at_us)
            highest, before = max(highest, rate), rate
            flowed += rate * span_us
            at_us += span_us
        return highest, flowed / DAY_US

    @staticmethod
    def _begins_another(told: list[Row]) -> bool:
        """Whether the boot tells of a turn that begins, behind the ends that it has told of so far."""
        while told:
            row = told.pop(0)
            if (row.event, row.fields.get("kind")) == ("bolus_start", "periodic"):
                return True
        return False

    def _written_off(
        self, over: Bolus, state: dict[str, int], assumed_nl: Fraction, rows: list[Row] | None = None
    ) -> Fraction:
        """Rule 4: a bolus goes on with what was left, less what is assumed, and never with more; -> what is."""
        judge = self._judge
        model = judge.model
        ended = self._ended(over, rows)
        told = told_steps(over.kind, state)
        if ended is not None:
            told = None
        if told is not None:
            done = told[0]
        elif ended is not None:
            done = int(ended.fields["done_steps"])
        else:
            judge.check(
                over.left_nl <= assumed_nl + 2 * model.step_nl, f"the rest of a {over.kind} bolus is gone"
            )
            done = over.steps
        more_nl = done * model.step_nl - over.given_nl
        judge.check(
            -model.step_nl <= more_nl <= assumed_nl + 2 * model.step_nl,
            f"of a {over.kind} bolus {float(more_nl):.0f} nL are written off, {float(assumed_nl):.0f} assumed",
        )
        over.given_nl += more_nl
        if over is model.bridge:
            model.early_us += more_nl * DAY_US / over.rate  # it is missing at its end
        else:
            model.missing.add(("power", ""), more_nl)
        if not over.left_nl > 0:
            model.end(over)
        return more_nl

    def _ended(self, over: Bolus, rows: list[Row] | None = None) -> Row | None:
        """The end of a bolus that the boot itself told; the rows up to it are taken off."""
        rows = list(self._judge.rows[self._judge.at :][:6]) if rows is None else rows
        for k, row in enumerate(rows):
            if row.event == "bolus_end" and (row.fields["kind"], int(row.fields["asked_steps"])) == (
                over.kind,
                over.steps,
            ):
                del rows[: k + 1]
                return row
        return None


def elapsed_us(state: dict[str, int]) -> Fraction:
    """The program's own time, as a record has it."""
    parts = (state["program_elapsed_s"] << 16) + state["elapsed_part"]
    return Fraction(parts * S_US, 65_536)
