"""What falls due at the very tick of an interruption: on which side of it, the log says.

Owns: turns of periodic boluses within three ticks of a stop, an alarm or a new program.
Rules: the standard library only; a turn so close may have begun, may be missed or, where a new program takes its place,
may never have come to be due: each is right, and what the log says is taken.
Units: as in model.py.
Leaves: everything else to model.py.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from oracle.bolus import Bolus, Claim
from oracle.program import DAY_US, S_US

if TYPE_CHECKING:
    from oracle.model import Model

EDGE_US = 60_000


def settle(model: Model) -> None:
    """Call it when an interruption has come, before it takes effect."""
    if model.program is None:
        return
    if model.mode == "running":
        model.fall_due()  # one that waited, and the bolus before it has just ended
        _begins_next(model)
    for i, row in enumerate(model.program.periodic):
        if model.mode == "running":
            _running(model, i, row.volume_nl, row.every_s * S_US)
        elif _is_near(model, model.due_us[i]) and _look(model, i):
            model.miss(i, "edge")


def _begins_next(model: Model) -> None:
    """One that waited, and the bolus before it was to end just now: it may have begun."""
    over, program = model.bolus, model.program
    if over is None or program is None or over.left_us() > EDGE_US + model.steps_us(over):
        return
    if over.given_nl < 2 * model.step_nl:
        return  # the one without a step is this one
    waiting = [i for i in range(len(program.periodic)) if model.due_us[i] <= model.elapsed_us]
    first = min(waiting, key=lambda i: (model.due_us[i], i), default=-1)
    if first >= 0 and model.peek_unstepped(program.periodic[first].volume_nl):
        model.claims.append(
            Claim("bolus_end", model.t_us, over.kind, over.steps, over.given_nl, "edge", over.rate)
        )
        model.bolus = None
        model.begin(first)


def _is_near(model: Model, due_us: Fraction) -> bool:
    return abs(due_us - model.elapsed_us) <= EDGE_US


def _look(model: Model, i: int) -> str:
    """What the log says of a row's turn, beside those of its volume that are missed at this instant without doubt."""
    assert model.program is not None
    rows = model.program.periodic
    volume_nl = rows[i].volume_nl
    here = [c for c in model.claims if (c.what, c.at_us, c.done_nl) == ("missed", model.t_us, volume_nl)]
    waiting = [
        j
        for j, row in enumerate(rows)
        if j != i and row.volume_nl == volume_nl and model.due_us[j] < model.elapsed_us - EDGE_US
    ]
    return model.peek_edge(volume_nl, len(here) + len(waiting))


def _running(model: Model, i: int, volume_nl: int, every_us: int) -> None:
    if model.due_us[i] < model.elapsed_us and _is_near(model, model.due_us[i] + every_us):
        model.miss(i, "edge")  # it waited until its own next turn, or until the interruption
    own = model.bolus if model.bolus and (model.bolus.kind, model.bolus.row) == ("periodic", i) else None
    if own is not None and own.given_nl > own.rate * EDGE_US / DAY_US:
        own = None
    coming = _is_near(model, model.due_us[i])
    if own is None and not coming:
        return
    seen = _look(model, i)
    if coming and seen == "begun" and model.slot() is None:
        model.begin(i)
    elif coming and seen == "missed":
        model.miss(i, "edge")
    elif own is not None and seen != "begun":
        take_back(model, own, volume_nl)
        if seen:
            model.due_us[i] -= every_us


def take_back(model: Model, over: Bolus, volume_nl: int) -> None:
    """A turn that had not begun after all."""
    model.given[over.kind] -= over.given_nl
    model.asked_nl -= over.nl
    model.carry_nl[over.row] += over.nl - volume_nl
    own = [c for c in model.claims if (c.what, c.kind, c.steps) == ("bolus_start", over.kind, over.steps)]
    if own:  # one that began before it, and whose start is told in a moment, keeps its own
        model.claims.remove(own[-1])
    model.bolus = None
