"""Which requests are granted: for each the reasons that must, and those that may, refuse it.

Owns: the rules on limits, cap, lockout, count, reservoir, state and alarms as sets of reasons.
Rules: written from the contract alone; where several reasons hold at once any of them may be told; what lies within the
device's stated grain (a step, a tick, ten minutes of the cap's window) may be answered either way.
Units: nL, nL/day, ms, microseconds.
Leaves: what a granted request does to model.py.
"""

from __future__ import annotations

from fractions import Fraction

from oracle import day
from oracle.bolus import ASKED
from oracle.model import Model
from oracle.program import DAY_US, S_US, Program

MOTOR_STEPS_A_DAY = 8_000 * 86_400  # of any therapy (docs/reference: the motor's limit)
NEAR_US = 60_000  # a request is heard so much later than the instant that the log names
SECOND_US = 1_100_000  # of what a power cut leaves unknown
FAST_STEPS_A_DAY = 50 * 86_400
GRAINS = 145
LONGER = 2  # grains: the device may count one more, and they are not those of the model
DAY_MS = DAY_US // 1_000
LAST_US = 1_100_000

Reasons = tuple[set[str], set[str]]  # (must, may)


def cap(
    model: Model, volume_nl: Fraction, program: Program | None = None, over_ms: int = 0
) -> tuple[bool, bool]:
    """(must, may) so much more be refused for the cap of the program that runs, or is to run."""
    program = program or model.program
    assert program is not None
    if program.cap_nl is None:
        return False, False
    wanted = model.pending_nl() + volume_nl
    slack_nl = 2 * model.step_nl
    total, extra = model.past.perhaps_since(model.t_us - DAY_US - day.GRAIN_US)
    own_total, own_extra = model.past.perhaps_since(model.placed_us)
    before = max(Fraction(0), total - extra - own_total + own_extra)  # base flow from before
    surely_fits = before + extra + wanted + day.never_above_nl(program) <= program.cap_nl
    if surely_fits and program is not model.program:
        total, _extra = model.past.perhaps_since(model.t_us - DAY_US - day.GRAIN_US)
        surely_fits = total + wanted + day.never_above_nl(program) <= program.cap_nl
    if surely_fits:
        return False, False
    if program is model.program and _fits_in(model, program, wanted + 2 * slack_nl, over_ms):
        return False, False
    return _overflows(model, program, wanted, slack_nl), True


def _fits_in(model: Model, program: Program, wanted_nl: Fraction, over_ms: int) -> bool:
    """Whether each 24 h that end until all of a request is a day old have room, counted twenty minutes longer."""
    assert program.cap_nl is not None
    utc_us = model.t_us + model.utc_less_t_us
    own_us = model.ramp_us(model.t_us)  # a titration that is held may be let go at any time
    rows = list(zip(program.periodic, model.due_us, strict=True))
    waiting = [row.volume_nl for row, due_us in rows if due_us <= model.elapsed_us]
    comes = [Fraction(0)]
    last = GRAINS + over_ms * 1_000 // day.GRAIN_US
    for k in range(last):
        at_us = Fraction(k * day.GRAIN_US)
        span_us = Fraction(day.GRAIN_US)
        base_nl = day.coming_base_nl(program, own_us + at_us, utc_us + at_us, span_us)
        until_us = model.elapsed_us + at_us + span_us
        turns = sum(
            row.volume_nl * day.turns_between(due_us, row.every_s * S_US, until_us - span_us, until_us)
            for row, due_us in rows
        )
        comes.append(comes[-1] + base_nl + turns)
    for k in range(1, last + 1):
        since_us = model.t_us + (k - LONGER) * day.GRAIN_US - DAY_US
        flowed_nl, _extra_nl = model.past.perhaps_since(since_us)
        coming_nl = comes[k] - comes[max(0, k - GRAINS + 1 - LONGER)]
        if flowed_nl + wanted_nl + sum(waiting) + coming_nl > program.cap_nl:
            return False
    return True


