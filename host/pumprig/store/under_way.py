"""What a record says of the program's own time, and of the boluses under way.

Owns: the names of a bolus's fields in a record's state.
Rules: a record's state is read as it is; nothing is added up here.
Units: microseconds, steps.
Leaves: the bytes to record.py, the account to asked.py.
"""

from __future__ import annotations

from pumpwire import spec

from pumprig.store.record import Record

BRIDGE = spec.KINDS.index("bridge") + 1
PERIODIC = spec.KINDS.index("periodic") + 1
OVERLAYS = (
    ("bolus_steps", "bolus_done_steps", "bolus_kind"),
    ("spread_steps_asked", "spread_done_steps", "second_kind"),
)


def elapsed_us(record: Record) -> int:
    """The program's time at a record."""
    state = record.state
    return state["program_elapsed_s"] * 1_000_000 + state["elapsed_part"] * 1_000_000 // 65_536


def bridges(record: Record) -> bool:
    """Whether a bridge flows instead of the base flow."""
    state = record.state
    if state["bolus_kind"] == BRIDGE and state["bolus_done_steps"] < state["bolus_steps"]:
        return True
    return state["second_kind"] == BRIDGE and state["spread_done_steps"] < state["spread_steps_asked"]


def is_unseen(record: Record) -> bool:
    """Whether a turn is under way whose first step has not left: no record tells of it yet."""
    state = record.state
    return state["bolus_kind"] == PERIODIC and not state["bolus_done_steps"]
