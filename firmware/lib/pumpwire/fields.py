"""The fields of each kind of document: their types, limits and defaults.

Owns: the table behind a therapy program, a calibration and the access.
Rules: a field's place, limits and default stand here only; on the Pico this module is on loan (rig.lend), apart from
documents.py so that each loads within a tick.
Units: by the names' endings; a day's seconds count from local midnight.
Leaves: the items of lists to shapes.py, reading and writing to documents.py, what fields must agree on to checks.py.
"""

from pumpwire.shapes import (
    ANGLE,
    BRIDGE,
    DEMAND,
    MAX_RATE_NL_PER_DAY,
    PERIODIC,
    PHASE,
    RAMP,
    STEP,
    ZONE,
)

MAX_TEXT = 1200  # characters of a document; staged in parts that fit a line
TEXT = "text"  # by its name: what stands in a tuple of constants is looked up as the module is loaded, 0.2 ms a text


class DocumentError(ValueError):
    """A document that cannot be accepted: args[0] the field, args[1] why."""


# field, type (TEXT, a tuple of choices, an item shape, or (lowest, highest)), default (None: must be given)
FIELDS = {
    "program": (
        ("name", TEXT, None),
        ("drug", TEXT, ""),
        ("concentration", TEXT, ""),
        ("basal", STEP, ()),
        ("mon", STEP, ()),
        ("tue", STEP, ()),
        ("wed", STEP, ()),
        ("thu", STEP, ()),
        ("fri", STEP, ()),
        ("sat", STEP, ()),
        ("sun", STEP, ()),
        ("ramp", RAMP, ()),
        ("phases", PHASE, ()),
        ("periodic", PERIODIC, ()),
        ("demand", DEMAND, ()),
        ("reservoir_nl", (100_000, 100_000_000), 20_000_000),
        ("low_nl", (0, 100_000_000), 2_000_000),
        ("soft_nl_per_day", (1, MAX_RATE_NL_PER_DAY), MAX_RATE_NL_PER_DAY),
        ("hard_nl_per_day", (1, MAX_RATE_NL_PER_DAY), MAX_RATE_NL_PER_DAY),
        ("cap_nl", (1, MAX_RATE_NL_PER_DAY), MAX_RATE_NL_PER_DAY),
        ("catheter_nl", (0, 10_000_000), 0),
        ("zone", ZONE, ()),
        ("bridge", BRIDGE, ()),
        ("on_return", ("resume", "stop"), "resume"),
        ("on_stall", ("stop", "retry"), "stop"),
    ),
    "access": (
        ("key", TEXT, ""),
        ("pin_hash", TEXT, ""),
        ("plain", (0, 1), 1),
        ("seq", (0, 0xFFFFFFFF), 0),  # of the command that set it
    ),
    "calibration": (
        ("id", (1, 0xFFFFFFFF), None),
        ("nl_num", (1, 1 << 60), None),  # volume of one revolution in nL = nl_num / nl_den
        ("nl_den", (1, 1 << 40), None),
        ("u_ppm", (0, 1_000_000), None),  # expanded relative uncertainty, k = 2
        ("at_utc_s", (0, 1 << 40), 0),
        ("tube", TEXT, ""),
        ("by", TEXT, ""),
        ("angle_weights", ANGLE, ()),  # 96 cells of a turn, from encoder angle 0 on
    ),
}
SINGLE = ("ramp", "demand", "bridge")  # lists of at most one item
