"""THE command table: every command, error, state, kind and alarm of the wire, stated once.

Owns: what may be said on the line; device checks, host validation, docs/protocol.md and tests come from it.
Rules: a row here is the only place that states a limit or a unit of an argument; both ends compare `digest()`
in the greeting.
Callers: rig.session and rig.link, pumprig.client, the documentation generator, parametrised tests.
Units: by the argument's name; a typed line gives quantities with units (units.py), a machine line whole
numbers.
Leaves: what a row means to a person to texts.py, framing to codec.py, contents of staged documents to
documents.py, log records to records.py.
"""

from binascii import hexlify
from hashlib import sha256

PROTOCOL = 1

STATES = ("stopped", "running", "bolus", "priming", "alarm", "maintenance")

# what the pump is set to do, as records and `status` have it; dispensing: one dose, then it stands again
MODES = ("stopped", "running", "priming", "dispensing")

# What a step was made for; each counted step belongs to exactly one. Relief runs backwards and counts negative.
KINDS = ("basal", "periodic", "demand", "single", "spread", "bridge", "prime", "relief", "calibration")

# error: its code
ERRORS = {
    "form": 10,
    "crc": 11,
    "unknown": 12,
    "argument": 13,
    "sequence": 20,
    "access": 21,
    "locked": 22,
    "host": 23,
    "state": 30,
    "limit": 31,
    "soft_limit": 32,
    "lockout": 33,
    "count": 34,
    "cap": 35,
    "bridge": 39,
    "busy": 36,
    "reservoir": 37,
    "alarm": 38,
    "nothing": 40,
    "hash": 41,
    "document": 42,
    "storage": 50,
    "gone": 51,
}

# alarm: (bit, name, priority, pump action, tone, repeat s)
ALARMS = (
    (0, "self_test", "high", "stop", "critical", 300),
    (1, "empty", "high", "stop", "critical", 300),
    (2, "low", "medium", "run", "notice", 900),
    (3, "count_mismatch", "high", "stop", "critical", 300),
    (4, "starved", "medium", "run", "notice", 900),
    (5, "stop_button", "low", "run", "single", 900),
    (6, "stopped_loaded", "low", "run", "single", 900),
    (7, "power_return", "medium", "run", "notice", 900),
    (8, "stall", "high", "stop", "critical", 300),
    (9, "occlusion", "high", "stop", "critical", 300),
    (10, "over_infusion", "high", "stop", "critical", 300),
    (11, "under_infusion", "medium", "run", "notice", 900),
    (12, "moved_stopped", "high", "stop", "critical", 300),
    (13, "supply", "medium", "run", "notice", 900),
    (14, "supply_stop", "high", "stop", "critical", 300),
    (15, "sensor", "medium", "run", "notice", 900),
    (16, "stuck_key", "medium", "run", "notice", 900),
    (17, "cap", "high", "stop", "critical", 300),
    (18, "late", "medium", "run", "notice", 900),
    (19, "storage", "high", "run", "critical", 300),
    (20, "discrepancy", "medium", "run", "notice", 900),
    (21, "restarts", "high", "stop", "critical", 300),
    (22, "clock", "low", "run", "single", 900),
    (23, "program", "medium", "run", "notice", 900),
    (24, "tube", "low", "run", "single", 900),
    (25, "eri", "medium", "run", "notice", 900),
    (26, "end_of_service", "high", "stop", "critical", 300),
    (27, "backwards", "high", "stop", "critical", 300),
)

# argument: (name, kind, lowest, highest, word before it in a typed line, default or None)
_U32 = 0xFFFFFFFF

# command: (verb, arguments, access, changes)
#   access: open, or session (machine session, or `terminal` and `commit CODE` for a person)
#   changes: the command is numbered, acts exactly once and is logged
COMMANDS = (
    ("hello", (("digest", "hex", 16, 16, "", ""),), "open", False),
    ("help", (("verb", "text", 0, 20, "", ""),), "open", False),
    ("status", (), "open", False),
    ("alarms", (), "open", False),
    ("program", (), "open", False),
    ("log", (
        ("start", "int", 0, _U32, "", 0),
        ("count", "int", 1, 64, "", 16),
    ), "open", False),
    ("terminal", (("pin", "text", 0, 12, "", ""),), "open", False),
    ("open", (("nonce", "hex", 0, 32, "", ""),), "open", False),
    ("close", (), "open", False),
    ("stop", (), "open", True),
    ("rate", (("rate_nl_per_day", "rate", 1000, 14_400_000_000, "", None),), "session", True),
    ("stage", (
        ("part", "int", 1, 16, "", None),
        ("parts", "int", 1, 16, "", None),
        ("text", "text", 1, 400, "", None),
    ), "session", True),
    ("discard", (), "session", True),
    ("commit", (
        ("hash", "text", 4, 16, "", None),
        ("override", "int", 0, 1, "override", 0),
        ("at_utc_s", "int", 0, 1 << 33, "at", 0),
    ), "session", True),
    ("bolus", (
        ("volume_nl", "volume", 1, 20_000_000, "", None),
        ("over_ms", "time", 1000, 86_400_000, "over", 60_000),
        ("spread", "int", 0, 1, "spread", 0),
    ), "session", True),
    ("demand", (), "session", True),
    ("dispense", (
        ("volume_nl", "volume", 1, 100_000_000, "", None),
        ("over_ms", "time", 0, 86_400_000, "over", 0),
        ("rate_nl_per_day", "rate", 0, 14_400_000_000, "rate", 0),
    ), "session", True),
    ("prime", (("volume_nl", "volume", 0, 5_000_000, "", 0),), "session", True),
    ("calibrate", (
        ("rate_nl_per_day", "rate", 1000, 14_400_000_000, "", None),
        ("volume_nl", "volume", 1, 100_000_000, "", None),
    ), "session", True),
    ("resume", (), "session", True),
    ("refill", (
        ("volume_nl", "volume", 1, 100_000_000, "", None),
        ("removed_nl", "volume", 0, 100_000_000, "removed", None),
    ), "session", True),
    ("ramp", (("do", "text", 2, 4, "", None),), "session", True),
    ("tube", (), "session", True),
    ("battery", (), "session", True),
    ("ack", (), "session", True),
    ("silence", (), "open", True),
    ("clock", (("utc_us", "int", 0, 1 << 62, "", None),), "session", True),
    ("access", (
        ("key", "hex", 0, 64, "key", None),
        ("pin", "text", 0, 12, "pin", None),
        ("plain", "int", 0, 1, "plain", None),
    ), "session", True),
    ("maintenance", (), "session", True),
)  # fmt: skip
OPTIONAL = ("removed_nl", "key", "pin", "plain")  # arguments that may be absent without a default


def command(verb):
    """The table's row of a verb, or None."""
    for row in COMMANDS:
        if row[0] == verb:
            return row
    return None


def error_name(code):
    """The name of an error's code."""
    for name in ERRORS:
        if ERRORS[name] == code:
            return name
    return "unknown"


def digest():
    """16 hex digits that change whenever any table of the protocol changes."""
    from pumpwire import documents, records

    total = sha256(str(PROTOCOL).encode())
    tables = (
        STATES,
        MODES,
        KINDS,
        sorted(ERRORS.items()),
        ALARMS,
        COMMANDS,
        records.HEADER,
        records.STATE,
        records.EVENTS,
    )
    for table in tables + (
        documents.FIELDS["program"],
        documents.FIELDS["calibration"],
        documents.FIELDS["access"],
    ):
        for row in table:
            total.update(repr(row).encode())
    return hexlify(total.digest()[:8]).decode()
