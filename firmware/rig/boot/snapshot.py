"""From a running rig to the state that a record carries.

Owns: what each field of the state block stands for.
Rules: a field says all that a boot needs and nothing that follows from another field.
Units: as in pumpwire.records.STATE.
Leaves: the way back to recovery.py, bytes to pumpwire.records.
"""

from pumpwire.records import STATE
from pumpwire.spec import KINDS, MODES, alarm

STEPS = [row[0] for row in STATE[: len(KINDS)]]  # the kinds' fields, in their order


def program_number(digest):
    """The first half of a program's hash as the number that the record keeps; 0 for none."""
    return int(digest[:8], 16) if digest else 0


def halted_number(why):
    """Why the pump stands, as the record keeps it; `why` as Therapy.halted_by."""
    if why == "stopped":
        return 0
    row = alarm(why.partition(" ")[2])
    return row[0] + 2 if row else 1


def state_of(rig, now_us):
    """The state block of a record, {name: int}."""
    therapy = rig.therapy
    dosing = rig.dosing
    active, acked = rig.alarms.masks()
    bolus = therapy.coming(now_us)
    at_us = (
        max(now_us, bolus.start_us) if bolus is not None else now_us
    )  # what begins at once counts as begun
    elapsed_s, elapsed_part = _elapsed(therapy, at_us)
    state = {
        "delivered_base_nl": dosing.base_nl,
        "base_steps": dosing.base_steps,
        "reservoir_base_nl": rig.reservoir.base_nl,
        "reservoir_base_delivered_nl": rig.reservoir.base_delivered_nl,
        "assumed_steps": rig.assumed_steps,
        "lost_steps": dosing.lost_steps,
        "last_seq": rig.session.last_seq,
        "last_code": rig.session.last_code,
        "last_crc": rig.session.last_crc,
        "mode": MODES.index(therapy.mode),
        "program_hash": program_number(therapy.program_hash),
        "demand_wait_s": rig.requests.wait_s(now_us),
        "program_elapsed_s": elapsed_s,
        "elapsed_part": elapsed_part,
        "waiting": therapy.boluses.waiting(at_us, bolus),
        "alarms": active,
        "acked": acked,
        "halted": halted_number(therapy.halted_by),
    }
    state.update(rig.implant.state(now_us))
    for name, steps in zip(STEPS, dosing.kind_steps):
        if steps:
            state[name] = steps
    if bolus is not None:
        state["bolus_kind"] = bolus.kind + 1
        state["bolus_steps"] = bolus.steps
        state["bolus_done_steps"] = bolus.done_steps
        state["bolus_rate_nl_per_day"] = bolus.rate_nl_per_day
    second = therapy.bridge or therapy.spread  # never both
    if second is not None:
        state["second_kind"] = second.kind + 1
        state["spread_steps_asked"] = second.steps
        state["spread_done_steps"] = second.done_steps
        state["spread_rate_nl_per_day"] = second.rate_nl_per_day
    return state


def _elapsed(therapy, at_us):
    """(s, 65536ths of one) since the program's start, rounded up: a turn that has begun is not due again."""
    if therapy.program is None:
        return 0, 0
    elapsed_us = max(0, at_us - therapy.start_us)
    parts = -(-elapsed_us * 65_536 // 1_000_000)
    return parts >> 16, parts & 0xFFFF
