"""The judge's looks ahead into the log, for what the rules leave open within bounds.

Owns: when a bolus had its last step, on which side of a tick a turn fell, whether a turn was refused.
Rules: a look tells only of records within the stated times; the judge checks what is taken from it.
Units: as in scenario.py.
Leaves: what is made of it to model.py and edges.py.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from oracle.bolus import KINDS, Bolus

if TYPE_CHECKING:
    from oracle.judge import Judge

LATE_US = 150_000  # a start or an end is logged so much later
GRACE_US = 150_000  # after which an event that is due is missing in the log


BACK = 12  # records


class Peeks:
    """Looks from where the walk stands."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._ends: dict[int, tuple[str, int, Fraction]] = {}  # by a row's number: of which bolus it tells

    def edge(self, volume_nl: int, others: int) -> str:
        """What the log says of a turn that is due at the tick of the interruption that it tells of now.

        others: so many turns of this volume are told as missed besides.
        """
        here = self._judge.rows[self._judge.at]
        for row in self._judge.rows[self._judge.at : self._judge.at + 12]:
            if row.boot != here.boot or row.mono_us > here.mono_us + GRACE_US:
                break
            if row.fields.get("kind") != "periodic":
                continue
            if row.event == "missed" and row.fields["nl"] == str(volume_nl):
                if not others:
                    return "missed"
                others -= 1
            steps = int(row.fields.get("asked_steps", -9))
            near = abs(steps * self._judge.model.step_nl - volume_nl) <= 2 * self._judge.model.step_nl
            if row.event == "bolus_end" and near and row.fields["done_steps"] != row.fields["asked_steps"]:
                return "begun"
        return ""

    def unstepped(self, volume_nl: int) -> bool:
        """Whether the log says of a turn of this volume that it was stopped before its first step."""
        rows, at = self._judge.rows, self._judge.at
        until_us, step_nl = rows[at].mono_us + GRACE_US, self._judge.model.step_nl
        return any(
            (row.event, row.fields.get("kind"), row.fields.get("done_steps"))
            == ("bolus_end", "periodic", "0")
            and abs(int(row.fields["asked_steps"]) * step_nl - volume_nl) <= 2 * step_nl
            for row in rows[at : at + BACK]
            if row.boot == rows[at].boot and row.mono_us <= until_us
        )

    def end(self, over: Bolus, at_us: Fraction, slack_us: Fraction) -> Fraction | None:
        """When the log says that a bolus had its last step, if that is within two steps of the model's."""
        rows, at = self._judge.rows, self._judge.at
        boot = rows[at].boot
        for k in range(max(0, at - BACK), len(rows)):
            row = rows[k]
            if k < at and (row.boot != boot or row.mono_us <= over.from_us):
                continue  # the model may be a few steps behind the log
            if row.boot != boot or row.event == "cut" or row.mono_us > at_us + slack_us + LATE_US:
                break
            if row.event != "bolus_end" or row.fields["kind"] != over.kind:
                continue
            if int(row.fields["asked_steps"]) != over.steps or self._ends.get(k, over.key) != over.key:
                continue
            if abs(row.mono_us - at_us) > slack_us + LATE_US:
                continue
            self._ends[k] = over.key
            whole = row.fields["done_steps"] == row.fields["asked_steps"]
            return Fraction(
                row.mono_us + (0 if whole else LATE_US)
            )  # cancelled just before its end: not yet over
        return self._under_way(over, at_us, at_us + slack_us)

    def _under_way(self, over: Bolus, from_us: Fraction, until_us: Fraction) -> Fraction | None:
        """Just after the last record in which a bolus still lacks steps: a cut, or the log's end, may hide its end."""
        rows, at = self._judge.rows, self._judge.at
        found = None
        for row in rows[at:]:
            if row.boot != rows[at].boot or row.event == "cut" or row.mono_us > until_us:
                break
            steps = told_steps(over.kind, row.state)
            if row.mono_us > from_us and steps is not None and steps[0] < steps[1] == over.steps:
                found = Fraction(row.mono_us + 1)
        return found


def told_steps(kind: str, state: dict[str, int]) -> tuple[int, int] | None:
    """(done, asked) that a record says of a bolus of this kind; None: it says nothing of one."""
    number = KINDS.index(kind) + 1
    if state["bolus_kind"] == number:
        return state["bolus_done_steps"], state["bolus_steps"]
    second = state.get("second_kind") or KINDS.index("spread") + 1
    if state["spread_steps_asked"] and second == number:
        return state["spread_done_steps"], state["spread_steps_asked"]
    return None
