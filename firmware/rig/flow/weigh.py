"""Whether a program fits under its cap, beside what has flowed in the last 24 h.

Owns: the walk over the coming 24 h.
Rules: a program whose own most in any 24 h exceeds its cap never fits; one that the last 24 h leave no room for fits
later, and the refusal says when; what has flowed of another program, or of another place of the pattern, counts with
each request until it is 24 h old; a generator, a few turns a tick; a module on loan (rig.lend).
Units: nL, steps, microseconds.
Leaves: what a program brings to pumpwire.daily, what has flowed to day_cap.py.
"""

from pumpwire import daily
from pumpwire.program import needs_clock

from rig.flow.day_cap import SLOT_US, SLOTS, TOLERANCE_STEPS, UNCAPPED_NL
from rig.refused import Refused

FOUND_US = 2_000_000  # in which a request is judged by what was found to come
TURNS = 6  # of the walks, between two yields
SLOT_TURNS = 24  # of what is only added up for each slot: 3 ms on the Pico, and 3 more where a walk begins


def own(program):
    """The most of a program's own in any 24 h, nL; only a bound of it where there is no cap. A generator.

    Raises Refused where it exceeds the cap.
    """
    own_nl = daily.most_own_bound_nl(program)
    if max(own_nl, UNCAPPED_NL) > program["cap_nl"]:
        own_nl = yield from slowly(daily.most_own_nl(program))
        if own_nl > program["cap_nl"]:
            raise Refused("cap", (("daily_nl", own_nl), ("cap_nl", program["cap_nl"])))
    return own_nl


def room(program, cap, dosing, bridge, at_us, utc_us, elapsed_us=0, late_nl=0):
    """-> (the most of its own in any 24 h, what DayCap.use takes ahead) of a program that is to begin. A generator.

    bridge: the overlay of a bridge that is under way, or None; of a base flow that changes alone how far its program
    has come, and what is under way. Raises Refused.
    """
    own_nl = yield from own(program)
    cap.advance(at_us)
    room_nl = program["cap_nl"] - late_nl
    fits = dosing.nl_of(cap.own_steps + cap.asked_steps) + own_nl <= room_nl
    if fits and _is_bare(program, cap, bridge):
        return own_nl, ()
    left = _left(bridge, dosing) if bridge is not None and not program["bridge"] else daily.bridge_of(program)
    first_us = cap.slot_end_us(at_us) - at_us
    held = yield from slowly(_held(cap), SLOT_TURNS)
    comes = yield from _comes(program, elapsed_us, utc_us, left, first_us)
    ahead = yield from slowly(_ahead(held, comes, 0, dosing), SLOT_TURNS)
    yield
    if max(ahead[1]) <= room_nl:
        yield from slowly(_from_then_on(ahead[0]), SLOT_TURNS)
        return own_nl, ahead[0]
    # begun later, it begins with a slot, and has the whole of it, by the clock as it is then
    utc_us = utc_us if needs_clock(program) else 0
    late, begins = 1, 0
    while late != begins:
        if not begins or utc_us or elapsed_us:
            begin_us = first_us + (late - 1) * SLOT_US
            from_us = elapsed_us and elapsed_us + begin_us
            comes = yield from _comes(program, from_us, utc_us and utc_us + begin_us, left, SLOT_US)
        begins = late
        while late < SLOTS:
            ahead = yield from slowly(_ahead(held, comes, late, dosing), SLOT_TURNS)
            yield
            if max(ahead[1]) <= room_nl:
                break
            late += 1
    wait_s = (first_us + (late - 1) * SLOT_US) // 1_000_000 + 1
    fields = (("held_nl", dosing.nl_of(cap.own_steps + cap.asked_steps)), ("cap_nl", program["cap_nl"]))
    raise Refused("cap", fields + (("wait_s", wait_s),))


def going_on(program, cap, dosing, bridge, at_us, utc_us, elapsed_us):
    """-> what DayCap.use takes ahead, of the active program, so far into it. A generator.

    After a boot, and where a clock was set: what has flowed and what comes may be of two places of a pattern.
    """
    cap.advance(at_us)
    if _is_bare(program, cap, bridge):
        return ()
    left = (0, 0) if bridge is None else _left(bridge, dosing)
    first_us = cap.slot_end_us(at_us) - at_us
    comes = yield from _comes(program, elapsed_us, utc_us, left, first_us, is_begun=True)
    held = yield from slowly(_held(cap), SLOT_TURNS)
    own_nl, _all_nl = yield from slowly(_ahead(held, comes, 0, dosing), SLOT_TURNS)
    yield from slowly(_from_then_on(own_nl), SLOT_TURNS)
    return own_nl