def _overflows(model: Model, program: Program, wanted_nl: Fraction, slack_nl: Fraction) -> bool:
    """Whether the cap is passed in the coming 24 h without doubt: what has flowed, what is wanted, the base flow."""
    assert program.cap_nl is not None
    is_active = program is model.program
    own_us = model.ramp_us(model.t_us) if is_active else Fraction(0)
    utc_us = model.t_us + model.utc_less_t_us
    lasts_us = max((b.left_us() for b in (model.bolus, model.spread, model.bridge) if b), default=Fraction(0))
    # A new program is weighed for each 24 h that begin with a slot: each ten minutes less lie within one of those
    window_us = DAY_US if is_active else DAY_US - day.GRAIN_US
    _bridge_nl, before_us = _bridge(model, program)
    lasts_us = max(lasts_us, before_us)
    coming = Fraction(0)
    for k in range(1, GRAINS):
        ahead_us = Fraction(k * day.GRAIN_US)
        if ahead_us < lasts_us:
            continue  # not all of what is granted has left by then
        if is_active and model.held_us is not None:  # for all of it, perhaps
            coming += program.rate(own_us, utc_us)[0] * (ahead_us - before_us) / DAY_US
        else:
            coming += day.coming_base_nl(
                program, own_us + before_us, utc_us + before_us, ahead_us - before_us
            )
        before_us = ahead_us
        total, _extra = model.past.since(model.t_us + ahead_us - window_us)
        if total + wanted_nl + coming > program.cap_nl + slack_nl:
            return True
    return False


def _bridge(model: Model, program: Program) -> tuple[Fraction, Fraction]:
    """(nL, microseconds) for which a bridge flows in the place of the base flow: rule 3."""
    if program is not model.program and program.bridge is not None:
        volume_nl, rate = program.bridge
        return Fraction(volume_nl), Fraction(volume_nl * DAY_US, rate) if rate else Fraction(0)
    return (model.bridge.left_nl, model.bridge.left_us()) if model.bridge else (Fraction(0), Fraction(0))


def bolus(model: Model, volume_nl: int, over_ms: int, spread: bool) -> Reasons:
    """A single or spread bolus."""
    must, may = _ready(model)
    _running(model, must)
    _free(model, spread, must, may)
    _fits(model, volume_nl, over_ms, must, may)
    return must, may


def demand(model: Model) -> Reasons:
    """The program's demand bolus."""
    must, may = _ready(model)
    _running(model, must)
    if model.program is None or model.program.demand is None:
        must.add("state")
        return must, may
    one = model.program.demand
    last = model.demands_us[-1] if model.demands_us else None
    _within(last, model.t_us, one.lockout_s * S_US, "lockout", must, may)
    if one.most < 1:
        must.add("count")
    else:
        nth = model.demands_us[-one.most] if len(model.demands_us) >= one.most else None
        _within(nth, model.t_us, DAY_US, "count", must, may)
    _free(model, False, must, may)
    _fits(model, one.volume_nl, one.over_ms, must, may)
    return must, may


def _within(
    at_us: Fraction | None, now_us: Fraction, span_us: int, why: str, must: set[str], may: set[str]
) -> None:
    if at_us is None:
        return
    if now_us - at_us < span_us - SECOND_US:
        must.add(why)
    if now_us - at_us < span_us + SECOND_US:
        may.add(why)


def _ready(model: Model) -> Reasons:
    must: set[str] = {"alarm"} if model.blocking else set()
    relieving = "occlusion" in model.blocking or model.t_us < model.relief_until_us
    return must, {"busy"} if relieving else set()  # pressure is being relieved


def _running(model: Model, must: set[str]) -> None:
    if model.mode != "running":
        must.add("state")


def _free(model: Model, spread: bool, must: set[str], may: set[str]) -> None:
    over = model.spread if spread else model.slot()
    if over is not None:
        (may if over.left_us() <= NEAR_US + model.steps_us(over) else must).add("busy")
    if spread and model.bridge is not None:
        may.add("busy")
    if model.t_us <= model.ended_us.get(spread, Fraction(-1)) + NEAR_US:
        may.add("busy")
    if not spread and model.program is not None:
        for due_us in model.due_us:
            if abs(due_us - model.elapsed_us) <= NEAR_US:
                may.add("busy")


