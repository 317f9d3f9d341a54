"""What each command answers: its rows, their fields, each field's kind and with it its unit.

Owns: the names, order and kinds of the fields of every answer.
Rules: the device builds each row from this table and the host reads each row by it, so that neither can say what the
other does not know; the digest of the protocol covers it.
Units: by the kind, as texts.UNITS says; a kind that ends in `?` is of a field that may be left out.
Leaves: what a field means to words.py, commands and their arguments to spec.py, framing to codec.py.
"""

# Kinds, each named once: a text that stands in a tuple for itself takes the Pico's memory each time.
BASE64 = "base64"
FLAG = "flag"
H = "h"
HEX = "hex"
INT = "int"
MV = "mv"
PERCENT = "percent"
PPM = "ppm"
RATE = "rate"
STEPS = "steps"
TEXT = "text"
TURNS = "turns"
US = "us"
UTC_S = "utc_s"
VOLUME = "volume"
OPT_ANGLE = "angle?"
OPT_HEX = "hex?"
OPT_HZ = "hz?"
OPT_INT = "int?"
OPT_MJ = "mj?"
OPT_RATE = "rate?"
OPT_S = "s?"
OPT_TEXT = "text?"
OPT_UTC_S = "utc_s?"
OPT_UTC_US = "utc_us?"
OPT_VOLUME = "volume?"

ONCE, MAYBE, EACH = "once", "if there is one", "one each"