def coming(parts, now_us, utc_us, over_us):
    """Let DayCap find what the fullest 24 h hold, until a request that takes over_us is a day old. A generator.

    parts: therapy, cap, dosing. A turn that waits or flows counts with what is left of it, whenever that leaves.
    """
    therapy, cap, dosing = parts
    bridge = therapy.bridge
    cap.advance(now_us)
    late_nl = under_way_nl(parts, now_us)
    left = (0, 0) if bridge is None else _left(bridge, dosing)
    count = SLOTS + over_us // SLOT_US
    first_us = cap.slot_end_us(now_us) - now_us
    elapsed_us = now_us - therapy.start_us
    behind_us = therapy.ramp_behind_us(now_us)
    comes = yield from _comes(therapy.program, elapsed_us, utc_us, left, first_us, count, behind_us)
    held = yield from slowly(_held(cap), SLOT_TURNS)
    all_nl = yield from slowly(_fullest(held, comes, cap.own_most_nl(), dosing), SLOT_TURNS)
    cap.found = (now_us + FOUND_US, all_nl + late_nl)


def under_way_nl(parts, now_us):
    """What is left of the boluses that flow, were granted or wait."""
    therapy, cap, dosing = parts
    boluses = therapy.boluses
    late_nl = sum([dosing.nl_of(one.left()) for one in boluses.begun() if one.row >= 0])
    waiting = boluses.waiting(now_us, None)
    late_nl += sum([boluses.rows[i][1] for i in range(len(boluses.rows)) if waiting >> i & 1])
    return late_nl + dosing.nl_of(cap.pending_steps)


def _is_bare(program, cap, bridge):
    """Whether nothing stands beside the program's own most."""
    return program["cap_nl"] >= UNCAPPED_NL or not cap.own_steps and bridge is None


def _left(bridge, dosing):
    return dosing.nl_of(bridge.left()), bridge.rate_nl_per_day


def _comes(program, elapsed_us, utc_us, left, first_us, count=SLOTS - 1, behind_us=0, is_begun=False):
    """What a program brings by the end of each coming slot, of which the first ends after first_us.

    Of turns only those that are still to fall due, unless is_begun: what is under way counts apart (under_way_nl).
    """
    slots = first_us, SLOT_US, count, behind_us, is_begun
    return slowly(daily.slots_nl(program, elapsed_us, utc_us, left, *slots))


def _ahead(held, comes, late, dosing):
    """([own nL], [all nL]) of the 24 h up to the end of each coming slot, if the program begins so many slots later.

    A generator, as the two below: each goes through a day of slots.
    """
    own_steps = sum([row[0] for row in held[: SLOTS - late]])
    asked_steps = sum([row[1] for row in held[: SLOTS - late]])
    yield True  # after 5 ms on the Pico
    own, total = [], []
    for i in range(SLOTS - 1):
        back = SLOTS - 1 - late - i  # the slot that leaves the window as this one ends
        leaves = held[back] if back >= 0 else (0, 0)
        own_steps -= leaves[0]
        own.append(dosing.nl_of(max(0, own_steps - TOLERANCE_STEPS)) + comes[i])
        total.append(own[-1] + dosing.nl_of(asked_steps))
        asked_steps -= leaves[1]
        yield
    return own, total


def _fullest(held, comes, own_nl, dosing):
    """The most of all in any 24 h, by whole slots: up to ten minutes longer; of the program itself own_nl at most."""
    own_steps = sum([row[0] for row in held])
    asked_steps = sum([row[1] for row in held])
    yield True  # after 4 ms
    most_nl = 0
    for i in range(len(comes)):
        nl = dosing.nl_of(own_steps) + comes[i] - (comes[i - SLOTS] if i >= SLOTS else 0)
        most_nl = max(most_nl, min(nl, own_nl) + dosing.nl_of(asked_steps))
        if i < SLOTS:
            own_steps -= held[SLOTS - 1 - i][0]
            asked_steps -= held[SLOTS - 1 - i][1]
        yield
    return most_nl


def _held(cap):
    """What each slot of the last 24 h holds, from the present one back."""
    rows = []
    for back in range(SLOTS):
        rows.append(cap.held(back))
        yield
    return rows


def _from_then_on(most_nl):
    """Let each hold the most of itself and all that come after it."""
    for i in range(len(most_nl) - 2, -1, -1):
        most_nl[i] = max(most_nl[i], most_nl[i + 1])
        yield


def slowly(steps, often=TURNS):
    """The value of a generator, with a yield after every few turns, and where it yields True."""
    turns = 0
    while True:
        try:
            is_full = next(steps)
        except StopIteration as stop:
            return stop.value
        turns += 1
        if is_full is True or turns % often == 0:
            yield