def _fits(model: Model, volume_nl: int, over_ms: int, must: set[str], may: set[str]) -> None:
    program = model.program
    if program is None:
        return
    rate = -(-volume_nl * 86_400_000 // over_ms)
    hard = hard_limit(program, model.step_nl)
    if rate + model.base_rate()[0] > hard:
        must.add("limit")
    if rate + program.highest_rate() > hard:
        may.add("limit")
    certain, possible = cap(model, Fraction(volume_nl), over_ms=over_ms)
    must |= {"cap"} if certain else set()
    may |= {"cap"} if possible else set()
    _fluid(model, volume_nl, must, may)


def _fluid(model: Model, volume_nl: int, must: set[str], may: set[str]) -> None:
    """Beside what was asked for and is to come; the program's own, a bridge say, reserves nothing."""
    asked = sum((b.left_nl for b in (model.bolus, model.spread) if b and b.kind in ASKED), Fraction(0))
    slack = 3 * model.step_nl
    if (
        volume_nl > model.reservoir_nl - (asked if volume_nl > 1 else 0) + slack
    ):  # a commit ends what is to come
        must.add("reservoir")
    if volume_nl > model.reservoir_nl - model.pending_nl() - slack:
        may.add("reservoir")


def resume(model: Model) -> Reasons:
    """Let the loaded program go on."""
    must, may = _ready(model)
    if model.program is None:
        must.add("state")
    if model.mode in ("priming", "dispensing"):
        must.add("busy")
    _fluid(model, 1, must, may)
    return must, may


def prime(model: Model, volume_nl: int) -> Reasons:
    """Priming, from stopped only."""
    must, may = _ready(model)
    if model.mode != "stopped":
        must.add("state")
    volume_nl = volume_nl or (model.program.catheter_nl if model.program else 0)
    if not volume_nl:
        must.add("value")
    _fluid(model, volume_nl, must, may)
    return must, may


def dispense(model: Model, volume_nl: int, rate: int) -> Reasons:
    """A dose from a standing pump: limits, cap and reservoir hold."""
    must, may = _ready(model)
    if model.mode != "stopped":
        must.add("state")
    hard = MOTOR_STEPS_A_DAY * model.step_nl
    if model.program is not None:
        hard = hard_limit(model.program, model.step_nl)
        certain, possible = cap(model, Fraction(volume_nl), over_ms=min(DAY_MS, volume_nl * DAY_MS // rate))
        must |= {"cap"} if certain else set()
        may |= {"cap"} if possible else set()
    if rate > hard:
        must.add("limit")
    _fluid(model, volume_nl, must, may)
    return must, may


def ramp(model: Model, do: str) -> Reasons:
    """Hold a titration, step it back, let it go on."""
    must: set[str] = set()
    if model.program is None or not model.program.ramp or (do == "back" and not model.ramp_turn()):
        must.add("state")
    return must, set(must)


def hard_limit(program: Program, step_nl: Fraction) -> Fraction:
    """The program's, or the motor's where that is lower."""
    motor = MOTOR_STEPS_A_DAY * step_nl
    return motor if program.hard_nl_per_day is None else min(motor, Fraction(program.hard_nl_per_day))


def static(program: Program, step_nl: Fraction) -> Reasons:
    """What a program by itself is refused for; the motor's limit only on the device."""
    must: set[str] = set()
    may: set[str] = set()
    if program.cap_nl is not None:
        if day.surely_nl(program) > program.cap_nl:
            must.add("cap")
        if day.never_above_nl(program) > program.cap_nl:
            may.add("cap")
    hard = hard_limit(program, step_nl)
    peaks = [-(-row.volume_nl * 86_400_000 // row.over_ms) for row in program.periodic]
    if program.demand:
        peaks.append(-(-program.demand.volume_nl * 86_400_000 // program.demand.over_ms))
    if program.bridge:
        peaks.append(program.bridge[1])
    for peak in [0, *peaks]:
        if peak > hard or program.highest_rate() > hard:
            must.add("limit")
        if peak + program.highest_rate() > hard:
            (must if program.is_constant else may).add("limit")
    return must, may


def commit(model: Model, program: Program) -> Reasons:
    """A program that is staged and committed; soft limits are overridden."""
    must, may = static(program, model.step_nl)
    ready, relief = _ready(model)
    must |= ready
    may |= relief
    if model.blocking:
        may.add("busy")
    active = model.program
    if active is not None and program.bridge is None:
        changed = (active.drug and active.drug != program.drug) or (
            active.concentration and active.concentration != program.concentration
        )
        if changed:
            must.add("bridge")
    if model.rate_now() / model.step_nl >= FAST_STEPS_A_DAY * Fraction(9, 10):
        may.add("busy")  # too fast a flow for an erase
    if model.mode in ("priming", "dispensing") and model.bolus and model.bolus.left_us() <= LAST_US:
        may.add("busy")  # the dose ends before an erase would
    _fluid(model, 1, must, may)
    if "cap" not in must and program.cap_nl is not None:
        certain, possible = cap(model, _bridge(model, program)[0] - model.pending_nl(), program)
        must |= {"cap"} if certain else set()
        may |= {"cap"} if possible else set()
    return must, may


def rate(model: Model, program: Program) -> Reasons:
    """Another base flow alone: what is under way goes on, and counts."""
    must, may = commit(model, program)
    if "cap" not in static(program, model.step_nl)[0]:
        must.discard("cap")
        certain, possible = cap(model, Fraction(0), program)
        must |= {"cap"} if certain else set()
        may |= {"cap"} if possible else set()
    if model.mode == "running":
        for over in (model.bolus, model.spread):
            if over is not None and over.rate + program.highest_rate() > hard_limit(program, model.step_nl):
                (may if over.left_us() <= NEAR_US + model.steps_us(over) else must).add("limit")
    return must, may
