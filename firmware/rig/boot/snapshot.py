"""From a running rig to the state that a record carries.

Owns: what each field of the state block stands for.
Rules: a field says all that a boot needs and nothing that follows from another field.
Callers: rig.py at every record.
Units: as in pumpwire.records.STATE.
Leaves: the way back to recovery.py, bytes to pumpwire.records.
"""

from pumpwire.records import STATE
from pumpwire.spec import KINDS, MODES

STEPS = [row[0] for row in STATE[: len(KINDS)]]  # the kinds' fields, in their order


def program_number(digest):
    """The first half of a program's hash as the number that the record keeps; 0 for none."""
    return int(digest[:8], 16) if digest else 0


def state_of(rig, now_us):
    """The state block of a record, {name: int}."""
    therapy = rig.therapy
    dosing = rig.dosing
    active, acked = rig.alarms.masks()
    state = {
        "delivered_base_nl": dosing.base_nl,
        "base_steps": dosing.base_steps,
        "reservoir_base_nl": rig.reservoir.base_nl,
        "reservoir_base_delivered_nl": rig.reservoir.base_delivered_nl,
        "assumed_steps": rig.assumed_steps,
        "lost_steps": dosing.lost_steps,
        "last_seq": rig.session.last_seq,
        "last_code": rig.session.last_code,
        "mode": MODES.index(therapy.mode),
        "program_hash": program_number(therapy.program_hash),
        "demand_wait_s": therapy.demand_wait_s(now_us),
        "program_elapsed_s": max(0, now_us - therapy.start_us) // 1_000_000 if therapy.program else 0,
        "alarms": active,
        "acked": acked,
    }
    state.update(rig.implant.state(now_us))
    for name, steps in zip(STEPS, dosing.kind_steps):
        if steps:
            state[name] = steps
    if therapy.bolus is not None:
        state["bolus_kind"] = therapy.bolus.kind + 1
        state["bolus_steps"] = therapy.bolus.steps
        state["bolus_done_steps"] = therapy.bolus.done_steps
        state["bolus_rate_nl_per_day"] = therapy.bolus.rate_nl_per_day
    if therapy.spread is not None:
        state["spread_steps_asked"] = therapy.spread.steps
        state["spread_done_steps"] = therapy.spread.done_steps
        state["spread_rate_nl_per_day"] = therapy.spread.rate_nl_per_day
    return state
