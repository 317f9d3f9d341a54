"""The items of a document's lists: what each part is called, and its limits.

Owns: the shapes of steps, boluses, ramps, zones, bridges, phases and angle maps, and the limits of any rate.
Rules: a part's limits stand here only; on the Pico this module is on loan (rig.lend), apart from fields.py so that
each loads within a tick.
Units: by the names' endings; a day's seconds count from local midnight.
Leaves: which field has which shape to fields.py.
"""

from pumpwire.terms import ANGLE_MEAN, DAY_S

MIN_RATE_NL_PER_DAY = 1_000  # below it a rate is no rate but 0: half a nL/day of rounding stays below 0.05 %
MAX_RATE_NL_PER_DAY = 14_400_000_000  # 10 mL/min: beyond any head; the motor's own limit is rig.config's

# shape of a list's items: (name, lowest, highest) each
STEP = (("from_s", 0, DAY_S - 1), ("rate_nl_per_day", 0, MAX_RATE_NL_PER_DAY))
PERIODIC = (
    ("every_s", 60, 31 * DAY_S),
    ("volume_nl", 1, 20_000_000),
    ("over_ms", 1_000, DAY_S * 1000),
    ("first_s", 0, 31 * DAY_S),
)
DEMAND = (
    ("volume_nl", 1, 20_000_000),
    ("over_ms", 1_000, DAY_S * 1000),
    ("lockout_s", 0, 7 * DAY_S),
    ("max_per_24h", 0, 1000),
)
RAMP = (
    ("start_nl_per_day", 0, MAX_RATE_NL_PER_DAY),
    ("step_nl_per_day", 0, MAX_RATE_NL_PER_DAY),
    ("interval_s", 60, 31 * DAY_S),
    ("ceiling_nl_per_day", 1, MAX_RATE_NL_PER_DAY),
)
ZONE = (("from_utc_s", 0, 1 << 33), ("offset_s", 0, 2 * DAY_S))  # offset + one day, so that it has no sign
BRIDGE = (("volume_nl", 0, 20_000_000), ("rate_nl_per_day", 0, MAX_RATE_NL_PER_DAY))  # 0:0 is "no bridge"
ANGLE = (("weight", ANGLE_MEAN // 4, 4 * ANGLE_MEAN),)  # at most four times as fast
PHASE = (("for_s", 60, 366 * DAY_S), ("rate_nl_per_day", 0, MAX_RATE_NL_PER_DAY))
