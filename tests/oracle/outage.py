"""A clock that is set, and what it tells of time without power.

Owns: what the first setting after a boot does to a program's grid: rule 1.
Rules: the standard library only; written from the rules alone.
Units: as in model.py.
Leaves: what flows to model.py, by how much the clock was off to judge.py.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from oracle import displaced
from oracle.bolus import ZERO, Claim
from oracle.program import DAY_US, S_US

if TYPE_CHECKING:
    from oracle.model import Model


def set_clock(model: Model, utc_less_t_us: Fraction) -> None:
    """The wall clock; the first time after a boot it shows for how long there was no power: rule 1."""
    outage_us = utc_less_t_us - model.utc_less_t_us
    model.placed_us = model.t_us if outage_us else model.placed_us
    model.utc_less_t_us = utc_less_t_us
    if model.clock_restored and outage_us > 0 and model.program is not None:
        model.fall_due()
        before = model.before_rate
        if before is not None:
            before = replace(before, utc_less_t_us=before.utc_less_t_us + outage_us)
        why = model.outage_why or model.standing_why()
        ahead_us = ZERO
        if model.bridge is not None:
            ahead_us = min(outage_us, max(ZERO, displaced.ahead_us(model)))
            displaced.stand(model, why, ahead_us)
        elif model.early_until_us > model.t_us:
            ahead_us = min(outage_us, model.early_until_us - model.t_us)
            model.early_until_us -= outage_us
            model.missing.add(("power", ""), model.early_rate * ahead_us / DAY_US)
        # While a bridge was asked for no base flow was: it is asked for when that bridge's own end has come, by then
        later_us = max(ahead_us, min(outage_us, model.bridged_us)) if before is not None else ahead_us
        base_nl = (before or model).outage_nl(outage_us, later_us)
        base_nl += model.outage_nl(later_us, ahead_us)
        model.asked_nl += base_nl
        model.missing.add(why, base_nl)
        model.origin_us -= outage_us
        if model.held_us is not None:
            model.held_us -= outage_us
        elif model.stood_us is not None:
            model.behind_us += outage_us
        for i, row in enumerate(model.program.periodic):
            every_us = row.every_s * S_US
            waits = model.due_us[i] <= model.elapsed_us - outage_us  # until its own next turn
            turns = max(0, (model.elapsed_us - model.due_us[i]) // every_us + 1)
            if turns > waits:
                nl = Fraction(row.volume_nl)
                claim = Claim("missed", model.t_us, "periodic", 0, nl, "power", times=int(turns))
                model.claims.append(claim)
                model.due_us[i] += turns * every_us
                model.asked_nl += turns * row.volume_nl
    model.clock_restored, model.before_rate, model.stood_us = False, None, None
