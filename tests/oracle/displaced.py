"""What a bridge that stood displaces: rule 8 beside rule 3.

Owns: what is asked for while a bridge is under way, and how much of it is not given, by reason.
Rules: the standard library only. As if nothing had interfered, a bridge ends when its volume has left at its rate, and
the base flow is asked for from then on. One that ends before that, by what is taken for given at a loss of power,
leaves its place to base flow that nobody asked for.
Units: as in model.py.
Leaves: what flows to model.py.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from oracle.bolus import ZERO, Bolus
from oracle.missing import Reason, by_reason
from oracle.program import DAY_US

Owed = tuple[tuple[Reason, Fraction], ...]

if TYPE_CHECKING:
    from oracle.model import Model


def ahead_us(model: Model) -> Fraction:
    """Until the bridge's own end."""
    assert model.bridge is not None
    return model.bridge.left_us() - sum((us for _why, us in model.owed), ZERO) + model.early_us


def asked_us(model: Model) -> Fraction:
    """For how long a bridge is still asked for, be it under way or over before its own end."""
    return max(ZERO, ahead_us(model) if model.bridge is not None else model.early_until_us - model.t_us)


def _pass_without(model: Model, most_us: Fraction, base: int) -> Fraction:
    """As `pass_by`, where no bridge is under way; one may have ended early."""
    early_us = model.early_until_us - model.t_us
    if early_us > 0:
        span_us = min(most_us, early_us)
        given = base if model.mode == "running" else 0
        model.missing.add(("power", ""), (model.early_rate - given) * span_us / DAY_US)
        return span_us
    model.asked_nl += base * most_us / DAY_US
    if model.mode != "running":
        model.missing.add(by_reason(model.why), base * most_us / DAY_US)
    return most_us


def stand(model: Model, why: Reason, span_us: Fraction) -> None:
    """The bridge's own flow is kept from flowing for so long."""
    assert model.bridge is not None
    nl = model.bridge.rate * span_us / DAY_US
    model.asked_nl += nl
    model.missing.add(why, nl)
    model.owed = (*model.owed, (why, span_us))


def pass_by(model: Model, most_us: Fraction, base: int, over: Bolus | None) -> Fraction:
    """How long one thing holds, and what is asked for in it beside what flows; base: its rate, nL/day."""
    if model.bridge is None:
        return _pass_without(model, most_us, base)
    until_us = ahead_us(model)
    a_step_nl = base * model.step_nl / model.bridge.rate
    model.missing.bridged_nl = max(model.missing.bridged_nl, a_step_nl)
    if model.mode != "running" and until_us > 0:
        span_us = min(most_us, until_us)
        stand(model, by_reason(model.why), span_us)
    elif model.mode != "running":
        span_us = most_us
        model.asked_nl += base * span_us / DAY_US
        model.missing.add(by_reason(model.why), base * span_us / DAY_US)
    elif over is not model.bridge or not model.owed:
        span_us = most_us
    elif until_us > 0:
        span_us = min(most_us, until_us)
    else:  # it flows in the place of the base flow
        (why, first_us), *rest = model.owed
        span_us = min(most_us, first_us)
        model.owed = (*(((why, first_us - span_us),) if span_us < first_us else ()), *rest)
        nl = (base - model.bridge.rate) * span_us / DAY_US
        model.asked_nl += nl
        model.missing.add(why, nl)
    return span_us


def kept(model: Model) -> Owed:
    """Why, and how many nL of the bridge's own flow were kept from it and are not made up for."""
    if model.bridge is None:
        return ()
    return tuple((why, model.bridge.rate * us / DAY_US) for why, us in model.owed)


def early_nl(model: Model) -> Fraction:
    """What is asked for still of a bridge that has ended early."""
    return max(ZERO, model.early_until_us - model.t_us) * model.early_rate / DAY_US


def replace(model: Model) -> None:
    """A new program has a bridge of its own, or wants none."""
    model.missing.add(("cancelled", "bridge"), early_nl(model))
    model.early_until_us = ZERO
    if model.bridge is not None:
        model.owed_before, model.owed = kept(model), ()
        model.assumed_before_nl = model.early_us * model.bridge.rate / DAY_US
    model.early_us = ZERO


def end(model: Model, rest_nl: Fraction) -> Fraction:
    """A bridge ends with this rest: what its end takes away, and others have not kept before."""
    owed_nl = model.owed_before or kept(model)
    rest_nl += model.assumed_before_nl
    if model.bridge is not None and model.bridge.left_nl <= 0:
        ahead = ahead_us(model)
        model.early_until_us, model.early_rate = (
            model.t_us + min(model.early_us, max(ZERO, ahead)),
            model.bridge.rate,
        )
        rest_nl += model.early_us * model.bridge.rate / DAY_US
        model.early_us = ZERO
    sum_nl = sum((nl for _why, nl in owed_nl), ZERO)
    model.asked_nl -= sum_nl
    over_nl = max(ZERO, sum_nl - rest_nl)
    for why, nl in reversed(owed_nl):
        model.missing.add(why, -min(over_nl, nl))
        over_nl -= min(over_nl, nl)
    model.owed = model.owed_before = ()
    model.assumed_before_nl = ZERO
    return max(ZERO, rest_nl - sum_nl)