# verb: rows of (name, how often it comes, fields); the fields are name, kind, name, kind, ...
ANSWERS = {
    "hello": (("", ONCE, (
        "device_id", TEXT,
        "firmware", TEXT,
        "protocol", INT,
        "digest", HEX,
        "clock_hz", OPT_HZ,
        "boot", INT,
        "last_seq", INT,
        "last_code", INT,
        "last_crc", INT,
        "session", FLAG,
    )),),
    "help": (("", EACH, ("help", OPT_TEXT, "argument", OPT_TEXT)),),
    "status": (
        ("rig", ONCE, (
            "device_id", TEXT,
            "firmware", TEXT,
            "protocol", INT,
            "boot", INT,
            "clock_hz", OPT_HZ,
            "state", TEXT,
            "mode", TEXT,
            "last_seq", INT,
            "last_code", INT,
        )),
        ("flow", ONCE, (
            "rate_nl_per_day", RATE,
            "motor_mj_per_ul", OPT_MJ,
            "base_nl_per_day", RATE,
            "counted_nl_per_day", RATE,
            "delivered_steps", STEPS,
        )),
        ("volume", ONCE, (
            "angle", OPT_ANGLE,
            "delivered_nl", VOLUME,
            "commanded_nl", VOLUME,
            "assumed_steps", STEPS,
        )),
        ("kinds", ONCE, (
            "basal_steps", STEPS,
            "periodic_steps", STEPS,
            "demand_steps", STEPS,
            "single_steps", STEPS,
            "spread_steps", STEPS,
            "bridge_steps", STEPS,
            "prime_steps", STEPS,
            "relief_steps", STEPS,
            "calibration_steps", STEPS,
        )),
        ("reservoir", ONCE, (
            "reservoir_nl", VOLUME,
            "reservoir_u_nl", VOLUME,
            "low_s", OPT_S,
            "empty_s", OPT_S,
            "refill_s", OPT_S,
            "habit_s", OPT_S,
            "habit_nl_per_day", RATE,
        )),
        ("implant", ONCE, (
            "battery_percent", PERCENT,
            "battery_h", H,
            "eri_s", OPT_S,
            "tube_revolutions", TURNS,
            "tube_life", TURNS,
            "tube_utc_s", OPT_UTC_S,
            "minimum_nl_per_day", RATE,
        )),
        ("waits", MAYBE, ("later_utc_s", UTC_S)),
        ("calibration", ONCE, (
            "calibration_id", INT,
            "step_nl_num", INT,
            "step_nl_den", INT,
            "u_ppm", PPM,
        )),
        ("therapy", MAYBE, (
            "therapy_name", TEXT,
            "therapy_hash", HEX,
            "therapy_mode", TEXT,
            "demand_asked", INT,
            "demand_given", INT,
        )),
        ("ramp", MAYBE, ("ramp_step", INT, "ramp_held", FLAG)),
        ("bolus", MAYBE, (
            "bolus_kind", TEXT,
            "bolus_steps", STEPS,
            "bolus_done_steps", STEPS,
            "bolus_rate_nl_per_day", RATE,
        )),
        ("now", ONCE, (
            "mono_us", US,
            "utc_us", OPT_UTC_US,
            "clock_source", TEXT,
            "alarms", INT,
            "acked", INT,
            "reset_cause", TEXT,
            "supply_mv", MV,
        )),
        ("log", ONCE, (
            "log_next", INT,
            "log_first", INT,
            "log_days", INT,
            "log_torn", INT,
            "flash_erases", INT,
        )),
        ("loop", ONCE, (
            "period_us", US,
            "worst_us", US,
            "late", INT,
            "slowest", TEXT,
            "slowest_us", US,
            "collect_us", US,
            "erase_us", US,
        )),
    ),
    "alarms": (("", EACH, (
        "name", TEXT,
        "priority", TEXT,
        "since_us", US,
        "since_utc_us", OPT_UTC_US,
        "acked", FLAG,
    )),),
    "probe": (
        ("bus", EACH, ("bus", OPT_TEXT)),
        ("", ONCE, (
            "magnet", OPT_INT,
            "gain", OPT_INT,
            "angle", OPT_ANGLE,
            "keys", INT,
            "pressure_pa", OPT_INT,
            "supply_mv", MV,
            "made", TEXT,
        )),
    ),
    "program": (
        ("hashes", ONCE, ("hash", OPT_HEX, "staged_hash", OPT_HEX)),
        ("text", EACH, ("text", OPT_TEXT, "staged", OPT_TEXT, "later", OPT_TEXT)),
    ),
    "log": (
        ("record", EACH, ("number", INT, "record", BASE64)),
        ("end", ONCE, ("log_next", INT, "first", INT)),
    ),
    "open": (("", ONCE, ("next_seq", INT, "nonce", HEX, "key", FLAG)),),
    "stop": (("", ONCE, (
        "delivered_steps", STEPS,
        "cancelled_kind", OPT_TEXT,
        "cancelled_nl", OPT_VOLUME,
        "given_nl", OPT_VOLUME,
    )),),
    "rate": (("", ONCE, ("hash", HEX, "daily_nl", VOLUME, "max_nl_per_day", RATE)),),
    "stage": (("", MAYBE, ("hash", HEX, "daily_nl", OPT_VOLUME, "max_nl_per_day", OPT_RATE)),),
    "commit": (("", ONCE, ("hash", HEX)),),
    "ramp": (("", ONCE, ("rate_nl_per_day", RATE)),),
    "tube": (("", ONCE, ("revolutions", TURNS)),),
    "battery": (("", ONCE, ("percent", PERCENT)),),
    "clock": (("", ONCE, ("moved_us", US)),),
    "access": (("", ONCE, ("key", FLAG)),),
    "refill": (("", ONCE, (
        "reservoir_nl", VOLUME,
        "estimated_nl", VOLUME,
        "u_nl", OPT_VOLUME,
        "used_nl", OPT_VOLUME,
        "u_base_nl", OPT_VOLUME,
        "nl_num", OPT_INT,
        "nl_den", OPT_INT,
    )),),
}  # fmt: skip
_GRANTED = (("", ONCE, ("requested_steps", STEPS, "requested_nl", VOLUME, "rate_nl_per_day", RATE)),)
for _verb in ("bolus", "demand", "dispense", "prime", "calibrate"):
    ANSWERS[_verb] = _GRANTED

# besides the fields of its row: the answer to a number that was accepted before the last boot says so
REPEATED = "repeated"


def row(verb, name=""):
    """The fields of a row of a verb's answer: name, kind, name, kind, ..."""
    for name_of, _times, fields in ANSWERS[verb]:
        if name_of == name:
            return fields
    raise KeyError(name)


def told(fields, values):
    """A row's values in the table's order -> its (name, value) pairs; None is left out by the codec."""
    if 2 * len(values) != len(fields):
        raise ValueError(fields[0])
    pairs = []
    at = 0
    for value in values:
        pairs.append((fields[at], value))
        at += 2
    return pairs
