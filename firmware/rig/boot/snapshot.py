"""From a running rig to the state that a record carries.

Owns: what each field of the state block stands for.
Rules: a field says all that a boot needs and nothing that follows from another field.
Units: as in pumpwire.records.STATE.
Leaves: the way back to recovery.py, bytes to pumpwire.records.
"""

from pumpwire.program import DAY_US
from pumpwire.records import KIND_BITS, MODE_BITS, PARTS_BITS, WAIT_BITS
from pumpwire.spec import MODES, alarm

from rig.flow.boluses import LEAD_US


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
    """The state block of a record: its values in the order of records.STATE, what shares a field put together."""
    therapy = rig.therapy
    dosing = rig.dosing
    active, acked = rig.alarms.masks()
    bolus = therapy.coming(now_us)
    at_us = _reached_us(rig, bolus, now_us)
    elapsed_s, elapsed_part = _elapsed(therapy, at_us)
    second = therapy.bridge or therapy.spread  # never both
    assumed_nl = rig.reservoir.assumed_nl
    delivered = (
        dosing.base_nl,
        dosing.base_steps,
        rig.reservoir.base_nl | (assumed_nl & 0xFF) << PARTS_BITS,
        rig.reservoir.base_delivered_nl,
        rig.assumed_steps | (assumed_nl >> 8 & 0xFF) << PARTS_BITS,
        dosing.lost_steps | assumed_nl >> 16 << PARTS_BITS,
        rig.session.last_seq,
        rig.session.last_code,
        MODES.index(therapy.mode) | halted_number(therapy.halted_by) << MODE_BITS,
        program_number(therapy.program_hash),
    )
    kept = rig.implant.state(now_us)
    ramp = kept[0]  # what of it does not go into its own field stands above the lockout
    wait = rig.requests.wait_s(now_us) | ramp >> WAIT_BITS << WAIT_BITS
    told = wait, elapsed_s, active, acked, therapy.later[0], ramp & (1 << WAIT_BITS) - 1
    rest = (
        (second.kind + 1 if second is not None else 0) | therapy.was_held << KIND_BITS,
        therapy.boluses.waiting(at_us, bolus),
        elapsed_part,
        rig.session.last_crc,
    )
    boluses = _bolus(bolus) + _bolus(second)[1:]
    return tuple(dosing.kind_steps) + delivered + boluses + told + kept[1:] + rest


def _reached_us(rig, bolus, now_us):
    """Up to where the program's time counts as over: what begins at once has begun, what waits behind it falls due."""
    if bolus is None:
        return now_us
    boluses = rig.therapy.boluses
    begins_us = at_us = max(now_us, bolus.start_us)
    if bolus.row >= 0:
        at_us = max(now_us, boluses.due_us(bolus.row, bolus.turn))
    lasts_us = rig.dosing.nl_of(max(0, bolus.left() - 2)) * DAY_US // bolus.rate_nl_per_day
    if begins_us + lasts_us > now_us + LEAD_US:
        return at_us
    due_us = boluses.next_us(now_us)
    return max(at_us, due_us) if due_us <= now_us + LEAD_US else at_us


def _bolus(overlay):
    """Kind, steps, those done, rate; zeros for none."""
    if overlay is None:
        return 0, 0, 0, 0
    return overlay.kind + 1, overlay.steps, overlay.done_steps, overlay.rate_nl_per_day


def _elapsed(therapy, at_us):
    """(s, 65536ths of one) since the program's start, rounded up: a turn that has begun is not due again."""
    if therapy.program is None:
        return 0, 0
    elapsed_us = max(0, at_us - therapy.start_us)
    parts = -(-elapsed_us * 65_536 // 1_000_000)
    return parts >> 16, parts & 0xFFFF
